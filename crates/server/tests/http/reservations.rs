//! Holds: `/v1/reservations` and the verbs of a level.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Level, Response, Shop, check, fresh, instant, race, shop, text, whole};

fn reserve(shop: &Shop, lines: Value) -> Response {
    let body = json!({"lines": lines, "reference": fresh("ref"), "ttl_seconds": 600});
    shop.post("/v1/reservations").admin().json(body).send()
}

pub(crate) fn act(shop: &Shop, id: &str, verb: &str) -> Response {
    let body = match verb {
        "extend" => json!({"ttl_seconds": 900}),
        _ => json!({}),
    };
    let path = format!("/v1/reservations/{id}/{verb}");
    shop.post(&path).admin().json(body).send()
}

pub(crate) fn read(shop: &Shop, id: &str) -> Value {
    shop.get(&format!("/v1/reservations/{id}"))
        .admin()
        .send()
        .ok()
}

#[test]
fn holds_stock_for_a_while() {
    let shop = shop();
    let level = shop.stocked(10);
    let reference = fresh("ref");
    let before = Timestamp::now();
    let made = level.post(
        "reserve",
        json!({"quantity": 4, "reference": reference, "ttl_seconds": 600}),
    );
    let hold = made.is(201).version(1);
    check(
        &hold,
        json!({
            "reference": reference, "state": "pending", "version": 1,
        }),
    );
    let line = json!({"store": level.store, "sku": level.sku, "quantity": 4});
    assert_eq!(hold["lines"], json!([line]));
    let seconds = (instant(&hold["expires_at"]) - before).total(jiff::Unit::Second);
    let seconds = seconds.expect("a span of seconds");
    assert!((599.0..660.0).contains(&seconds), "{seconds}");
    check(
        &level.read(),
        json!({"on_hand": 10, "reserved": 4, "available": 6, "version": 2}),
    );
    assert_eq!(read(&shop, &text(&hold["id"])), hold);
}

#[test]
fn never_promises_more_than_is_available() {
    let shop = shop();
    let level = shop.stocked(50);
    let answers = race(64, |_| level.reserve(1));
    let held = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(held, 50);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        let problem = answer.refused(409, "insufficient_stock");
        check(
            &problem,
            json!({"sku": level.sku, "requested": 1, "available": 0}),
        );
    }
    check(
        &level.read(),
        json!({"on_hand": 50, "reserved": 50, "available": 0, "version": 51}),
    );
    level.adds_up();
}

#[test]
fn refuses_what_is_not_there_and_changes_nothing() {
    let shop = shop();
    let level = shop.stocked(3);
    let problem = level.reserve(4).refused(409, "insufficient_stock");
    check(
        &problem,
        json!({"sku": level.sku, "requested": 4, "available": 3}),
    );
    check(&level.read(), json!({"reserved": 0, "version": 1}));
    shop.stocked(0).reserve(1).refused(404, "not_found");
}

#[test]
fn refuses_a_hold_that_makes_no_sense() {
    let shop = shop();
    let level = shop.stocked(9);
    let rows = [
        (json!({"reference": "r", "ttl_seconds": 9}), "quantity"),
        (json!({"quantity": 1, "ttl_seconds": 9}), "reference"),
        (json!({"quantity": 1, "reference": "r"}), "ttl_seconds"),
        (
            json!({"quantity": 0, "reference": "r", "ttl_seconds": 9}),
            "quantity",
        ),
        (
            json!({"quantity": -1, "reference": "r", "ttl_seconds": 9}),
            "quantity",
        ),
        (
            json!({"quantity": 1_000_000_001, "reference": "r", "ttl_seconds": 9}),
            "quantity",
        ),
        (
            json!({"quantity": 1.5, "reference": "r", "ttl_seconds": 9}),
            "quantity",
        ),
        (
            json!({"quantity": 1, "reference": "", "ttl_seconds": 9}),
            "reference",
        ),
        (
            json!({"quantity": 1, "reference": 1, "ttl_seconds": 9}),
            "reference",
        ),
        (
            json!({"quantity": 1, "reference": "r", "ttl_seconds": 0}),
            "ttl_seconds",
        ),
        (
            json!({"quantity": 1, "reference": "r", "ttl_seconds": -5}),
            "ttl_seconds",
        ),
        (
            json!({"quantity": 1, "reference": "r", "ttl_seconds": 86_401}),
            "ttl_seconds",
        ),
        (
            json!({"quantity": 1, "reference": "r", "ttl_seconds": 9, "who": "me"}),
            "who",
        ),
    ];
    for (body, field) in rows {
        level.post("reserve", body).invalid(field);
    }
    let lines = json!([{"sku": level.sku, "quantity": 1}]);
    let rows = [
        (json!({"reference": "r", "ttl_seconds": 9}), "lines"),
        (
            json!({"lines": [], "reference": "r", "ttl_seconds": 9}),
            "lines",
        ),
        (
            json!({"lines": [{"quantity": 1}], "reference": "r", "ttl_seconds": 9}),
            "sku",
        ),
        (
            json!({"lines": [{"sku": level.sku, "quantity": 0}], "reference": "r", "ttl_seconds": 9}),
            "quantity",
        ),
        (
            json!({"lines": lines, "reference": "r", "ttl_seconds": 9, "country": "USA"}),
            "country",
        ),
        (
            json!({"lines": lines, "reference": "r", "ttl_seconds": 0}),
            "ttl_seconds",
        ),
    ];
    for (body, field) in rows {
        let answer = shop.post("/v1/reservations").admin().json(body).send();
        answer.invalid(field);
    }
    assert_eq!(level.read()["version"], 1);
    level.reserve_for(1, 86_400).is(201);
}

