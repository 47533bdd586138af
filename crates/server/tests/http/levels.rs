//! `/v1/stores/{store}/inventory/{sku}`: what lies there, what is promised, and the movements that say why.

use serde_json::{Value, json};

use crate::support::{check, fresh, instant, race, shop, text, whole};

#[test]
fn creates_the_level_when_it_is_first_received() {
    let shop = shop();
    let level = shop.stocked(0);
    level.get().send().refused(404, "not_found");
    let made = level.adjust(7).is(200).version(1);
    check(
        &made,
        json!({
            "store": level.store, "sku": level.sku, "on_hand": 7, "reserved": 0, "granted": 0,
            "safety_stock": 0, "available": 7, "version": 1
        }),
    );
    instant(&made["updated_at"]);
    assert_eq!(level.get().send().is(200).version(1), made);
}

#[test]
fn names_the_store_or_sku_that_it_does_not_know() {
    let shop = shop();
    let level = shop.stocked(1);
    let rows = [
        (
            format!("/v1/stores/nowhere/inventory/{}", level.sku),
            "nowhere",
        ),
        (
            format!("/v1/stores/{}/inventory/nothing", level.store),
            "nothing",
        ),
    ];
    for (path, id) in rows {
        let problem = shop.get(&path).admin().send().refused(404, "not_found");
        assert_eq!(problem["id"], id);
        for (verb, body) in [
            ("adjust", json!({"delta": 1, "reason": "x"})),
            ("count", json!({"quantity": 1, "expected_version": 0})),
            (
                "reserve",
                json!({"quantity": 1, "reference": fresh("ref"), "ttl_seconds": 9}),
            ),
        ] {
            let answer = shop
                .post(&format!("{path}/{verb}"))
                .admin()
                .json(body)
                .send();
            assert_eq!(answer.refused(404, "not_found")["id"], id, "{verb}");
        }
    }
}

#[test]
fn raises_the_version_by_one_for_every_change() {
    let shop = shop();
    let level = shop.stocked(10);
    let (held, sold) = (level.hold(3), level.hold(2));
    let rows = [
        ("adjust", json!({"delta": 5, "reason": "delivery"}), 15, 5),
        ("release", json!({"reservation_id": held}), 15, 2),
        ("confirm", json!({"reservation_id": sold}), 13, 0),
        ("adjust", json!({"delta": -1, "reason": "broken"}), 12, 0),
        (
            "count",
            json!({"quantity": 11, "expected_version": 7}),
            11,
            0,
        ),
    ];
    let before = level.read();
    check(
        &before,
        json!({"on_hand": 10, "reserved": 5, "available": 5, "version": 3}),
    );
    for (index, (verb, body, on_hand, reserved)) in rows.into_iter().enumerate() {
        level.post(verb, body).is(200);
        let available: i64 = on_hand - reserved;
        check(
            &level.read(),
            json!({"on_hand": on_hand, "reserved": reserved, "available": available, "version": index + 4}),
        );
    }
    level.adds_up();
}

#[test]
fn tells_every_movement_in_order() {
    let shop = shop();
    let level = shop.stocked(0);
    level
        .post("adjust", json!({"delta": 10, "reason": "delivery 17"}))
        .is(200);
    let reference = fresh("ref");
    let held = level
        .post(
            "reserve",
            json!({"quantity": 4, "reference": reference, "ttl_seconds": 60}),
        )
        .created();
    level
        .post("release", json!({"reservation_id": held["id"]}))
        .is(200);
    let sold = level.hold(2);
    level
        .post("confirm", json!({"reservation_id": sold}))
        .is(200);
    level
        .post("count", json!({"quantity": 9, "expected_version": 5}))
        .is(200);
    level.patch(json!({"safety_stock": 1})).is(200);

    let movements = level.movements();
    let expected = [
        json!({"type": "adjusted", "on_hand_delta": 10, "reserved_delta": 0, "on_hand": 10, "reserved": 0, "reason": "delivery 17"}),
        json!({"type": "reserved", "on_hand_delta": 0, "reserved_delta": 4, "on_hand": 10, "reserved": 4, "reservation_id": held["id"], "reference": reference}),
        json!({"type": "released", "on_hand_delta": 0, "reserved_delta": -4, "on_hand": 10, "reserved": 0, "reservation_id": held["id"]}),
        json!({"type": "reserved", "on_hand_delta": 0, "reserved_delta": 2, "on_hand": 10, "reserved": 2, "reservation_id": sold}),
        json!({"type": "confirmed", "on_hand_delta": -2, "reserved_delta": -2, "on_hand": 8, "reserved": 0, "reservation_id": sold}),
        json!({"type": "counted", "on_hand_delta": 1, "reserved_delta": 0, "on_hand": 9, "reserved": 0}),
        json!({"type": "configured", "on_hand_delta": 0, "reserved_delta": 0, "on_hand": 9, "reserved": 0}),
    ];
    check(
        &Value::Array(movements.clone()),
        Value::Array(expected.to_vec()),
    );
    for movement in &movements {
        instant(&movement["at"]);
        assert!(!text(&movement["actor"]).is_empty(), "{movement}");
    }
    level.adds_up();
}

