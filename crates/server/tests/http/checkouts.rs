//! `/v1/checkouts`: a cart on its way to an order, up to its quote.

use serde_json::{Value, json};

use crate::support::{Cart, Shop, address, check, fresh, money, race, shop, text, uuid, whole};

/// A cart with so many of one thing at 10.00 USD.
fn filled(shop: &Shop, quantity: i64) -> Cart {
    let level = shop.stocked(1000);
    let cart = shop.cart();
    cart.add(&level.sku, quantity).is(200);
    cart
}

#[test]
fn opens_with_a_cart_alone_and_says_what_is_missing() {
    let shop = shop();
    let cart = filled(&shop, 2);
    let answer = cart.check_out(json!({})).is(201);
    let opened = answer.version(1);
    let location = answer.header("location").unwrap_or_default().to_owned();
    assert_eq!(location, format!("/v1/checkouts/{}", text(&opened["id"])));
    assert!(text(&opened["id"]).starts_with("chk_"), "{opened}");
    check(
        &opened,
        json!({
            "state": "open", "cart_id": cart.id, "email": null, "shipping_address": null,
            "billing_address": null, "missing": ["email", "shipping_address"], "quote": null, "hold": false,
            "shipping_option": "standard", "payments": [], "attempts": [], "steps": [], "messages": [],
            "shipping_options": [
                {"id": "standard", "name": "Standard", "price": {"amount": 599, "currency": "USD"}},
                {"id": "express", "name": "Express", "price": {"amount": 1499, "currency": "USD"}},
            ],
            "lines": [{"line_id": "ln_1", "quantity": 2}],
            "totals": {
                "subtotal": {"amount": 2000, "currency": "USD"}, "discount": {"amount": 0, "currency": "USD"},
                "shipping": {"amount": 599, "currency": "USD"}, "tax": {"amount": 0, "currency": "USD"},
                "tax_included": false, "total": {"amount": 2599, "currency": "USD"},
            },
        }),
    );
    for field in ["failure", "order_id"] {
        assert!(opened.get(field).is_none(), "{field}: {opened}");
    }
    let checkout = cart.checkout(&opened);
    assert_eq!(checkout.read(), opened);

    let with_email = checkout
        .patch(json!({"email": "ada@example.com"}))
        .version(2);
    check(
        &with_email,
        json!({"missing": ["shipping_address"], "quote": null, "email": "ada@example.com"}),
    );
    let whole = checkout
        .patch(json!({"shipping_address": address("DE")}))
        .version(3);
    check(
        &whole,
        json!({"missing": [], "email": "ada@example.com", "shipping_address": address("DE"),
               "billing_address": address("DE"), "quote": {"totals": {"total": {"amount": 2599}}}}),
    );
    let back = checkout.patch(json!({"email": null})).version(4);
    check(
        &back,
        json!({"missing": ["email"], "quote": null, "email": null, "shipping_address": address("DE")}),
    );
}

#[test]
fn the_same_cart_again_goes_on_with_its_open_checkout() {
    let shop = shop();
    let cart = filled(&shop, 1);
    let first = cart.check_out(json!({"email": "a@example.com"})).created();
    let again = cart.check_out(json!({})).is(200).version(1);
    assert_eq!(again, first);
    let more = cart.check_out(json!({"shipping_address": address("US"), "email": null}));
    let more = more.is(200).version(2);
    check(
        &more,
        json!({"id": first["id"], "email": "a@example.com", "missing": []}),
    );
    // The version is the checkout's: 0 says that there is none.
    for (version, status) in [(0, 409), (1, 409), (2, 200)] {
        let request = cart
            .check_out_with(json!({"hold": false}))
            .if_match(version);
        request.send().is(status);
    }
    let conflict = cart.check_out_with(json!({})).if_match(0).send();
    assert_eq!(
        conflict.refused(409, "version_conflict")["current_version"],
        2
    );

    cart.checkout(&first).cancel().is(200);
    let second = cart.check_out_with(json!({})).if_match(0).send().created();
    assert_ne!(second["id"], first["id"]);
    check(
        &second,
        json!({"email": null, "missing": ["email", "shipping_address"], "version": 1}),
    );
}

#[test]
fn two_clients_at_once_open_one_checkout() {
    let shop = shop();
    let cart = filled(&shop, 1);
    let answers = race(16, |_| cart.check_out(json!({})));
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1);
    let ids: std::collections::HashSet<_> = answers
        .iter()
        .map(|answer| text(&answer.clone().succeeded().json()["id"]))
        .collect();
    assert_eq!(ids.len(), 1);

    // Of two who read the same version, one changes it.
    let checkout = cart.checkout(&answers[0].json());
    let answers = race(8, |n| {
        let body = json!({"email": format!("a{n}@example.com"), "expected_version": 1});
        checkout.patch(body)
    });
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            answer.refused(409, "version_conflict")["current_version"],
            2
        );
    }
}

