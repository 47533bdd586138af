//! `POST /v1/carts/{id}/merge`: two carts become one, and nothing is lost.

use serde_json::{Value, json};

use crate::support::{Cart, Response, check, fresh, race, shop, text, whole};

fn merge(into: &Cart, from: &Cart, strategy: Option<&str>) -> Response {
    let mut body = json!({"from": from.id, "from_token": from.token});
    if let Some(strategy) = strategy {
        body["strategy"] = json!(strategy);
    }
    into.post("/merge", body)
}

fn closed(answer: &Response, cart: &Cart) {
    let problem = answer.refused(409, "cart_closed");
    check(&problem, json!({"id": cart.id, "state": "merged"}));
}

#[test]
fn joins_quantities_by_strategy() {
    let shop = shop();
    // strategy; of a SKU in both: ours, theirs, result
    let rows = [
        (None, 2, 3, 5),
        (Some("sum"), 2, 3, 5),
        (Some("max"), 2, 3, 3),
        (Some("max"), 4, 3, 4),
        (Some("keep"), 2, 3, 2),
    ];
    for (strategy, ours, theirs, result) in rows {
        let (both, mine, other) = (shop.stocked(50), shop.stocked(50), shop.stocked(50));
        let (into, from) = (shop.cart(), shop.cart());
        into.add(&both.sku, ours).is(200);
        into.add(&mine.sku, 1).is(200);
        from.add(&both.sku, theirs).is(200);
        from.add(&other.sku, 7).is(200);
        let merged = merge(&into, &from, strategy).is(200);
        let merged = merged.version(4);
        assert_eq!(merged["id"], into.id.as_str());
        assert_eq!(merged["state"], "open");
        for (sku, quantity) in [(&both.sku, result), (&mine.sku, 1), (&other.sku, 7)] {
            assert_eq!(into.quantity(sku), quantity, "{strategy:?}: {merged}");
        }
        let history = from.read();
        check(
            &history,
            json!({"state": "merged", "lines": [{"sku": both.sku, "quantity": theirs}, {"sku": other.sku, "quantity": 7}]}),
        );
    }
}

#[test]
fn tells_lines_apart_as_adding_does() {
    let shop = shop();
    let level = shop.stocked(50);
    let (into, from) = (shop.cart(), shop.cart());
    let line = |metadata: Value| json!({"sku": level.sku, "quantity": 1, "metadata": metadata});
    into.post("/lines", line(json!({"gift": true}))).is(200);
    from.post("/lines", line(json!({}))).is(200);
    from.post("/lines", line(json!({"gift": true}))).is(200);
    let merged = merge(&into, &from, None).ok();
    check(&merged["lines"], json!([{"quantity": 2}, {"quantity": 1}]));
}

#[test]
fn closes_the_cart_it_came_from() {
    let shop = shop();
    let level = shop.stocked(50);
    let (into, from, third) = (shop.cart(), shop.cart(), shop.cart());
    from.add(&level.sku, 2).is(200);
    let line = from.line(&level.sku);
    merge(&into, &from, None).is(200);
    let version = whole(&from.read()["version"]);

    closed(&merge(&into, &from, None), &from);
    closed(&merge(&third, &from, None), &from);
    closed(&merge(&from, &third, None), &from);
    closed(&from.add(&level.sku, 1), &from);
    closed(&from.patch("", json!({"metadata": {"a": 1}})), &from);
    closed(
        &from.patch(&format!("/lines/{line}"), json!({"quantity": 9})),
        &from,
    );
    closed(
        &from.request("DELETE", &format!("/lines/{line}")).send(),
        &from,
    );
    closed(&from.request("POST", "/clear").send(), &from);
    let replace = from.request("PUT", "/lines").if_match(version);
    closed(&replace.json(json!({"lines": []})).send(), &from);
    assert_eq!(from.read()["version"], version);
    assert_eq!(into.quantity(&level.sku), 2);
    assert_eq!(third.read()["version"], 1);
}

#[test]
fn opens_both_carts_or_none() {
    let shop = shop();
    let level = shop.stocked(50);
    let (into, from) = (shop.cart(), shop.cart());
    from.add(&level.sku, 2).is(200);
    for body in [
        json!({"from": from.id}),
        json!({"from": from.id, "from_token": "wrong"}),
        json!({"from": from.id, "from_token": into.token}),
        json!({"from": fresh("cart"), "from_token": from.token}),
    ] {
        into.post("/merge", body).refused(404, "not_found");
    }
    let body = json!({"from": from.id, "from_token": from.token});
    let theirs = shop
        .post(&into.path("/merge"))
        .token(&from.token)
        .json(body);
    theirs.send().refused(404, "not_found");
    for body in [
        json!({"from": into.id, "from_token": into.token}),
        json!({"from": from.id, "from_token": from.token, "strategy": "min"}),
        json!({"from_token": from.token}),
    ] {
        into.post("/merge", body).refused(422, "invalid");
    }
    assert_eq!(into.read()["version"], 1);
    assert_eq!(from.read()["state"], "open");

    let key = shop.api_key(&["carts"]);
    let by_key = shop.post(&into.path("/merge")).key(&key);
    by_key.json(json!({"from": from.id})).send().is(200);
    assert_eq!(into.quantity(&level.sku), 2);
}

