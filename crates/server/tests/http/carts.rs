//! `/v1/carts`: who opens a cart, what it keeps, what it costs.

use serde_json::{Value, json};

use crate::support::{Cart, Shop, check, fresh, instant, money, shop, text, whole};

fn priced(shop: &Shop, prices: Value) -> String {
    shop.stocked_with(1000, json!({"prices": prices})).sku
}

#[test]
fn opens_for_anybody_and_shows_its_secret_once() {
    let shop = shop();
    let made = shop
        .post("/v1/carts")
        .json(json!({"currency": "USD", "country": "US", "metadata": {"from": "test"}}))
        .send()
        .is(201);
    let cart = made.version(1);
    check(
        &cart,
        json!({
            "state": "open", "currency": "USD", "country": "US", "customer_id": null, "lines": [],
            "metadata": {"from": "test"}, "version": 1
        }),
    );
    for total in ["subtotal", "discount", "shipping", "tax", "total"] {
        assert_eq!(money(&cart["totals"][total], "USD"), 0, "{total}");
    }
    for time in ["created_at", "updated_at", "expires_at"] {
        instant(&cart[time]);
    }
    let (id, token) = (text(&cart["id"]), text(&cart["token"]));
    let location = made.header("location").expect("a Location").to_owned();
    let read = shop.get(&location).token(&token).send().is(200);
    let read = read.version(1);
    assert_eq!(read["id"], id.as_str());
    assert!(read["token"].is_null(), "{read}");
    assert!(!read.to_string().contains(&token));
}

#[test]
fn shows_the_currency_and_country_it_chose() {
    let shop = shop();
    for request in [
        shop.post("/v1/carts"),
        shop.post("/v1/carts").json(json!({})),
    ] {
        let cart = request.send().created();
        assert_eq!(text(&cart["currency"]).len(), 3, "{cart}");
        assert_eq!(text(&cart["country"]).len(), 2, "{cart}");
    }
}

#[test]
fn lives_thirty_days_from_its_last_write() {
    let shop = shop();
    let cart = shop.cart();
    let made = cart.read();
    let days = (instant(&made["expires_at"]) - instant(&made["created_at"]))
        .total(jiff::Unit::Hour)
        .expect("a span of hours")
        / 24.0;
    assert!((29.9..30.1).contains(&days), "{days}");
    let again = cart.read();
    assert_eq!(
        again["expires_at"], made["expires_at"],
        "reads slide nothing"
    );
    cart.patch("", json!({"metadata": {"a": 1}})).is(200);
    assert!(instant(&cart.read()["expires_at"]) >= instant(&made["expires_at"]));
}

#[test]
fn is_not_there_for_those_who_cannot_open_it() {
    let shop = shop();
    let (cart, other) = (shop.cart(), shop.cart());
    let nobody = shop.api_key(&["catalog:write"]);
    let path = cart.path("");
    let missing = format!("/v1/carts/{}", fresh("cart"));
    for answer in [
        shop.get(&path).send(),
        shop.get(&path).token("wrong").send(),
        shop.get(&path).token(&other.token).send(),
        shop.get(&missing).token(&cart.token).send(),
        shop.patch(&path)
            .token("wrong")
            .json(json!({"country": "DE"}))
            .send(),
        shop.delete(&path).token(&other.token).send(),
        shop.post(&cart.path("/lines"))
            .token(&other.token)
            .json(json!({"sku": "x", "quantity": 1}))
            .send(),
        shop.post(&cart.path("/clear")).token(&other.token).send(),
        shop.get(&cart.path("/explain")).send(),
    ] {
        let problem = answer.refused(404, "not_found");
        assert_eq!(problem["resource"], "cart", "{}", answer.story());
    }
    let scoped = shop.api_key(&["carts"]);
    shop.get(&path).key(&scoped).send().is(200);
    shop.get(&path).admin().send().is(200);
    shop.get(&path)
        .key(&nobody)
        .token(&cart.token)
        .send()
        .is(200);
    cart.read();
}

