//! Versions and preconditions: `ETag`, `If-Match`, `expected_version`.

use serde_json::{Value, json};

use crate::support::{Request, check, fresh, shop, whole};

#[test]
fn every_versioned_resource_shows_its_version_twice() {
    let shop = shop();
    let level = shop.stocked(5);
    let hold = level.hold(1);
    let item = shop.product();
    let cart = shop.cart();
    for path in [
        format!("/v1/products/{}", item.id),
        format!("/v1/variants/{}", item.sku),
        format!("/v1/stores/{}", level.store),
        format!("/v1/reservations/{hold}"),
        level.path(),
        cart.path(""),
    ] {
        let answer = shop.get(&path).admin().send().is(200);
        answer.version(whole(&answer.json()["version"]));
    }
}

#[test]
fn takes_one_strong_number_only() {
    let shop = shop();
    let level = shop.stocked(5);
    for tag in [
        "1",
        "W/\"1\"",
        "\"1\", \"2\"",
        "\"1\",\"1\"",
        "*",
        "\"\"",
        "\"one\"",
        "\"-1\"",
        "\"1.0\"",
        "\"1",
        "1\"",
        "\"99999999999999999999\"",
        "",
    ] {
        let request = level.request("adjust").header("If-Match", tag);
        let answer = request.json(json!({"delta": 1, "reason": "x"})).send();
        answer.refused(400, "malformed_request");
    }
    let twice = level.request("adjust").if_match(1).if_match(2);
    let answer = twice.json(json!({"delta": 1, "reason": "x"})).send();
    answer.refused(400, "malformed_request");
    assert_eq!(level.read()["version"], 1);
}

#[test]
fn header_and_body_must_agree() {
    let shop = shop();
    let level = shop.stocked(5);
    let count = |header: i64, body: i64| {
        let request = level.request("count").if_match(header);
        request
            .json(json!({"quantity": 6, "expected_version": body}))
            .send()
    };
    count(1, 2).refused(400, "malformed_request");
    count(2, 1).refused(400, "malformed_request");
    count(2, 2).refused(409, "version_conflict");
    count(1, 1).is(200).version(2);
    for wrong in [json!("1"), json!(-1), json!(1.5), json!([])] {
        let body = json!({"quantity": 6, "expected_version": wrong});
        level.post("count", body).invalid("expected_version");
    }
}

#[test]
fn demands_a_version_where_a_write_is_absolute() {
    let shop = shop();
    let level = shop.stocked(5);
    let item = shop.product();
    let cart = shop.cart();
    let rows = [
        level.request("count").json(json!({"quantity": 1})),
        shop.put(&format!("/v1/variants/{}/prices/USD", item.sku))
            .admin()
            .json(json!({"amount": 1})),
        shop.patch(&format!("/v1/products/{}", item.id))
            .admin()
            .json(json!({"name": "x"})),
        cart.request("PUT", "/lines").json(json!({"lines": []})),
    ];
    for request in rows {
        request.send().refused(428, "version_required");
    }
}

/// A write, with and without a version, and where its resource can be read.
fn writes() -> Vec<(Request, Value, String)> {
    let shop = shop();
    let level = shop.stocked(50);
    let cart = shop.cart();
    let other = shop.cart();
    // Merging an empty cart changes nothing, and so no version.
    other.add(&level.sku, 1).is(200);
    let item = shop.product();
    let store = format!("/v1/stores/{}", shop.warehouse());
    let line = json!({"sku": level.sku, "quantity": 1});
    let reservation = level.hold(1);
    let hold = format!("/v1/reservations/{reservation}");
    vec![
        (
            level.request("adjust"),
            json!({"delta": 1, "reason": "x"}),
            level.path(),
        ),
        (
            level.request("count"),
            json!({"quantity": 60}),
            level.path(),
        ),
        (
            level.request("reserve"),
            json!({"quantity": 1, "reference": fresh("ref"), "ttl_seconds": 60}),
            level.path(),
        ),
        (
            shop.patch(&level.path()),
            json!({"safety_stock": 1}),
            level.path(),
        ),
        (
            shop.post(&format!("{hold}/extend")),
            json!({"ttl_seconds": 3600}),
            hold,
        ),
        (
            shop.put(&store),
            json!({"name": "new", "kind": "warehouse", "country": "US"}),
            store,
        ),
        (
            shop.put(&format!("/v1/variants/{}/prices/USD", item.sku)),
            json!({"amount": 3}),
            format!("/v1/variants/{}", item.sku),
        ),
        (
            shop.patch(&format!("/v1/products/{}", item.id)),
            json!({"name": "new"}),
            format!("/v1/products/{}", item.id),
        ),
        (
            shop.patch(&cart.path("")),
            json!({"metadata": {"a": 1}}),
            cart.path(""),
        ),
        (shop.post(&cart.path("/lines")), line.clone(), cart.path("")),
        (
            shop.post(&cart.path("/lines/batch")),
            json!({"lines": [line]}),
            cart.path(""),
        ),
        (
            shop.put(&cart.path("/lines")),
            json!({"lines": [line]}),
            cart.path(""),
        ),
        (
            shop.post(&cart.path("/merge")),
            json!({"from": other.id}),
            cart.path(""),
        ),
        (shop.post(&cart.path("/clear")), json!({}), cart.path("")),
    ]
}

