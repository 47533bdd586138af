//! `/v1/orders`: what was sold, who sees it, what has left and what was given up.

use serde_json::{Value, json};

use crate::support::{check, fresh, instant, money, paying, race, text, units, usd, whole};

#[test]
fn shows_what_was_sold_and_what_happened_to_it() {
    let paying = paying();
    let bought = paying.order(&[2, 1]);
    let order = bought.read();
    check(
        &order,
        json!({
            "id": bought.id, "state": "placed", "payment_state": "captured", "fulfillment_state": "none",
            "cart_id": bought.cart.id, "customer_id": null, "email": "ada@example.com",
            "shipping_address": {"city": "London"}, "billing_address": {"city": "London"}, "currency": "USD",
            "lines": [
                {"line_id": "ln_1", "sku": bought.levels[0].sku, "quantity": 2, "unit_price": usd(1000),
                 "total": usd(2000), "fulfilled": 0, "returned": 0, "refunded": 0, "cancelled": 0},
                {"line_id": "ln_2", "quantity": 1, "total": usd(1000)},
            ],
            "totals": {"subtotal": usd(3000), "shipping": usd(599), "total": usd(3599)},
            "payments": [{"method": "card", "provider": "sim", "state": "captured", "amount": usd(3599),
                          "captured": usd(3599), "refunded": usd(0), "card": {"brand": "visa"}}],
            "fulfillments": [], "returns": [], "refunds": [],
            "history": [{"seq": 1, "type": "placed", "actor": "shop"}, {"seq": 2, "type": "paid", "actor": "shop"}],
        }),
    );
    assert!(text(&order["id"]).starts_with("ord_"));
    assert!(text(&order["invoices"][0]).starts_with("INV-"));
    instant(&order["history"][0]["at"]);
    assert_eq!(order["history"][1]["data"]["invoice"], order["invoices"][0]);
    let answer = bought.request("GET", "").admin().send();
    assert_eq!(answer.etag(), whole(&order["version"]));
    // Numbers rise and find the order too.
    let other = paying.order(&[1]).read();
    assert!(whole(&other["number"]) > whole(&order["number"]));
    let by_number = format!("/v1/orders/{}", order["number"]);
    let found = paying.shop.get(&by_number).admin().send().ok();
    assert_eq!(found, order);
}

#[test]
fn opens_to_its_cart_and_to_keys_and_to_nobody_else() {
    let paying = paying();
    let (bought, other) = (paying.order(&[1]), paying.order(&[1]));
    let number = bought.read()["number"].clone();
    let by_number = format!("/v1/orders/{number}");
    let token = &bought.cart.token;
    bought.request("GET", "").token(token).send().is(200);
    let reader = paying.shop.api_key(&["orders:read"]);
    paying.shop.get(&by_number).key(&reader).send().is(200);
    // A number opens nothing by itself, and neither does another cart's token.
    paying
        .shop
        .get(&by_number)
        .token(token)
        .send()
        .refused(404, "not_found");
    for (method, rest) in [("GET", ""), ("POST", "/cancel"), ("POST", "/returns")] {
        let send = |request: crate::support::Request| match rest {
            "/returns" => request
                .json(json!({"lines": units(&[("ln_1", 1)]), "reason": "x"}))
                .send(),
            _ => request.send(),
        };
        let ask = || bought.request(method, rest);
        for answer in [
            send(ask()),
            send(ask().token(&other.cart.token)),
            send(ask().key(&paying.shop.api_key(&["wallets"]))),
        ] {
            let problem = answer.refused(404, "not_found");
            assert_eq!(problem["resource"], "order");
        }
    }
    for (rest, scope) in [("/fulfillments", "orders:write"), ("/refunds", "refunds")] {
        let ask = || {
            bought
                .request("POST", rest)
                .idempotency_key(&crate::support::uuid())
        };
        ask().json(json!({})).send().refused(401, "unauthenticated");
        let by_cart = ask().token(token).json(json!({})).send();
        by_cart.refused(401, "unauthenticated");
        let refused = ask()
            .key(&reader)
            .json(json!({}))
            .send()
            .refused(403, "forbidden");
        assert_eq!(refused["scope"], scope);
    }
    let list = paying.shop.get("/v1/orders").send();
    list.refused(401, "unauthenticated");
    for id in ["ord_0", "0", "007", "x", "99999999999999999999"] {
        let answer = paying.shop.get(&format!("/v1/orders/{id}")).admin().send();
        answer.refused(404, "not_found");
    }
}