#[test]
fn ends_a_hold_once_and_answers_the_same_again() {
    let shop = shop();
    // first, then, expected status of the second
    let rows = [
        ("release", "release", 200, "released"),
        ("release", "confirm", 409, "released"),
        ("release", "extend", 409, "released"),
        ("confirm", "confirm", 200, "confirmed"),
        ("confirm", "release", 409, "confirmed"),
        ("confirm", "extend", 409, "confirmed"),
    ];
    for (first, second, status, state) in rows {
        let level = shop.stocked(5);
        let id = level.hold(2);
        let ended = act(&shop, &id, first).is(200).version(2);
        assert_eq!(ended["state"], state);
        let before = level.read();
        let again = act(&shop, &id, second);
        if status == 200 {
            assert_eq!(again.ok(), ended, "{first}, {second}");
        } else {
            let problem = again.refused(409, "reservation_final");
            assert_eq!(problem["state"], state, "{first}, {second}");
        }
        assert_eq!(level.read(), before, "{first}, {second}");
        level.adds_up();
    }
}

#[test]
fn ends_a_hold_through_its_level() {
    let shop = shop();
    let level = shop.stocked(5);
    let (released, confirmed) = (level.hold(2), level.hold(1));
    for (verb, id, state) in [
        ("release", &released, "released"),
        ("confirm", &confirmed, "confirmed"),
    ] {
        let body = json!({"reservation_id": id});
        let answer = level.post(verb, body.clone()).ok();
        assert_eq!(answer["state"], state);
        assert_eq!(level.post(verb, body).ok(), answer);
        assert_eq!(read(&shop, id), answer);
    }
    check(
        &level.read(),
        json!({"on_hand": 4, "reserved": 0, "version": 5}),
    );

    let other = shop.level(&shop.warehouse(), &level.sku, 5);
    let id = level.hold(1);
    for verb in ["release", "confirm"] {
        let answer = other.post(verb, json!({"reservation_id": id}));
        answer.refused(404, "not_found");
    }
    assert_eq!(read(&shop, &id)["state"], "pending");
}

#[test]
fn ends_the_whole_hold_through_one_of_its_levels() {
    let shop = shop();
    let (one, two) = (shop.stocked(5), shop.stocked(5));
    let lines = json!([
        {"sku": one.sku, "quantity": 1, "store": one.store},
        {"sku": two.sku, "quantity": 2, "store": two.store}
    ]);
    let hold = reserve(&shop, lines).created();
    one.post("confirm", json!({"reservation_id": hold["id"]}))
        .is(200);
    check(
        &one.read(),
        json!({"on_hand": 4, "reserved": 0, "version": 3}),
    );
    check(
        &two.read(),
        json!({"on_hand": 3, "reserved": 0, "version": 3}),
    );
}

#[test]
fn does_not_know_a_hold_that_never_was() {
    let shop = shop();
    let level = shop.stocked(1);
    for verb in ["release", "confirm", "extend"] {
        act(&shop, "res_nothing", verb).refused(404, "not_found");
    }
    let path = "/v1/reservations/res_nothing";
    let problem = shop.get(path).admin().send().refused(404, "not_found");
    check(
        &problem,
        json!({"resource": "reservation", "id": "res_nothing"}),
    );
    level
        .post("release", json!({"reservation_id": "res_nothing"}))
        .refused(404, "not_found");
    level.post("release", json!({})).invalid("reservation_id");
}

