//! `/api/products` and `/api/cart`, as the OpenTelemetry demo's frontend answers them.

use serde_json::json;

use crate::support::{fresh, paying, shop, text, whole};

#[test]
fn a_storefront_fills_shows_and_empties_a_cart() {
    let shop = shop();
    let (item, user) = (shop.product(), fresh("session"));
    let shown = shop.get("/api/products").send().is(200).json();
    let shown = shown.as_array().expect("a list");
    assert!(shown.iter().any(|it| it["id"] == *item.id));
    let path = format!("/api/products/{}?currencyCode=USD", item.id);
    let one = shop.get(&path).send().is(200).json();
    let price = json!({"currencyCode": "USD", "units": 10, "nanos": 0});
    assert_eq!((&one["id"], &one["priceUsd"]), (&json!(item.id), &price));
    shop.get("/api/products/nothing")
        .send()
        .refused(404, "not_found");

    let cart = format!("/api/cart?sessionId={user}&currencyCode=USD");
    let empty = shop.get(&cart).send().is(200).json();
    assert_eq!(empty, json!({"userId": user, "items": []}));
    let add = json!({"item": {"productId": item.sku, "quantity": 2}, "userId": user});
    let added = shop.post("/api/cart?currencyCode=USD").json(add).send();
    let items = json!([{"productId": item.sku, "quantity": 2}]);
    assert_eq!(
        added.is(200).json(),
        json!({"userId": user, "items": items})
    );
    let filled = shop.get(&cart).send().is(200).json();
    assert_eq!(filled["items"][0]["product"]["id"], *item.id);
    assert_eq!(filled["items"][0]["quantity"], 2);
    let user = json!({"userId": user});
    shop.delete("/api/cart").json(user.clone()).send().is(204);
    shop.delete("/api/cart").json(user).send().is(204);
    assert_eq!(shop.get(&cart).send().is(200).json()["items"], json!([]));
}

#[test]
fn a_storefront_buys_what_is_in_a_cart() {
    let paying = paying();
    let shop = &paying.shop;
    let (level, user) = (shop.stocked(5), fresh("session"));
    let add = json!({"item": {"productId": level.sku, "quantity": 2}, "userId": user});
    shop.post("/api/cart").json(add).send().is(200);
    let codes = shop.get("/api/currency").send().is(200).json();
    assert_eq!(codes.as_array().map(Vec::len), Some(33));
    let path = "/api/shipping?itemList=%5B%7B%22productId%22%3A%22a%22%2C%22quantity%22%3A1%7D%5D\
                &currencyCode=EUR&address=%7B%22city%22%3A%22x%22%7D";
    let cost = shop.get(path).send().is(200).json();
    let expected = json!({"currencyCode": "EUR", "units": 5, "nanos": 298_540_469});
    assert_eq!(cost, expected);
    shop.get("/api/shipping?itemList=x")
        .send()
        .invalid("itemList");

    let address = json!({
        "streetAddress": "1600 Amphitheatre Parkway", "city": "Mountain View", "state": "CA",
        "country": "United States", "zipCode": "94043",
    });
    let order = |number: &str| {
        json!({
            "userId": user, "userCurrency": "EUR", "email": "someone@example.com", "address": address,
            "creditCard": {"creditCardNumber": number, "creditCardCvv": 672,
                           "creditCardExpirationYear": 2039, "creditCardExpirationMonth": 1},
        })
    };
    let place = |number| {
        shop.post("/api/checkout?currencyCode=EUR")
            .json(order(number))
            .send()
    };
    let refused = place("4432801561520455").refused(409, "payment_declined");
    let said = text(&refused["error"]);
    assert!(said.ends_with("Credit card info is invalid."), "{said}");
    let placed = place("4432-8015-6152-0454").is(200).json();
    assert_eq!(placed["shippingAddress"], address);
    let shipping = json!({"currencyCode": "EUR", "units": 5, "nanos": 300_000_000});
    assert_eq!(placed["shippingCost"], shipping);
    let item = &placed["items"][0];
    let cost = json!({"currencyCode": "EUR", "units": 8, "nanos": 850_000_000});
    assert_eq!(
        (&item["cost"], &item["item"]["quantity"]),
        (&cost, &json!(2))
    );
    assert_eq!(item["item"]["product"]["priceUsd"], cost);
    let path = format!("/v1/orders/{}", text(&placed["orderId"]));
    let order = shop.get(&path).admin().send().ok();
    assert_eq!(
        order["totals"]["total"],
        json!({"amount": 2300, "currency": "EUR"})
    );
    assert_eq!(whole(&level.read()["available"]), 3);
    place("4432-8015-6152-0454").refused(422, "invalid");
    assert!(
        !shop.process.said().contains("4432"),
        "a card number was logged"
    );
}

#[test]
fn a_card_number_is_never_repeated() {
    let shop = shop();
    let card = json!({"creditCardNumber": [4_432_801_561_520_454_i64], "creditCardCvv": 1,
                      "creditCardExpirationYear": 2039, "creditCardExpirationMonth": 1});
    let order = json!({"userId": "u", "userCurrency": "USD", "email": "a@example.com", "address": {}, "creditCard": card});
    let refused = shop.post("/api/checkout").json(order).send();
    refused.invalid("creditCard.creditCardNumber");
    assert!(!refused.text().contains("4432"), "{}", refused.text());
}

#[test]
fn the_demo_s_shipping_and_letters_speak_snake_case() {
    let shop = shop();
    let items = json!([{"product_id": "A", "quantity": 2}]);
    let body = json!({"address": {"zip_code": "94043"}, "items": items});
    let quoted = shop.post("/get-quote").json(body.clone()).send();
    let cost = json!({"currency_code": "USD", "units": 5, "nanos": 990_000_000});
    assert_eq!(quoted.is(200).json(), json!({"cost_usd": cost}));
    let nothing = shop.post("/get-quote").json(json!({"items": null})).send();
    assert_eq!(nothing.is(200).json()["cost_usd"]["units"], 0);
    let shipped = shop.post("/ship-order").json(body).send().is(200).json();
    assert_eq!(text(&shipped["tracking_id"]).len(), 36);
    let order = json!({
        "order_id": fresh("order"), "shipping_tracking_id": "t", "shipping_cost": cost,
        "shipping_address": {"street_address": "1 Way", "zip_code": "94043"},
        "items": [{"item": {"product_id": "A", "quantity": 2}, "cost": cost}],
    });
    let confirm = |email: &str| {
        let body = json!({"email": email, "order": order});
        shop.post("/send_order_confirmation").json(body).send()
    };
    confirm("someone@example.com").is(200);
    confirm("nobody").invalid("email");
}
