//! `/api/products` and `/api/cart`, as the OpenTelemetry demo's frontend answers them.

use serde_json::json;

use crate::support::{fresh, shop};

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
