//! Exchanges while processes die and answers are lost: each ends completed or undone, and the books agree.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::books;
use crate::crash::{TAKEN_OVER, rounds};
use crate::random::Random;
use crate::support::{Request, Response, eventually, race, text, uuid, whole};
use crate::world::{World, card, world};

/// Buyers at once.
const BUYERS: usize = 6;

/// An order whose units have left, and what they are exchanged for under one key.
#[derive(Clone, Debug)]
pub(crate) struct Swap {
    /// `/v1/orders/...`
    order: String,
    key: String,
    body: Value,
}

impl World {
    /// An order of so many at 10.00 that has left.
    fn try_sent(&self, units: i64) -> Option<String> {
        let it = self.try_purchase(units)?;
        let request = it.completing(&self.shop(), &it.key, 10, card("tok_visa"));
        let done = request.try_send().ok().filter(|it| it.status == 200)?;
        let order = format!("/v1/orders/{}", text(&done.json()["order_id"]));
        let lines = json!({"lines": [{"line_id": "ln_1", "quantity": units}]});
        let sent = self
            .asking(&format!("{order}/fulfillments"), &uuid(), lines)
            .try_send();
        sent.is_ok_and(|it| it.status == 201).then_some(order)
    }

    #[track_caller]
    pub(crate) fn sent(&self, units: i64) -> String {
        self.try_sent(units).expect("an order that has left")
    }

    /// Something else at a price.
    #[track_caller]
    pub(crate) fn other(&self, price: i64) -> String {
        let prices = json!({"prices": [{"amount": price, "currency": "USD"}]});
        self.shop().stocked_with(100_000, prices).sku
    }

    fn asking(&self, path: &str, key: &str, body: Value) -> Request {
        let asked = self.shop().post(path).admin();
        asked.idempotency_key(key).json(body)
    }

    pub(crate) fn exchanging(&self, swap: &Swap, wait: u32) -> Request {
        let path = format!("{}/exchanges", swap.order);
        self.asking(&path, &swap.key, swap.body.clone())
            .header("Prefer", &format!("wait={wait}"))
    }

    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Value {
        self.shop().get(path).admin().send().ok()
    }

    /// How much of all money the provider gave back.
    #[track_caller]
    fn given_back(&self) -> i64 {
        let payments = self.gateway().payments();
        let refunded = payments.iter().map(|it| whole(&it["refunded"]["amount"]));
        refunded.sum()
    }

    #[track_caller]
    pub(crate) fn all_end(&self) {
        eventually(TAKEN_OVER, "everything ends", || {
            let left = self.in_state("processing").len() + self.in_state("needs_attention").len();
            (left == 0).then_some(())
        });
    }
}

pub(crate) fn swap(order: &str, back: i64, sku: &str, token: &str) -> Swap {
    let body = json!({
        "return": [{"line_id": "ln_1", "quantity": back}],
        "new": [{"sku": sku, "quantity": 1}],
        "payment": card(token),
    });
    Swap {
        order: order.to_owned(),
        key: uuid(),
        body,
    }
}

#[test]
fn an_exchange_survives_a_shop_that_is_killed_between_its_steps() {
    let world = world("exchange-killed");
    let (dearer, equal, cheaper) = (world.other(1700), world.other(1000), world.other(400));
    for (op, delay, sku, token, stands) in [
        ("authorize", 500, &dearer, "tok_visa", true),
        ("capture", 500, &dearer, "tok_visa", true),
        ("authorize", 500, &dearer, "tok_declined", false),
        ("void", 500, &dearer, "tok_declined", false),
        ("any", 0, &equal, "tok_visa", true),
        ("any", 0, &cheaper, "tok_visa", true),
    ] {
        let order = world.sent(1);
        let it = swap(&order, 1, sku, token);
        world
            .gateway()
            .fault(json!({"op": op, "kind": "delay", "delay_ms": delay}));
        let begun = world.exchanging(&it, 0).send();
        begun.one_of(&[201, 202]);
        // While the provider thinks.
        std::thread::sleep(Duration::from_millis(delay / 2));
        world.kill();
        world.gateway().mend_all();
        world.restart();
        world.all_end();
        let answer = world.exchanging(&it, 10).send();
        let now = world.read(&order);
        if stands {
            assert!(answer.is(201).replayed(), "{op}");
            assert_eq!(now["exchanges"][0]["state"], "completed", "{op}: {now:#}");
        } else {
            answer.refused(409, "payment_declined");
            assert_eq!(now["exchanges"], json!([]), "{op}: {now:#}");
            assert_eq!(now["returns"], json!([]), "{op}: {now:#}");
            assert_eq!(now["payment_state"], "captured", "{op}: {now:#}");
        }
        books::agree(&world);
    }
    world.replays();
}

