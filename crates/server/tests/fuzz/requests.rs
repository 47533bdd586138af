//! Requests to a real shop over HTTP: paths, queries, cursors, headers and bodies of every kind. Whatever comes, the answer is a documented
//! one, and the shop goes on.

use crate::mangle::Mangler;
use crate::plan;
use crate::support::{Response, Shop, exchange_raw};
use serde_json::{Value, json};

const ROUNDS: u64 = 3_000;

/// Method, path and body of what is good before it is mangled.
fn good(store: &str, sku: &str, cart: &str) -> Vec<(&'static str, String, Value)> {
    let product = json!({"name": "x", "status": "active", "metadata": {"a": [1, {"b": null}]}, "variants": [
        {"sku": "fuzz", "prices": [{"amount": 100, "currency": "USD"}], "options": {"size": "L"}}]});
    let to =
        json!({"name": "A", "line1": "1 Street", "city": "X", "postal_code": "1", "country": "US"});
    let level = format!("/v1/stores/{store}/inventory/{sku}");
    vec![
        ("POST", "/v1/products".into(), product.clone()),
        (
            "POST",
            "/v1/imports?stock=count&dry_run=true".into(),
            json!([product]),
        ),
        (
            "POST",
            "/v1/stores".into(),
            json!({"id": "fuzz", "name": "x", "kind": "warehouse", "ships_to": ["US"]}),
        ),
        (
            "GET",
            "/v1/products?limit=5&cursor=eyJhIjoxfQ".into(),
            Value::Null,
        ),
        (
            "GET",
            "/v1/search?q=shirt&filter=price:1..5&facets=size&sort=-price&cursor=eyJhIjoxfQ".into(),
            Value::Null,
        ),
        (
            "GET",
            format!("/v1/availability?skus={sku}&country=US"),
            Value::Null,
        ),
        (
            "GET",
            format!("{level}/movements?limit=3&after=1"),
            Value::Null,
        ),
        (
            "POST",
            format!("{level}/adjust"),
            json!({"delta": 1, "reason": "fuzz"}),
        ),
        (
            "POST",
            format!("{level}/reserve"),
            json!({"quantity": 1, "ttl_seconds": 60, "reference": "fuzz"}),
        ),
        (
            "POST",
            "/v1/reservations".into(),
            json!({"lines": [{"sku": sku, "store": store, "quantity": 1}], "ttl_seconds": 60}),
        ),
        (
            "POST",
            "/v1/carts".into(),
            json!({"currency": "USD", "country": "US", "metadata": {"a": "b"}}),
        ),
        (
            "POST",
            format!("/v1/carts/{cart}/lines"),
            json!({"sku": sku, "quantity": 1, "note": "n"}),
        ),
        (
            "PATCH",
            format!("/v1/carts/{cart}"),
            json!({"country": "DE"}),
        ),
        (
            "POST",
            "/v1/checkouts".into(),
            json!({"cart_id": cart, "email": "a@example.com", "shipping_address": to, "hold": true}),
        ),
        (
            "POST",
            "/v1/checkouts/chk_01KDVDPCM2E00800000XA3BPGR/complete".into(),
            json!({"quote_id": "quo_1", "payment": {"parts": [{"method": "card", "token": "tok_visa", "amount": {"amount": 1, "currency": "USD"}}]}}),
        ),
        (
            "POST",
            "/v1/orders/ord_01KDVDPCM2E00800000XA3BPGR/refunds".into(),
            json!({"amount": {"amount": 5, "currency": "USD"}, "reason": "x", "to": "wallet"}),
        ),
        (
            "POST",
            "/v1/orders/ord_01KDVDPCM2E00800000XA3BPGR/exchanges".into(),
            json!({"return_lines": [{"line_id": "lin_1", "quantity": 1}], "new_lines": [{"sku": sku, "quantity": 1}]}),
        ),
        (
            "POST",
            "/v1/wallets/ada/credits".into(),
            json!({"amount": {"amount": 5, "currency": "USD"}, "reference": "x", "reason": "y"}),
        ),
        (
            "POST",
            "/v1/transfers".into(),
            json!({"from": store, "to": store, "lines": [{"sku": sku, "quantity": 1}]}),
        ),
        (
            "POST",
            "/v1/api-keys".into(),
            json!({"name": "x", "scopes": ["catalog:read"]}),
        ),
        (
            "POST",
            "/v1/webhook-endpoints".into(),
            json!({"url": "https://example.com/x", "events": ["order.placed"]}),
        ),
        (
            "POST",
            "/v1/webhooks/sim".into(),
            json!({"id": "evt_1", "type": "payment.captured", "payment": {"id": "pay_1", "reference": "x"}}),
        ),
        (
            "GET",
            "/v1/orders?state=placed&limit=2&cursor=eyJhIjoxfQ".into(),
            Value::Null,
        ),
        (
            "GET",
            "/v1/dead-letters?consumer=mail&limit=3".into(),
            Value::Null,
        ),
        (
            "POST",
            "/api/cart".into(),
            json!({"item": {"productId": sku, "quantity": 1}, "userId": "u"}),
        ),
        (
            "POST",
            "/api/checkout".into(),
            json!({"userId": "u", "email": "a@example.com", "userCurrency": "USD", "address": {"streetAddress": "x", "zipCode": "1", "city": "x", "state": "x", "country": "US"}, "creditCard": {"creditCardNumber": "4242424242424242", "creditCardCvv": 1, "creditCardExpirationYear": 2039, "creditCardExpirationMonth": 1}}),
        ),
    ]
}

