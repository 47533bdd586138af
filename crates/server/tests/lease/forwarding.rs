//! Any process takes any request: writes go to the one that has the lease, and who wrote here reads it here at once.

use cartwright_proto::{hipstershop, v1};
use serde_json::{Value, json};
use tonic::Code;

use crate::caller::{admin, channel, metadata, refused, with};
use crate::nodes::{Nodes, is_writer, metric};
use crate::support::client::Connection;
use crate::support::{Request, Shop, check, fresh, uuid, whole};

/// Processes whose lease no busy machine makes them lose.
fn calm(name: &str) -> Nodes {
    Nodes::forwarding(name).with("LOCK_TTL_MS", "60000")
}

fn two(name: &str) -> (Nodes, Shop, Shop) {
    let nodes = calm(name);
    let (writer, other) = (nodes.start("a"), nodes.start("b"));
    assert!(is_writer(&writer) && !is_writer(&other));
    (nodes, writer, other)
}

#[test]
fn what_is_written_through_any_process_is_read_there_at_once() {
    let (_nodes, writer, other) = two("any");
    let level = other.stocked(1000);
    let cart = other.cart();
    for round in 1..=100 {
        let answer = level.adjust(1).is(200);
        assert_eq!(level.read()["version"], answer.json()["version"]);
        let answer = cart.add(&level.sku, 1).is(200);
        assert_eq!(whole(&cart.read()["version"]), answer.etag());
        assert_eq!(cart.quantity(&level.sku), round);
        assert!(answer.header("position").is_some(), "{}", answer.story());
    }
    let hold = level.hold(3);
    let released = other.post(&format!("/v1/reservations/{hold}/release"));
    released.admin().json(json!({})).send().is(200);
    other
        .delete(&cart.path(""))
        .token(&cart.token)
        .send()
        .succeeded();
    level.adds_up();
    assert!(whole(&metric(&writer, "commands")) > 200);
    assert_eq!(metric(&other, "commands"), 0);
    let told = other.get("/metrics").admin().send().is(200).text();
    assert!(told.contains("\ncartwright_forwarded_total 2"), "{told}");
}

#[test]
fn the_answer_of_the_process_that_writes_is_handed_on_as_it_is() {
    let (_nodes, writer, other) = two("handed-on");
    let level = other.stocked(10);
    let there = writer.level(&level.store, &level.sku, 0);
    let ask = |shop: &Shop, key: &str, quantity: i64| {
        let body = json!({"quantity": quantity, "reference": key, "ttl_seconds": 60});
        let path = format!("{}/reserve", level.path());
        let request = shop.post(&path).admin().idempotency_key(key).json(body);
        request.header("Request-Id", "mine-1").send()
    };
    let key = fresh("key");
    let (made, again) = (ask(&other, &key, 4).is(201), ask(&writer, &key, 4).is(201));
    assert!(!made.replayed() && again.replayed());
    assert_eq!(made.body, again.body);
    assert_eq!(made.header("location"), again.header("location"));
    assert_eq!(made.header("request-id"), Some("mine-1"));
    assert!(ask(&other, &key, 4).is(201).replayed());
    ask(&other, &key, 5).refused(409, "idempotency_key_reused");
    check(
        &ask(&other, &fresh("key"), 7).refused(409, "insufficient_stock"),
        json!({"requested": 7, "available": 6}),
    );
    assert!(
        !made
            .headers
            .iter()
            .any(|(name, _)| name.starts_with("cartwright-")),
        "{:?}",
        made.headers
    );
    // What the edge refuses, and credentials, are as they are elsewhere.
    let path = format!("{}/adjust", level.path());
    let body = json!({"delta": 1, "reason": "x"});
    let post = || other.post(&path).json(body.clone());
    post().send().refused(401, "unauthenticated");
    post().key("wrong").send().refused(401, "unauthenticated");
    let key = other.api_key(&["orders:read"]);
    post().key(&key).send().refused(403, "forbidden");
    other
        .post(&path)
        .admin()
        .text("application/json", "{")
        .send()
        .refused(400, "malformed_json");
    other
        .post(&path)
        .admin()
        .text("text/plain", "x")
        .send()
        .refused(415, "unsupported_media_type");
    other
        .post("/v1/nothing")
        .admin()
        .send()
        .refused(404, "not_found");
    other
        .put(&path)
        .admin()
        .send()
        .refused(405, "method_not_allowed");
    let large = format!("{{\"reason\": \"{}\"}}", "x".repeat(1 << 20));
    other
        .post(&path)
        .admin()
        .text("application/json", &large)
        .send()
        .refused(413, "too_large");
    assert_eq!(there.read()["on_hand"], 10);
}

