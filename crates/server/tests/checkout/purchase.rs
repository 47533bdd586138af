//! Purchases that nothing disturbs: each token, parts, binding prices, second attempts.

use std::time::Duration;

use serde_json::json;

use crate::books;
use crate::support::{check, text, uuid, whole};
use crate::world::{STOCK, World, card, world};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn ends_with_an_order_and_one_capture() {
    let world = world("purchase");
    let it = world.purchase(2);
    let done = world.complete(&it, 10, card("tok_visa")).ok();
    check(
        &done,
        json!({
            "state": "completed", "failure": null,
            "attempts": [{"n": 1, "state": "succeeded"}],
            "payments": [{"attempt": 1, "method": "card", "provider": "a", "state": "captured", "amount": it.total,
                          "captured": it.total, "card": {"brand": "visa", "last4": "4242"}}],
        }),
    );
    assert!(text(&done["order_id"]).starts_with("ord_"), "{done}");
    let steps = done["steps"].as_array().expect("steps").iter();
    let steps: Vec<_> = steps
        .map(|it| (text(&it["step"]), text(&it["state"])))
        .collect();
    let names = ["reserve", "authorize", "order", "capture", "notify"];
    assert_eq!(steps, names.map(|it| (it.to_owned(), "done".to_owned())));
    let shop = world.shop();
    let cart = shop
        .get(&format!("/v1/carts/{}", it.cart))
        .token(&it.token)
        .send()
        .ok();
    assert_eq!(cart["state"], "ordered");
    shop.post(&format!("/v1/carts/{}/lines", it.cart))
        .token(&it.token)
        .json(json!({"sku": world.level().sku, "quantity": 1}))
        .send()
        .refused(409, "cart_closed");
    it.cancelling(&shop).send().refused(409, "invalid_state");
    books::agree(&world);
    assert_eq!(whole(&world.level().read()["allocated"]), 2);
    let again = world.complete(&it, 10, card("tok_visa")).ok();
    assert_eq!(again["order_id"], done["order_id"]);
    let other = world.complete_with(&it, &uuid(), 10, card("tok_visa")).ok();
    assert_eq!(other["order_id"], done["order_id"]);
    world
        .complete_with(&it, &uuid(), 10, card("tok_mastercard"))
        .refused(409, "invalid_state");
    world
        .complete(&it, 10, card("tok_mastercard"))
        .refused(409, "idempotency_key_reused");
    books::agree(&world);
    world.replays();
}

#[test]
fn each_token_does_what_its_card_does() {
    let world = world("tokens");
    let rows = [
        ("tok_visa", "", ""),
        ("tok_mastercard", "", ""),
        ("tok_slow", "", ""),
        ("tok_timeout_after_success", "", ""),
        ("tok_declined", "payment_declined", "declined"),
        ("tok_expired", "payment_declined", "expired_card"),
        (
            "tok_insufficient_funds",
            "payment_declined",
            "insufficient_funds",
        ),
        ("tok_nobody_knows", "payment_declined", "declined"),
    ];
    std::thread::scope(|scope| {
        for (token, code, reason) in rows {
            let world = &world;
            scope.spawn(move || {
                let it = world.purchase(1);
                let answer = world.complete(&it, 20, card(token));
                if code.is_empty() {
                    assert_eq!(answer.ok()["state"], "completed", "{token}");
                    return;
                }
                let problem = answer.refused(409, code);
                check(
                    &problem,
                    json!({"reason": reason, "checkout_id": it.checkout}),
                );
                let open = world.checkout(&it.checkout);
                check(
                    &open,
                    json!({"state": "open", "attempts": [{"state": "undone"}],
                           "failure": {"code": code, "reason": reason}}),
                );
            });
        }
    });
    books::agree(&world);
    world.replays();
}

#[test]
fn a_declined_second_part_leaves_the_first_one_void() {
    let world = world("parts");
    let it = world.purchase(3);
    let problem = world.complete(&it, 10, it.parts(1000, ["tok_visa", "tok_declined"]));
    problem.refused(409, "payment_declined");
    let open = world.checkout(&it.checkout);
    check(
        &open,
        json!({"state": "open", "payments": [{"state": "voided", "amount": {"amount": 1000}}, {"state": "declined"}]}),
    );
    books::agree(&world);
    let shop = world.shop();
    let cart = shop
        .get(&format!("/v1/carts/{}", it.cart))
        .token(&it.token)
        .send()
        .ok();
    assert_eq!(cart["state"], "open");
    // The same key tells the same end; a new one tries again.
    let same = world.complete(&it, 10, it.parts(1000, ["tok_visa", "tok_declined"]));
    same.refused(409, "payment_declined");
    let parts = it.parts(1000, ["tok_visa", "tok_mastercard"]);
    let done = world.complete_with(&it, &uuid(), 10, parts).ok();
    check(
        &done,
        json!({"state": "completed", "failure": null,
               "attempts": [{"n": 1, "state": "undone"}, {"n": 2, "state": "succeeded"}]}),
    );
    world
        .complete(&it, 10, it.parts(1000, ["tok_visa", "tok_declined"]))
        .refused(409, "payment_declined");
    books::agree(&world);
    world.replays();
}

