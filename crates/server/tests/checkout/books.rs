//! The books: what the shop's tables and the providers' ledgers must agree on once everything has ended.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::accounts::{self, Tables};
use crate::support::whole;
use crate::world::{STOCK, World};

/// Longer than what providers show otherwise takes to be put right.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything has ended, and the books agree; waits for what is still being put right.
#[track_caller]
pub(crate) fn agree(world: &World) {
    agree_within(world, PATIENCE);
}

#[track_caller]
pub(crate) fn agree_within(world: &World, limit: Duration) {
    balance_within(world, limit);
    world.level().adds_up();
}

/// As [`agree_within`], where movements may have gone to the archive.
#[track_caller]
pub(crate) fn balance_within(world: &World, limit: Duration) {
    let deadline = Instant::now() + limit;
    loop {
        match audit(world) {
            Ok(()) => break,
            Err(difference) => assert!(
                Instant::now() < deadline,
                "the books differ after {limit:?}: {difference}"
            ),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

macro_rules! must {
    ($is:expr, $($what:tt)+) => {
        if !$is {
            return Err(format!($($what)+));
        }
    };
}

/// All that providers know under one reference.
#[derive(Default)]
struct Theirs {
    payments: Vec<Value>,
    authorized: Vec<i64>,
    captured: Vec<i64>,
}

fn audit(world: &World) -> Result<(), String> {
    let checkouts = world.checkouts();
    let mut theirs = theirs(world);
    for checkout in &checkouts {
        audit_checkout(checkout, &mut theirs)?;
    }
    must!(
        theirs.is_empty(),
        "payments that the shop does not know: {:?}",
        theirs.keys()
    );
    let tables = Tables::read(world);
    audit_orders(&tables.orders, &checkouts)?;
    accounts::audit(&tables)?;
    audit_stock(world, &tables.orders)
}

fn theirs(world: &World) -> HashMap<String, Theirs> {
    let mut all: HashMap<String, Theirs> = HashMap::new();
    for gateway in &world.gateways {
        let mut references = HashMap::new();
        for payment in gateway.payments() {
            let reference = payment["reference"]
                .as_str()
                .expect("a reference")
                .to_owned();
            references.insert(payment["id"].clone().to_string(), reference.clone());
            all.entry(reference).or_default().payments.push(payment);
        }
        for effect in gateway.ledger() {
            let reference = &references[&effect["payment_id"].to_string()];
            let amount = whole(&effect["amount"]["amount"]);
            let known = all.entry(reference.clone()).or_default();
            match effect["op"].as_str() {
                Some("authorize") => known.authorized.push(amount),
                Some("capture") => known.captured.push(amount),
                _ => {}
            }
        }
    }
    all
}

fn audit_checkout(checkout: &Value, theirs: &mut HashMap<String, Theirs>) -> Result<(), String> {
    let state = checkout["state"].as_str().unwrap_or_default();
    must!(
        ["open", "completed", "cancelled", "expired"].contains(&state),
        "not ended: {checkout:#}"
    );
    let attempts = checkout["attempts"].as_array().expect("attempts");
    let succeeded = attempts.iter().find(|it| it["state"] == "succeeded");
    for attempt in attempts {
        must!(
            attempt["state"] != "running",
            "an attempt runs: {checkout:#}"
        );
    }
    must!(
        succeeded.is_some() == (state == "completed"),
        "a completed checkout has one attempt that succeeded: {checkout:#}"
    );
    let mut taken = 0;
    for payment in checkout["payments"].as_array().expect("payments") {
        let id = payment["id"].as_str().expect("an id");
        let theirs = theirs.remove(id).unwrap_or_default();
        let is_last = succeeded.is_some_and(|it| it["n"] == payment["attempt"]);
        taken += audit_payment(payment, &theirs, is_last)?;
    }
    let total = whole(&checkout["totals"]["total"]["amount"]);
    must!(
        taken == if succeeded.is_some() { total } else { 0 },
        "{taken} was taken of {total}: {checkout:#}"
    );
    Ok(())
}

/// What was taken under a payment, and stands.
fn audit_payment(ours: &Value, theirs: &Theirs, stands: bool) -> Result<i64, String> {
    let amount = whole(&ours["amount"]["amount"]);
    let story = || format!("{ours:#}, at the provider {:#?}", theirs.payments);
    let number = |it: &Value, field: &str| whole(&it[field]["amount"]);
    let left = |it: &Value| number(it, "captured") - number(it, "refunded");
    let (ours_taken, ours_back) = (number(ours, "captured"), number(ours, "refunded"));
    if ours["method"] != "card" {
        must!(theirs.payments.is_empty(), "nobody is asked: {}", story());
        must!(
            ours_taken == if stands { amount } else { ours_back },
            "taken when it stands: {}",
            story()
        );
        return Ok(if stands { ours_taken } else { 0 });
    }
    let their_rest: i64 = theirs.payments.iter().map(left).sum();
    must!(
        theirs.payments.iter().all(|it| it["state"] != "authorized"),
        "money is still held: {}",
        story()
    );
    must!(
        theirs.authorized.iter().all(|it| *it == amount),
        "another amount was held: {}",
        story()
    );
    must!(
        ours_taken - ours_back == their_rest,
        "we say {ours_taken} taken and {ours_back} given back: {}",
        story()
    );
    if stands {
        must!(
            ours["state"] == "captured" && ours_taken == amount,
            "its order stands: {}",
            story()
        );
        must!(
            theirs.captured == [amount],
            "taken once, whole: {}",
            story()
        );
        return Ok(amount);
    }
    let state = ours["state"].as_str().unwrap_or_default();
    let ended = ["voided", "declined", "captured", "pending"].contains(&state);
    must!(ended && ours_taken == ours_back, "an end: {}", story());
    must!(theirs.captured.len() <= 1, "taken twice: {}", story());
    Ok(0)
}

/// Orders and checkouts name each other.
fn audit_orders(orders: &[Value], checkouts: &[Value]) -> Result<(), String> {
    let (mut carts, mut invoices, mut given_up) = (BTreeSet::new(), BTreeSet::new(), 0);
    for order in orders {
        let checkout = checkouts.iter().find(|it| it["id"] == order["checkout"]);
        let checkout = checkout.ok_or_else(|| format!("of no checkout: {order:#}"))?;
        must!(
            order["cart"] == checkout["cart_id"],
            "another cart: {order:#}"
        );
        if let Some(number) = order["invoice"].as_u64() {
            must!(invoices.insert(number), "an invoice twice: {order:#}");
        }
        if order["state"] == "cancelled" {
            // Given up before it was paid, or after.
            let was_paid = order["is_paid"] == true;
            must!(
                was_paid == (checkout["state"] == "completed"),
                "no order: {checkout:#} {order:#}"
            );
            given_up += usize::from(was_paid);
            continue;
        }
        must!(
            checkout["state"] == "completed" && checkout["order_id"] == order["id"],
            "an order that no checkout has: {order:#} {checkout:#}"
        );
        must!(order["is_paid"] == true, "not paid: {order:#}");
        must!(
            order["totals"]["total"] == checkout["totals"]["total"]["amount"],
            "another total: {order:#}"
        );
        must!(
            carts.insert(order["cart"].to_string()),
            "two orders: {order:#}"
        );
    }
    let completed = checkouts.iter().filter(|it| it["state"] == "completed");
    must!(
        completed.count() == carts.len() + given_up,
        "a checkout without its order"
    );
    must!(
        invoices.iter().copied().eq(1..=invoices.len() as u64),
        "a gap between invoices: {invoices:?}"
    );
    Ok(())
}

/// What was received lies there or has left, what was sold is set aside, and nothing is held for anybody.
fn audit_stock(world: &World, orders: &[Value]) -> Result<(), String> {
    let level = world.level().read();
    let mut lines = orders
        .iter()
        .flat_map(|it| it["lines"].as_array().expect("lines"));
    let (mut gone, mut sold) = (0, 0);
    for line in lines.by_ref().filter(|it| it["sku"] == level["sku"]) {
        let it = |field: &str| line[field].as_i64().unwrap_or(0);
        gone += it("fulfilled") - it("returned");
        sold += it("quantity") - it("fulfilled") - it("cancelled");
    }
    let there = STOCK - gone;
    must!(whole(&level["on_hand"]) == there, "on hand: {level:#}");
    must!(whole(&level["reserved"]) == 0, "still held: {level:#}");
    must!(
        whole(&level["allocated"]) == sold,
        "{sold} are sold: {level:#}"
    );
    must!(
        whole(&level["available"]) == there - sold,
        "{sold} are sold: {level:#}"
    );
    Ok(())
}