#[test]
fn holds_all_lines_or_none() {
    let shop = shop();
    let (much, little, none) = (shop.stocked(10), shop.stocked(1), shop.stocked(2));
    let line = |level: &Level, quantity: i64| json!({"sku": level.sku, "quantity": quantity});

    let problem = reserve(&shop, json!([line(&much, 5), line(&little, 2)]));
    let problem = problem.refused(409, "insufficient_stock");
    check(
        &problem,
        json!({"sku": little.sku, "requested": 2, "available": 1}),
    );
    let problem = reserve(
        &shop,
        json!([line(&much, 5), line(&little, 2), line(&none, 3)]),
    );
    let problem = problem.refused(409, "insufficient_stock");
    check(
        &problem,
        json!({"lines": [
            {"sku": little.sku, "requested": 2, "available": 1},
            {"sku": none.sku, "requested": 3, "available": 2}
        ]}),
    );
    reserve(
        &shop,
        json!([line(&much, 1), {"sku": "nothing", "quantity": 1}]),
    )
    .refused(404, "not_found");
    for level in [&much, &little, &none] {
        check(&level.read(), json!({"reserved": 0, "version": 1}));
    }

    let hold = reserve(
        &shop,
        json!([line(&much, 5), line(&little, 1), line(&none, 2)]),
    )
    .created();
    assert_eq!(hold["lines"].as_array().expect("lines").len(), 3);
    for (level, reserved) in [(&much, 5), (&little, 1), (&none, 2)] {
        check(&level.read(), json!({"reserved": reserved, "version": 2}));
    }
    act(&shop, &text(&hold["id"]), "release").is(200);
    for level in [&much, &little, &none] {
        check(&level.read(), json!({"reserved": 0, "version": 3}));
        level.adds_up();
    }
}

#[test]
fn sums_the_lines_of_one_sku_and_store() {
    let shop = shop();
    let level = shop.stocked(5);
    let line =
        |quantity: i64| json!({"sku": level.sku, "quantity": quantity, "store": level.store});
    let problem = reserve(&shop, json!([line(3), line(3)])).refused(409, "insufficient_stock");
    check(
        &problem,
        json!({"sku": level.sku, "requested": 6, "available": 5}),
    );
    let hold = reserve(&shop, json!([line(3), line(2)])).created();
    check(
        &hold["lines"],
        json!([{"sku": level.sku, "store": level.store, "quantity": 5}]),
    );
    check(&level.read(), json!({"reserved": 5, "version": 2}));
}

#[test]
fn takes_a_line_from_one_location() {
    let shop = shop();
    let item = shop.product();
    let full = shop.level(&shop.warehouse(), &item.sku, 4);
    let less = shop.level(&shop.warehouse(), &item.sku, 3);
    let problem = reserve(&shop, json!([{"sku": item.sku, "quantity": 5}]));
    let problem = problem.refused(409, "insufficient_stock");
    check(&problem, json!({"requested": 5, "available": 4}));
    let hold = reserve(&shop, json!([{"sku": item.sku, "quantity": 3}])).created();
    check(
        &hold["lines"],
        json!([{"store": full.store, "sku": item.sku, "quantity": 3}]),
    );
    // The fullest has 1 left, so the next one has enough.
    let hold = reserve(&shop, json!([{"sku": item.sku, "quantity": 2}])).created();
    check(
        &hold["lines"],
        json!([{"store": less.store, "quantity": 2}]),
    );
    let hold = reserve(
        &shop,
        json!([{"sku": item.sku, "quantity": 1, "store": full.store}]),
    )
    .created();
    check(
        &hold["lines"],
        json!([{"store": full.store, "quantity": 1}]),
    );
}

#[test]
fn takes_a_line_only_from_where_it_may_be_shipped() {
    let shop = shop();
    let item = shop.product();
    let german = shop.location(json!({"name": "Berlin", "kind": "store", "country": "DE"}));
    shop.level(&german, &item.sku, 9);
    let ask = |country: &str| {
        let body = json!({
            "lines": [{"sku": item.sku, "quantity": 2}], "reference": fresh("ref"),
            "ttl_seconds": 60, "country": country
        });
        shop.post("/v1/reservations").admin().json(body).send()
    };
    let problem = ask("US").refused(409, "insufficient_stock");
    check(
        &problem,
        json!({"sku": item.sku, "requested": 2, "available": 0}),
    );
    check(
        &ask("DE").created()["lines"],
        json!([{"store": german, "quantity": 2}]),
    );
}

