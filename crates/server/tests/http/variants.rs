//! `/v1/variants`: the lean look at one SKU, and its prices.

use serde_json::{Value, json};

use crate::support::{check, fresh, money, race, shop};

#[test]
fn answers_the_seven_fields() {
    let shop = shop();
    let (id, sku) = (fresh("product"), fresh("sku"));
    shop.post("/v1/products")
        .admin()
        .json(json!({
            "id": id, "name": "Mug", "options": [{"name": "size", "values": ["L"]}],
            "variants": [{
                "sku": sku, "options": {"size": "L"}, "prices": [{"amount": 700, "currency": "USD"}],
                "limits": {"min": 2, "max": 8, "multiple": 2}
            }]
        }))
        .send()
        .is(201);
    let found = shop.get(&format!("/v1/variants/{sku}")).send().is(200);
    check(
        &found.version(1),
        json!({
            "sku": sku, "product_id": id, "name": "Mug", "options": {"size": "L"},
            "prices": [{"amount": 700, "currency": "USD"}],
            "limits": {"min": 2, "max": 8, "multiple": 2}, "version": 1
        }),
    );
}

#[test]
fn names_the_sku_that_it_does_not_know() {
    let shop = shop();
    let problem = shop
        .get("/v1/variants/no-such-sku")
        .send()
        .refused(404, "not_found");
    check(
        &problem,
        json!({"resource": "variant", "id": "no-such-sku"}),
    );
    let problem = shop
        .put("/v1/variants/no-such-sku/prices/USD")
        .admin()
        .if_match(1)
        .json(json!({"amount": 1}))
        .send()
        .refused(404, "not_found");
    check(
        &problem,
        json!({"resource": "variant", "id": "no-such-sku"}),
    );
}

#[test]
fn prices_only_with_the_version_of_the_variant() {
    let shop = shop();
    let item = shop.product();
    let price = |currency: &str, amount: Value| {
        shop.put(&format!("/v1/variants/{}/prices/{currency}", item.sku))
            .admin()
            .json(json!({"amount": amount}))
    };
    price("USD", json!(900))
        .send()
        .refused(428, "version_required");
    let changed = price("USD", json!(900)).if_match(1).send().is(200);
    check(
        &changed.version(2),
        json!({"sku": item.sku, "prices": [{"amount": 900, "currency": "USD"}]}),
    );
    let problem = price("USD", json!(1)).if_match(1).send();
    let problem = problem.refused(409, "version_conflict");
    assert_eq!(problem["current_version"], 2);

    let same = price("USD", json!(900)).if_match(2).send().is(200);
    same.version(2);
    let more = price("EUR", json!(800)).if_match(2).send().is(200);
    let more = more.version(3);
    let prices = more["prices"].as_array().expect("prices");
    assert_eq!(prices.len(), 2, "{more}");
    let euros = prices.iter().find(|price| price["currency"] == "EUR");
    assert_eq!(money(euros.expect("a price in euros"), "EUR"), 800);

    let read = shop.get(&format!("/v1/variants/{}", item.sku)).send();
    assert_eq!(read.version(3), more);
}

#[test]
fn refuses_amounts_that_are_no_price() {
    let shop = shop();
    let item = shop.product();
    let path = format!("/v1/variants/{}/prices/USD", item.sku);
    let rows = [
        r#"{"amount": -1, "expected_version": 1}"#,
        r#"{"amount": 1.5, "expected_version": 1}"#,
        r#"{"amount": 5.0, "expected_version": 1}"#,
        r#"{"amount": 1e1, "expected_version": 1}"#,
        r#"{"amount": "5", "expected_version": 1}"#,
        r#"{"amount": 9223372036854775808, "expected_version": 1}"#,
        r#"{"expected_version": 1}"#,
    ];
    for body in rows {
        let answer = shop
            .put(&path)
            .admin()
            .text("application/json", body)
            .send();
        answer.invalid("amount");
    }
    shop.get(&format!("/v1/variants/{}", item.sku))
        .send()
        .version(1);
}

#[test]
fn one_of_many_writers_with_the_same_version_wins() {
    let shop = shop();
    let item = shop.product();
    let path = format!("/v1/variants/{}/prices/USD", item.sku);
    let answers = race(12, |caller| {
        shop.put(&path)
            .admin()
            .if_match(1)
            .json(json!({"amount": 2000 + caller}))
            .send()
    });
    let won: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(won.len(), 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        let problem = lost.refused(409, "version_conflict");
        assert_eq!(problem["current_version"], 2);
    }
    let now = shop.get(&format!("/v1/variants/{}", item.sku)).send();
    assert_eq!(now.version(2), won[0].json());
}