#[test]
fn sends_by_the_option_that_was_chosen() {
    let shop = shop();
    let cart = filled(&shop, 1);
    let checkout = cart.quoted_with(json!({"shipping_option": "express"}));
    let total = |answer: &Value| money(&answer["totals"]["total"], "USD");
    assert_eq!(total(&checkout.read()), 2499);
    let cheapest = checkout.patch(json!({"shipping_option": null})).ok();
    assert_eq!(
        (total(&cheapest), &cheapest["shipping_option"]),
        (1599, &json!("standard"))
    );
    for wrong in [json!("drone"), json!(""), json!(7)] {
        checkout
            .patch(json!({"shipping_option": wrong}))
            .invalid("shipping_option");
    }
    assert_eq!(checkout.read(), cheapest);
}

#[test]
fn refuses_what_it_cannot_read() {
    let shop = shop();
    let cart = filled(&shop, 1);
    let without = |field: &str| {
        let mut address = address("US");
        address.as_object_mut().expect("an object").remove(field);
        address
    };
    let with = |field: &str, value: Value| {
        let mut address = address("US");
        address[field] = value;
        address
    };
    let long = "x".repeat(201);
    let rows = [
        (json!({"email": "ada"}), "email"),
        (json!({"email": "ada@localhost"}), "email"),
        (json!({"email": "a b@example.com"}), "email"),
        (json!({"email": "a@example.com\n"}), "email"),
        (json!({"email": 5}), "email"),
        (json!({"shipping_address": "here"}), "shipping_address"),
        (
            json!({"shipping_address": without("name")}),
            "shipping_address.name",
        ),
        (
            json!({"shipping_address": without("line1")}),
            "shipping_address.line1",
        ),
        (
            json!({"shipping_address": without("postal_code")}),
            "shipping_address.postal_code",
        ),
        (
            json!({"shipping_address": without("country")}),
            "shipping_address.country",
        ),
        (
            json!({"shipping_address": with("country", json!("XX"))}),
            "shipping_address.country",
        ),
        (
            json!({"shipping_address": with("city", json!(""))}),
            "shipping_address.city",
        ),
        (
            json!({"shipping_address": with("name", json!(long))}),
            "shipping_address.name",
        ),
        (
            json!({"shipping_address": with("line2", json!("a\u{7}"))}),
            "shipping_address.line2",
        ),
        (
            json!({"billing_address": with("planet", json!("Earth"))}),
            "billing_address.planet",
        ),
        (json!({"hold": "yes"}), "hold"),
        (json!({"state": "completed"}), "state"),
        (json!({"currency": "EUR"}), "currency"),
    ];
    for (body, field) in &rows {
        cart.check_out(body.clone()).invalid(field);
    }
    let checkout = cart.quoted();
    let before = checkout.read();
    for (body, field) in rows {
        checkout.patch(body).invalid(field);
    }
    checkout
        .patch(json!({"cart_id": cart.id}))
        .invalid("cart_id");
    assert_eq!(checkout.read(), before);
    let post = |body: Value| shop.post("/v1/checkouts").admin().json(body).send();
    post(json!({})).invalid("cart_id");
    post(json!({"cart_id": 5})).invalid("cart_id");
    for unknown in ["", "car_1", "chk_00000000000000000000000000"] {
        post(json!({"cart_id": unknown})).refused(404, "not_found");
    }
    for unknown in ["x", "chk_00000000000000000000000000", &cart.id] {
        let problem = shop.get(&format!("/v1/checkouts/{unknown}")).admin().send();
        assert_eq!(problem.refused(404, "not_found")["resource"], "checkout");
    }
    checkout
        .request("POST", "/cancel")
        .json(json!({"why": "x"}))
        .send()
        .invalid("why");
}

