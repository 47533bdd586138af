//! Real processes on real engines under fire (PRF-4): three processes of one shop on a PostgreSQL, a Redis and a Kafka of their own. Each
//! of them is killed, stopped and cut off while clients at all doors record what was acknowledged; then all must be so. See docs/PROOF.md.
//!
//! `CARTWRIGHT_PROOF_ROUNDS` (default: each strike once on PostgreSQL, a few on Kafka) says how many strikes there are;
//! `CARTWRIGHT_CRASH_SEED` repeats the choices of an earlier run, `CARTWRIGHT_PROOF_STRIKE` (`WriterKilled`) has one of them alone.
#![cfg(feature = "kafka")]
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

#[path = "../http/support/mod.rs"]
mod support;

#[path = "../crash/random.rs"]
mod random;

#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/accounts.rs"]
mod accounts;
#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/books.rs"]
mod books;
#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/gateway.rs"]
mod gateway;
#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/receiver.rs"]
mod receiver;
#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/world.rs"]
mod world;

#[path = "../faults/around.rs"]
mod around;
#[path = "../faults/buyers.rs"]
mod buyers;
#[path = "../faults/client.rs"]
mod client;
#[path = "../faults/counts.rs"]
mod counts;
#[path = "../faults/fillers.rs"]
mod fillers;
#[path = "../faults/mailbox.rs"]
mod mailbox;
#[path = "../faults/proxy.rs"]
#[allow(dead_code, reason = "some weather is for other tests")]
mod proxy;
#[path = "../faults/tills.rs"]
mod tills;

#[path = "../../../adapters/tests/bus/kafka/broker.rs"]
mod broker;
#[allow(dead_code, reason = "values are for other tests")]
#[path = "../kafka/lying.rs"]
mod lying;
#[path = "../lease/redis_server.rs"]
mod redis_server;

#[allow(dead_code, reason = "shared with the tests of prove")]
#[path = "../prove/command.rs"]
mod command;

mod bout;
mod cluster;
mod hot;
mod node;
mod postgres;
mod prices;
mod probe;
mod proved;
mod recovery;
mod rolling;
mod second;
mod strikes;
mod upgrade;

use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bout::bout;
use cluster::{Cluster, Ground};
use counts::Counts;
use random::Random;
use recovery::Recovery;

/// Strikes between two looks at everything that was acknowledged.
const BOUT: usize = 6;
/// Strikes on one cluster, before its log is read from the beginning.
const OF_ONE_CLUSTER: usize = 24;

/// One test at a time: each has engines and processes enough for two processors.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rounds() -> Option<usize> {
    let rounds = std::env::var("CARTWRIGHT_PROOF_ROUNDS").ok()?;
    Some(rounds.parse().expect("CARTWRIGHT_PROOF_ROUNDS is a number"))
}

#[test]
fn three_processes_lose_nothing_whatever_becomes_of_them_and_of_postgres_and_redis() {
    under_fire("engines", Ground::Postgres, rounds().unwrap_or(17));
}

#[test]
fn three_processes_lose_nothing_whatever_becomes_of_kafka() {
    under_fire("engines-kafka", Ground::Kafka, rounds().unwrap_or(6));
}

fn under_fire(name: &str, ground: Ground, rounds: usize) {
    let _alone = alone();
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run's choices");
    let (mut random, mut recovery) = (Random::new(seed), Recovery::new());
    let (counts, since) = (Arc::new(Counts::default()), Instant::now());
    let mut left = rounds;
    while left > 0 {
        let Some(cluster) = Cluster::open(name, ground, &counts) else {
            return;
        };
        let mut strikes = strikes::all(ground, &mut random);
        if let Ok(only) = std::env::var("CARTWRIGHT_PROOF_STRIKE") {
            strikes.retain(|it| format!("{it:?}") == only);
            assert!(!strikes.is_empty(), "{only} is no strike");
            strikes = strikes.repeat(OF_ONE_CLUSTER);
        }
        if ground == Ground::Kafka && rounds < strikes.len() {
            // The others strike on the other ground.
            strikes.sort_by_key(|it| !format!("{it:?}").starts_with("Broker"));
        }
        strikes.truncate(left.min(OF_ONE_CLUSTER));
        left -= strikes.len();
        for some in strikes.chunks(BOUT) {
            bout(&cluster, some, &mut random, &mut recovery);
            progress(&counts, rounds, since);
        }
        cluster.verify_log();
    }
    let mut report = counts.report();
    report["ground"] = format!("{ground:?}").into();
    report["seconds"] = since.elapsed().as_secs().into();
    report["seed"] = seed.into();
    report["recovery"] = recovery.report();
    // Past the capture of the test's output: a run is known by this line.
    writeln!(std::io::stdout(), "{report}").expect("standard output");
}

/// How far a long run has come, in one line.
fn progress(counts: &Counts, all: usize, since: Instant) {
    let read = |it: &std::sync::atomic::AtomicU64| it.load(std::sync::atomic::Ordering::Relaxed);
    let said = format!(
        "{}/{all} strikes in {:.0} s: {} kills, {} writes acknowledged, {} orders, nothing lost",
        read(&counts.rounds),
        since.elapsed().as_secs_f64(),
        counts.kills(),
        read(&counts.acknowledged),
        read(&counts.orders),
    );
    writeln!(std::io::stderr(), "{said}").expect("standard error");
}