#[test]
fn takes_nothing_away_that_is_promised() {
    let shop = shop();
    let level = shop.stocked(10);
    level.reserve(4).is(201);
    let problem = level.adjust(-7).refused(409, "insufficient_stock");
    check(
        &problem,
        json!({"sku": level.sku, "requested": 7, "available": 6}),
    );
    check(
        &level.read(),
        json!({"on_hand": 10, "reserved": 4, "version": 2}),
    );
    level.adjust(-6).is(200);
    check(
        &level.read(),
        json!({"on_hand": 4, "reserved": 4, "available": 0, "version": 3}),
    );
    level.adjust(-1).refused(409, "insufficient_stock");
}

#[test]
fn refuses_an_adjustment_that_makes_no_sense() {
    let shop = shop();
    let level = shop.stocked(5);
    let rows = [
        (r#"{"delta": 0, "reason": "x"}"#, "delta"),
        (r#"{"reason": "x"}"#, "delta"),
        (r#"{"delta": 1.5, "reason": "x"}"#, "delta"),
        (r#"{"delta": 5.0, "reason": "x"}"#, "delta"),
        (r#"{"delta": 1e1, "reason": "x"}"#, "delta"),
        (r#"{"delta": "1", "reason": "x"}"#, "delta"),
        (r#"{"delta": true, "reason": "x"}"#, "delta"),
        (r#"{"delta": null, "reason": "x"}"#, "delta"),
        (r#"{"delta": 1000000001, "reason": "x"}"#, "delta"),
        (r#"{"delta": -1000000001, "reason": "x"}"#, "delta"),
        (r#"{"delta": 9223372036854775808, "reason": "x"}"#, "delta"),
        (
            r#"{"delta": 99999999999999999999999999, "reason": "x"}"#,
            "delta",
        ),
        (r#"{"delta": 1}"#, "reason"),
        (r#"{"delta": 1, "reason": ""}"#, "reason"),
        (r#"{"delta": 1, "reason": 5}"#, "reason"),
        (r#"{"delta": 1, "reason": "x", "force": true}"#, "force"),
        (r#"{"delta": 1, "delta": 1, "reason": "x"}"#, "delta"),
    ];
    for (body, field) in rows {
        let answer = level
            .request("adjust")
            .text("application/json", body)
            .send();
        answer.invalid(field);
    }
    let long = json!({"delta": 1, "reason": "r".repeat(201)});
    level.post("adjust", long).invalid("reason");
    assert_eq!(level.read()["version"], 1);
    level
        .post("adjust", json!({"delta": 1, "reason": "é".repeat(200)}))
        .is(200);
}

#[test]
fn counts_only_with_a_version() {
    let shop = shop();
    let level = shop.stocked(0);
    let count = |quantity: i64| level.request("count").json(json!({"quantity": quantity}));
    count(5).send().refused(428, "version_required");
    count(5).if_match(1).send().refused(409, "version_conflict");
    check(
        &count(5).if_match(0).send().version(1),
        json!({"on_hand": 5, "available": 5}),
    );
    let problem = count(6).if_match(0).send().refused(409, "version_conflict");
    assert_eq!(problem["current_version"], 1);
    // The same figure again is a fact too.
    check(
        &count(5).if_match(1).send().version(2),
        json!({"on_hand": 5}),
    );
    check(
        &count(0).if_match(2).send().version(3),
        json!({"on_hand": 0}),
    );
    for wrong in [json!(-1), json!(1_000_000_001), json!("3"), json!(1.5)] {
        let answer = level.post("count", json!({"quantity": wrong, "expected_version": 3}));
        answer.invalid("quantity");
    }
    level.adds_up();
}

#[test]
fn adds_what_happened_since_a_count_was_made() {
    let shop = shop();
    let level = shop.stocked(10);
    level.adjust(5).is(200);
    let sold = level.hold(2);
    level
        .post("confirm", json!({"reservation_id": sold}))
        .is(200);
    // At version 1 there were 8, not 10; then 5 came and 2 went.
    let counted = level.post("count", json!({"quantity": 8, "as_of_version": 1}));
    check(
        &counted.is(200).version(5),
        json!({"on_hand": 11, "reserved": 0}),
    );
    level.adds_up();
}

#[test]
fn takes_a_count_below_what_is_promised_as_a_fact() {
    let shop = shop();
    let level = shop.stocked(10);
    let held = level.hold(6);
    let counted = level.post("count", json!({"quantity": 2, "expected_version": 2}));
    check(
        &counted.is(200).version(3),
        json!({"on_hand": 2, "reserved": 6, "available": 0}),
    );

    let problem = level.reserve(1).refused(409, "insufficient_stock");
    check(&problem, json!({"requested": 1, "available": 0}));
    // A till cannot hand over what does not lie there; the promise stays.
    level
        .post("confirm", json!({"reservation_id": held}))
        .refused(409, "insufficient_stock");
    let reservation = shop
        .get(&format!("/v1/reservations/{held}"))
        .admin()
        .send()
        .ok();
    assert_eq!(reservation["state"], "pending");
    level.adjust(4).is(200);
    level
        .post("confirm", json!({"reservation_id": held}))
        .is(200);
    check(
        &level.read(),
        json!({"on_hand": 0, "reserved": 0, "available": 0}),
    );
}

#[test]
fn keeps_the_safety_stock_back() {
    let shop = shop();
    let level = shop.stocked(10);
    let set = level.patch(json!({"safety_stock": 4})).is(200);
    check(
        &set.version(2),
        json!({"on_hand": 10, "safety_stock": 4, "available": 6}),
    );
    level.patch(json!({"safety_stock": 4})).is(200).version(2);
    level.reserve(7).refused(409, "insufficient_stock");
    level.reserve(6).is(201);
    level.patch(json!({"safety_stock": 9})).is(200);
    check(
        &level.read(),
        json!({"available": 0, "reserved": 6, "safety_stock": 9}),
    );
    for wrong in [json!(-1), json!("1"), json!(1_000_000_001)] {
        level
            .patch(json!({"safety_stock": wrong}))
            .invalid("safety_stock");
    }
}

#[test]
fn promises_beyond_stock_only_as_backorders() {
    let shop = shop();
    let level = shop.stocked(5);
    level
        .patch(json!({"backorder": {"mode": "backorder", "limit": 4}}))
        .is(200);
    let hold = level.reserve(8).is(201).json();
    assert_eq!(hold["lines"][0]["backordered"], 3);
    check(
        &level.read(),
        json!({"on_hand": 5, "reserved": 5, "backordered": 3, "available": 0}),
    );
    level.reserve(2).refused(409, "insufficient_stock");
    level.adjust(2).is(200);
    check(
        &level.read(),
        json!({"on_hand": 7, "reserved": 7, "backordered": 1}),
    );
    level.adjust(2).is(200);
    check(
        &level.read(),
        json!({"on_hand": 9, "reserved": 8, "backordered": 0, "available": 1}),
    );
    level
        .patch(json!({"backorder": {"mode": "always"}}))
        .invalid("mode");
}

#[test]
fn loses_no_adjustment_of_many() {
    let shop = shop();
    let level = shop.stocked(1);
    let versions = race(16, |_| {
        let answers = (0..10).map(|_| level.adjust(1));
        answers
            .map(|answer| whole(&answer.ok()["version"]))
            .collect::<Vec<_>>()
    });
    let mut versions: Vec<_> = versions.into_iter().flatten().collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=161).collect::<Vec<_>>());
    check(&level.read(), json!({"on_hand": 161, "version": 161}));
    level.adds_up();
}