#[test]
fn a_new_order_that_is_given_up_while_it_is_paid_takes_its_exchange_back() {
    let world = world("exchange-given-up");
    let order = world.sent(1);
    let it = swap(&order, 1, &world.other(1700), "tok_visa");
    world
        .gateway()
        .fault(json!({"op": "capture", "kind": "delay", "delay_ms": 800}));
    let begun = world.exchanging(&it, 0).send().is(202).json();
    assert_eq!(begun["state"], "processing", "{begun:#}");
    assert!(begun["order"].is_null() && begun["return"].is_null());
    let checkout = text(&begun["checkout_id"]);
    let made = eventually(TAKEN_OVER, "the new order is placed", || {
        let id = world.checkout(&checkout)["order_id"].clone();
        id.as_str().map(|id| format!("/v1/orders/{id}"))
    });
    world
        .asking(&format!("{made}/cancel"), &uuid(), json!({}))
        .send()
        .is(200);
    world.gateway().mend_all();
    world.all_end();
    let now = eventually(TAKEN_OVER, "the exchange is taken back", || {
        let now = world.read(&order);
        (now["exchanges"][0]["state"] == "cancelled").then_some(now)
    });
    assert_eq!(now["payment_state"], "captured", "{now:#}");
    assert_eq!(now["returns"][0]["state"], "cancelled", "{now:#}");
    books::agree(&world);
    assert_eq!(world.given_back(), 700, "the difference, and no more");
    let again = world.exchanging(&it, 10).send().is(201).json();
    assert_eq!(again["state"], "cancelled", "{again:#}");
    world.replays();
}

#[test]
fn an_exchange_survives_answers_that_are_lost() {
    let world = world("exchange-lost");
    let dearer = world.other(1700);
    for op in ["authorize", "capture"] {
        for kind in [
            "error_before",
            "error_after",
            "close_before",
            "close_after",
            "hang_after",
            "lie_fail",
            "forget_key",
        ] {
            let order = world.sent(1);
            let it = swap(&order, 1, &dearer, "tok_visa");
            let fault = json!({"op": op, "kind": kind, "count": 1});
            world.gateway().fault(fault);
            let answer = world.exchanging(&it, 20).send().one_of(&[201, 409]);
            let again = world.exchanging(&it, 10).send();
            assert_eq!(again.status, answer.status, "{op} {kind}");
            world.gateway().mend_all();
        }
    }
    books::agree(&world);
    world.replays();
}

/// What a buyer does again and again: an exchange, and something after it.
fn buy(world: &World, skus: &[String], random: &mut Random) -> Option<Swap> {
    let order = world.try_sent(1 + random.below(2) as i64)?;
    let sku = &skus[random.below(skus.len() as u64) as usize];
    let token = match random.below(4) {
        0 => "tok_declined",
        1 => "tok_timeout_after_success",
        _ => "tok_visa",
    };
    let it = swap(&order, 1, sku, token);
    let wait = if random.one_in(3) { 0 } else { 5 };
    let answer = world.exchanging(&it, wait).try_send().ok();
    if let Some(done) = answer.filter(|it| it.status == 201).map(|it| it.json()) {
        let made = format!("/v1/orders/{}", text(&done["order_id"]));
        let back = format!("/v1/returns/{}", text(&done["return_id"]));
        let amount = json!({"amount": {"amount": 300, "currency": "USD"}, "to": "original", "reason": "broken"});
        let steps: &[(String, Value)] = match random.below(5) {
            0 => &[(format!("{made}/cancel"), json!({}))],
            1 => &[(format!("{back}/receive"), json!({}))],
            2 => &[
                (format!("{back}/receive"), json!({})),
                (format!("{made}/cancel"), json!({})),
            ],
            3 => &[
                (format!("{made}/refunds"), amount.clone()),
                (format!("{order}/refunds"), amount),
            ],
            _ => &[],
        };
        for (path, body) in steps {
            // It may find nobody there.
            drop(world.asking(path, &uuid(), body.clone()).try_send());
        }
    }
    Some(it)
}

#[test]
fn exchanges_survive_a_shop_that_is_killed_at_any_moment() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run");
    let mut random = Random::new(seed);
    let world = world("exchanges-killed");
    let skus = [1700, 1000, 400].map(|price| world.other(price));
    let mut all: Vec<Swap> = Vec::new();
    for _ in 0..rounds() {
        world
            .gateway()
            .fault(json!({"op": "any", "kind": "delay", "delay_ms": 5 + random.below(60)}));
        let stop = AtomicBool::new(false);
        let seeds: Vec<u64> = (0..BUYERS).map(|_| random.next()).collect();
        let moments: Vec<u64> = (0..3).map(|_| 200 + random.below(700)).collect();
        std::thread::scope(|scope| {
            let buyers: Vec<_> = seeds
                .into_iter()
                .map(|seed| {
                    let (stop, world, skus) = (&stop, &world, &skus);
                    scope.spawn(move || {
                        let (mut random, mut done) = (Random::new(seed), Vec::new());
                        while !stop.load(Ordering::SeqCst) {
                            match buy(world, skus, &mut random) {
                                Some(it) => done.push(it),
                                None => std::thread::sleep(Duration::from_millis(20)),
                            }
                        }
                        done
                    })
                })
                .collect();
            for moment in moments {
                std::thread::sleep(Duration::from_millis(moment));
                world.kill();
                world.restart();
            }
            std::thread::sleep(Duration::from_millis(300));
            stop.store(true, Ordering::SeqCst);
            let buyers = buyers.into_iter();
            all.extend(buyers.flat_map(|it| it.join().expect("a buyer")));
        });
        world.gateway().mend_all();
        world.all_end();
    }
    eprintln!("{} exchanges", all.len());
    // Whoever asks again is told how it ended, or begins what never began.
    for it in &all {
        world.exchanging(it, 10).send().one_of(&[201, 409]);
    }
    books::agree(&world);
    world.replays();
}

