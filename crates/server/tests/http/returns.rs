//! Returns: asked for by the buyer, received by the shop.

use serde_json::{Value, json};

use crate::support::{Bought, Paying, Response, check, paying, race, text, units, usd};

fn ask(bought: &Bought, lines: &[(&str, i64)]) -> Response {
    let request = bought.request("POST", "/returns").token(&bought.cart.token);
    let body = json!({"lines": units(lines), "reason": "too small"});
    request.json(body).send()
}

fn post(paying: &Paying, back: &Value, verb: &str, body: Value) -> Response {
    let path = format!("/v1/returns/{}/{verb}", text(&back["id"]));
    paying.shop.post(&path).admin().json(body).send()
}

#[test]
fn units_come_back_to_stock_and_their_money_to_the_buyer() {
    let paying = paying();
    let bought = paying.order(&[3]);
    let problem = ask(&bought, &[("ln_1", 1)]).refused(409, "exceeds_remaining");
    check(&problem, json!({"requested": 1, "remaining": 0}));
    bought.fulfill(&[("ln_1", 3)]).is(201);
    let answer = ask(&bought, &[("ln_1", 2)]).is(201);
    let location = answer.header("location").unwrap_or_default().to_owned();
    let back = answer.json();
    check(
        &back,
        json!({"order_id": bought.id, "state": "requested", "reason": "too small", "received": [],
               "lines": units(&[("ln_1", 2)])}),
    );
    assert!(text(&back["id"]).starts_with("ret_"));
    ask(&bought, &[("ln_1", 2)]).refused(409, "exceeds_remaining");
    let read = paying.shop.get(&location);
    assert_eq!(read.clone().token(&bought.cart.token).send().ok(), back);
    read.clone().send().refused(404, "not_found");
    check(&bought.levels[0].read(), json!({"on_hand": 97}));

    let answers = race(6, |_| {
        post(&paying, &back, "receive", json!({"refund": true}))
    });
    for answer in answers {
        check(
            &answer.ok(),
            json!({"state": "received", "received": units(&[("ln_1", 2)])}),
        );
    }
    let order = bought.settled();
    check(
        &order,
        json!({"state": "completed", "payment_state": "partially_refunded",
               "lines": [{"fulfilled": 3, "returned": 2, "refunded": 2}],
               "refunds": [{"amount": usd(2000), "return_id": back["id"]}]}),
    );
    assert_eq!(order["returns"][0]["refund_id"], order["refunds"][0]["id"]);
    check(
        &bought.levels[0].read(),
        json!({"on_hand": 99, "available": 99}),
    );
    assert_eq!(paying.gateway.refunded(&bought.cart.id), 2000);
    post(&paying, &back, "cancel", json!({})).refused(409, "invalid_state");
    bought.levels[0].adds_up();
}

#[test]
fn takes_in_less_than_was_asked_for_elsewhere_and_without_restocking() {
    let paying = paying();
    let bought = paying.order(&[4]);
    bought.fulfill(&[("ln_1", 4)]).is(201);
    let elsewhere = paying.shop.warehouse();
    let first = ask(&bought, &[("ln_1", 3)]).is(201).json();
    let too_many = json!({"lines": units(&[("ln_1", 4)])});
    post(&paying, &first, "receive", too_many).refused(409, "exceeds_remaining");
    let nowhere = json!({"store": "nowhere"});
    post(&paying, &first, "receive", nowhere).refused(404, "not_found");
    let some = json!({"lines": units(&[("ln_1", 1)]), "store": elsewhere});
    post(&paying, &first, "receive", some).is(200);
    let level = paying.shop.level(&elsewhere, &bought.levels[0].sku, 0);
    check(&level.read(), json!({"on_hand": 1, "available": 1}));
    check(&bought.levels[0].read(), json!({"on_hand": 96}));
    let second = ask(&bought, &[("ln_1", 2)]).is(201).json();
    post(&paying, &second, "receive", json!({"restock": false})).is(200);
    check(&bought.levels[0].read(), json!({"on_hand": 96}));
    check(
        &bought.read(),
        json!({"lines": [{"returned": 3, "refunded": 0}], "refunds": []}),
    );
    let third = ask(&bought, &[("ln_1", 1)]).is(201).json();
    for _ in 0..2 {
        let answer = post(&paying, &third, "cancel", json!({})).ok();
        check(&answer, json!({"state": "cancelled"}));
    }
    post(&paying, &third, "receive", json!({})).refused(409, "invalid_state");
    let key = paying.shop.api_key(&["orders:write"]);
    let path = format!("/v1/returns/{}/receive", text(&third["id"]));
    let refund = paying
        .shop
        .post(&path)
        .key(&key)
        .json(json!({"refund": true}));
    assert_eq!(refund.send().refused(403, "forbidden")["scope"], "refunds");
    // All of them, page by page.
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/returns?limit=1{cursor}");
        let page = paying.shop.get(&path).admin().send().ok();
        found.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let ours: Vec<_> = found
        .iter()
        .filter(|it| it["order_id"] == json!(bought.id))
        .map(|it| text(&it["state"]))
        .collect();
    assert_eq!(ours, ["received", "received", "cancelled"]);
}
