//! Who may call: every route with no credentials, with a bad key, with a key that lacks the scope, with the scope.

use serde_json::{Value, json};

use crate::support::{Request, Response, Shop, fresh, shop, text};

/// Who a route is for.
#[derive(Clone, Copy, Debug)]
enum For {
    /// Anybody, without credentials.
    Everybody,
    /// Keys with this scope.
    Scope(&'static str),
    /// Whoever has the cart's token, and keys with the scope `carts`; to others it is not there.
    Cart,
    /// The machinery around the shop: with credentials, whatever scope the operator's page names.
    Operator,
}

struct Row {
    method: &'static str,
    path: String,
    body: Option<Value>,
    who: For,
}

fn row(who: For, method: &'static str, path: impl Into<String>) -> Row {
    Row {
        method,
        path: path.into(),
        body: None,
        who,
    }
}

impl Row {
    fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn send(&self, shop: &Shop, credentials: impl FnOnce(Request) -> Request) -> Response {
        let request = credentials(shop.request(self.method, &self.path));
        match &self.body {
            Some(body) => request.json(body.clone()).send(),
            None => request.send(),
        }
    }
}

fn catalog(shop: &Shop) -> Vec<Row> {
    use For::{Everybody, Scope};
    let (item, doomed) = (shop.product(), shop.product());
    let write = Scope("catalog:write");
    let sku = fresh("sku");
    vec![
        row(Everybody, "GET", "/v1/products"),
        row(Everybody, "GET", format!("/v1/products/{}", item.id)),
        row(Everybody, "GET", format!("/v1/variants/{}", item.sku)),
        row(Everybody, "GET", "/v1/search?q=x"),
        row(
            Everybody,
            "GET",
            format!("/v1/availability?sku={}", item.sku),
        ),
        row(write, "POST", "/v1/products")
            .body(json!({"name": "x", "variants": [{"sku": sku, "prices": []}]})),
        row(write, "PATCH", format!("/v1/products/{}", item.id))
            .body(json!({"name": "y", "expected_version": 1})),
        row(write, "DELETE", format!("/v1/products/{}", doomed.id)),
        row(
            write,
            "PUT",
            format!("/v1/variants/{}/prices/USD", item.sku),
        )
        .body(json!({"amount": 5, "expected_version": 1})),
    ]
}

fn stock(shop: &Shop) -> Vec<Row> {
    use For::{Everybody, Scope};
    let (read, write, hold) = (
        Scope("inventory:read"),
        Scope("inventory:write"),
        Scope("reservations"),
    );
    let level = shop.stocked(100);
    let path = level.path();
    let other = shop.warehouse();
    let [a, b, c, d, e] = std::array::from_fn(|_| level.hold(1));
    let transfer = || {
        let body = json!({"sku": level.sku, "from": level.store, "to": other, "quantity": 1});
        let made = shop
            .post("/v1/transfers")
            .admin()
            .json(body)
            .send()
            .succeeded();
        text(&made.json()["id"])
    };
    let (received, cancelled) = (transfer(), transfer());
    let store = format!("/v1/stores/{other}");
    let version = level.read()["version"].clone();
    let lines = json!([{"sku": level.sku, "quantity": 1}]);
    vec![
        row(Everybody, "GET", "/v1/stores"),
        row(Everybody, "GET", store.clone()),
        row(Scope("stores:write"), "PUT", store)
            .body(json!({"name": "n", "kind": "warehouse", "country": "US"})),
        row(read, "GET", path.clone()),
        row(read, "GET", format!("/v1/stores/{}/inventory", level.store)),
        row(read, "GET", format!("{path}/movements")),
        row(read, "GET", format!("/v1/reservations/{a}")),
        row(write, "POST", format!("{path}/count"))
            .body(json!({"quantity": 100, "expected_version": version})),
        row(write, "POST", format!("{path}/adjust")).body(json!({"delta": 1, "reason": "x"})),
        row(write, "PATCH", path.clone()).body(json!({"safety_stock": 1})),
        row(write, "POST", "/v1/transfers")
            .body(json!({"sku": level.sku, "from": level.store, "to": other, "quantity": 1})),
        row(write, "POST", format!("/v1/transfers/{received}/receive")),
        row(write, "POST", format!("/v1/transfers/{cancelled}/cancel")),
        row(hold, "POST", format!("{path}/reserve"))
            .body(json!({"quantity": 1, "reference": fresh("ref"), "ttl_seconds": 60})),
        row(hold, "POST", format!("{path}/release")).body(json!({"reservation_id": a})),
        row(hold, "POST", format!("{path}/confirm")).body(json!({"reservation_id": b})),
        row(hold, "POST", "/v1/reservations")
            .body(json!({"lines": lines, "reference": fresh("ref"), "ttl_seconds": 60})),
        row(hold, "POST", format!("/v1/reservations/{c}/release")),
        row(hold, "POST", format!("/v1/reservations/{d}/confirm")),
        row(hold, "POST", format!("/v1/reservations/{e}/extend")).body(json!({"ttl_seconds": 60})),
    ]
}

fn carts(shop: &Shop) -> Vec<Row> {
    use For::{Cart, Everybody, Scope};
    let level = shop.stocked(1000);
    let (cart, from, doomed) = (shop.cart(), shop.cart(), shop.cart());
    cart.add(&level.sku, 5).is(200);
    let line = cart.line(&level.sku);
    let one = json!({"sku": level.sku, "quantity": 1});
    vec![
        row(Everybody, "POST", "/v1/carts").body(json!({})),
        row(Scope("carts"), "GET", "/v1/customers/somebody/carts"),
        row(Cart, "GET", cart.path("")),
        row(Cart, "GET", cart.path("/explain")),
        row(Cart, "PATCH", cart.path("")).body(json!({"metadata": {"a": 1}})),
        row(Cart, "POST", cart.path("/lines")).body(one.clone()),
        row(Cart, "POST", cart.path("/lines/batch")).body(json!({"lines": [one]})),
        row(Cart, "PATCH", cart.path(&format!("/lines/{line}"))).body(json!({"delta": 1})),
        row(Cart, "DELETE", cart.path(&format!("/lines/{line}"))),
        row(Cart, "PUT", cart.path("/lines")).body(json!({"lines": [one], "expected_version": 7})),
        row(Cart, "POST", cart.path("/lines/remove")).body(json!({"line_ids": []})),
        row(Cart, "POST", cart.path("/clear")),
        row(Cart, "POST", cart.path("/merge"))
            .body(json!({"from": from.id, "from_token": from.token})),
        row(Cart, "DELETE", doomed.path("")),
    ]
}

fn wallets() -> Vec<Row> {
    let (customer, scope) = (fresh("customer"), For::Scope("wallets"));
    let path = |rest: &str| format!("/v1/wallets/{customer}{rest}");
    vec![
        row(scope, "GET", path("")),
        row(scope, "GET", path("/entries")),
        row(scope, "GET", "/v1/ledger/accounts"),
    ]
}

fn operation() -> Vec<Row> {
    use For::{Operator, Scope};
    let body = json!({"name": "x", "scopes": ["carts"]});
    vec![
        row(Scope("keys"), "GET", "/v1/api-keys"),
        row(Scope("keys"), "POST", "/v1/api-keys").body(body),
        row(Operator, "GET", "/v1/inventory"),
        row(Scope("ops"), "GET", "/v1/dead-letters"),
        row(Scope("ops"), "GET", "/v1/webhook-endpoints"),
        row(Scope("ops"), "POST", "/v1/webhook-endpoints")
            .body(json!({"url": "https://example.com/", "events": ["*"]})),
        row(Operator, "POST", "/v1/sync"),
    ]
}

fn try_row(shop: &Shop, row: &Row, outsider: &str) {
    let anonymous = row.send(shop, |request| request);
    let bad = |request: Request| request.key("no-such-key");
    if !matches!(row.who, For::Everybody) || row.method == "GET" {
        let answer = row.send(shop, bad);
        answer.refused(401, "unauthenticated");
        assert!(
            answer.header("www-authenticate").is_some(),
            "{}",
            answer.story()
        );
    }
    let lacking = || row.send(shop, |request| request.key(outsider));
    match row.who {
        For::Everybody => {
            anonymous.succeeded();
            row.send(shop, bad).refused(401, "unauthenticated");
            lacking().succeeded();
        }
        For::Scope(scope) => {
            anonymous.refused(401, "unauthenticated");
            assert!(anonymous.header("www-authenticate").is_some());
            assert_eq!(lacking().refused(403, "forbidden")["scope"], scope);
            let key = shop.api_key(&[scope]);
            row.send(shop, |request| request.key(&key)).succeeded();
        }
        For::Cart => {
            anonymous.refused(404, "not_found");
            // Forbidden or hidden: the contract has a sentence for both.
            lacking().one_of(&[403, 404]);
            let key = shop.api_key(&["carts"]);
            row.send(shop, |request| request.key(&key)).succeeded();
        }
        For::Operator => {
            anonymous.refused(401, "unauthenticated");
            lacking().refused(403, "forbidden");
            row.send(shop, Request::admin).succeeded();
        }
    }
}

#[test]
fn every_route_is_open_to_those_it_names() {
    let shop = shop();
    // A scope that opens none of these routes.
    let outsider = shop.api_key(&["wallets"]);
    for row in [catalog(&shop), stock(&shop), carts(&shop), operation()]
        .into_iter()
        .flatten()
    {
        try_row(&shop, &row, &outsider);
    }
    let outsider = shop.api_key(&["carts"]);
    for row in wallets() {
        try_row(&shop, &row, &outsider);
    }
}

#[test]
fn a_cart_token_opens_its_cart_and_nothing_else() {
    let shop = shop();
    let level = shop.stocked(10);
    let cart = shop.cart();
    for row in catalog(&shop).iter().chain(&stock(&shop)) {
        if let For::Scope(_) = row.who {
            let answer = row.send(&shop, |request| request.token(&cart.token));
            answer.clone().one_of(&[401, 403]);
        }
    }
    for rest in ["", "/explain"] {
        cart.request("GET", rest).send().is(200);
    }
    cart.add(&level.sku, 1).is(200);
}

#[test]
fn two_keys_are_no_credentials() {
    let shop = shop();
    let key = shop.api_key(&["carts"]);
    let both = |second: &str| shop.get("/v1/stores").key(&key).key(second).send();
    both("no-such-key").refused(401, "unauthenticated");
    both(&shop.api_key(&["carts"])).refused(401, "unauthenticated");
    both(&key).is(200);
}
