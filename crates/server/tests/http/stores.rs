//! `/v1/stores`: locations, and where they ship.

use serde_json::json;

use crate::support::{check, fresh, shop};

#[test]
fn creates_and_changes_a_store_by_name() {
    let shop = shop();
    let id = fresh("store");
    let path = format!("/v1/stores/{id}");
    let body = json!({
        "name": "Main street", "kind": "store", "country": "US", "ships_to": ["US", "CA"],
        "priority": 3, "position": {"lat": 40.5, "lon": -73.25}
    });
    let put = |body: &serde_json::Value| shop.put(&path).admin().json(body.clone()).send();
    let made = put(&body).one_of(&[200, 201]).version(1);
    check(&made, body.clone());
    assert_eq!(made["id"], id.as_str());

    check(&shop.get(&path).send().is(200).version(1), body.clone());
    put(&body).version(1);
    let mut renamed = body.clone();
    renamed["name"] = json!("High street");
    check(&put(&renamed).is(200).version(2), renamed.clone());
    check(&shop.get(&path).send().is(200).version(2), renamed);
}

#[test]
fn takes_a_version_when_one_is_given() {
    let shop = shop();
    let path = format!("/v1/stores/{}", fresh("store"));
    let put = |name: &str| {
        shop.put(&path)
            .admin()
            .json(json!({"name": name, "kind": "warehouse", "country": "DE"}))
    };
    put("a").if_match(0).send().version(1);
    let problem = put("b").if_match(0).send().refused(409, "version_conflict");
    assert_eq!(problem["current_version"], 1);
    put("b").if_match(1).send().version(2);
}

#[test]
fn refuses_a_location_that_makes_no_sense() {
    let shop = shop();
    let rows = [
        (json!({"kind": "store", "country": "US"}), "name"),
        (json!({"name": "x", "country": "US"}), "kind"),
        (json!({"name": "x", "kind": "store"}), "country"),
        (
            json!({"name": "x", "kind": "shop", "country": "US"}),
            "kind",
        ),
        (
            json!({"name": "x", "kind": "store", "country": "USA"}),
            "country",
        ),
        (
            json!({"name": "x", "kind": "store", "country": "US", "ships_to": "CA"}),
            "ships_to",
        ),
        (
            json!({"name": "x", "kind": "store", "country": "US", "ships_to": ["Canada"]}),
            "ships_to",
        ),
        (
            json!({"name": "x", "kind": "store", "country": "US", "position": {"lat": 1}}),
            "lon",
        ),
        (
            json!({"name": "x", "kind": "store", "country": "US", "position": {"lat": 91, "lon": 0}}),
            "lat",
        ),
        (
            json!({"name": "x".repeat(201), "kind": "store", "country": "US"}),
            "name",
        ),
        (
            json!({"name": "x", "kind": "store", "country": "US", "open": true}),
            "open",
        ),
    ];
    let id = fresh("store");
    let path = format!("/v1/stores/{id}");
    for (body, field) in rows {
        shop.put(&path).admin().json(body).send().invalid(field);
    }
    let problem = shop.get(&path).send().refused(404, "not_found");
    check(&problem, json!({"resource": "store", "id": id}));
}

#[test]
fn shows_stores_to_everybody() {
    let shop = shop();
    let id = shop.warehouse();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/stores?limit=200{cursor}");
        let page = shop.get(&path).send().ok();
        let items = page["items"].as_array().expect("items");
        if let Some(found) = items.iter().find(|store| store["id"] == id.as_str()) {
            check(
                found,
                json!({"name": "Warehouse", "kind": "warehouse", "country": "US", "version": 1}),
            );
            return;
        }
        let next = page["next_cursor"].as_str();
        cursor = format!("&cursor={}", next.expect("the store is on some page"));
    }
}

#[test]
fn takes_only_names_that_are_names() {
    let shop = shop();
    let put = |id: &str| {
        let body = json!({"name": "a", "kind": "warehouse", "country": "DE"});
        shop.put(&format!("/v1/stores/{id}"))
            .admin()
            .json(body)
            .send()
    };
    let longest = format!("{:x<64}", fresh("store"));
    put(&longest).is(201);
    for id in [&*format!("{longest}x"), "a%20b", "caf%C3%A9", "a%2Fb"] {
        put(id).invalid("store");
    }
    // Where nothing is named, what cannot be a name does not exist.
    shop.get("/v1/stores/a%20b")
        .send()
        .refused(404, "not_found");
}