#[test]
fn every_write_honours_the_version_it_is_given() {
    let shop = shop();
    for (request, body, path) in writes() {
        let request = request.admin();
        let version = || shop.get(&path).admin().send().is(200).etag();
        let now = version();
        let with = |version: i64| {
            let mut body = body.clone();
            body["expected_version"] = json!(version);
            request.clone().json(body)
        };
        for stale in [
            with(now + 1),
            request.clone().if_match(now + 1).json(body.clone()),
        ] {
            let answer = stale.send();
            let problem = answer.refused(409, "version_conflict");
            assert_eq!(problem["current_version"], now, "{}", answer.story());
        }
        assert_eq!(version(), now, "{path}");
        with(now).send().succeeded();
        assert!(version() > now, "{path}");
    }
}

#[test]
fn what_does_not_exist_has_version_zero() {
    let shop = shop();
    let level = shop.stocked(0);
    let adjust = |version: i64| {
        let request = level.request("adjust").if_match(version);
        request.json(json!({"delta": 2, "reason": "x"})).send()
    };
    let problem = adjust(1).refused(409, "version_conflict");
    assert_eq!(problem["current_version"], 0);
    adjust(0).is(200).version(1);
    let problem = adjust(0).refused(409, "version_conflict");
    check(&problem, json!({"current_version": 1}));
    assert_eq!(level.read()["on_hand"], 2);
}

#[test]
fn what_is_made_had_version_zero() {
    let shop = shop();
    let level = shop.stocked(9);
    let lines =
        json!([{"sku": level.sku, "quantity": 1}, {"sku": shop.stocked(3).sku, "quantity": 1}]);
    let variant = || json!([{"sku": fresh("sku"), "prices": []}]);
    let rows: [(&str, &dyn Fn() -> Value); 4] = [
        ("/v1/carts", &|| json!({})),
        (
            "/v1/products",
            &|| json!({"name": "x", "variants": variant()}),
        ),
        (
            "/v1/api-keys",
            &|| json!({"name": "x", "scopes": ["carts"]}),
        ),
        (
            "/v1/reservations",
            &|| json!({"lines": lines, "reference": fresh("ref"), "ttl_seconds": 60}),
        ),
    ];
    for (path, body) in rows {
        let create = |version: i64| {
            let request = shop.post(path).admin().if_match(version);
            request.json(body()).send()
        };
        let problem = create(1).refused(409, "version_conflict");
        assert_eq!(problem["current_version"], 0, "{path}");
        create(0).is(201);
    }
    assert_eq!(level.read()["reserved"], 1);
}

#[test]
fn says_nothing_new_to_those_who_know_the_version() {
    let shop = shop();
    let level = shop.stocked(5);
    let ask = |method: &str, tag: &str| {
        let request = shop.request(method, &level.path()).admin();
        request.header("If-None-Match", tag).send()
    };
    for tag in [r#""1""#, r#"W/"1""#, r#""7", "1""#, "*"] {
        for method in ["GET", "HEAD"] {
            let answer = ask(method, tag).is(304);
            assert_eq!(answer.header("etag"), Some(r#""1""#), "{tag}");
        }
    }
    for tag in [r#""2""#, r#"W/"2""#, "1", ""] {
        ask("GET", tag).is(200);
    }
    // A write is told, whatever its caller knows.
    let adjust = shop.post(&format!("{}/adjust", level.path())).admin();
    let adjust = adjust.header("If-None-Match", r#""2""#);
    let answer = adjust.json(json!({"delta": 1, "reason": "x"})).send();
    assert_eq!(answer.is(200).json()["on_hand"], 6);
}