/// An answer that is in the contract: a success, or a refusal with a code; never "something went wrong here".
#[track_caller]
fn is_documented(answer: &Response, seed: u64) {
    let story = || format!("FUZZ_SEED={seed}: {}", answer.story());
    assert!(answer.status < 500 || answer.status == 503, "{}", story());
    if answer.status >= 400 && !answer.body.is_empty() && answer.header("content-type").is_some() {
        let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        assert!(
            problem["code"].is_string() || problem["error"].is_string(),
            "{}",
            story()
        );
    }
}

#[test]
fn bodies_paths_and_headers() {
    let shop = Shop::own("fuzz");
    let level = shop.stocked(1_000_000);
    let cart = shop.cart();
    let good = good(&level.store, &level.sku, &cart.id);
    let mut statuses = std::collections::BTreeMap::<u16, u64>::new();
    for seed in plan(ROUNDS) {
        let mut mangler = Mangler::new(seed);
        let (method, path, body) = &good[mangler.below(good.len())];
        let mut target = path.clone();
        if mangler.below(3) == 0 {
            // Bytes that no request line can carry are escaped, as any client would.
            let bad = mangler.bytes(path.as_bytes());
            target = format!(
                "/{}",
                percent_encoding::percent_encode(&bad[1.min(bad.len())..], ESCAPED)
            );
        }
        let mut request = shop.request(method, &target).admin();
        if mangler.below(2) == 0 {
            request = request.token(&cart.token);
        }
        if mangler.below(4) == 0 {
            let key: String = mangler
                .text("8c0f0f0e-0000-4000-8000-000000000000")
                .chars()
                .filter(|it| !it.is_control())
                .collect();
            request = request.idempotency_key(&key);
        }
        if mangler.below(6) == 0 {
            let version: String = mangler
                .text("\"1\"")
                .chars()
                .filter(|it| !it.is_control())
                .collect();
            request = request.header("If-Match", &version);
        }
        request = match (body, mangler.below(3)) {
            (Value::Null, _) => request,
            (body, 0) => request.bytes(
                "application/json",
                mangler.bytes(body.to_string().as_bytes()),
            ),
            (body, _) => request.json(mangler.json(body)),
        };
        let answer = match request.try_send() {
            Ok(answer) => answer,
            Err(error) => panic!("FUZZ_SEED={seed}: {method} {target}: {error}"),
        };
        is_documented(&answer, seed);
        *statuses.entry(answer.status).or_default() += 1;
    }
    // Some of it gets through, and most does not.
    assert!(statuses.keys().any(|status| *status < 300), "{statuses:?}");
    assert!(
        statuses.contains_key(&400) && statuses.contains_key(&422),
        "{statuses:?}"
    );
    level.adds_up();
    shop.get("/v1/products?limit=1").send().ok();
}

/// What a path's bytes must not be sent as.
const ESCAPED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'|')
    .add(b'\\')
    .add(b'^');

#[test]
fn what_is_no_http() {
    let shop = Shop::own("fuzz-wire");
    let wire = b"POST /v1/carts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let mut answered = 0;
    for seed in plan(ROUNDS / 10) {
        let mut bad = Mangler::new(seed).bytes(wire);
        // A server waits for what was announced and does not come: hanging up is the client's part.
        bad.extend_from_slice(b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        if let Some(answer) = exchange_raw(shop.address(), &bad[..bad.len().min(1_000)]) {
            assert!(
                answer.status < 500 || answer.status == 505,
                "FUZZ_SEED={seed}: {}",
                answer.story()
            );
            answered += 1;
        }
    }
    assert!(answered > 0);
    shop.get("/v1/products?limit=1").send().ok();
}
