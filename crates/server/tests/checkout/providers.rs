//! Two providers: who is asked when one is down, and who is not while the other's answer is unknown.

use std::time::Duration;

use serde_json::{Value, json};

use crate::books;
use crate::gateway::Gateway;
use crate::support::{check, eventually, text, whole};
use crate::world::{World, card};

const SOON: Duration = Duration::from_secs(20);

fn messages(checkout: &Value) -> Vec<String> {
    let told = checkout["messages"].as_array().expect("messages").iter();
    told.map(|it| text(&it["code"])).collect()
}

#[test]
fn what_the_first_provider_cannot_be_asked_the_second_one_is() {
    let gateways = vec![Gateway::stopped("a"), Gateway::start("b")];
    let world = World::with("rerouted", gateways, |setup| setup);
    let it = world.purchase(1);
    let done = world.complete(&it, 10, card("tok_visa")).ok();
    check(
        &done,
        json!({"state": "completed", "payments": [{"provider": "b", "state": "captured"}]}),
    );
    assert_eq!(messages(&done), ["rerouted"]);
    // The buyer's own choice is kept to.
    let it = world.purchase(1);
    let fixed = json!({"method": "card", "token": "tok_visa", "provider": "a"});
    world.complete(&it, 1, fixed).is(202);
    world.gateways[0].restart();
    let done = world.ended(&it.checkout, SOON);
    check(
        &done,
        json!({"state": "completed", "payments": [{"provider": "a", "state": "captured"}]}),
    );
    assert_eq!(messages(&done), ["parked"]);
    books::agree(&world);
    world.replays();
}

#[test]
fn while_one_answer_is_unknown_nobody_else_is_asked() {
    let gateways = vec![Gateway::start("a"), Gateway::start("b")];
    let world = World::with("unknown", gateways, |setup| setup);
    let [a, b] = [&world.gateways[0], &world.gateways[1]];
    let kinds = ["hang_before", "hang_after", "delay"];
    let begun = kinds.map(|kind| {
        let it = world.purchase(1);
        let fault = json!({"op": "authorize", "kind": kind, "cart_id": it.cart, "delay_ms": 600});
        a.fault(fault);
        it
    });
    for it in &begun {
        world.complete(it, 0, card("tok_visa")).is(202);
    }
    for it in &begun {
        eventually(SOON, "it is unknown", || {
            (world.checkout(&it.checkout)["payments"][0]["state"] == "unknown").then_some(())
        });
    }
    a.kill();
    let tries =
        |it: &crate::world::Purchase| whole(&world.checkout(&it.checkout)["steps"][1]["tries"]);
    let before = begun.each_ref().map(tries);
    for (it, before) in begun.iter().zip(before) {
        eventually(SOON, "it is asked twice more", || {
            (tries(it) >= before + 2).then_some(())
        });
    }
    for it in &begun {
        let now = world.checkout(&it.checkout);
        check(
            &now,
            json!({"state": "processing", "payments": [{"provider": "a", "state": "unknown"}]}),
        );
    }
    assert!(b.calls().is_empty(), "nobody else is asked");
    a.restart();
    for it in &begun {
        let done = world.ended(&it.checkout, SOON);
        check(
            &done,
            json!({"state": "completed", "payments": [{"provider": "a"}]}),
        );
    }
    books::agree(&world);
    world.replays();
}

#[test]
fn with_all_providers_down_it_waits_and_then_goes_on() {
    let gateways = vec![Gateway::stopped("a"), Gateway::stopped("b")];
    let world = World::with("parked", gateways, |setup| setup);
    let it = world.purchase(1);
    let waiting = world.complete(&it, 1, card("tok_visa")).is(202).json();
    assert!(
        messages(&waiting).contains(&"parked".to_owned()),
        "{waiting:#}"
    );
    world.gateways[1].restart();
    let done = world.ended(&it.checkout, SOON);
    check(
        &done,
        json!({"state": "completed", "payments": [{"state": "captured"}]}),
    );
    world.gateways[0].restart();
    books::agree(&world);
    world.replays();
}

#[test]
fn with_all_providers_down_it_is_undone_at_its_deadline() {
    let gateways = vec![Gateway::stopped("a"), Gateway::stopped("b")];
    let world = World::with("undone", gateways, |setup| {
        setup.argument("--checkout-deadline-seconds").argument("2")
    });
    let it = world.purchase(1);
    let refused = world.complete(&it, 20, card("tok_visa"));
    let refused = refused.refused(409, "payment_declined");
    assert_eq!(refused["reason"], "unavailable");
    assert_eq!(world.checkout(&it.checkout)["state"], "open");
    let shop = world.shop();
    let parked = world.purchase(1);
    world.complete(&parked, 0, card("tok_visa")).is(202);
    // Where nobody was asked yet it ends at once.
    parked.cancelling(&shop).send().one_of(&[200, 202]);
    assert_eq!(world.ended(&parked.checkout, SOON)["state"], "cancelled");
    world.gateways.iter().for_each(Gateway::restart);
    world
        .complete_with(&it, &crate::support::uuid(), 10, card("tok_visa"))
        .is(200);
    books::agree(&world);
    world.replays();
}