#[test]
fn charges_what_was_quoted_whatever_the_catalogue_says_now() {
    let world = world("binding");
    let it = world.purchase(2);
    let sku = world.level().sku;
    world
        .shop()
        .put(&format!("/v1/variants/{sku}/prices/USD"))
        .admin()
        .if_match(version(&world, &sku))
        .json(json!({"amount": 5000}))
        .send()
        .is(200);
    let done = world.complete(&it, 10, card("tok_visa")).ok();
    assert_eq!(done["totals"]["total"], it.total);
    assert_eq!(it.amount(), 2 * 1000 + 599);
    books::agree(&world);
    let taken = world.gateway().ledger();
    assert_eq!(taken[1]["op"], "capture");
    assert_eq!(taken[1]["amount"], it.total);
    world.replays();
}

fn version(world: &World, sku: &str) -> i64 {
    let variant = world.shop().get(&format!("/v1/variants/{sku}")).send().ok();
    whole(&variant["version"])
}

#[test]
fn who_does_not_wait_sees_the_end_later() {
    let world = world("later");
    world.gateway().slow(200);
    let it = world.purchase(1);
    let answer = world.complete(&it, 0, card("tok_visa")).is(202);
    let location = format!("/v1/checkouts/{}", it.checkout);
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert!(answer.header("retry-after").is_some(), "{}", answer.story());
    assert_eq!(answer.json()["state"], "processing");
    world
        .complete_with(&it, &uuid(), 0, card("tok_mastercard"))
        .refused(409, "invalid_state");
    world
        .complete(&it, 0, card("tok_mastercard"))
        .refused(409, "idempotency_key_reused");
    let shop = world.shop();
    shop.patch(&location)
        .token(&it.token)
        .json(json!({}))
        .send()
        .refused(409, "invalid_state");
    let attached = world.complete_with(&it, &uuid(), 10, card("tok_visa")).ok();
    assert_eq!(attached["state"], "completed");
    assert_eq!(
        world.ended(&it.checkout, SOON)["order_id"],
        attached["order_id"]
    );
    world.complete(&it, 0, card("tok_visa")).is(200);
    books::agree(&world);
}

#[test]
fn stock_that_is_gone_stops_it_before_anybody_is_asked() {
    let world = world("gone");
    let it = world.purchase(2);
    let level = world.level();
    level.adjust(1 - STOCK).is(200);
    let refused = world.complete(&it, 10, card("tok_visa"));
    let refused = refused.refused(409, "insufficient_stock");
    check(
        &refused,
        json!({"sku": level.sku, "requested": 2, "available": 1}),
    );
    let open = world.checkout(&it.checkout);
    check(
        &open,
        json!({"state": "open", "attempts": [], "payments": []}),
    );
    level.adjust(STOCK - 1).is(200);
    // What was refused was no attempt: the same key may try again.
    world.complete(&it, 10, card("tok_visa")).is(200);
    books::agree(&world);
    world.replays();
}

#[test]
fn a_quote_that_holds_its_stock_hands_it_on_to_the_order() {
    let world = world("held");
    let held = |hold: bool| {
        let cart = world.shop().cart();
        cart.add(&world.level().sku, 5).is(200);
        let checkout = cart.quoted_with(json!({"hold": hold}));
        crate::world::Purchase {
            quote: text(&checkout.quote()["id"]),
            total: checkout.quote()["totals"]["total"].clone(),
            checkout: checkout.id,
            cart: cart.id,
            token: cart.token,
            key: uuid(),
        }
    };
    let it = held(true);
    assert_eq!(whole(&world.level().read()["reserved"]), 5);
    let declined = world.complete(&it, 10, card("tok_declined"));
    declined.refused(409, "payment_declined");
    // The attempt took the quote's hold with it. The next one holds anew.
    world
        .complete_with(&it, &uuid(), 10, card("tok_visa"))
        .is(200);
    books::agree(&world);
    let it = held(true);
    world.complete(&it, 10, card("tok_visa")).is(200);
    books::agree(&world);
    let it = held(true);
    world
        .complete(&it, 10, card("tok_declined"))
        .refused(409, "payment_declined");
    let shop = world.shop();
    let path = format!("/v1/checkouts/{}", it.checkout);
    let again = shop
        .patch(&path)
        .token(&it.token)
        .json(json!({"hold": false}));
    again.send().is(200);
    it.cancelling(&shop).send().is(200);
    books::agree(&world);
    world.replays();
}
