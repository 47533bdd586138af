//! SQLite on a disk that fails: step by step the same as the store in memory, and nothing acknowledged is ever lost.
//!
//! Below SQLite stands a disk (`shim.c`) that loses what was not synced. A round is a few processes after each other on one data directory:
//! each does steps under faults, until it ends or its power is cut. The parent hears of each step through a pipe, so that it knows what was
//! acknowledged without asking the disk. `CARTWRIGHT_FAULTY_ROUNDS` sets how many rounds there are, `CARTWRIGHT_FAULTY_SEED` the first one.

mod child;
mod compare;
mod control;
mod rounds;
mod steps;
mod told;

use control::on;
use rounds::{Totals, round};
use std::io::Write as _;

/// Rounds of an ordinary test run.
const ROUNDS: u64 = 10;
/// Rounds within which a lie must be found out.
const LIES_FOUND_WITHIN: u64 = 40;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Not a test of its own: a process of a round, which the others start.
#[test]
fn child() {
    if let Some(orders) = told::Orders::read() {
        child::run(orders);
    }
}

#[test]
fn sqlite_agrees_with_memory_on_a_disk_that_fails() {
    let Some(shim) = control::shim() else { return };
    let first = number("CARTWRIGHT_FAULTY_SEED", 1);
    let mut totals = Totals::default();
    for seed in first..first + number("CARTWRIGHT_FAULTY_ROUNDS", ROUNDS) {
        if let Err(failure) = round(shim, seed, 0, &mut totals) {
            panic!(
                "{failure}\nrepeat it with CARTWRIGHT_FAULTY_SEED={seed} CARTWRIGHT_FAULTY_ROUNDS=1"
            );
        }
    }
    // Past the harness, which shows nothing of what passes.
    writeln!(std::io::stdout(), "{totals}").expect("somebody reads");
    totals.shows_something();
}

#[test]
fn a_disk_that_only_says_it_has_synced_is_found_out() {
    let Some(shim) = control::shim() else { return };
    for (files, name) in [
        (on::ALL, "everything, as with synchronous=OFF"),
        (on::WAL, "the WAL"),
        (on::DATABASE, "the database"),
        (on::DIRECTORY, "directories"),
    ] {
        let found = (1..=LIES_FOUND_WITHIN).find(|seed| {
            let told = round(shim, *seed, files, &mut Totals::default());
            told.is_err()
        });
        let Some(seed) = found else {
            panic!("nobody found out in {LIES_FOUND_WITHIN} rounds that {name} is not synced");
        };
        // The other test has shown these rounds on a disk that does what it says.
        if seed > ROUNDS {
            let honest = round(shim, seed, 0, &mut Totals::default());
            honest.expect("the same round on a disk that does what it says");
        }
    }
}
