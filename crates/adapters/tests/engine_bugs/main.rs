//! Defects that are planted in what speaks to PostgreSQL and Kafka: each must be caught on the real engine, and nothing without it.
//!
//! `CARTWRIGHT_PROOF_WRITE=1` writes their table in docs/PROOF.md; without, each must stand there.

#[path = "../bus/kafka/broker.rs"]
mod broker;
#[allow(dead_code, reason = "shared with the tests of the store")]
#[path = "../store/desk.rs"]
mod desk;
#[allow(dead_code, reason = "shared with the tests of the store")]
#[path = "../store/engine.rs"]
mod engine;
#[allow(dead_code, reason = "shared with the tests of the bus")]
#[path = "../bus/floor.rs"]
mod floor;
#[allow(dead_code, reason = "shared with the tests of the bus")]
#[path = "../bus/kafka/real.rs"]
mod real;
#[allow(dead_code, reason = "shared with the tests of the store")]
#[path = "../store/samples.rs"]
mod samples;

#[path = "../store/writers.rs"]
mod writers;

mod carrying;
mod following;
mod table;
mod writing;

use std::sync::{Mutex, MutexGuard, PoisonError};

use cartwright_domain::planted::{EngineBug, plant_in_engine};

/// How often a defect may stay unseen.
const TRIES: u32 = 3;

/// What is done with an engine: `None`, said loudly, where there is none; an error says what does not hold.
type Scenario = fn() -> Option<Result<(), String>>;

/// Planted in the whole process, so one at a time; gone in the end.
struct Planted<'a>(#[allow(dead_code, reason = "held")] MutexGuard<'a, ()>);

impl Planted<'_> {
    fn alone() -> Self {
        static ONE: Mutex<()> = Mutex::new(());
        Self(ONE.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Planted<'_> {
    fn drop(&mut self) {
        plant_in_engine(None);
    }
}

/// The scenario holds without the defect, and with it some of a few tries shows that something does not.
fn is_caught(bug: EngineBug, scenario: Scenario) {
    let _planted = Planted::alone();
    match scenario() {
        None => return,
        Some(held) => assert_eq!(held, Ok(()), "nothing is planted"),
    }
    plant_in_engine(Some(bug));
    for number in 1..=TRIES {
        if let Some(Err(seen)) = scenario() {
            eprintln!("{}: {seen}, at try {number}", bug.name());
            return;
        }
    }
    panic!("{} SURVIVES {TRIES} tries", bug.name());
}

macro_rules! caught {
    ($($test:ident: $bug:ident, $scenario:path, $engine:literal;)*) => {
        $(#[test]
        fn $test() {
            is_caught(EngineBug::$bug, $scenario);
        })*

        /// Each defect, the test that catches it, and the engine.
        const CAUGHT: &[(EngineBug, &str, &str)] = &[$((EngineBug::$bug, stringify!($test), $engine),)*];
    };
}

caught! {
    what_comes_after_the_lease_has_changed_hands: LateCommitterSkipped, writing::overtaken, "PostgreSQL";
    an_old_session_that_writes: FenceNotAsked, writing::unfenced, "PostgreSQL";
    locks_that_are_taken_out_of_order: UnsortedLocks, writing::out_of_order, "PostgreSQL";
    what_is_published_and_never_happened: RelayAheadOfCommit, carrying::ahead, "PostgreSQL, Kafka";
    a_place_that_brokers_do_not_know_of: PlaceBeforeBrokers, carrying::unacknowledged, "Kafka";
    an_effect_that_a_death_takes_away: OffsetBeforeEffect, following::dies, "Kafka";
    an_effect_that_comes_twice_after_a_rebalance: RebalanceRepeats, following::rebalanced, "Kafka";
}
