//! What an operator is shown, and what can be done about it: refunds that nobody would say were made, stock that is not there.

use serde_json::{Value, json};

use crate::books;
use crate::exchanges::swap;
use crate::gateway::Gateway;
use crate::outside::SOON;
use crate::support::{Response, check, eventually, text, uuid, whole};
use crate::world::{Purchase, World, card};

/// A shop that calls somebody after a second.
fn impatient(name: &str) -> World {
    World::with(name, vec![Gateway::start("a")], |setup| {
        setup.with("CARTWRIGHT_GIVE_UP_SECONDS", "1")
    })
}

impl World {
    #[track_caller]
    fn attention(&self) -> Vec<Value> {
        let all = self.shop().get("/v1/attention").admin().send().ok();
        let mut items = all["items"].as_array().expect("items").clone();
        items.retain(|it| it["kind"] != "payment");
        items
    }

    /// The gauge, while something is listed.
    #[track_caller]
    fn gauge(&self) -> i64 {
        let text = self.shop().get("/metrics").admin().send().text();
        let line = text
            .lines()
            .find(|it| it.starts_with("cartwright_needs_attention "));
        let value = line.expect("a gauge").rsplit(' ').next().expect("a value");
        value.parse().expect("a number")
    }

    fn resolve(&self, id: &Value, action: &str) -> Response {
        let path = format!("/v1/attention/{}/resolve", text(id));
        let body = json!({"action": action, "note": "as agreed on the phone"});
        self.shop().post(&path).admin().json(body).send()
    }

    /// The order of a purchase that is paid by a card.
    #[track_caller]
    fn order(&self, it: &Purchase) -> String {
        let done = self.complete(it, 10, card("tok_visa")).ok();
        format!("/v1/orders/{}", text(&done["order_id"]))
    }

    fn refund(&self, order: &str, amount: i64) -> Response {
        let body = json!({"amount": {"amount": amount, "currency": "USD"}, "to": "original", "reason": "broken"});
        let asked = self.shop().post(&format!("{order}/refunds")).admin();
        let asked = asked.idempotency_key(&uuid()).header("Prefer", "wait=0");
        asked.json(body).send()
    }

    /// A refund that stays open for too long, as it is listed.
    #[track_caller]
    fn overdue(&self, order: &str, amount: i64) -> Value {
        let refund = self.refund(order, amount).is(201).json();
        eventually(SOON, "the refund is listed with what is shown", || {
            let all = self.attention();
            let found = all.iter().find(|it| it["id"] == refund["id"]);
            found.filter(|it| it["theirs"].is_string()).cloned()
        })
    }

    #[track_caller]
    fn nothing_left(&self) {
        eventually(SOON, "nothing needs attention", || {
            self.attention().is_empty().then_some(())
        });
    }
}

#[test]
fn a_refund_that_stays_unknown_is_listed_until_it_is_made() {
    let world = impatient("unknown-refund");
    let order = world.order(&world.purchase(1));
    let read = || world.shop().get(&order).admin().send().ok();
    let fault = json!({"op": "refund", "kind": "close_before"});
    let fault = world.gateway().fault(fault);
    let item = world.overdue(&order, 500);
    check(
        &item,
        json!({"kind": "refund", "order_id": read()["id"], "checkout_id": read()["checkout_id"],
               "payments": [{"method": "card", "state": "captured", "refunded": {"amount": 0}}]}),
    );
    assert!(text(&item["ours"]).contains("unknown, 500 USD"), "{item}");
    assert!(
        text(&item["theirs"]).ends_with("0 of 1599 refunded"),
        "{item}"
    );
    assert_eq!(world.gauge(), 1);
    world.resolve(&item["id"], "retry").is(200);
    assert_eq!(world.attention().len(), 1);
    // It is not lost when the process dies.
    world.kill();
    world.restart();
    eventually(SOON, "it is listed again", || {
        (world.attention().len() == 1).then_some(())
    });
    world.gateway().mend(&fault);
    world.nothing_left();
    check(
        &read(),
        json!({"refunds": [{"state": "succeeded"}], "payments": [{"refunded": {"amount": 500}}]}),
    );
    world
        .resolve(&item["id"], "retry")
        .refused(404, "not_found");
    books::agree(&world);
    world.replays();
}

