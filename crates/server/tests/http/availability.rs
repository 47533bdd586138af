//! `/v1/availability`: what can be had, from where.

use serde_json::{Value, json};

use crate::support::{Shop, check, fresh, race, shop};

fn ask(shop: &Shop, sku: &str, more: &str) -> Value {
    let path = format!("/v1/availability?sku={sku}{more}");
    let answer = shop.get(&path).send().ok();
    let items = answer["items"].as_array().expect("items");
    assert_eq!(items.len(), 1, "{answer}");
    items[0].clone()
}

#[test]
fn answers_for_several_skus_at_once() {
    let shop = shop();
    let (one, two) = (shop.stocked(3), shop.stocked(0));
    let path = format!(
        "/v1/availability?sku={}&sku={}&sku=nothing",
        one.sku, two.sku
    );
    let answer = shop.get(&path).send().ok();
    let items = answer["items"].as_array().expect("items");
    assert_eq!(items.len(), 3);
    for expected in [
        json!({"sku": one.sku, "available": 3, "store": one.store, "in_stock": true}),
        json!({"sku": two.sku, "available": 0, "in_stock": false}),
        json!({"sku": "nothing", "available": 0, "store": null, "in_stock": false}),
    ] {
        let found = items.iter().find(|item| item["sku"] == expected["sku"]);
        check(found.expect("every SKU is answered"), expected);
    }
}

#[test]
fn follows_every_write_at_once() {
    let shop = shop();
    let level = shop.stocked(10);
    let see = |available: i64| {
        check(
            &ask(&shop, &level.sku, ""),
            json!({"available": available, "in_stock": available > 0}),
        );
    };
    see(10);
    let held = level.hold(4);
    see(6);
    level
        .post("confirm", json!({"reservation_id": held}))
        .is(200);
    see(6);
    level.patch(json!({"safety_stock": 2})).is(200);
    see(4);
    let held = level.hold(4);
    see(0);
    level
        .post("release", json!({"reservation_id": held}))
        .is(200);
    see(4);
    level
        .post("count", json!({"quantity": 1, "expected_version": 6}))
        .is(200);
    see(0);
}

#[test]
fn shows_the_fullest_location() {
    let shop = shop();
    let item = shop.product();
    let less = shop.level(&shop.warehouse(), &item.sku, 3);
    let full = shop.level(&shop.warehouse(), &item.sku, 5);
    check(
        &ask(&shop, &item.sku, ""),
        json!({"available": 5, "store": full.store}),
    );
    let at = format!("&store={}", less.store);
    check(
        &ask(&shop, &item.sku, &at),
        json!({"available": 3, "store": less.store}),
    );
    full.adjust(-4).is(200);
    check(
        &ask(&shop, &item.sku, ""),
        json!({"available": 3, "store": less.store}),
    );
}

#[test]
fn counts_only_what_ships_to_the_country() {
    let shop = shop();
    // location, countries it ships to, countries it does not
    let rows: [(Value, &[&str], &[&str]); 4] = [
        (
            json!({"name": "a", "kind": "warehouse", "country": "US"}),
            &["US", "DE", "JP"],
            &[],
        ),
        (
            json!({"name": "b", "kind": "store", "country": "US"}),
            &["US"],
            &["DE", "JP"],
        ),
        (
            json!({"name": "c", "kind": "store", "country": "US", "ships_to": ["*"]}),
            &["US", "DE"],
            &[],
        ),
        (
            json!({"name": "d", "kind": "warehouse", "country": "US", "ships_to": ["DE", "FR"]}),
            &["DE", "FR"],
            &["US", "JP"],
        ),
    ];
    for (location, there, not_there) in rows {
        let item = shop.product();
        let level = shop.level(&shop.location(location), &item.sku, 8);
        for country in there {
            let found = ask(&shop, &item.sku, &format!("&country={country}"));
            check(
                &found,
                json!({"available": 8, "store": level.store, "in_stock": true}),
            );
        }
        for country in not_there {
            let found = ask(&shop, &item.sku, &format!("&country={country}"));
            check(&found, json!({"available": 0, "in_stock": false}));
        }
    }
}

#[test]
fn chooses_the_location_that_the_reservation_takes() {
    let shop = shop();
    let item = shop.product();
    for quantity in [2, 7, 5] {
        shop.level(&shop.warehouse(), &item.sku, quantity);
    }
    for _ in 0..6 {
        let seen = ask(&shop, &item.sku, "&country=US");
        let body = json!({
            "lines": [{"sku": item.sku, "quantity": seen["available"]}],
            "reference": fresh("ref"), "ttl_seconds": 60, "country": "US"
        });
        if seen["available"] == 0 {
            return;
        }
        let hold = shop
            .post("/v1/reservations")
            .admin()
            .json(body)
            .send()
            .created();
        assert_eq!(hold["lines"][0]["store"], seen["store"], "{seen}");
    }
    panic!("three locations are empty after three holds");
}

#[test]
fn refuses_a_question_it_does_not_understand() {
    let shop = shop();
    for (query, field) in [
        ("sku=a&country=Germany", "country"),
        ("sku=a&colour=red", "colour"),
    ] {
        let answer = shop.get(&format!("/v1/availability?{query}")).send();
        answer.invalid(field);
    }
}

#[test]
fn never_shows_less_than_nothing() {
    let shop = shop();
    let level = shop.stocked(8);
    race(8, |caller| {
        for _ in 0..20 {
            if caller < 3 {
                let held = level.reserve(3).one_of(&[201, 409]);
                if held.status == 201 {
                    let id = held.json()["id"].clone();
                    level.post("release", json!({"reservation_id": id})).is(200);
                }
            } else {
                let available = ask(&shop, &level.sku, "")["available"].as_i64();
                assert!(
                    [Some(2), Some(5), Some(8)].contains(&available),
                    "{available:?}"
                );
            }
        }
    });
    level.adds_up();
}