#[test]
fn answers_a_reference_with_the_hold_that_has_it() {
    let shop = shop();
    let level = shop.stocked(10);
    let reference = fresh("ref");
    let direct = |quantity: i64, ttl: i64| {
        level.post(
            "reserve",
            json!({"quantity": quantity, "reference": reference, "ttl_seconds": ttl}),
        )
    };
    let hold = direct(3, 600).created();
    assert_eq!(direct(3, 600).ok(), hold);
    assert_eq!(direct(3, 60).ok(), hold);
    let lines = json!([{"sku": level.sku, "quantity": 3, "store": level.store}]);
    let body = json!({"lines": lines, "reference": reference, "ttl_seconds": 600});
    let both = shop.post("/v1/reservations").admin().json(body).send();
    assert_eq!(both.ok(), hold);
    direct(4, 600).refused(409, "already_exists");
    check(&level.read(), json!({"reserved": 3, "version": 2}));

    // A late retry never holds twice.
    act(&shop, &text(&hold["id"]), "release").is(200);
    assert_eq!(direct(3, 600).ok()["state"], "released");
    check(&level.read(), json!({"reserved": 0, "version": 3}));

    // Another principal has references of its own.
    let key = shop.api_key(&["reservations"]);
    let path = format!("{}/reserve", level.path());
    let body = json!({"quantity": 3, "reference": reference, "ttl_seconds": 600});
    let theirs = shop.post(&path).key(&key).json(body).send().created();
    assert_ne!(theirs["id"], hold["id"]);
}

#[test]
fn one_reference_from_many_callers_holds_once() {
    let shop = shop();
    let level = shop.stocked(100);
    let body = json!({"quantity": 2, "reference": fresh("ref"), "ttl_seconds": 600});
    let answers = race(16, |_| level.post("reserve", body.clone()));
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1);
    for answer in &answers {
        let answer = answer.clone().one_of(&[200, 201]);
        assert_eq!(answer.json(), answers[0].json());
    }
    check(&level.read(), json!({"reserved": 2, "version": 2}));
}

#[test]
fn confirm_and_release_at_once_have_one_winner() {
    let shop = shop();
    let level = shop.stocked(100);
    let mut sold = 0;
    for _ in 0..20 {
        let id = level.hold(1);
        let answers = race(4, |caller| {
            act(
                &shop,
                &id,
                if caller % 2 == 0 {
                    "confirm"
                } else {
                    "release"
                },
            )
        });
        let state = text(&read(&shop, &id)["state"]);
        let winner = usize::from(state == "released");
        for (caller, answer) in answers.iter().enumerate() {
            if caller % 2 == winner {
                assert_eq!(answer.clone().ok()["state"], state.as_str());
            } else {
                answer.refused(409, "reservation_final");
            }
        }
        sold += i64::from(state == "confirmed");
    }
    check(&level.read(), json!({"on_hand": 100 - sold, "reserved": 0}));
    level.adds_up();
}

#[test]
fn holds_over_several_levels_never_leave_a_part() {
    let shop = shop();
    let (one, two) = (shop.stocked(30), shop.stocked(20));
    let answers = race(16, |caller| {
        let lines = [&one, &two].map(|level| json!({"sku": level.sku, "quantity": 1}));
        let (first, second) = (&lines[caller % 2], &lines[1 - caller % 2]);
        let held = (0..4).map(|_| reserve(&shop, json!([first, second])));
        held.map(|answer| answer.one_of(&[201, 409]).status == 201)
            .filter(|held| *held)
            .count()
    });
    assert_eq!(answers.iter().sum::<usize>(), 20);
    check(&one.read(), json!({"reserved": 20, "available": 10}));
    check(&two.read(), json!({"reserved": 20, "available": 0}));
    one.adds_up();
    two.adds_up();
}

#[test]
fn takes_a_version_when_one_is_given() {
    let shop = shop();
    let level = shop.stocked(5);
    let body = |version: i64| {
        json!({
            "quantity": 1, "reference": fresh("ref"), "ttl_seconds": 60, "expected_version": version
        })
    };
    let problem = level
        .post("reserve", body(7))
        .refused(409, "version_conflict");
    assert_eq!(problem["current_version"], 1);
    level.post("reserve", body(1)).is(201);
    assert_eq!(whole(&level.read()["version"]), 2);
}
