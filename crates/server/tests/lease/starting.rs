//! Who may start beside whom.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::nodes::{Nodes, is_writer, metric, standing, writer};
use crate::support::{Setup, Shop, TempDir, eventually};

#[test]
fn a_process_without_leases_shares_with_nobody() {
    // In PostgreSQL processes share always.
    if crate::support::on_postgres() {
        return;
    }
    let nodes = Nodes::new("alone");
    let alone = |node: &str| nodes.setup(node).with("LOCKS_ENABLED", "false");
    let first = nodes.start("first");
    let refusal = alone("second").refusal();
    assert!(refusal.said.contains("in use"), "{}", refusal.said);
    first.process.kill_now();

    let first = Shop::of(alone("first").start(), Arc::clone(&nodes.dir));
    for second in [nodes.setup("second"), alone("second")] {
        let refusal = second.refusal();
        assert!(refusal.said.contains("in use"), "{}", refusal.said);
    }
    assert_eq!(standing(&first), ("writer".to_owned(), 0));
    first.stocked(1);
}

#[test]
fn refuses_a_lease_that_a_short_delay_would_lose() {
    let dir = TempDir::new("short");
    let setup = Setup::new(&dir)
        .with("LOCKS_ENABLED", "true")
        .with("LOCK_TTL_MS", "1000")
        .with("LOCK_RENEW_MS", "900");
    let refusal = setup.refusal();
    assert!(refusal.said.contains("lock_renew_ms"), "{}", refusal.said);
}

#[test]
fn processes_that_start_together_make_one_database_and_one_writer() {
    let nodes = Nodes::new("together");
    let shops: Vec<Shop> = std::thread::scope(|scope| {
        let starting: Vec<_> = ["a", "b", "c"]
            .map(|node| {
                scope.spawn({
                    let nodes = &nodes;
                    move || nodes.start(node)
                })
            })
            .into_iter()
            .collect();
        starting
            .into_iter()
            .map(|it| it.join().expect("a process"))
            .collect()
    });
    let writers = shops.iter().filter(|shop| is_writer(shop)).count();
    assert_eq!(writers, 1);
    for shop in &shops {
        eventually(Duration::from_secs(10), "one epoch", || {
            (standing(shop).1 == 1).then_some(())
        });
        let held = u64::from(is_writer(shop));
        assert_eq!(metric(shop, "leaseHeld"), held);
        assert_eq!(metric(shop, "leaseEpoch"), 1);
    }
    let text = shops[0].get("/metrics").admin().send().is(200).text();
    assert!(text.contains("cartwright_lease_held"), "{text}");
    assert!(text.contains("cartwright_lease_epoch 1"), "{text}");
}

/// The lease is given back, not waited for.
#[test]
fn a_polite_stop_hands_over_at_once() {
    let nodes = Nodes::new("polite")
        .with("LOCK_TTL_MS", "3600000")
        .with("LOCK_RENEW_MS", "1000");
    let locks = nodes.dir.path().join("locks");
    let nodes = nodes.with("LOCK_DIR", locks.to_str().expect("a path"));
    let (first, second) = (nodes.start("first"), nodes.start("second"));
    let level = first.stocked(5);
    let told = || -> Value {
        let file = fs::read(locks.join("cartwright-lease.json")).unwrap_or_default();
        serde_json::from_slice(&file).unwrap_or_default()
    };
    eventually(Duration::from_secs(10), "the file says who writes", || {
        (told()["node"] == "first").then_some(())
    });
    first.process.terminate();
    let left = Instant::now();
    eventually(Duration::from_secs(60), "the first has ended", || {
        first.process.exit_status()
    });
    writer(&[&second], Duration::from_secs(10));
    eprintln!("taken over {:?} after SIGTERM", left.elapsed());
    assert_eq!(standing(&second), ("writer".to_owned(), 2));
    second.level(&level.store, &level.sku, 1).adds_up();
    eventually(Duration::from_secs(10), "the file says who writes", || {
        (told()["node"] == "second" && told()["epoch"] == 2).then_some(())
    });

    // Everybody gone: the next one need not wait either.
    second.process.terminate();
    eventually(Duration::from_secs(60), "the second has ended", || {
        second.process.exit_status()
    });
    assert!(is_writer(&nodes.start("third")));
}
