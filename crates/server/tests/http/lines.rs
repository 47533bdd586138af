//! `/v1/carts/{id}/lines`: what goes into a cart, and what stock and limits say to it.

use serde_json::{Value, json};

use crate::support::{Cart, check, fresh, race, shop, text, whole};

fn quantities(cart: &Value) -> Vec<i64> {
    let lines = cart["lines"].as_array().expect("lines");
    lines.iter().map(|line| whole(&line["quantity"])).collect()
}

#[test]
fn joins_lines_of_equal_sku_store_and_metadata() {
    let shop = shop();
    let level = shop.stocked(100);
    let cart = shop.cart();
    let sku = &level.sku;
    // body, quantities after it
    let rows = [
        (json!({"sku": sku, "quantity": 1}), vec![1]),
        (json!({"sku": sku, "quantity": 2, "metadata": {}}), vec![3]),
        (
            json!({"sku": sku, "quantity": 1, "metadata": null, "store": null, "note": null}),
            vec![4],
        ),
        (
            json!({"sku": sku, "quantity": 1, "metadata": {"a": 1, "b": 2}}),
            vec![4, 1],
        ),
        (
            json!({"sku": sku, "quantity": 1, "metadata": {"b": 2, "a": 1}}),
            vec![4, 2],
        ),
        (
            json!({"sku": sku, "quantity": 1, "metadata": {"a": 1}}),
            vec![4, 2, 1],
        ),
        (
            json!({"sku": sku, "quantity": 1, "store": level.store}),
            vec![4, 2, 1, 1],
        ),
        (
            json!({"sku": sku, "quantity": 5, "store": level.store}),
            vec![4, 2, 1, 6],
        ),
    ];
    for (index, (body, expected)) in rows.into_iter().enumerate() {
        let answer = cart.post("/lines", body.clone()).is(200);
        let seen = answer.version(index as i64 + 2);
        assert_eq!(quantities(&seen), expected, "{body}");
    }
}

#[test]
fn keeps_the_newer_note() {
    let shop = shop();
    let level = shop.stocked(10);
    let cart = shop.cart();
    let add = |note: Value| {
        let body = json!({"sku": level.sku, "quantity": 1, "note": note});
        cart.post("/lines", body).ok()["lines"].clone()
    };
    check(
        &add(json!("first")),
        json!([{"note": "first", "quantity": 1}]),
    );
    check(
        &add(json!("second")),
        json!([{"note": "second", "quantity": 2}]),
    );
    let long = json!({"sku": level.sku, "quantity": 1, "note": "n".repeat(201)});
    cart.post("/lines", long).invalid("note");
}