#[test]
fn a_refund_is_given_up_or_settled_by_hand() {
    let world = impatient("settled-refund");
    let order = world.order(&world.purchase(2));
    let read = || world.shop().get(&order).admin().send().ok();
    let fault = world
        .gateway()
        .fault(json!({"op": "refund", "kind": "close_before"}));
    let undone = world.overdue(&order, 500);
    world.resolve(&undone["id"], "undo").is(200);
    world.nothing_left();
    let now = read();
    check(
        &now,
        json!({"refunds": [{"state": "failed"}], "payment_state": "captured"}),
    );
    let history = now["history"].as_array().expect("history");
    assert!(
        history
            .iter()
            .any(|it| it["type"] == "refund_resolved" && it["data"]["refund_id"] == undone["id"]),
        "{now:#}"
    );
    // Its money is left; this time it was paid out otherwise.
    let closed = world.overdue(&order, 2599);
    world.resolve(&closed["id"], "close").is(200);
    world.nothing_left();
    check(
        &read(),
        json!({"refunds": [{}, {"state": "succeeded"}], "payment_state": "refunded",
               "payments": [{"refunded": {"amount": 0}, "refunded_elsewhere": {"amount": 2599}}]}),
    );
    world.refund(&order, 1).refused(409, "exceeds_remaining");
    world
        .resolve(&closed["id"], "close")
        .refused(404, "not_found");
    world.gateway().mend(&fault);
    assert_eq!(world.gauge(), 0);
    world.replays();
}

#[test]
fn stock_that_was_promised_and_is_not_there_is_listed() {
    let world = impatient("short");
    let it = world.purchase(3);
    world.complete(&it, 10, card("tok_visa")).is(200);
    let level = world.level();
    let count = |quantity: i64| {
        let version = whole(&level.read()["version"]);
        let body = json!({"quantity": quantity});
        let asked = level.request("count").json(body);
        asked
            .header("If-Match", &format!("\"{version}\""))
            .send()
            .is(200);
    };
    assert_eq!(world.attention(), Vec::<Value>::new());
    count(1);
    let items = world.attention();
    assert_eq!(items.len(), 1);
    check(
        &items[0],
        json!({"kind": "shortage", "id": format!("{}:{}", level.store, level.sku), "sku": level.sku, "store": level.store,
               "missing": 2, "theirs": "1 on hand", "payments": [], "reservations": []}),
    );
    assert!(
        text(&items[0]["ours"]).starts_with("3 promised"),
        "{items:?}"
    );
    assert_eq!(world.gauge(), 1);
    world.resolve(&items[0]["id"], "retry").is(200);
    world
        .resolve(&items[0]["id"], "undo")
        .refused(409, "invalid_state");
    world.resolve(&items[0]["id"], "close").is(200);
    world
        .resolve(&items[0]["id"], "close")
        .refused(404, "not_found");
    assert_eq!((world.attention().len(), world.gauge()), (0, 0));
    // It stays closed after a restart, and is open again when more is missing.
    world.kill();
    world.restart();
    let level = world.level();
    assert_eq!(world.attention().len(), 0);
    let version = whole(&level.read()["version"]);
    let asked = level.request("count").json(json!({"quantity": 0}));
    asked
        .header("If-Match", &format!("\"{version}\""))
        .send()
        .is(200);
    assert_eq!(world.attention()[0]["missing"], 3);
    level.adjust(3).is(200);
    world.nothing_left();
    world.replays();
}

#[test]
fn an_exchange_that_nobody_answers_for_is_undone_or_closed() {
    let world = impatient("attended-exchange");
    let dearer = world.other(1700);
    for (op, action) in [
        ("authorize", "undo"),
        ("authorize", "close"),
        ("capture", "close"),
    ] {
        let order = world.sent(1);
        let it = swap(&order, 1, &dearer, "tok_visa");
        let fault = world
            .gateway()
            .fault(json!({"op": op, "kind": "close_before"}));
        let begun = world.exchanging(&it, 0).send().is(202).json();
        let item = eventually(SOON, "it is listed", || {
            let all = world.attention();
            all.into_iter().find(|it| it["id"] == begun["checkout_id"])
        });
        check(&item, json!({"kind": "checkout"}));
        world.resolve(&item["id"], action).is(200);
        world.all_end();
        world.gateway().mend(&fault);
        world
            .exchanging(&it, 10)
            .send()
            .refused(409, "invalid_state");
        let now = world.read(&order);
        check(
            &now,
            json!({"payment_state": "captured", "exchanges": [], "returns": [], "refunds": []}),
        );
        // What was not exchanged can be.
        let next = swap(&order, 1, &dearer, "tok_visa");
        world.exchanging(&next, 10).send().is(201);
    }
    world.nothing_left();
    world.replays();
}