/// Whoever knows the words that processes say to each other, but not the shop's secret, is believed nothing.
#[test]
fn words_of_peers_count_from_peers_alone() {
    let nodes = calm("peers").with("CARTWRIGHT_RATE_LIMIT_IP_RPS", "1000");
    let (writer, other) = (nodes.start("a"), nodes.start("b"));
    let level = writer.stocked(1);
    for shop in [&writer, &other] {
        let here = shop.level(&level.store, &level.sku, 0);
        let forged = here
            .request("adjust")
            .header(
                "Cartwright-Peer",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            )
            .header("Cartwright-Forwarded", "for=192.0.2.1;by=x;wait=1")
            .json(json!({"delta": 1, "reason": "x"}));
        let answer = forged.send().is(200);
        assert_eq!(answer.header("cartwright-seen-at"), None);
    }
    assert_eq!(level.read()["on_hand"], 3);
}

/// The rate of an address counts the client's, wherever it knocks.
#[test]
fn the_rate_of_an_address_is_that_of_the_client() {
    let nodes = calm("address").with("CARTWRIGHT_RATE_LIMIT_IP_RPS", "10");
    let (_writer, other) = (nodes.start("a"), nodes.start("b"));
    let mut connection = Connection::open(other.address()).expect("it listens");
    let answers: Vec<u16> = (0..60)
        .map(|_| {
            let cart = other.post("/v1/carts").json(json!({}));
            connection.send(cart).expect("an answer").status
        })
        .collect();
    let refused = answers.iter().filter(|status| **status == 429).count();
    assert!(refused > 10 && answers.contains(&201), "{answers:?}");
}

/// More than a body may take, as it comes.
#[test]
fn an_import_passes_through() {
    let (_nodes, writer, other) = two("import");
    let store = writer.warehouse();
    let long = "x".repeat(8000);
    let rows: Vec<String> = (0..400)
        .map(|place| {
            let id = format!("imported-{place}");
            let variant = json!({"sku": id, "prices": [{"amount": 100, "currency": "USD"}], "stock": {store.as_str(): 1}});
            json!({"id": id, "name": id, "description": long, "variants": [variant]}).to_string()
        })
        .collect();
    let body = rows.join("\n");
    assert!(body.len() > 3 << 20);
    let import = |shop: &Shop| {
        let request = shop.post("/v1/imports").admin();
        request.text("application/x-ndjson", &body).send()
    };
    check(&import(&other).ok(), json!({"created": 400, "failed": 0}));
    let last = other.get("/v1/variants/imported-399").send().ok();
    assert_eq!(last["product_id"], "imported-399");
    check(&import(&other).ok(), json!({"unchanged": 400, "failed": 0}));
    let mut body = body.clone();
    body.truncate(100);
    let nobody = other
        .post("/v1/imports")
        .text("application/x-ndjson", &body);
    nobody.send().refused(401, "unauthenticated");
}

#[test]
fn the_storefront_writes_through_any_process() {
    let (_nodes, writer, other) = two("storefront");
    let item = writer.product();
    let user = fresh("user");
    for round in 1..=20 {
        let line = json!({"userId": user, "item": {"productId": item.sku, "quantity": 1}});
        other.post("/api/cart").json(line).send().is(200);
        let cart = other
            .get(&format!("/api/cart?sessionId={user}"))
            .send()
            .ok();
        assert_eq!(cart["items"][0]["quantity"], round, "{cart}");
    }
}

