//! Giving up while it is being paid.

use std::time::Duration;

use serde_json::json;

use crate::books;
use crate::support::{check, uuid, whole};
use crate::world::{card, world};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_checkout_that_is_given_up_while_it_is_paid_ends_cancelled() {
    let world = world("cancel");
    let shop = world.shop();
    let rows = [
        json!({"op": "authorize", "kind": "delay", "delay_ms": 250}),
        json!({"op": "authorize", "kind": "hang_before", "count": 2}),
        json!({"op": "authorize", "kind": "hang_after", "count": 2}),
        json!({"op": "authorize", "kind": "lie_fail", "delay_ms": 250}),
        json!({"op": "authorize", "kind": "decline", "delay_ms": 250}),
    ];
    for mut fault in rows {
        let it = world.purchase(3);
        fault["cart_id"] = json!(it.cart);
        world.gateway().fault(fault.clone());
        world.complete(&it, 0, card("tok_visa")).is(202);
        let answer = it.cancelling(&shop).send().is(202);
        assert_eq!(
            answer.header("location"),
            Some(format!("/v1/checkouts/{}", it.checkout).as_str())
        );
        it.cancelling(&shop).send().one_of(&[200, 202]);
        let end = world.ended(&it.checkout, SOON);
        assert_eq!(end["state"], "cancelled", "{fault}: {end:#}");
        world.complete(&it, 0, card("tok_visa")).is(409);
        it.cancelling(&shop).send().is(200);
        world
            .complete_with(&it, &uuid(), 0, card("tok_visa"))
            .refused(409, "invalid_state");
        let cart = shop
            .get(&format!("/v1/carts/{}", it.cart))
            .token(&it.token)
            .send()
            .ok();
        assert_eq!(cart["state"], "open", "{fault}");
    }
    books::agree(&world);
    assert_eq!(whole(&world.level().read()["allocated"]), 0);
    world.replays();
}

#[test]
fn once_there_is_an_order_it_cannot_be_given_up() {
    let world = world("too-late");
    let it = world.purchase(1);
    world
        .gateway()
        .fault(json!({"op": "capture", "kind": "hang_before", "count": 3}));
    world.complete(&it, 0, card("tok_visa")).is(202);
    let ordered = crate::support::eventually(SOON, "the order is made", || {
        let now = world.checkout(&it.checkout);
        now["order_id"].is_string().then_some(now)
    });
    check(&ordered, json!({"state": "processing"}));
    it.cancelling(&world.shop())
        .send()
        .refused(409, "invalid_state");
    let end = world.ended(&it.checkout, SOON);
    check(
        &end,
        json!({"state": "completed", "order_id": ordered["order_id"]}),
    );
    books::agree(&world);
}