#[test]
fn refunds_of_one_card_by_several_orders_are_each_made_once() {
    // Each waits for its provider most of the time.
    let kinds = [
        "close_after",
        "error_after",
        "hang_after",
        "forget_key",
        "lie_ok",
    ];
    std::thread::scope(|scope| {
        for kind in kinds {
            scope.spawn(move || refunds_of_one_card(kind));
        }
    });
}

fn refunds_of_one_card(kind: &str) {
    let world = world("shared-card");
    let order = world.sent(4);
    let equal = world.other(1000);
    let exchanged = |order: &str| -> String {
        let it = swap(order, 1, &equal, "tok_visa");
        let done = world.exchanging(&it, 10).send().is(201).json();
        format!("/v1/orders/{}", text(&done["order_id"]))
    };
    let (one, two) = (exchanged(&order), exchanged(&order));
    let faults = json!({"op": "refund", "kind": kind, "rate": 0.5});
    world.gateway().fault(faults);
    // All three draw on one card: 20.00 + 5.99 are left of the first order, 10.00 of each of the others.
    let answers: Vec<Response> = race(30, |n| {
        let order = [&order, &one, &two][n % 3];
        let body = json!({"amount": {"amount": 250, "currency": "USD"}, "to": "original", "reason": "broken"});
        world
            .asking(&format!("{order}/refunds"), &uuid(), body)
            .send()
    });
    let done = answers.iter().filter(|it| it.status == 201).count();
    assert_eq!(done, 10 + 4 + 4, "{kind}");
    for answer in answers.iter().filter(|it| it.status != 201) {
        answer.refused(409, "exceeds_remaining");
    }
    world.gateway().mend_all();
    books::agree(&world);
    assert_eq!(world.given_back(), 250 * 18, "{kind}");
    world.replays();
}

#[test]
fn wallets_and_cards_pay_and_get_back_while_the_shop_is_killed() {
    let world = world("wallets-killed");
    let credit = |customer: &str, amount: i64| {
        let path = format!("/v1/wallets/{customer}/credits");
        let body = json!({"amount": {"amount": amount, "currency": "USD"}, "reason": "a test", "reference": uuid()});
        world.asking(&path, &uuid(), body).send().is(201);
    };
    let dearer = world.other(1700);
    let mut asked = Vec::new();
    for n in 0..6 {
        let customer = format!("customer-{n}");
        credit(&customer, 2_000);
        let it = world.purchase_for(&customer, 1);
        let part = |method: &str, amount: i64| {
            let mut part =
                json!({"method": method, "amount": {"amount": amount, "currency": "USD"}});
            if method == "card" {
                part["token"] = json!("tok_visa");
            }
            part
        };
        let parts = json!({"parts": [part("wallet", 600), part("card", it.amount() - 600)]});
        let request = it.completing(&world.shop(), &it.key, 10, parts).admin();
        let done = request.send().ok();
        let order = format!("/v1/orders/{}", text(&done["order_id"]));
        let lines = json!({"lines": [{"line_id": "ln_1", "quantity": 1}]});
        if n % 2 == 0 {
            world
                .asking(&format!("{order}/fulfillments"), &uuid(), lines.clone())
                .send()
                .is(201);
        }
        let to = if n % 3 == 0 { "wallet" } else { "original" };
        let mut refund = lines;
        refund["to"] = json!(to);
        refund["reason"] = json!("broken");
        asked.push(match n % 2 {
            0 if n < 3 => {
                let mut it = swap(&order, 1, &dearer, "tok_visa");
                it.body["payment"] = json!({"method": "wallet"});
                (format!("{order}/exchanges"), it.key, it.body)
            }
            _ => (format!("{order}/refunds"), uuid(), refund),
        });
    }
    world.gateway().slow(60);
    std::thread::scope(|scope| {
        for (path, key, body) in &asked {
            let request = world.asking(path, key, body.clone());
            scope.spawn(move || drop(request.try_send()));
        }
        std::thread::sleep(Duration::from_millis(40));
        world.kill();
    });
    world.gateway().mend_all();
    world.restart();
    for (path, key, body) in &asked {
        world.asking(path, key, body.clone()).send().is(201);
    }
    world.all_end();
    books::agree(&world);
    world.replays();
}