#[test]
fn what_reached_nobody_may_go_to_anybody_after_a_restart() {
    let gateways = vec![Gateway::stopped("a"), Gateway::stopped("b")];
    let world = World::with("parked-restart", gateways, |setup| setup);
    let it = world.purchase(1);
    world.complete(&it, 0, card("tok_visa")).is(202);
    eventually(SOON, "it is parked", || {
        messages(&world.checkout(&it.checkout))
            .contains(&"parked".to_owned())
            .then_some(())
    });
    world.kill();
    world.gateways[1].restart();
    world.restart();
    let done = world.ended(&it.checkout, SOON);
    check(
        &done,
        json!({"state": "completed", "payments": [{"provider": "b", "state": "captured"}]}),
    );
    world.gateways[0].restart();
    books::agree(&world);
    world.replays();
}

#[test]
fn who_tries_cards_is_slowed_down() {
    let world = World::with("trying", vec![Gateway::start("a")], |setup| {
        let limit = setup.argument("--checkout-attempts-per-hour");
        limit.argument("2")
    });
    let it = world.purchase(1);
    for _ in 0..2 {
        world
            .complete_with(&it, &crate::support::uuid(), 10, card("tok_declined"))
            .refused(409, "payment_declined");
    }
    let key = crate::support::uuid();
    let refused = world.complete_with(&it, &key, 10, card("tok_visa"));
    assert_eq!(refused.refused(429, "rate_limited")["limit"], 2);
    let after: u32 = refused
        .header("retry-after")
        .and_then(|it| it.parse().ok())
        .expect("Retry-After");
    assert!((3_500..=3_600).contains(&after), "{after}");
    // Another checkout of the same cart is no way around it.
    it.cancelling(&world.shop()).send().is(200);
    let fields = json!({"cart_id": it.cart});
    let again = world.shop().post("/v1/checkouts").token(&it.token);
    let again = again.json(fields).send().succeeded().json();
    let path = format!("/v1/checkouts/{}", crate::support::text(&again["id"]));
    let body =
        json!({"email": "ada@example.com", "shipping_address": crate::support::address("US")});
    let open = world.shop().patch(&path).token(&it.token).json(body);
    let quote = open.send().ok()["quote"]["id"].clone();
    let request = world.shop().post(&format!("{path}/complete"));
    let request = request
        .token(&it.token)
        .idempotency_key(&crate::support::uuid());
    let body = json!({"quote_id": quote, "payment": card("tok_visa")});
    request.json(body).send().refused(429, "rate_limited");
    assert_eq!(world.gateway().payments().len(), 2);
    world.replays();
}

#[test]
fn undecided_money_is_shown_to_somebody_and_ends_by_itself_later() {
    let rows = [
        (
            vec![("authorize", "close_before"), ("void", "close_after")],
            "open",
        ),
        (
            vec![
                ("authorize", "hang_after"),
                ("void", "error_before"),
                ("lookup", "error_before"),
            ],
            "open",
        ),
        (vec![("capture", "error_before")], "completed"),
        (
            vec![("capture", "close_after"), ("lookup", "lookup_missing")],
            "completed",
        ),
    ];
    // Each waits for deadlines most of the time.
    std::thread::scope(|scope| {
        for (faults, end) in rows {
            scope.spawn(move || undecided_money(&faults, end));
        }
    });
}

fn undecided_money(faults: &[(&str, &str)], end: &str) {
    let world = World::with("attention", vec![Gateway::start("a")], |setup| {
        let setup = setup.argument("--checkout-deadline-seconds").argument("1");
        setup.argument("--give-up-seconds").argument("2")
    });
    let it = world.purchase(1);
    for (op, kind) in faults {
        world.gateway().fault(json!({"op": op, "kind": kind}));
    }
    world.complete(&it, 0, card("tok_visa")).is(202);
    eventually(SOON, "somebody must look", || {
        (world.checkout(&it.checkout)["state"] == "needs_attention").then_some(())
    });
    world.gateway().mend_all();
    assert_eq!(world.ended(&it.checkout, SOON)["state"], end, "{faults:?}");
    books::agree(&world);
    world.replays();
}