#[test]
fn refuses_a_cart_that_cannot_be_bought_like_this() {
    let shop = shop();
    shop.cart().check_out(json!({})).invalid("cart_id");

    // In a currency and to a country that nothing of it is sold for any more.
    let level = shop.stocked_with(10, json!({"denied_countries": ["JP"]}));
    let cart = shop.cart();
    cart.add(&level.sku, 1).is(200);
    let japan = cart.check_out(json!({"shipping_address": address("JP")}));
    check(
        &japan.refused(422, "not_sold_here"),
        json!({"sku": level.sku, "country": "JP"}),
    );
    let checkout = cart.quoted();
    let before = checkout.read();
    let japan = checkout.patch(json!({"shipping_address": address("JP")}));
    japan.refused(422, "not_sold_here");

    let product = shop.product();
    cart.add(&product.sku, 1).refused(409, "insufficient_stock");
    let level = shop.level(&level.store, &product.sku, 5);
    cart.add(&level.sku, 1).is(200);
    let gone = shop.delete(&format!("/v1/products/{}", product.id)).admin();
    if gone.send().status != 200 {
        level.adjust(-5).is(200);
        shop.delete(&format!("/v1/products/{}", product.id))
            .admin()
            .send()
            .succeeded();
    }
    let refused = checkout.patch(json!({})).refused(404, "not_found");
    check(&refused, json!({"resource": "variant", "id": product.sku}));
    assert_eq!(checkout.read(), before);
    cart.request("POST", "/clear").send().is(200);
    checkout.patch(json!({})).invalid("cart_id");
    assert_eq!(checkout.read(), before);
}

#[test]
fn ends_with_its_cart() {
    let shop = shop();
    // Deleted.
    let cart = filled(&shop, 1);
    let checkout = cart.quoted();
    cart.request("DELETE", "").send().is(204);
    check(
        &checkout.read(),
        json!({"state": "cancelled", "version": 2, "email": "ada@example.com"}),
    );
    let refused = checkout.patch(json!({})).refused(409, "invalid_state");
    assert_eq!(refused["state"], "cancelled");
    cart.check_out(json!({})).refused(404, "not_found");

    // Merged into another one; that one's checkout stays.
    let (into, from) = (filled(&shop, 1), filled(&shop, 1));
    let (ours, theirs) = (into.quoted(), from.quoted());
    let body = json!({"from": from.id, "from_token": from.token});
    into.post("/merge", body).is(200);
    check(&theirs.read(), json!({"state": "cancelled", "version": 2}));
    check(&ours.read(), json!({"state": "open", "version": 1}));
    let closed = from.check_out(json!({})).refused(409, "cart_closed");
    check(&closed, json!({"id": from.id, "state": "merged"}));
    let lines = ours.patch(json!({})).version(2);
    assert_eq!(lines["lines"].as_array().map(Vec::len), Some(2));
}

#[test]
fn leaves_the_cart_editable() {
    let shop = shop();
    let cart = filled(&shop, 1);
    let checkout = cart.quoted();
    let level = shop.stocked(10);
    cart.add(&level.sku, 1).is(200);
    assert_eq!(cart.read()["state"], "open");
    assert_eq!(checkout.read()["version"], 1);
}

#[test]
fn is_cancelled_once() {
    let shop = shop();
    let checkout = filled(&shop, 1).quoted();
    let wrong = checkout.request("POST", "/cancel").if_match(7).send();
    wrong.refused(409, "version_conflict");
    let cancelled = checkout.cancel().is(200).version(2);
    check(
        &cancelled,
        json!({"state": "cancelled", "email": "ada@example.com"}),
    );
    assert_eq!(checkout.cancel().is(200).json(), cancelled);
    let answers = race(4, |_| checkout.cancel().status);
    assert_eq!(answers, [200; 4]);
    assert_eq!(checkout.read(), cancelled);
    let refused = checkout
        .patch(json!({"email": null}))
        .refused(409, "invalid_state");
    assert_eq!(refused["state"], "cancelled");
}

#[test]
fn a_key_repeats_the_answer_byte_for_byte() {
    let shop = shop();
    let cart = filled(&shop, 1);
    let (open, change, cancel) = (fresh("open"), fresh("change"), fresh("cancel"));
    let body = json!({"email": "ada@example.com", "shipping_address": address("US"), "hold": true});
    let post = || {
        cart.check_out_with(body.clone())
            .idempotency_key(&open)
            .send()
    };
    let first = post().is(201);
    assert!(!first.replayed());
    let checkout = cart.checkout(&first.json());
    let patch = || {
        let request = checkout.request("PATCH", "").idempotency_key(&change);
        request.json(json!({"email": "grace@example.com"})).send()
    };
    let second = patch().is(200);
    let end = || {
        checkout
            .request("POST", "/cancel")
            .idempotency_key(&cancel)
            .send()
    };
    let third = end().is(200);
    // The person's data is that of the answer, though it changed since, and so is the signature.
    for (again, before) in [(post(), &first), (patch(), &second), (end(), &third)] {
        assert!(again.replayed(), "{}", again.story());
        assert_eq!((again.status, again.text()), (before.status, before.text()));
        for name in ["etag", "location"] {
            assert_eq!(again.header(name), before.header(name), "{name}");
        }
    }
    assert!(first.text().contains("ada@example.com"));
    assert!(first.json()["quote"]["signature"].is_string());
    assert!(!second.text().contains("ada@example.com"));
    let other = cart.check_out_with(json!({})).idempotency_key(&open).send();
    other.refused(409, "idempotency_key_reused");

    // Refusals are kept too; the cart is a principal, so any key will do.
    let empty = shop.cart();
    let key = fresh("empty");
    let try_it = || empty.check_out_with(json!({})).idempotency_key(&key).send();
    try_it().invalid("cart_id");
    let level = shop.stocked(10);
    empty.add(&level.sku, 1).is(200);
    assert!(try_it().replayed());
    let other = empty
        .check_out_with(json!({}))
        .idempotency_key(&uuid())
        .send();
    other.is(201);
}