#[test]
fn refuses_a_line_that_makes_no_sense() {
    let shop = shop();
    let level = shop.stocked(10);
    let cart = shop.cart();
    let sku = &level.sku;
    let rows = [
        (format!(r#"{{"sku":"{sku}"}}"#), "quantity"),
        (r#"{"quantity":1}"#.to_owned(), "sku"),
        (format!(r#"{{"sku":"{sku}","quantity":0}}"#), "quantity"),
        (format!(r#"{{"sku":"{sku}","quantity":-1}}"#), "quantity"),
        (format!(r#"{{"sku":"{sku}","quantity":1.5}}"#), "quantity"),
        (format!(r#"{{"sku":"{sku}","quantity":2.0}}"#), "quantity"),
        (format!(r#"{{"sku":"{sku}","quantity":1e0}}"#), "quantity"),
        (format!(r#"{{"sku":"{sku}","quantity":"1"}}"#), "quantity"),
        (
            format!(r#"{{"sku":"{sku}","quantity":1000000001}}"#),
            "quantity",
        ),
        (
            format!(r#"{{"sku":"{sku}","quantity":18446744073709551616}}"#),
            "quantity",
        ),
        (
            format!(r#"{{"sku":"{sku}","quantity":1,"quantity":2}}"#),
            "quantity",
        ),
        (
            format!(r#"{{"sku":"{sku}","quantity":1,"price":1}}"#),
            "price",
        ),
        (
            format!(r#"{{"sku":"{sku}","quantity":1,"metadata":[1]}}"#),
            "metadata",
        ),
        (
            format!(r#"{{"sku":"{sku}","quantity":1,"store":7}}"#),
            "store",
        ),
        (r#"{"sku":"","quantity":1}"#.to_owned(), "sku"),
        (r#"{"sku":"a b","quantity":1}"#.to_owned(), "sku"),
        (r#"{"sku":5,"quantity":1}"#.to_owned(), "sku"),
    ];
    for (body, field) in rows {
        let request = cart.request("POST", "/lines");
        request
            .text("application/json", &body)
            .send()
            .invalid(field);
    }
    assert_eq!(cart.read()["version"], 1);
}

#[test]
fn knows_only_what_is_sold() {
    let shop = shop();
    let cart = shop.cart();
    let draft = fresh("sku");
    shop.post("/v1/products")
        .admin()
        .json(json!({
            "name": "Soon", "status": "draft",
            "variants": [{"sku": draft, "prices": [{"amount": 1, "currency": "USD"}]}]
        }))
        .send()
        .is(201);
    let archived = shop.product();
    shop.delete(&format!("/v1/products/{}", archived.id))
        .admin()
        .send()
        .succeeded();
    for sku in ["no-such-sku", &draft, &archived.sku] {
        let problem = cart.add(sku, 1).refused(404, "not_found");
        check(&problem, json!({"resource": "variant", "id": sku}));
    }
    let level = shop.stocked(5);
    let body = json!({"sku": level.sku, "quantity": 1, "store": "nowhere"});
    let problem = cart.post("/lines", body).refused(404, "not_found");
    assert_eq!(problem["id"], "nowhere");
    assert_eq!(cart.read()["version"], 1);
}

#[test]
fn asks_stock_for_the_resulting_quantity_of_all_lines() {
    let shop = shop();
    let level = shop.stocked(5);
    let cart = shop.cart();
    let add = |quantity: i64, metadata: Value| {
        cart.post(
            "/lines",
            json!({"sku": level.sku, "quantity": quantity, "metadata": metadata}),
        )
    };
    let short = |answer: crate::support::Response, requested: i64| {
        let problem = answer.refused(409, "insufficient_stock");
        check(
            &problem,
            json!({"sku": level.sku, "requested": requested, "available": 5}),
        );
    };
    short(add(6, json!({})), 6);
    add(3, json!({})).is(200);
    short(add(3, json!({})), 6);
    short(add(3, json!({"gift": true})), 6);
    add(2, json!({"gift": true})).is(200).version(3);
    short(add(1, json!({"gift": false})), 6);
    let line = text(&cart.read()["lines"][0]["id"]);
    short(
        cart.patch(&format!("/lines/{line}"), json!({"quantity": 4})),
        6,
    );
    short(
        cart.patch(&format!("/lines/{line}"), json!({"delta": 1})),
        6,
    );
    assert_eq!(cart.read()["version"], 3);
    // A line promises nothing: the stock is as free as before.
    check(
        &level.read(),
        json!({"reserved": 0, "available": 5, "version": 1}),
    );

    shop.stocked(0);
    let never = shop.stocked(0);
    let problem = cart.add(&never.sku, 1).refused(409, "insufficient_stock");
    check(
        &problem,
        json!({"sku": never.sku, "requested": 1, "available": 0}),
    );
}

#[test]
fn asks_stock_only_when_the_quantity_grows() {
    let shop = shop();
    let level = shop.stocked(5);
    let cart = shop.cart();
    cart.add(&level.sku, 5).is(200);
    level.adjust(-4).is(200);
    let line = format!("/lines/{}", cart.line(&level.sku));
    cart.patch(&line, json!({"quantity": 4})).is(200).version(3);
    cart.patch(&line, json!({"delta": -1})).is(200).version(4);
    cart.patch(&line, json!({"note": "still mine"}))
        .is(200)
        .version(5);
    cart.patch(&line, json!({"quantity": 4}))
        .refused(409, "insufficient_stock");
    assert_eq!(cart.quantity(&level.sku), 3);
}

#[test]
fn asks_the_store_that_a_line_names() {
    let shop = shop();
    let item = shop.product();
    let full = shop.level(&shop.warehouse(), &item.sku, 5);
    let less = shop.level(&shop.warehouse(), &item.sku, 2);
    let cart = shop.cart();
    let add = |store: &str, quantity: i64| {
        cart.post(
            "/lines",
            json!({"sku": item.sku, "quantity": quantity, "store": store}),
        )
    };
    let problem = add(&less.store, 3).refused(409, "insufficient_stock");
    check(&problem, json!({"requested": 3, "available": 2}));
    add(&less.store, 2).is(200);
    add(&full.store, 5).is(200);
    add(&full.store, 1).refused(409, "insufficient_stock");
}

#[test]
fn keeps_to_the_limits_of_a_sku() {
    let shop = shop();
    // limits, quantity, whether it is taken
    let rows = [
        (json!({"min": 2}), 1, false),
        (json!({"min": 2}), 2, true),
        (json!({"max": 3}), 4, false),
        (json!({"max": 3}), 3, true),
        (json!({"multiple": 6}), 7, false),
        (json!({"multiple": 6}), 12, true),
        (json!({"min": 4, "max": 8, "multiple": 4}), 12, false),
    ];
    for (limits, quantity, taken) in rows {
        let level = shop.stocked_with(100, json!({"limits": limits}));
        let cart = shop.cart();
        let answer = cart.add(&level.sku, quantity);
        if taken {
            answer.is(200);
            continue;
        }
        let problem = answer.refused(422, "quantity_limit");
        for name in ["min", "max", "multiple"] {
            assert_eq!(problem[name], limits[name], "{name}: {problem}");
        }
        assert_eq!(cart.read()["version"], 1);
    }
    let level = shop.stocked_with(100, json!({"limits": {"max": 3}}));
    let cart = shop.cart();
    cart.add(&level.sku, 2).is(200);
    cart.add(&level.sku, 2).refused(422, "quantity_limit");
    let body = json!({"sku": level.sku, "quantity": 2, "metadata": {"gift": true}});
    cart.post("/lines", body).refused(422, "quantity_limit");
    assert_eq!(cart.quantity(&level.sku), 2);
}

#[test]
fn sells_nothing_where_it_may_not() {
    let shop = shop();
    let level = shop.stocked_with(10, json!({"denied_countries": ["FR"]}));
    let french = shop.cart_with(json!({"currency": "USD", "country": "FR"}));
    let problem = french.add(&level.sku, 1).refused(422, "not_sold_here");
    assert_eq!(problem["country"], "FR");
    shop.cart().add(&level.sku, 1).is(200);
}

#[test]
fn sets_raises_lowers_and_removes_a_line() {
    let shop = shop();
    let level = shop.stocked(100);
    let cart = shop.cart();
    cart.add(&level.sku, 4).is(200);
    let line = format!("/lines/{}", cart.line(&level.sku));
    // body, quantities and version after it
    let rows = [
        (json!({"quantity": 6}), vec![6], 3),
        (json!({"quantity": 6}), vec![6], 3),
        (json!({"delta": 3}), vec![9], 4),
        (json!({"delta": -4}), vec![5], 5),
        (json!({"note": "careful"}), vec![5], 6),
        (json!({"quantity": 0}), vec![], 7),
    ];
    for (body, expected, version) in rows {
        let seen = cart.patch(&line, body.clone()).is(200).version(version);
        assert_eq!(quantities(&seen), expected, "{body}");
    }
    cart.patch(&line, json!({"quantity": 1}))
        .refused(404, "not_found");

    cart.add(&level.sku, 2).is(200);
    let line = format!("/lines/{}", cart.line(&level.sku));
    let seen = cart.patch(&line, json!({"delta": -2})).is(200).json();
    assert_eq!(seen["lines"], json!([]));
}

#[test]
fn refuses_a_change_that_makes_no_sense() {
    let shop = shop();
    let level = shop.stocked(100);
    let cart = shop.cart();
    cart.add(&level.sku, 2).is(200);
    let line = format!("/lines/{}", cart.line(&level.sku));
    for body in [
        json!({}),
        json!({"delta": -3}),
        json!({"quantity": -1}),
        json!({"quantity": 1.5}),
        json!({"delta": "1"}),
        json!({"quantity": 1_000_000_001}),
        json!({"delta": i64::MAX}),
        json!({"sku": "other", "quantity": 1}),
    ] {
        cart.patch(&line, body).refused(422, "invalid");
    }
    for method in ["PATCH", "DELETE"] {
        let request = cart.request(method, "/lines/none");
        let request = if method == "PATCH" {
            request.json(json!({"quantity": 1}))
        } else {
            request
        };
        request.send().refused(404, "not_found");
    }
    check(
        &cart.read(),
        json!({"version": 2, "lines": [{"quantity": 2}]}),
    );
}

#[test]
fn joins_lines_that_a_change_makes_equal() {
    let shop = shop();
    let level = shop.stocked(100);
    let cart = shop.cart();
    cart.add(&level.sku, 2).is(200);
    let body = json!({"sku": level.sku, "quantity": 3, "store": level.store});
    let seen = cart.post("/lines", body).ok();
    let plain = text(&seen["lines"][0]["id"]);
    let seen = cart.patch(&format!("/lines/{plain}"), json!({"store": level.store}));
    check(
        &seen.is(200).version(4),
        json!({"lines": [{"sku": level.sku, "store": level.store, "quantity": 5}]}),
    );
}

#[test]
fn takes_a_batch_whole_or_not_at_all() {
    let shop = shop();
    let (much, little) = (shop.stocked(1000), shop.stocked(1));
    let cart = shop.cart();
    let batch = |lines: Value| cart.post("/lines/batch", json!({"lines": lines}));
    let line = |sku: &str, quantity: i64| json!({"sku": sku, "quantity": quantity});

    batch(json!([line(&much.sku, 2), line(&little.sku, 2)])).refused(409, "insufficient_stock");
    batch(json!([line(&much.sku, 2), line("nothing", 1)])).refused(404, "not_found");
    batch(json!([line(&much.sku, 2), line(&much.sku, 0)])).invalid("quantity");
    batch(json!([])).invalid("lines");
    let many: Vec<_> = (0..101)
        .map(|number| json!({"sku": much.sku, "quantity": 1, "metadata": {"n": number}}))
        .collect();
    batch(json!(many)).invalid("lines");
    check(&cart.read(), json!({"version": 1, "lines": []}));

    let seen = batch(json!(many[..100])).is(200).version(2);
    assert_eq!(quantities(&seen).len(), 100);
    let seen = batch(json!([
        line(&much.sku, 2),
        line(&much.sku, 3),
        line(&little.sku, 1)
    ]));
    let seen = seen.is(200).version(3);
    assert_eq!(quantities(&seen)[100..], [5, 1]);
}

#[test]
fn replaces_all_lines_with_a_version() {
    let shop = shop();
    let (one, two) = (shop.stocked(10), shop.stocked(10));
    let cart = shop.cart();
    cart.add(&one.sku, 3).is(200);
    let put = |lines: Value| cart.request("PUT", "/lines").json(json!({"lines": lines}));
    let new = json!([{"sku": two.sku, "quantity": 4}]);
    put(new.clone()).send().refused(428, "version_required");
    let problem = put(new.clone())
        .if_match(1)
        .send()
        .refused(409, "version_conflict");
    assert_eq!(problem["current_version"], 2);
    put(json!([{"sku": two.sku, "quantity": 11}]))
        .if_match(2)
        .send()
        .refused(409, "insufficient_stock");
    let seen = put(new).if_match(2).send().is(200).version(3);
    check(&seen, json!({"lines": [{"sku": two.sku, "quantity": 4}]}));
    let seen = put(json!([])).if_match(3).send().is(200).version(4);
    assert_eq!(seen["lines"], json!([]));
}

#[test]
fn removes_one_many_or_all() {
    let shop = shop();
    let levels: Vec<_> = (0..4).map(|_| shop.stocked(10)).collect();
    let cart = shop.cart();
    for level in &levels {
        cart.add(&level.sku, 1).is(200);
    }
    let line = |index: usize| cart.line(&levels[index].sku);
    let first = format!("/lines/{}", line(0));
    let seen = cart.request("DELETE", &first).send().is(200).version(6);
    assert_eq!(quantities(&seen).len(), 3);

    let remove = |ids: Value| cart.post("/lines/remove", json!({"line_ids": ids})).is(200);
    let seen = remove(json!([line(1), line(2), "unknown"])).version(7);
    check(&seen, json!({"lines": [{"sku": levels[3].sku}]}));
    remove(json!(["unknown"])).version(7);

    let clear = || cart.request("POST", "/clear").send().is(200);
    let seen = clear().version(8);
    assert_eq!(seen["lines"], json!([]));
    assert_eq!(seen["totals"]["subtotal"]["amount"], 0);
    clear().version(8);
}

#[test]
fn holds_five_hundred_lines() {
    let shop = shop();
    let level = shop.stocked(10_000);
    let cart = shop.cart();
    let line = |number: i64| json!({"sku": level.sku, "quantity": 1, "metadata": {"n": number}});
    for batch in 0..5 {
        let lines: Vec<_> = (0..100).map(|number| line(batch * 100 + number)).collect();
        cart.post("/lines/batch", json!({"lines": lines})).is(200);
    }
    cart.post("/lines", line(500)).refused(422, "cart_limit");
    cart.post("/lines", line(499)).is(200);
    assert_eq!(cart.quantity(&level.sku), 501);
}

#[test]
fn loses_no_line_of_many_writers() {
    let shop = shop();
    let level = shop.stocked(1000);
    let cart = shop.cart();
    let shared = &cart;
    let mut versions: Vec<i64> = race(16, |caller| {
        (0..5)
            .map(|_| {
                let metadata = json!({"writer": caller % 4});
                let body = json!({"sku": level.sku, "quantity": 1, "metadata": metadata});
                whole(&shared.post("/lines", body).ok()["version"])
            })
            .collect::<Vec<_>>()
    })
    .concat();
    versions.sort_unstable();
    assert_eq!(versions, (2..=81).collect::<Vec<_>>());
    let seen = cart.read();
    assert_eq!(quantities(&seen), [20, 20, 20, 20]);
}

#[test]
fn decrements_and_increments_at_once_lose_nothing() {
    let shop = shop();
    let level = shop.stocked(1000);
    let cart: Cart = shop.cart();
    cart.add(&level.sku, 100).is(200);
    let line = format!("/lines/{}", cart.line(&level.sku));
    race(10, |caller| {
        for _ in 0..5 {
            let delta = if caller % 2 == 0 { 3 } else { -1 };
            cart.patch(&line, json!({"delta": delta})).is(200);
        }
    });
    check(
        &cart.read(),
        json!({"version": 52, "lines": [{"quantity": 150}]}),
    );
}