#[test]
fn refuses_a_cart_that_makes_no_sense() {
    let shop = shop();
    for (body, field) in [
        (json!({"currency": "DOLLARS"}), "currency"),
        (json!({"currency": "ZZZ"}), "currency"),
        (json!({"currency": 840}), "currency"),
        (json!({"country": "Germany"}), "country"),
        (json!({"metadata": []}), "metadata"),
        (json!({"metadata": "x"}), "metadata"),
        (json!({"lines": {}}), "lines"),
        (json!({"lines": [{"sku": "x", "quantity": 0}]}), "quantity"),
        (json!({"token": "mine"}), "token"),
    ] {
        shop.post("/v1/carts").json(body).send().invalid(field);
    }
    let unknown = json!({"lines": [{"sku": "nothing", "quantity": 1}]});
    let problem = shop.post("/v1/carts").json(unknown).send();
    check(
        &problem.refused(404, "not_found"),
        json!({"resource": "variant", "id": "nothing"}),
    );
}

#[test]
fn names_a_customer_only_for_those_who_may() {
    let shop = shop();
    let customer = fresh("customer");
    let body = json!({"customer_id": customer});
    let problem = shop.post("/v1/carts").json(body.clone()).send();
    problem.refused(403, "forbidden");
    let guest = shop.cart();
    guest.patch("", body.clone()).refused(403, "forbidden");

    let key = shop.api_key(&["carts"]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let cart = shop.post("/v1/carts").key(&key).json(body.clone()).send();
        ids.push(text(&cart.created()["id"]));
    }
    let named = shop.patch(&guest.path("")).key(&key).json(body).send();
    assert_eq!(named.is(200).version(2)["customer_id"], customer.as_str());
    ids.push(guest.id.clone());
    ids.sort();

    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/customers/{customer}/carts?limit=3{cursor}");
        let page = shop.get(&path).key(&key).send().ok();
        let items = page["items"].as_array().expect("items");
        found.extend(items.iter().map(|cart| text(&cart["id"])));
        assert!(!page.to_string().contains("token"), "{page}");
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    found.sort();
    assert_eq!(found, ids);
}

#[test]
fn merges_metadata_and_keeps_the_version_when_nothing_changes() {
    let shop = shop();
    let cart =
        shop.cart_with(json!({"currency": "USD", "metadata": {"a": 1, "b": {"c": 2, "d": 3}}}));
    let changed = cart.patch("", json!({"metadata": {"a": null, "b": {"c": 4}, "e": 5}}));
    let changed = changed.is(200).version(2);
    assert_eq!(changed["metadata"], json!({"b": {"c": 4, "d": 3}, "e": 5}));
    cart.patch("", json!({"metadata": {"e": 5}}))
        .is(200)
        .version(2);
    cart.patch("", json!({"country": "DE"})).is(200).version(3);
    cart.patch("", json!({"country": "Mars"}))
        .invalid("country");
    cart.patch("", json!({"state": "ordered"})).invalid("state");
    assert_eq!(cart.read()["version"], 3);
}

#[test]
fn is_gone_when_deleted() {
    let shop = shop();
    let cart = shop.cart();
    cart.request("DELETE", "").send().succeeded();
    cart.request("GET", "").send().refused(404, "not_found");
    cart.add("nothing", 1).refused(404, "not_found");
}

#[test]
fn adds_up_its_lines() {
    let shop = shop();
    let usd = |amount: i64| json!([{"amount": amount, "currency": "USD"}]);
    let (one, two) = (priced(&shop, usd(1999)), priced(&shop, usd(5)));
    let body = json!({
        "currency": "USD", "country": "US",
        "lines": [{"sku": one, "quantity": 3}, {"sku": two, "quantity": 7, "note": "wrap"}]
    });
    let cart = shop.post("/v1/carts").json(body).send().is(201).version(1);
    check(
        &cart["lines"],
        json!([
            {"sku": one, "quantity": 3, "unit_price": {"amount": 1999, "currency": "USD"},
             "total": {"amount": 5997, "currency": "USD"}, "metadata": {}},
            {"sku": two, "quantity": 7, "unit_price": {"amount": 5, "currency": "USD"},
             "total": {"amount": 35, "currency": "USD"}, "note": "wrap"}
        ]),
    );
    for line in cart["lines"].as_array().expect("lines") {
        assert!(
            line["id"].is_string() && line["product_id"].is_string(),
            "{line}"
        );
        assert!(line["name"].is_string(), "{line}");
    }
    let total = |name: &str| money(&cart["totals"][name], "USD");
    assert_eq!(total("subtotal"), 6032);
    let sum = total("subtotal") - total("discount") + total("shipping") + total("tax");
    assert_eq!(total("total"), sum);
}