#[test]
fn opens_to_the_token_of_its_cart_and_to_keys_with_the_scope() {
    let shop = shop();
    let (cart, other) = (filled(&shop, 1), filled(&shop, 1));
    let (mine, carts) = (shop.api_key(&["checkouts"]), shop.api_key(&["carts"]));
    let body = json!({"cart_id": cart.id});
    let open = || shop.post("/v1/checkouts").json(body.clone());
    open().send().refused(404, "not_found");
    open().token(&other.token).send().refused(404, "not_found");
    open().key(&carts).send().refused(404, "not_found");
    open()
        .key("no-such-key")
        .send()
        .refused(401, "unauthenticated");
    let opened = open().key(&mine).send().created();
    open().key(&carts).token(&cart.token).send().is(200);
    let checkout = cart.checkout(&opened);
    for (method, rest, body) in [
        ("GET", "", None),
        ("PATCH", "", Some(json!({}))),
        ("POST", "/cancel", None),
    ] {
        let request = || {
            let request = shop.request(method, &checkout.path(rest));
            match &body {
                Some(body) => request.json(body.clone()),
                None => request,
            }
        };
        let hidden = request().send().refused(404, "not_found");
        check(&hidden, json!({"resource": "checkout", "id": checkout.id}));
        request()
            .token(&other.token)
            .send()
            .refused(404, "not_found");
        request().key(&carts).send().refused(404, "not_found");
        request()
            .key("no-such-key")
            .send()
            .refused(401, "unauthenticated");
        request().key(&mine).send().is(200);
        request().token(&cart.token).send().is(200);
        request().key(&carts).token(&cart.token).send().is(200);
    }
    shop.get("/v1/checkouts")
        .send()
        .refused(401, "unauthenticated");
    shop.get("/v1/checkouts")
        .token(&cart.token)
        .send()
        .refused(401, "unauthenticated");
    let forbidden = shop.get("/v1/checkouts").key(&carts).send();
    assert_eq!(forbidden.refused(403, "forbidden")["scope"], "checkouts");
    shop.get("/v1/checkouts").key(&mine).send().is(200);
}

#[test]
fn lists_by_cart_and_state() {
    let shop = shop();
    let key = shop.api_key(&["checkouts"]);
    let cart = filled(&shop, 1);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let checkout = cart.quoted();
        ids.push(checkout.id.clone());
        checkout.cancel().is(200);
    }
    let open = cart.quoted();
    ids.push(open.id.clone());
    let list = |query: &str| -> (Vec<Value>, Value) {
        let page = shop
            .get(&format!("/v1/checkouts?{query}"))
            .key(&key)
            .send()
            .ok();
        (
            page["items"].as_array().expect("items").clone(),
            page["next_cursor"].clone(),
        )
    };
    let mut found = Vec::new();
    let mut more = String::new();
    loop {
        let (items, next) = list(&format!("cart_id={}&limit=4{more}", cart.id));
        found.extend(items.iter().map(|item| text(&item["id"])));
        match next.as_str() {
            Some(next) => more = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, ids);
    let (items, _) = list(&format!("cart_id={}&state=open", cart.id));
    assert_eq!(items, [open.read()]);
    let (items, _) = list(&format!("cart_id={}&state=cancelled", cart.id));
    assert_eq!(items.len(), 5);
    assert!(items.iter().all(|item| item["email"] == "ada@example.com"));
    for state in [
        "processing",
        "requires_action",
        "completed",
        "expired",
        "needs_attention",
    ] {
        assert_eq!(
            list(&format!("cart_id={}&state={state}", cart.id)).0,
            Vec::<Value>::new()
        );
    }
    assert!(!list("state=open&limit=1").0.is_empty());
    let bad = |query: &str| shop.get(&format!("/v1/checkouts?{query}")).key(&key).send();
    bad("state=paid").invalid("state");
    bad("cart_id=x").invalid("cart_id");
    bad("color=red").invalid("color");
    assert!(whole(&open.read()["version"]) == 1);
}