#[test]
fn lists_by_state_customer_mailbox_and_time() {
    let paying = paying();
    let customer = fresh("customer");
    let level = paying.shop.stocked(10);
    let bought = paying.order_of(std::slice::from_ref(&level), &[1]);
    let order = bought.read();
    let list = |query: String| {
        let answer = paying.shop.get(&format!("/v1/orders?limit=200{query}"));
        let page = answer.admin().send().ok();
        let items = page["items"].as_array().expect("items").clone();
        items.iter().map(|it| text(&it["id"])).collect::<Vec<_>>()
    };
    let at = text(&order["created_at"]);
    let has = |query: String| list(query).contains(&bought.id);
    assert!(has(String::new()) && has("&state=placed".into()));
    assert!(has("&email=ADA@example.com".into()));
    assert!(has(format!("&from={at}")));
    assert!(!has("&state=cancelled".into()) && !has(format!("&to={at}")));
    assert_eq!(
        list(format!("&customer_id={customer}")),
        Vec::<String>::new()
    );
    assert_eq!(
        list("&email=nobody@example.com".into()),
        Vec::<String>::new()
    );
    for (query, field) in [("state=x", "state"), ("from=x", "from"), ("x=1", "x")] {
        let answer = paying.shop.get(&format!("/v1/orders?{query}")).admin();
        answer.send().invalid(field);
    }
    let page = paying.shop.get("/v1/orders?limit=1").admin().send().ok();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn units_leave_in_parts_and_never_more_than_were_bought() {
    let paying = paying();
    let bought = paying.order(&[3, 1]);
    check(
        &bought.levels[0].read(),
        json!({"on_hand": 100, "allocated": 3}),
    );
    let tracking = json!({"carrier": "DHL", "number": "1Z", "url": "https://example.com/1Z"});
    let body = json!({"lines": units(&[("ln_1", 2)]), "tracking": tracking});
    let order = bought.post("/fulfillments", body).is(201).json();
    check(
        &order,
        json!({"state": "placed", "fulfillment_state": "partial", "payment_state": "captured",
               "fulfillments": [{"lines": units(&[("ln_1", 2)]), "tracking": tracking}],
               "lines": [{"fulfilled": 2}, {"fulfilled": 0}]}),
    );
    check(
        &bought.levels[0].read(),
        json!({"on_hand": 98, "allocated": 1, "available": 97}),
    );
    let problem = bought
        .fulfill(&[("ln_1", 2)])
        .refused(409, "exceeds_remaining");
    check(&problem, json!({"requested": 2, "remaining": 1}));
    // Of many at once one gets the last unit.
    let answers = race(8, |_| bought.fulfill(&[("ln_1", 1)]));
    let done = answers.iter().filter(|it| it.status == 201).count();
    assert_eq!(done, 1);
    for answer in answers.iter().filter(|it| it.status != 201) {
        answer.refused(409, "exceeds_remaining");
    }
    let order = bought.fulfill(&[("ln_2", 1)]).is(201).json();
    check(
        &order,
        json!({"state": "completed", "fulfillment_state": "fulfilled"}),
    );
    check(
        &bought.levels[0].read(),
        json!({"on_hand": 97, "allocated": 0}),
    );
    bought.levels[0].adds_up();
    bought
        .request("POST", "/cancel")
        .admin()
        .send()
        .refused(409, "invalid_state");
    assert!(paying.gateway.effects(&bought.cart.id, "capture").len() == 1);
    for (body, field) in [
        (json!({}), "lines"),
        (json!({"lines": []}), "lines"),
        (json!({"lines": units(&[("ln_1", 0)])}), "lines[0].quantity"),
        (
            json!({"lines": units(&[("ln_1", 1), ("ln_1", 1)])}),
            "lines[1].line_id",
        ),
        (
            json!({"lines": units(&[("ln_1", 1)]), "tracking": {"url": "javascript:1"}}),
            "tracking.url",
        ),
    ] {
        bought.post("/fulfillments", body).invalid(field);
    }
    for line in ["ln_9", "x"] {
        bought.fulfill(&[(line, 1)]).refused(404, "not_found");
    }
}

#[test]
fn giving_up_an_order_frees_its_stock_and_gives_the_money_back() {
    let paying = paying();
    let bought = paying.order(&[2, 1]);
    check(
        &bought.levels[0].read(),
        json!({"available": 98, "allocated": 2}),
    );
    let cancel = || {
        bought
            .request("POST", "/cancel")
            .token(&bought.cart.token)
            .send()
    };
    let order = cancel().ok();
    check(
        &order,
        json!({"state": "cancelled", "fulfillment_state": "none"}),
    );
    assert_eq!(order["history"][2]["actor"], json!(bought.cart.id));
    check(
        &bought.levels[0].read(),
        json!({"available": 100, "allocated": 0, "on_hand": 100}),
    );
    let order = bought.settled();
    check(
        &order,
        json!({"payment_state": "refunded", "refunds": [{"state": "succeeded", "amount": usd(3599), "shipping": usd(599)}]}),
    );
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 3599);
    // Again: nothing changes.
    let again = cancel().ok();
    assert_eq!(again["version"], order["version"]);
    bought.fulfill(&[("ln_1", 1)]).refused(409, "invalid_state");
    let problem = bought
        .refund(json!({"amount": usd(1)}))
        .refused(409, "exceeds_remaining");
    check(&problem, json!({"requested": 1, "remaining": 0}));
    bought.levels[0].adds_up();
}

