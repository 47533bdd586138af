//! The end of a hold: an interval that can be made longer, is judged when deciding, and is swept.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::reservations::{act, read};
use crate::support::{check, eventually, fresh, instant, shop, text};

/// Waits until the clock that the hold was given by has passed its end.
fn outlive(reservation: &Value) {
    let end = instant(&reservation["expires_at"]);
    eventually(Duration::from_secs(10), "the hold's end", || {
        (Timestamp::now() > end).then_some(())
    });
}

#[test]
fn extends_a_hold_and_never_shortens_it() {
    let shop = shop();
    let level = shop.stocked(5);
    let hold = level.reserve_for(1, 60).created();
    let id = text(&hold["id"]);
    let extend = |ttl: i64| {
        let path = format!("/v1/reservations/{id}/extend");
        let body = json!({"ttl_seconds": ttl});
        shop.post(&path).admin().json(body).send()
    };
    let longer = extend(3600).ok();
    let gained = instant(&longer["expires_at"]) - instant(&hold["expires_at"]);
    let gained = gained.total(jiff::Unit::Second).expect("a span of seconds");
    assert!((3539.0..3600.0).contains(&gained), "{gained}");
    assert_eq!(longer["version"], 2);
    let kept = extend(1).ok();
    assert_eq!(kept["expires_at"], longer["expires_at"]);
    for wrong in [json!(0), json!(86_401), json!("9"), json!(null)] {
        let path = format!("/v1/reservations/{id}/extend");
        let body = json!({"ttl_seconds": wrong});
        shop.post(&path)
            .admin()
            .json(body)
            .send()
            .invalid("ttl_seconds");
    }
    check(&level.read(), json!({"reserved": 1, "version": 2}));
}

#[test]
fn frees_an_expired_hold_for_the_next_command_at_once() {
    let shop = shop();
    let level = shop.stocked(1);
    for round in 0..3 {
        let hold = level.reserve_for(1, 1).created();
        level.reserve(1).refused(409, "insufficient_stock");
        outlive(&hold);
        let next = level.reserve(1).created();
        assert_eq!(
            read(&shop, &text(&hold["id"]))["state"],
            "expired",
            "round {round}"
        );
        act(&shop, &text(&next["id"]), "release").is(200);
    }
    check(&level.read(), json!({"on_hand": 1, "reserved": 0}));
    level.adds_up();
}

#[test]
fn confirms_nothing_after_the_end() {
    let shop = shop();
    let level = shop.stocked(2);
    let hold = level.reserve_for(2, 1).created();
    outlive(&hold);
    let id = text(&hold["id"]);
    let problem = act(&shop, &id, "confirm").refused(409, "reservation_final");
    assert_eq!(problem["state"], "expired");
    for verb in ["release", "extend"] {
        let problem = act(&shop, &id, verb).refused(409, "reservation_final");
        assert_eq!(problem["state"], "expired", "{verb}");
    }
    eventually(Duration::from_secs(5), "the hold is swept", || {
        (level.read()["reserved"] == 0).then_some(())
    });
    check(
        &level.read(),
        json!({"on_hand": 2, "available": 2, "version": 3}),
    );
    let last = level.movements().pop().expect("a movement");
    check(
        &last,
        json!({"type": "expired", "reserved_delta": -2, "reservation_id": id}),
    );
}

#[test]
fn sweeps_an_expired_hold_with_all_its_levels() {
    let shop = shop();
    let levels = [shop.stocked(3), shop.stocked(3)];
    let lines: Vec<_> = levels
        .iter()
        .map(|level| json!({"sku": level.sku, "quantity": 3}))
        .collect();
    let body = json!({"lines": lines, "reference": fresh("ref"), "ttl_seconds": 1});
    let hold = shop
        .post("/v1/reservations")
        .admin()
        .json(body)
        .send()
        .created();
    outlive(&hold);
    for level in &levels {
        eventually(Duration::from_secs(5), "the level is free", || {
            (level.read()["available"] == 3).then_some(())
        });
        assert_eq!(level.read()["version"], 3);
    }
    assert_eq!(read(&shop, &text(&hold["id"]))["state"], "expired");
}