#[test]
fn speaks_one_currency() {
    let shop = shop();
    let both = json!([{"amount": 1000, "currency": "USD"}, {"amount": 900, "currency": "EUR"}]);
    let (both, dollars) = (
        priced(&shop, both),
        priced(&shop, json!([{"amount": 1, "currency": "USD"}])),
    );
    let cart = shop.cart();
    cart.add(&both, 2).is(200);
    let changed = cart.patch("", json!({"currency": "EUR"})).is(200).json();
    check(
        &changed,
        json!({
            "currency": "EUR", "version": 3,
            "lines": [{"unit_price": {"amount": 900, "currency": "EUR"}}],
            "totals": {"subtotal": {"amount": 1800, "currency": "EUR"}}
        }),
    );
    cart.add(&dollars, 1).refused(422, "currency_mismatch");
    cart.patch("", json!({"currency": "USD"})).is(200);
    cart.add(&dollars, 1).is(200);
    cart.patch("", json!({"currency": "EUR"}))
        .refused(422, "currency_mismatch");
    check(&cart.read(), json!({"currency": "USD", "version": 5}));
}

#[test]
fn shows_todays_price_and_what_changed() {
    let shop = shop();
    let level = shop.stocked(10);
    let cart = shop.cart();
    cart.add(&level.sku, 2).is(200);
    shop.put(&format!("/v1/variants/{}/prices/USD", level.sku))
        .admin()
        .if_match(1)
        .json(json!({"amount": 1100}))
        .send()
        .is(200);
    let seen = cart.request("GET", "").send().is(200).version(2);
    let line = &seen["lines"][0];
    assert_eq!(money(&line["unit_price"], "USD"), 1100);
    assert_eq!(money(&seen["totals"]["subtotal"], "USD"), 2200);
    let changes = line["changes"].as_array().expect("changes");
    assert!(!changes.is_empty(), "{line}");
    // The next write has seen today's price.
    cart.add(&level.sku, 1).is(200).version(3);
    let line = &cart.read()["lines"][0];
    assert_eq!(line["changes"].as_array().map_or(0, Vec::len), 0, "{line}");
}

#[test]
fn pages_its_lines_only_when_asked() {
    let shop = shop();
    let sku = shop.stocked(1000).sku;
    let cart = shop.cart();
    let lines: Vec<_> = (0..60)
        .map(|number| json!({"sku": sku, "quantity": 1, "metadata": {"n": number}}))
        .collect();
    cart.post("/lines/batch", json!({"lines": lines})).is(200);
    assert_eq!(cart.read()["lines"].as_array().expect("lines").len(), 60);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let query = format!("?limit=25{cursor}");
        let page = cart.request("GET", &query).send().ok();
        let lines = page["lines"].as_array().expect("lines");
        assert!(lines.len() <= 25);
        seen.extend(lines.iter().map(|line| whole(&line["metadata"]["n"])));
        assert_eq!(money(&page["totals"]["subtotal"], "USD"), 60_000);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (0..60).collect::<Vec<_>>());
}

#[test]
fn explains_its_totals() {
    let shop = shop();
    let level = shop.stocked(10);
    let cart = shop.cart();
    cart.add(&level.sku, 2).is(200);
    let why = cart.request("GET", "/explain").send().ok();
    assert!(why.to_string().contains(&level.sku), "{why}");
}

#[test]
fn survives_totals_beyond_all_numbers() {
    let shop = shop();
    let level = shop.stocked_with(
        1_000_000_000,
        json!({"prices": [{"amount": 10_000_000_000_i64, "currency": "USD"}]}),
    );
    let cart: Cart = shop.cart();
    let answer = cart.add(&level.sku, 1_000_000_000);
    assert!((400..500).contains(&answer.status), "{}", answer.story());
    assert_eq!(cart.read()["version"], 1);
    shop.get("/health/liveness").send().is(200);
}
