//! What others do while a purchase is under way.

use std::time::Duration;

use serde_json::json;

use crate::books;
use crate::gateway::Gateway;
use crate::support::{check, eventually, text, uuid, whole};
use crate::world::{Purchase, STOCK, World, card, world};

const SOON: Duration = Duration::from_secs(20);

/// A purchase whose card is being asked; it goes on when the fault is mended.
fn under_way(world: &World) -> (Purchase, String) {
    let it = world.purchase(2);
    let fault = json!({"op": "authorize", "kind": "hang_before", "cart_id": it.cart});
    let fault = world.gateway().fault(fault);
    world.complete(&it, 0, card("tok_visa")).is(202);
    eventually(SOON, "the answer is lost", || {
        (world.checkout(&it.checkout)["payments"][0]["state"] == "unknown").then_some(())
    });
    (it, fault)
}

fn goes_on(world: &World, it: &Purchase, fault: &str) {
    world.gateway().mend(fault);
    let end = world.ended(&it.checkout, SOON);
    assert_eq!(end["state"], "completed", "{end:#}");
}

#[test]
fn its_cart_and_its_stock_are_left_alone() {
    let world = world("alone");
    let shop = world.shop();
    let (it, fault) = under_way(&world);
    let cart = format!("/v1/carts/{}", it.cart);
    let with = |method: &str, path: &str| shop.request(method, path).token(&it.token);
    let lines = with("POST", &format!("{cart}/lines"));
    let lines = lines.json(json!({"sku": world.level().sku, "quantity": 1}));
    lines.send().refused(409, "cart_closed");
    with("POST", &format!("{cart}/clear"))
        .send()
        .refused(409, "cart_closed");
    with("DELETE", &cart).send().refused(409, "cart_closed");
    let again = with("POST", "/v1/checkouts").json(json!({"cart_id": it.cart}));
    again.send().refused(409, "cart_closed");
    let other = shop.cart();
    let merge = other.request("POST", "/merge");
    let merge = merge.json(json!({"from": it.cart, "from_token": it.token}));
    merge.send().refused(409, "cart_closed");
    let made = world.level().movements().pop().expect("the hold");
    assert_eq!(made["reference"], format!("chk:{}", it.checkout));
    let hold = format!("/v1/reservations/{}", text(&made["reservation_id"]));
    for (verb, body) in [
        ("release", json!({})),
        ("confirm", json!({})),
        ("extend", json!({"ttl_seconds": 1})),
    ] {
        let request = shop.post(&format!("{hold}/{verb}")).admin().json(body);
        request.send().refused(409, "invalid_state");
    }
    goes_on(&world, &it, &fault);
    books::agree(&world);
    world.replays();
}

#[test]
fn what_was_agreed_is_sold_whatever_changes() {
    let world = World::with("agreed", vec![Gateway::start("a")], |setup| {
        setup.with("CARTWRIGHT_QUOTE_TTL_SECONDS", "1")
    });
    let (it, fault) = under_way(&world);
    let (shop, level) = (world.shop(), world.level());
    // Its quote is over, its goods are archived and dearer, and nothing is left in the warehouse.
    let variant = shop.get(&format!("/v1/variants/{}", level.sku)).send().ok();
    let price = shop
        .put(&format!("/v1/variants/{}/prices/USD", level.sku))
        .admin();
    let price = price
        .if_match(whole(&variant["version"]))
        .json(json!({"amount": 99_999}));
    price.send().is(200);
    let count = |quantity: i64| {
        let version = whole(&level.read()["version"]);
        let count = level
            .request("count")
            .if_match(version)
            .json(json!({"quantity": quantity}));
        count.send().is(200);
    };
    let younger = world.purchase(1);
    count(0);
    eventually(SOON, "a younger quote is over", || {
        let path = format!("/v1/checkouts/{}", younger.checkout);
        let renewed = shop.request("PATCH", &path).token(&younger.token);
        let renewed = renewed.json(json!({})).send().ok();
        (renewed["quote"]["id"] != younger.quote.as_str()).then_some(())
    });
    goes_on(&world, &it, &fault);
    let short = level.read();
    assert_eq!(
        (whole(&short["on_hand"]), whole(&short["allocated"])),
        (0, 2)
    );
    let late = world.purchase_if_any();
    assert!(late.is_none(), "nothing is sold twice");
    count(STOCK);
    let done = world.checkout(&it.checkout);
    assert_eq!(done["totals"]["total"], it.total);
    books::agree(&world);
    world.replays();
}

#[test]
fn what_costs_nothing_asks_nobody() {
    let world = World::with("free", vec![Gateway::start("a")], |setup| {
        setup.with("CARTWRIGHT_SHIPPING_RATES", "standard=USD:0")
    });
    let shop = world.shop();
    let gift = shop.product_with(json!({"prices": [{"amount": 0, "currency": "USD"}]}));
    shop.level(&world.level().store, &gift.sku, 5);
    let buy = |payment: serde_json::Value| {
        let cart = shop.cart();
        cart.add(&gift.sku, 1).is(200);
        let it = Purchase::of(cart);
        assert_eq!(it.amount(), 0);
        let answer = world.complete(&it, 10, payment).ok();
        check(&answer, json!({"state": "completed", "payments": []}));
        assert!(answer["order_id"].is_string(), "{answer}");
        it.cart
    };
    buy(json!(null));
    buy(card("tok_declined"));
    assert!(world.gateway().calls().is_empty());
    let left = shop.level(&world.level().store, &gift.sku, 0).read();
    assert_eq!(
        (whole(&left["allocated"]), whole(&left["available"])),
        (2, 3)
    );
    // What does cost something needs to be paid.
    let it = world.purchase(1);
    world.complete(&it, 5, json!(null)).invalid("payment");
    world
        .complete_with(&it, &uuid(), 5, card("tok_visa"))
        .is(200);
    world.replays();
}
