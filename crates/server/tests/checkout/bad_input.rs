//! What is refused, in which order, and that nothing happens then.

use std::time::Duration;

use serde_json::{Value, json};

use crate::books;
use crate::gateway::Gateway;
use crate::support::{check, eventually, text, uuid};
use crate::world::{World, card, world};

#[test]
fn refuses_what_cannot_be_paid_so() {
    let world = world("refused");
    let it = world.purchase(1);
    let shop = world.shop();
    let money = |amount: i64, currency: &str| json!({"amount": amount, "currency": currency});
    let part =
        |token: &str, amount: Value| json!({"method": "card", "token": token, "amount": amount});
    let (all, total) = (it.amount(), it.total.clone());
    let rows = [
        (card("4242424242424242"), "payment.token"),
        (card("4242-4242-4242-4242"), "payment.token"),
        (card("4242 4242 4242 4242"), "payment.token"),
        (card(""), "payment.token"),
        (json!({"method": "card"}), "payment.token"),
        (
            json!({"method": "card", "token": "tok_visa", "provider": "nobody"}),
            "payment.provider",
        ),
        (json!({"method": "cash"}), "payment"),
        (json!({}), "payment"),
        (json!({"parts": []}), "payment.parts"),
        (
            json!({"parts": [part("tok_visa", total.clone())], "token": "tok_visa"}),
            "payment",
        ),
        (
            json!({"parts": [part("4242424242424242", total.clone())]}),
            "payment.parts[0].token",
        ),
        (
            json!({"parts": [part("tok_visa", money(all - 1, "USD"))]}),
            "payment.parts",
        ),
        (
            json!({"parts": [part("tok_visa", money(all + 1, "USD"))]}),
            "payment.parts",
        ),
        (
            json!({"parts": [part("tok_visa", money(all + 1, "USD")), part("tok_visa", money(-1, "USD"))]}),
            "payment.parts[1].amount",
        ),
        (
            json!({"parts": [part("tok_visa", total.clone()), part("tok_visa", money(0, "USD"))]}),
            "payment.parts[1].amount",
        ),
    ];
    for (payment, field) in rows {
        let answer = world.complete(&it, 5, payment);
        answer.invalid(field);
        assert!(!answer.text().contains("4242"), "{}", answer.text());
    }
    let euros = json!({"parts": [part("tok_visa", money(all, "EUR"))]});
    world
        .complete(&it, 5, euros)
        .refused(422, "currency_mismatch");
    let path = format!("/v1/checkouts/{}/complete", it.checkout);
    let body = json!({"quote_id": it.quote, "payment": card("tok_visa")});
    let bare = shop.post(&path).json(body.clone());
    let refused = bare.clone().token(&it.token).send();
    refused.refused(400, "idempotency_key_required");
    bare.clone()
        .idempotency_key(&uuid())
        .send()
        .one_of(&[401, 404]);
    bare.clone()
        .token("wrong")
        .idempotency_key(&uuid())
        .send()
        .refused(404, "not_found");
    let other = world.purchase(1);
    bare.token(&other.token)
        .idempotency_key(&uuid())
        .send()
        .refused(404, "not_found");
    let unknown = shop.post("/v1/checkouts/chk_nothing/complete").admin();
    let unknown = unknown.idempotency_key(&uuid()).json(body.clone()).send();
    unknown.refused(404, "not_found");
    let wait = it
        .completing(&shop, &uuid(), 5, card("tok_visa"))
        .header("Prefer", "wait=soon");
    wait.send().refused(400, "malformed_request");
    let open = world.checkout(&it.checkout);
    check(
        &open,
        json!({"state": "open", "version": 1, "attempts": [], "payments": []}),
    );
    assert!(world.gateway().calls().is_empty(), "nobody was asked");
    world.complete(&it, 5, card("tok_visa")).is(200);
    it.cancelling(&shop).send().refused(409, "invalid_state");
    other.cancelling(&shop).send().is(200);
    books::agree(&world);
}

