//! `Idempotency-Key`: the same key has one effect and one answer.

use serde_json::{Value, json};

use crate::support::{Level, Request, Response, check, fresh, race, shop, text, uuid};

fn adjust(level: &Level, key: &str, body: &str) -> Response {
    let request = level.request("adjust").idempotency_key(key);
    request.text("application/json", body).send()
}

const ONE: &str = r#"{"delta": 1, "reason": "x"}"#;

#[track_caller]
fn same(first: &Response, again: &Response) {
    assert!(!first.replayed(), "{}", first.story());
    assert!(again.replayed(), "{}", again.story());
    assert_eq!(again.status, first.status, "{}", again.story());
    assert_eq!(again.body, first.body, "{}", again.story());
    for name in ["etag", "location", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
}

#[test]
fn repeats_the_answer_and_not_the_effect() {
    let shop = shop();
    let level = shop.stocked(5);
    let key = fresh("key");
    let first = adjust(&level, &key, ONE).is(200);
    for _ in 0..3 {
        same(&first, &adjust(&level, &key, ONE));
    }
    check(&level.read(), json!({"on_hand": 6, "version": 2}));
    adjust(&level, &fresh("key"), ONE).is(200);
    check(&level.read(), json!({"on_hand": 7, "version": 3}));
}

#[test]
fn honours_the_key_on_every_write() {
    let shop = shop();
    let level = shop.stocked(100);
    let item = shop.product();
    let cart = shop.cart();
    let other = shop.cart();
    cart.add(&level.sku, 10).is(200);
    let line = cart.line(&level.sku);
    let store = format!("/v1/stores/{}", fresh("store"));
    let to = shop.warehouse();
    let hold = level.hold(1);
    let lines = json!([{"sku": level.sku, "quantity": 1}]);
    let product = json!({"name": "x", "variants": [{"sku": fresh("sku"), "prices": []}]});
    let requests: Vec<Request> = vec![
        shop.post("/v1/products").admin().json(product),
        shop.patch(&format!("/v1/products/{}", item.id))
            .admin()
            .if_match(1)
            .json(json!({"name": "y"})),
        shop.put(&format!("/v1/variants/{}/prices/USD", item.sku))
            .admin()
            .json(json!({"amount": 5, "expected_version": 1})),
        shop.delete(&format!("/v1/products/{}", item.id)).admin(),
        shop.put(&store)
            .admin()
            .json(json!({"name": "n", "kind": "store", "country": "US"})),
        level
            .request("adjust")
            .json(json!({"delta": 1, "reason": "x"})),
        level
            .request("count")
            .json(json!({"quantity": 99, "expected_version": 3})),
        level
            .request("reserve")
            .json(json!({"quantity": 1, "reference": fresh("ref"), "ttl_seconds": 60})),
        level
            .request("confirm")
            .json(json!({"reservation_id": hold})),
        shop.patch(&level.path())
            .admin()
            .json(json!({"safety_stock": 2})),
        shop.post("/v1/reservations")
            .admin()
            .json(json!({"lines": lines, "reference": fresh("ref"), "ttl_seconds": 60})),
        shop.post("/v1/transfers")
            .admin()
            .json(json!({"sku": level.sku, "from": level.store, "to": to, "quantity": 1})),
        shop.post("/v1/carts")
            .admin()
            .json(json!({"currency": "USD"})),
        cart.request("PATCH", "")
            .admin()
            .json(json!({"metadata": {"a": 1}})),
        cart.request("POST", "/lines")
            .admin()
            .json(json!({"sku": level.sku, "quantity": 1})),
        cart.request("POST", "/lines/batch")
            .admin()
            .json(json!({"lines": lines})),
        cart.request("PATCH", &format!("/lines/{line}"))
            .admin()
            .json(json!({"delta": -1})),
        cart.request("DELETE", &format!("/lines/{line}")).admin(),
        cart.request("PUT", "/lines")
            .admin()
            .if_match(7)
            .json(json!({"lines": lines})),
        cart.request("POST", "/merge")
            .admin()
            .json(json!({"from": other.id})),
        cart.request("POST", "/clear").admin(),
        cart.request("DELETE", "").admin(),
        shop.post("/v1/api-keys")
            .admin()
            .json(json!({"name": "k", "scopes": ["carts"]})),
    ];
    for request in requests {
        let request = request.idempotency_key(&fresh("key"));
        let first = request.clone().send().succeeded();
        let after = level.read();
        same(&first, &request.send());
        assert_eq!(level.read(), after, "{}", first.story());
    }
    level.adds_up();
}

#[test]
fn refuses_a_key_with_another_payload() {
    let shop = shop();
    let level = shop.stocked(5);
    let key = fresh("key");
    adjust(&level, &key, ONE).is(200);
    for other in [
        r#"{"delta": 2, "reason": "x"}"#,
        r#"{"delta":1,"reason":"x"}"#,
        r#"{"reason": "x", "delta": 1}"#,
    ] {
        adjust(&level, &key, other).refused(409, "idempotency_key_reused");
    }
    check(&level.read(), json!({"on_hand": 6, "version": 2}));
}

#[test]
fn keeps_keys_apart_by_path_method_and_principal() {
    let shop = shop();
    let (one, two) = (shop.stocked(5), shop.stocked(5));
    let key = fresh("key");
    assert!(!adjust(&one, &key, ONE).is(200).replayed());
    assert!(!adjust(&two, &key, ONE).is(200).replayed());
    let other = shop.api_key(&["inventory:write"]);
    let path = format!("{}/adjust", one.path());
    let theirs = shop.post(&path).key(&other).idempotency_key(&key);
    assert!(
        !theirs
            .text("application/json", ONE)
            .send()
            .is(200)
            .replayed()
    );
    assert_eq!(one.read()["on_hand"], 7);

    let cart = shop.cart();
    let key = fresh("key");
    let patch = cart.request("PATCH", "").idempotency_key(&key);
    patch.json(json!({})).send().one_of(&[200, 422]);
    let delete = cart.request("DELETE", "").idempotency_key(&key).send();
    assert!(!delete.succeeded().replayed());
}

#[test]
fn keeps_what_was_decided_and_not_what_the_edge_refused() {
    let shop = shop();
    let level = shop.stocked(1);
    let reserve = |key: &str, quantity: i64, reference: &str| {
        let request = level.request("reserve").idempotency_key(key);
        let body = json!({"quantity": quantity, "reference": reference, "ttl_seconds": 60});
        request.json(body).send()
    };
    // Out of stock stays out of stock for this key, also when stock has come.
    let (key, reference) = (fresh("key"), fresh("ref"));
    let first = reserve(&key, 3, &reference).is(409);
    first.refused(409, "insufficient_stock");
    level.adjust(9).is(200);
    same(&first, &reserve(&key, 3, &reference));
    assert_eq!(level.read()["reserved"], 0);

    // Not found is a decision too.
    let (key, sku) = (fresh("key"), fresh("sku"));
    let path = format!("/v1/stores/{}/inventory/{sku}/adjust", level.store);
    let send = || {
        let request = shop.post(&path).admin().idempotency_key(&key);
        request.text("application/json", ONE).send()
    };
    let first = send().is(404);
    let body = json!({"name": "x", "variants": [{"sku": sku, "prices": []}]});
    shop.post("/v1/products").admin().json(body).send().is(201);
    same(&first, &send());

    // What the edge refused never reached the loop: the key is still free.
    let (key, reference) = (fresh("key"), fresh("ref"));
    reserve(&key, 0, &reference).invalid("quantity");
    let wrong = level.request("reserve").idempotency_key(&key);
    wrong
        .text("application/json", "{")
        .send()
        .refused(400, "malformed_json");
    assert!(!reserve(&key, 1, &reference).is(201).replayed());
}

#[test]
fn keeps_no_version_conflict() {
    let shop = shop();
    let level = shop.stocked(5);
    let key = fresh("key");
    let count = |version: i64| {
        let request = level.request("count").idempotency_key(&key);
        request
            .if_match(version)
            .json(json!({"quantity": 8}))
            .send()
    };
    count(7).refused(409, "version_conflict");
    count(8).refused(409, "version_conflict");
    let done = count(1).is(200);
    assert!(!done.replayed());
    // If-Match is no part of the payload.
    same(&done, &count(1));
    same(&done, &count(44));
    check(&level.read(), json!({"on_hand": 8, "version": 2}));
}

#[test]
fn takes_only_keys_that_are_keys() {
    let shop = shop();
    let level = shop.stocked(5);
    let longest = format!("{}{}", fresh("k"), "~".repeat(255));
    let longest = &longest[..255];
    adjust(&level, longest, ONE).is(200);
    assert!(adjust(&level, longest, ONE).replayed());
    for key in ["", &"k".repeat(256), "a b", "caf\u{e9}", "tab\there"] {
        adjust(&level, key, ONE).refused(400, "malformed_request");
    }
    assert_eq!(level.read()["on_hand"], 6);
}

#[test]
fn a_caller_without_credentials_uses_a_uuid() {
    let shop = shop();
    let create = |key: &str| {
        let request = shop.post("/v1/carts").idempotency_key(key);
        request.json(json!({"currency": "USD"})).send()
    };
    create("my-key").refused(400, "malformed_request");
    let key = uuid();
    let first = create(&key).is(201);
    let again = create(&key);
    same(&first, &again);
    let cart = again.json();
    let path = format!("/v1/carts/{}", text(&cart["id"]));
    shop.get(&path).token(&text(&cart["token"])).send().is(200);
}

#[test]
fn one_key_from_many_callers_has_one_effect() {
    let shop = shop();
    let level = shop.stocked(5);
    for round in 0..5 {
        let key = fresh("key");
        let answers = race(16, |_| adjust(&level, &key, ONE));
        for answer in &answers {
            assert_eq!(answer.status, 200, "{}", answer.story());
            assert_eq!(answer.body, answers[0].body);
        }
        let fresh = answers.iter().filter(|answer| !answer.replayed()).count();
        assert_eq!(fresh, 1);
        check(
            &level.read(),
            json!({"on_hand": 6 + round, "version": 2 + round}),
        );
    }
    level.adds_up();
}

#[test]
fn one_key_from_many_callers_adds_one_line() {
    let shop = shop();
    let level = shop.stocked(50);
    let cart = shop.cart();
    let key = uuid();
    let answers = race(16, |_| {
        let request = cart.request("POST", "/lines").idempotency_key(&key);
        request
            .json(json!({"sku": level.sku, "quantity": 2}))
            .send()
    });
    assert!(
        answers
            .iter()
            .all(|answer| answer.body == answers[0].body && answer.status == 200)
    );
    check(
        &cart.read(),
        json!({"version": 2, "lines": [{"quantity": 2}]}),
    );
}

#[test]
fn one_key_with_two_payloads_at_once_has_one_winner() {
    let shop = shop();
    let level = shop.stocked(5);
    let key = fresh("key");
    let answers = race(8, |caller| {
        let delta = 1 + caller % 2;
        adjust(
            &level,
            &key,
            &json!({"delta": delta, "reason": "x"}).to_string(),
        )
    });
    let won = usize::from(answers[1].status == 200);
    for (caller, answer) in answers.iter().enumerate() {
        if caller % 2 == won {
            assert_eq!(answer.status, 200, "{}", answer.story());
        } else {
            answer.refused(409, "idempotency_key_reused");
        }
    }
    let on_hand: Value = json!(6 + won);
    assert_eq!(level.read()["on_hand"], on_hand);
}

#[test]
fn knows_a_path_in_any_spelling() {
    let shop = shop();
    let level = shop.stocked(5);
    let key = fresh("key");
    let first = adjust(&level, &key, ONE).is(200);
    let escaped: String = level.sku.bytes().map(|b| format!("%{b:02X}")).collect();
    let path = format!("/v1/stores/{}/inventory/{escaped}/adjust", level.store);
    let again = shop.post(&path).admin().idempotency_key(&key);
    same(&first, &again.text("application/json", ONE).send());
    assert_eq!(level.read()["on_hand"], 6);
}

#[test]
fn repeats_what_was_decided_before_it_asks_for_a_version() {
    let shop = shop();
    let (level, cart, priced, named) =
        (shop.stocked(5), shop.cart(), shop.product(), shop.product());
    // method, path, body: the writes that need a version
    let rows = [
        (
            "POST",
            format!("{}/count", level.path()),
            json!({"quantity": 9}),
        ),
        ("PUT", cart.path("/lines"), json!({"lines": []})),
        (
            "PUT",
            format!("/v1/variants/{}/prices/EUR", priced.sku),
            json!({"amount": 5}),
        ),
        (
            "PATCH",
            format!("/v1/products/{}", named.id),
            json!({"name": "Other"}),
        ),
    ];
    for (method, path, body) in rows {
        let key = fresh("key");
        let ask = || {
            let request = shop.request(method, &path).admin().idempotency_key(&key);
            request.json(body.clone())
        };
        ask().send().refused(428, "version_required");
        ask()
            .header("If-Match", "\"7\"")
            .send()
            .refused(409, "version_conflict");
        let first = ask().header("If-Match", "\"1\"").send().is(200);
        same(&first, &ask().header("If-Match", "\"1\"").send());
        same(&first, &ask().send());
    }
}
