//! `/v1/transfers`: units on their way from one location to another.

use serde_json::{Value, json};

use crate::support::{Level, Response, Shop, check, race, shop, text};

/// A level with so much of it, and the same SKU's level elsewhere, never received.
fn scene(shop: &Shop, quantity: i64) -> (Level, Level) {
    let from = shop.stocked(quantity);
    let to = shop.level(&shop.warehouse(), &from.sku, 0);
    (from, to)
}

fn send(shop: &Shop, from: &Level, to: &Level, quantity: i64) -> Response {
    let body = json!({"sku": from.sku, "from": from.store, "to": to.store, "quantity": quantity});
    shop.post("/v1/transfers").admin().json(body).send()
}

fn end(shop: &Shop, transfer: &Value, verb: &str) -> Response {
    let path = format!("/v1/transfers/{}/{verb}", text(&transfer["id"]));
    shop.post(&path).admin().send()
}

#[test]
fn takes_units_off_one_shelf_and_lays_them_on_the_other() {
    let shop = shop();
    let (from, to) = scene(&shop, 10);
    let transfer = send(&shop, &from, &to, 4).one_of(&[200, 201]).json();
    check(
        &transfer,
        json!({"sku": from.sku, "from": from.store, "to": to.store, "quantity": 4, "state": "in_transit"}),
    );
    check(
        &from.read(),
        json!({"on_hand": 6, "available": 6, "version": 2}),
    );
    to.get().send().refused(404, "not_found");

    assert_eq!(end(&shop, &transfer, "receive").ok()["state"], "received");
    check(
        &to.read(),
        json!({"on_hand": 4, "available": 4, "version": 1}),
    );
    check(
        &from.movements()[1],
        json!({"type": "transfer_out", "on_hand_delta": -4}),
    );
    check(
        &to.movements()[0],
        json!({"type": "transfer_in", "on_hand_delta": 4}),
    );
    from.adds_up();
    to.adds_up();
}

#[test]
fn gives_units_back_when_cancelled() {
    let shop = shop();
    let (from, to) = scene(&shop, 10);
    let transfer = send(&shop, &from, &to, 4).succeeded().json();
    assert_eq!(end(&shop, &transfer, "cancel").ok()["state"], "cancelled");
    check(&from.read(), json!({"on_hand": 10, "version": 3}));
    to.get().send().refused(404, "not_found");
    from.adds_up();
}

#[test]
fn ends_only_once() {
    let shop = shop();
    for (first, second, state) in [
        ("receive", "cancel", "received"),
        ("cancel", "receive", "cancelled"),
    ] {
        let (from, to) = scene(&shop, 5);
        let transfer = send(&shop, &from, &to, 5).succeeded().json();
        end(&shop, &transfer, first).is(200);
        let problem = end(&shop, &transfer, second).refused(409, "invalid_state");
        assert_eq!(problem["state"], state);
        let on_hand = if first == "receive" { 0 } else { 5 };
        assert_eq!(from.read()["on_hand"], on_hand);
    }
}

#[test]
fn moves_nothing_that_is_promised() {
    let shop = shop();
    let (from, to) = scene(&shop, 10);
    from.reserve(7).is(201);
    let problem = send(&shop, &from, &to, 4).refused(409, "insufficient_stock");
    check(
        &problem,
        json!({"sku": from.sku, "requested": 4, "available": 3}),
    );
    check(
        &from.read(),
        json!({"on_hand": 10, "reserved": 7, "version": 2}),
    );
    send(&shop, &from, &to, 3).succeeded();
}

#[test]
fn refuses_a_transfer_that_makes_no_sense() {
    let shop = shop();
    let (from, to) = scene(&shop, 10);
    let body = |field: &str, value: Value| {
        let mut body = json!({"sku": from.sku, "from": from.store, "to": to.store, "quantity": 1});
        body[field] = value;
        shop.post("/v1/transfers").admin().json(body).send()
    };
    for (field, value) in [
        ("quantity", json!(0)),
        ("quantity", json!(-1)),
        ("quantity", json!(1_000_000_001)),
        ("quantity", json!("1")),
        ("sku", json!(null)),
        ("from", json!(null)),
        ("to", json!(null)),
        ("by", json!("truck")),
    ] {
        body(field, value).invalid(field);
    }
    body("to", json!(from.store)).refused(422, "invalid");
    for (field, value) in [("sku", "nothing"), ("from", "nowhere"), ("to", "nowhere")] {
        let problem = body(field, json!(value)).refused(404, "not_found");
        assert_eq!(problem["id"], value);
    }
    for verb in ["receive", "cancel"] {
        let path = format!("/v1/transfers/tr_nothing/{verb}");
        let answer = shop.post(&path).admin().send();
        answer.refused(404, "not_found");
    }
    check(&from.read(), json!({"on_hand": 10, "version": 1}));
}

#[test]
fn arrives_once_however_often_it_is_received() {
    let shop = shop();
    let (from, to) = scene(&shop, 10);
    let transfer = send(&shop, &from, &to, 6).succeeded().json();
    let answers = race(8, |caller| {
        end(
            &shop,
            &transfer,
            if caller % 4 == 0 { "cancel" } else { "receive" },
        )
    });
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!(
        answers
            .iter()
            .all(|answer| [200, 409].contains(&answer.status))
    );
    let there = to.get().send();
    let arrived = if there.status == 404 {
        0
    } else {
        to.adds_up();
        there.ok()["on_hand"].as_i64().expect("a figure")
    };
    assert!(arrived == 0 || arrived == 6, "{arrived}");
    check(&from.read(), json!({"on_hand": 10 - arrived}));
    from.adds_up();
}
