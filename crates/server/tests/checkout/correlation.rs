//! One request id through all that a purchase leads to: the log, the provider, whoever takes over after a crash.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use cartwright_adapters::store::postgres::{self, PostgresOptions};
use cartwright_adapters::store::sqlite::{SqliteOptions, open};
use cartwright_adapters::system::SystemRandom;
use serde_json::json;

use crate::gateway::Gateway;
use crate::receiver::{Receiver, Way};
use crate::support::{ADMIN_KEY, eventually, text};
use crate::world::{Purchase, World, card, world};

const SOON: Duration = Duration::from_secs(30);

/// An entry of the log, as far as it matters here.
#[derive(Debug)]
struct Entry {
    id: String,
    kind: String,
    correlation: String,
    causation: String,
    traceparent: String,
}

/// All that the log says of the attempt of a purchase, after the shop has ended in good order.
fn log_of(world: &World, it: &Purchase) -> Vec<Entry> {
    let checkout = world.checkout(&it.checkout);
    let mut streams = BTreeSet::from([
        format!("checkout:{}", it.checkout),
        format!("cart:{}", it.cart),
    ]);
    streams.insert(format!("order:{}", text(&checkout["order_id"])));
    streams.insert(format!(
        "reservation:{}",
        text(&checkout["attempts"][0]["reservation_id"])
    ));
    for payment in checkout["payments"].as_array().expect("payments") {
        streams.insert(format!("payment:{}", text(&payment["id"])));
        streams.insert(format!("instrument:{}", text(&payment["id"])));
    }
    world.replays();
    let data = world.dir.data();
    let store = match crate::support::database_of(&data) {
        Some((_, url)) => {
            postgres::open(&PostgresOptions::new(&url), &SystemRandom).expect("a store")
        }
        None => open(&data, SqliteOptions::default(), &SystemRandom).expect("a store"),
    };
    let batches = store.read.log(0, usize::MAX).expect("the log");
    let entries = batches.into_iter().flat_map(|batch| batch.entries);
    let all = entries.filter(|it| streams.contains(&it.stream));
    let all: Vec<_> = all
        .map(|it| Entry {
            id: cartwright_domain::EventId::from_slice(&it.event_id)
                .expect("an id")
                .to_string(),
            kind: it.r#type,
            correlation: it.correlation_id,
            causation: it.causation_id,
            traceparent: it.traceparent,
        })
        .collect();
    let held = all.iter().position(|it| it.kind == "reservation.held");
    all.into_iter().skip(held.expect("an attempt")).collect()
}

/// Where the log ends.
fn position(world: &World) -> u64 {
    let metrics = world.shop().get("/metrics").admin().send().text();
    let mut lines = metrics.lines();
    let line = lines.find_map(|line| line.strip_prefix("cartwright_log_position "));
    line.and_then(|at| at.parse().ok()).expect("a position")
}

#[test]
fn every_entry_of_a_purchase_carries_the_request_that_began_it() {
    let world = world("correlated");
    let it = world.purchase(1);
    let shop = world.shop();
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = it.completing(&shop, &it.key, 10, card("tok_visa"));
    let request = request.header("Request-Id", "buyer-7");
    let done = request.header("traceparent", traceparent).send().ok();
    assert_eq!(done["attempts"][0]["correlation_id"], "buyer-7");
    let output = Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .args(["checkout", "show", &it.checkout, "--server"])
        .arg(format!("http://{}", shop.address()))
        .env("CARTWRIGHT_ADMIN_KEY", ADMIN_KEY)
        .output()
        .expect("the binary can be run");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("request  buyer-7"), "{shown}");
    // The last thing to happen is that the provider is seen to agree, a second later.
    let completed = position(&world);
    eventually(SOON, "the provider is seen to agree", || {
        (position(&world) > completed).then_some(())
    });
    let all = log_of(&world, &it);
    let kinds: Vec<_> = all.iter().map(|it| it.kind.as_str()).collect();
    for kind in [
        "checkout.began",
        "payment.authorized",
        "order.placed",
        "payment.captured",
        "checkout.completed",
        "payment.verified",
    ] {
        assert!(kinds.contains(&kind), "{kind} of {kinds:?}");
    }
    for entry in &all {
        assert_eq!(entry.correlation, "buyer-7", "{entry:?}");
    }
    // What the request itself did was caused by nothing before; what came after it, by an entry of this purchase.
    let known: BTreeSet<_> = all.iter().map(|it| it.id.clone()).collect();
    let asked = all
        .iter()
        .position(|it| it.kind == "payment.asked")
        .expect("asked");
    for entry in &all[..=asked] {
        assert_eq!(entry.causation, "", "{entry:?}");
        assert_eq!(entry.traceparent, traceparent, "{entry:?}");
    }
    for entry in all[asked + 1..]
        .iter()
        .filter(|it| it.kind != "payment.verified")
    {
        assert!(known.contains(&entry.causation), "{entry:?}");
        assert!(entry.causation < entry.id, "{entry:?}");
    }
}

#[test]
fn who_takes_over_goes_on_under_the_same_request() {
    let world = world("handed-over");
    let it = world.purchase(1);
    let fault = json!({"op": "capture", "kind": "hang_after", "cart_id": it.cart});
    world.gateway().fault(fault);
    let request = it.completing(&world.shop(), &it.key, 0, card("tok_visa"));
    request.header("Request-Id", "buyer-8").send().is(202);
    eventually(SOON, "money is being taken", || {
        let steps = world.checkout(&it.checkout)["steps"].clone();
        let found = steps
            .as_array()
            .into_iter()
            .flatten()
            .any(|step| step["step"] == "capture");
        found.then_some(())
    });
    world.kill();
    world.gateway().mend_all();
    world.restart();
    assert_eq!(world.ended(&it.checkout, SOON)["state"], "completed");
    for entry in log_of(&world, &it) {
        assert_eq!(entry.correlation, "buyer-8", "{entry:?}");
    }
}

#[test]
fn providers_are_told_which_request_they_serve() {
    let receiver = Receiver::start();
    receiver.always(Way::Status(500));
    let world = World::with("provider-told", Vec::<Gateway>::new(), |setup| {
        setup
            .argument("--payment")
            .argument(&format!("x=sim+http://{}", receiver.address))
            .with("CARTWRIGHT_PAYMENT_X_KEY", "key")
    });
    let it = world.purchase(1);
    let request = it.completing(&world.shop(), &it.key, 0, card("tok_visa"));
    request.header("Request-Id", "buyer-9").send().is(202);
    eventually(SOON, "the provider is asked twice", || {
        (receiver.came().len() > 1).then_some(())
    });
    for call in receiver.came() {
        assert_eq!(call.header("correlation-id"), "buyer-9", "{call:?}");
        assert_eq!(call.header("request-id"), "buyer-9", "{call:?}");
    }
}