#[test]
fn giving_up_the_rest_gives_the_rest_back() {
    let paying = paying();
    let bought = paying.order(&[3, 1]);
    bought.fulfill(&[("ln_1", 1)]).is(201);
    let answers = race(6, |_| bought.request("POST", "/cancel").admin().send());
    for answer in answers {
        answer.is(200);
    }
    let order = bought.settled();
    check(
        &order,
        json!({"state": "completed", "fulfillment_state": "fulfilled", "payment_state": "partially_refunded",
               "lines": [{"fulfilled": 1, "cancelled": 2, "refunded": 2}, {"cancelled": 1, "refunded": 1}],
               "refunds": [{"amount": usd(3000), "shipping": usd(0)}]}),
    );
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 3000);
    check(
        &bought.levels[0].read(),
        json!({"on_hand": 99, "allocated": 0, "available": 99}),
    );
}

#[test]
fn writes_can_name_the_version_they_know() {
    let bought = paying().order(&[2]);
    let body = json!({"lines": units(&[("ln_1", 1)]), "expected_version": 1});
    let conflict = bought
        .post("/fulfillments", body)
        .refused(409, "version_conflict");
    assert_eq!(conflict["current_version"], 2);
    let key = fresh("key");
    let send = || {
        let body: Value = json!({"lines": units(&[("ln_1", 1)]), "expected_version": 2});
        let asked = bought.request("POST", "/fulfillments").admin().json(body);
        asked.idempotency_key(&key).send()
    };
    let first = send().is(201);
    let second = send().is(201);
    assert!(second.replayed());
    assert_eq!(first.body, second.body);
    assert_eq!(
        money(&bought.read()["payments"][0]["captured"], "USD"),
        2599
    );
}