#[test]
fn is_never_refused_for_stock_limits_or_prices() {
    let shop = shop();
    let short = shop.stocked(5);
    let limited = shop.stocked_with(50, json!({"limits": {"max": 5}}));
    let euros = shop.stocked_with(50, json!({"prices": [{"amount": 900, "currency": "EUR"}]}));
    let into = shop.cart();
    let from = shop.cart_with(json!({"currency": "EUR", "country": "US"}));
    let dollars = shop.cart();
    for cart in [&into, &dollars] {
        cart.add(&short.sku, 4).is(200);
        cart.add(&limited.sku, 4).is(200);
    }
    from.add(&euros.sku, 1).is(200);
    merge(&into, &dollars, Some("sum")).is(200);
    let merged = merge(&into, &from, Some("sum")).ok();
    for (sku, quantity) in [(&short.sku, 8), (&limited.sku, 8), (&euros.sku, 1)] {
        let lines = merged["lines"].as_array().expect("lines");
        let line = lines.iter().find(|line| line["sku"] == sku.as_str());
        let line = line.unwrap_or_else(|| panic!("{sku} is lost: {merged}"));
        assert_eq!(line["quantity"], quantity);
        let changes = line["changes"].as_array().map_or(0, Vec::len);
        assert!(changes > 0, "no changes: {line}");
    }
}

#[test]
fn goes_into_one_of_many_carts() {
    let shop = shop();
    let level = shop.stocked(1000);
    let from = shop.cart();
    from.add(&level.sku, 3).is(200);
    let targets: Vec<_> = (0..8).map(|_| shop.cart()).collect();
    let answers = race(8, |caller| merge(&targets[caller], &from, None));
    let won: Vec<_> = (0..8)
        .filter(|caller| answers[*caller].status == 200)
        .collect();
    assert_eq!(won.len(), 1);
    for (caller, answer) in answers.iter().enumerate() {
        let holds = targets[caller].quantity(&level.sku);
        if won.contains(&caller) {
            assert_eq!(holds, 3);
        } else {
            closed(answer, &from);
            assert_eq!(holds, 0);
        }
    }
}

#[test]
fn two_carts_into_each_other_end_as_one() {
    let shop = shop();
    let level = shop.stocked(1000);
    for _ in 0..10 {
        let carts = [shop.cart(), shop.cart()];
        carts[0].add(&level.sku, 2).is(200);
        carts[1].add(&level.sku, 3).is(200);
        let answers = race(2, |caller| merge(&carts[caller], &carts[1 - caller], None));
        let won = usize::from(answers[1].status == 200);
        answers[won].clone().is(200);
        answers[1 - won].refused(409, "cart_closed");
        assert_eq!(carts[won].quantity(&level.sku), 5);
        assert_eq!(carts[1 - won].read()["state"], "merged");
    }
}

#[test]
fn never_loses_a_line_that_is_added_meanwhile() {
    let shop = shop();
    let level = shop.stocked(10_000);
    for _ in 0..5 {
        let (into, from) = (shop.cart(), shop.cart());
        from.add(&level.sku, 1).is(200);
        let added = race(6, |caller| {
            if caller == 0 {
                merge(&into, &from, None).is(200);
                return 0;
            }
            let cart = if caller % 2 == 0 { &into } else { &from };
            let answers = (0..5).map(|_| cart.add(&level.sku, 1).one_of(&[200, 409]));
            answers
                .map(|answer| {
                    if answer.status == 409 {
                        closed(&answer, &from);
                    }
                    i64::from(answer.status == 200)
                })
                .sum::<i64>()
        });
        assert_eq!(into.quantity(&level.sku), 1 + added.iter().sum::<i64>());
    }
}

#[test]
fn merges_a_guest_into_a_customer() {
    let shop = shop();
    let level = shop.stocked(50);
    let key = shop.api_key(&["carts"]);
    let customer = fresh("customer");
    let body = json!({"currency": "USD", "country": "US", "customer_id": customer});
    let theirs = shop.post("/v1/carts").key(&key).json(body).send().created();
    let guest = shop.cart();
    guest.add(&level.sku, 2).is(200);
    let path = format!("/v1/carts/{}/merge", text(&theirs["id"]));
    let body = json!({"from": guest.id, "from_token": guest.token});
    let merged = shop.post(&path).key(&key).json(body).send().ok();
    check(
        &merged,
        json!({"customer_id": customer, "lines": [{"sku": level.sku, "quantity": 2}]}),
    );
}