#[test]
fn a_stale_quote_says_why_and_what_it_would_be_now() {
    let world = World::with("stale", vec![Gateway::start("a")], |setup| {
        setup.with("CARTWRIGHT_QUOTE_TTL_SECONDS", "2")
    });
    let shop = world.shop();
    let stale = |it: &crate::world::Purchase, reason: &str| {
        let refused = world.complete(it, 5, card("tok_visa"));
        let refused = refused.refused(409, "quote_stale");
        assert_eq!(refused["reason"], reason, "{refused}");
        assert!(refused["totals"]["total"]["amount"].is_i64(), "{refused}");
    };
    let mut it = world.purchase(1);
    let path = format!("/v1/checkouts/{}", it.checkout);
    let patch = |body: Value| shop.patch(&path).token(&it.token).json(body).send().ok();
    let first = it.quote.clone();
    let second = text(&patch(json!({"shipping_option": "express"}))["quote"]["id"]);
    stale(&it, "superseded");
    let add = shop
        .post(&format!("/v1/carts/{}/lines", it.cart))
        .token(&it.token);
    add.json(json!({"sku": world.level().sku, "quantity": 1}))
        .send()
        .is(200);
    let quoted = patch(json!({}));
    let third = text(&quoted["quote"]["id"]);
    assert!(first != second && second != third);
    let changed = shop
        .post(&format!("/v1/carts/{}/lines", it.cart))
        .token(&it.token);
    changed
        .json(json!({"sku": world.level().sku, "quantity": 1}))
        .send()
        .is(200);
    it.quote = third;
    stale(&it, "cart_changed");
    it.quote = "quo_nothing".into();
    stale(&it, "unknown");
    let it = world.purchase(1);
    eventually(Duration::from_secs(10), "the quote expires", || {
        // Too little is refused as long as the quote binds.
        let little = json!({"parts": [it.parts(1, ["tok_visa", "tok_visa"])["parts"][0]]});
        let answer = world.complete(&it, 5, little);
        (answer.json()["code"] == "quote_stale").then_some(())
    });
    stale(&it, "expired");
    books::agree(&world);
}

#[test]
fn refuses_in_the_order_of_the_contract() {
    let world = world("order");
    let shop = world.shop();
    // Nothing but a cart: incomplete comes before the quote.
    let cart = shop.cart();
    cart.add(&world.level().sku, 1).is(200);
    let bare = cart.checkout(&cart.check_out(json!({})).created());
    let complete = |token: &str, quote: &str| {
        shop.post(&bare.path("/complete"))
            .token(&bare.token)
            .idempotency_key(&uuid())
            .json(json!({"quote_id": quote, "payment": card(token)}))
            .send()
    };
    let refused = complete("tok_visa", "quo_nothing").refused(409, "checkout_incomplete");
    assert_eq!(refused["missing"], json!(["email", "shipping_address"]));
    bare.cancel().is(200);
    // A closed one says that first, whatever the quote.
    complete("tok_visa", "quo_nothing").refused(409, "invalid_state");
    complete("4242424242424242", "quo_nothing").invalid("payment.token");
    // Wrong amounts come after a stale quote.
    let mut it = world.purchase(1);
    let (right, half) = (it.quote.clone(), it.parts(1, ["tok_visa", "tok_visa"]));
    let half = json!({"parts": [half["parts"][0]]});
    it.quote = "quo_nothing".into();
    world
        .complete(&it, 5, half.clone())
        .refused(409, "quote_stale");
    it.quote = right;
    world.complete(&it, 5, half).invalid("payment.parts");
    // A cart that was deleted takes its checkout with it.
    let delete = shop
        .delete(&format!("/v1/carts/{}", it.cart))
        .token(&it.token);
    delete.send().succeeded();
    let gone = world.complete_with(&it, &uuid(), 5, card("tok_visa"));
    gone.one_of(&[404, 409]);
    books::agree(&world);
}

#[test]
fn without_a_provider_cards_wait_for_better_times() {
    let world = World::with("none", Vec::new(), |mut setup| {
        setup.arguments.clear();
        setup
    });
    let it = world.purchase(1);
    let refused = world.complete(&it, 5, card("tok_visa"));
    refused.refused(503, "dependency_unavailable");
    assert!(
        refused.header("retry-after").is_some(),
        "{}",
        refused.story()
    );
    assert_eq!(world.checkout(&it.checkout)["state"], "open");
    books::agree(&world);
}
