//! The books: what the shop's tables and the providers' ledgers must agree on once everything has ended.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

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
    world.level().adds_up();
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
    let sold = audit_orders(world, &checkouts)?;
    audit_stock(world, sold)
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

/// What was taken under a payment and not given back.
fn audit_payment(ours: &Value, theirs: &Theirs, stands: bool) -> Result<i64, String> {
    let amount = whole(&ours["amount"]["amount"]);
    let story = || format!("{ours:#}, at the provider {:#?}", theirs.payments);
    let number = |it: &Value, field: &str| whole(&it[field]["amount"]);
    let left = |it: &Value| number(it, "captured") - number(it, "refunded");
    let (ours_taken, ours_back) = (number(ours, "captured"), number(ours, "refunded"));
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
    let wanted = if stands { amount } else { 0 };
    must!(their_rest == wanted, "{wanted} must be taken: {}", story());
    if stands {
        must!(ours["state"] == "captured", "its order stands: {}", story());
        must!(
            theirs.captured == [amount],
            "taken once, whole: {}",
            story()
        );
    } else {
        let state = ours["state"].as_str().unwrap_or_default();
        let ended = ["voided", "declined", "captured", "pending"].contains(&state);
        must!(ended && ours_taken == ours_back, "an end: {}", story());
        must!(theirs.captured.len() <= 1, "taken twice: {}", story());
    }
    Ok(their_rest)
}

/// Orders and checkouts name each other; how many units of it are sold.
fn audit_orders(world: &World, checkouts: &[Value]) -> Result<i64, String> {
    let (mut carts, mut invoices, mut sold) = (BTreeSet::new(), BTreeSet::new(), 0);
    let orders = orders(world);
    for order in &orders {
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
            must!(checkout["state"] != "completed", "no order: {checkout:#}");
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
        let lines = order["lines"].as_array().expect("lines");
        sold += lines.iter().map(|it| whole(&it["quantity"])).sum::<i64>();
    }
    let completed = checkouts.iter().filter(|it| it["state"] == "completed");
    must!(
        completed.count() == carts.len(),
        "a checkout without its order"
    );
    must!(
        invoices.iter().copied().eq(1..=invoices.len() as u64),
        "a gap between invoices: {invoices:?}"
    );
    Ok(sold)
}

/// All orders, as the database has them.
fn orders(world: &World) -> Vec<Value> {
    let path = world.dir.data().join("cartwright.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(&path, flags).expect("the database can be read");
    database
        .busy_timeout(Duration::from_secs(5))
        .expect("a timeout can be set");
    let mut rows = database
        .prepare("SELECT body FROM orders ORDER BY number")
        .expect("a table of orders");
    let rows = rows.query_map([], |row| row.get::<_, String>(0));
    rows.expect("orders")
        .map(|body| serde_json::from_str(&body.expect("a body")).expect("JSON"))
        .collect()
}

/// What was received lies there, what was sold is set aside, and nothing is held for anybody.
fn audit_stock(world: &World, sold: i64) -> Result<(), String> {
    let level = world.level().read();
    must!(whole(&level["on_hand"]) == STOCK, "on hand: {level:#}");
    must!(whole(&level["reserved"]) == 0, "still held: {level:#}");
    must!(
        whole(&level["allocated"]) == sold,
        "{sold} are sold: {level:#}"
    );
    must!(
        whole(&level["available"]) == STOCK - sold,
        "{sold} are sold: {level:#}"
    );
    Ok(())
}