fn sku_of(shop: &Shop) -> String {
    shop.stocked(1000).sku
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_grpc_pass_through() {
    let (_nodes, writer, other) = two("grpc");
    let sku = tokio::task::spawn_blocking({
        let writer = writer.clone();
        move || sku_of(&writer)
    });
    let sku = sku.await.expect("a product");
    let channel = channel(&other).await;
    let mut carts = v1::cart_service_client::CartServiceClient::new(channel.clone());
    let made = carts
        .create(v1::CreateCartRequest::default())
        .await
        .expect("a cart");
    assert!(metadata(&made, "position").is_some());
    let cart = made.into_inner();
    let token = cart.token.expect("a token");
    for round in 1..=20 {
        let line = v1::AddCartLineRequest {
            cart_id: cart.id.clone(),
            line: Some(v1::CartLineInput {
                sku: sku.clone(),
                quantity: 1,
                ..Default::default()
            }),
            ..Default::default()
        };
        let line = with(tonic::Request::new(line), "cart-token", &token);
        carts
            .add_line(with(line, "idempotency-key", &uuid()))
            .await
            .expect("it is added");
        let get = v1::GetCartRequest {
            id: cart.id.clone(),
            ..Default::default()
        };
        let get = with(tonic::Request::new(get), "cart-token", &token);
        let seen = carts.get(get).await.expect("the cart").into_inner();
        assert_eq!(seen.lines[0].quantity, round);
    }
    let mut stores = v1::store_service_client::StoreServiceClient::new(channel.clone());
    let store = v1::PutStoreRequest {
        id: "x y".to_owned(),
        ..Default::default()
    };
    refused(
        stores.put(admin(store)).await,
        Code::InvalidArgument,
        "invalid",
    );

    let mut carts = hipstershop::cart_service_client::CartServiceClient::new(channel);
    for round in 1..=20 {
        let line = hipstershop::AddItemRequest {
            user_id: "u".to_owned(),
            item: Some(hipstershop::CartItem {
                product_id: sku.clone(),
                quantity: 1,
            }),
        };
        carts.add_item(line).await.expect("it is added");
        let get = hipstershop::GetCartRequest {
            user_id: "u".to_owned(),
        };
        let seen = carts.get_cart(get).await.expect("the cart").into_inner();
        assert_eq!(seen.items[0].quantity, round);
    }
}

/// A client that goes from one process to another says how far it has seen.
#[test]
fn min_position_never_reads_older() {
    let (_nodes, writer, other) = two("position");
    let level = writer.stocked(1);
    for _ in 0..50 {
        let answer = level.adjust(1).is(200);
        let position = answer.header("position").expect("a position").to_owned();
        let here = other.level(&level.store, &level.sku, 0);
        let seen = here
            .get()
            .admin()
            .header("Min-Position", &position)
            .send()
            .ok();
        assert_eq!(seen["version"], answer.json()["version"]);
    }
    let wrong = other.get("/v1/stores").header("Min-Position", "x").send();
    wrong.refused(400, "malformed_request");
}

#[test]
fn a_reader_is_ready_and_says_who_writes() {
    let (_nodes, writer, other) = two("ready");
    let seen: Value = other.get("/health/readiness").send().ok();
    check(
        &seen,
        json!({
            "ready": true, "status": "ready", "role": "reader",
            "writer": {"node": "a", "url": format!("http://{}", writer.address())},
            "dependencies": {"store": "ok", "search": "ok", "writer": "ok"},
        }),
    );
    let seen = Request::new(writer.address(), "GET", "/health/readiness")
        .send()
        .ok();
    assert_eq!(
        (&seen["role"], &seen["writer"]["node"]),
        (&json!("writer"), &json!("a"))
    );
}
