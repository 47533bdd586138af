//! Holds end by time, before anything else is decided, and not before their time.

use super::disk::{Disk, Ending};
use super::stage::*;
use crate::looped::{reserve, submission};
use cartwright_app::inventory::{Adjust, Extend};
use cartwright_app::{Key, Record};
use cartwright_domain::ReservationId;
use cartwright_domain::inventory::State;

/// How long the holds of [`reserve`] last.
const MINUTE_MS: i64 = 60_000;
/// Holds that end in one transaction at most.
const AT_ONCE: usize = 4_096;

fn hold(process: &mut Process, reference: &str, quantity: i64) -> ReservationId {
    let outcome = decided(process.submit(reserve(reference, quantity))).expect("a hold");
    match outcome.record {
        Some(Record::Reservation(hold)) => hold.id,
        other => panic!("no hold: {other:?}"),
    }
}

fn state(disk: &Disk, id: ReservationId) -> State {
    match disk.read.load(&Key::Reservation(id)) {
        Ok(Some(Record::Reservation(hold))) => hold.state,
        other => panic!("no hold: {other:?}"),
    }
}

#[test]
fn a_hold_ends_at_its_time_and_an_extended_one_at_its_new_time() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let (short, long) = (
        hold(&mut process, "short", 1),
        hold(&mut process, "long", 1),
    );
    let extend = Extend {
        id: long,
        ttl_seconds: 90,
        owner: None,
        expected_version: None,
    };
    decided(process.submit(extend)).expect("a longer hold");
    for (passed, states) in [
        (MINUTE_MS - 1, [State::Pending, State::Pending]),
        (1, [State::Expired, State::Pending]),
        (29_999, [State::Expired, State::Pending]),
        (1, [State::Expired, State::Expired]),
    ] {
        process.watch.pass_wall(passed);
        process.turn();
        assert_eq!([short, long].map(|id| state(&disk, id)), states);
    }
}

#[test]
fn who_starts_again_ends_the_holds_of_before() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let id = hold(&mut process, "r", 20);
    drop(process);
    let mut process = Process::alone(&disk);
    process.watch.pass_wall(MINUTE_MS - 1);
    process.turn();
    assert_eq!(state(&disk, id), State::Pending);
    process.watch.pass_wall(1);
    // Its units are free for what waits in the same moment.
    hold(&mut process, "s", 20);
    assert_eq!(state(&disk, id), State::Expired);
}

#[test]
fn many_holds_end_in_transactions_of_a_limited_size() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let stock = Adjust {
        delta: AT_ONCE as i64,
        ..one_more("A")
    };
    decided(process.submit(stock)).expect("stock");
    let holds = (0..=AT_ONCE).map(|number| submission(reserve(&format!("r{number}"), 1), None));
    for answer in process.submit_all(holds) {
        decided(answer).expect("a hold");
    }
    disk.state().written.clear();
    process.watch.pass_wall(MINUTE_MS);
    process.turn();
    // Each is two entries: the hold's, and the level's.
    assert_eq!(disk.state().written, [2 * AT_ONCE, 2]);
}

#[test]
fn an_end_whose_fate_is_open_is_looked_up_at_once() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let id = hold(&mut process, "r", 20);
    // The store has just been repaired, so it is not looked at again for a while without need.
    disk.state().endings.push_back(Ending::Refused);
    assert!(process.submit(one_more("B")).is_err());
    let recoveries = disk.state().recoveries;
    process.watch.pass_wall(MINUTE_MS);
    disk.state().endings.push_back(Ending::Unclear);
    process.turn();
    assert_eq!(state(&disk, id), State::Expired);
    assert_eq!(disk.state().recoveries, recoveries + 1);
    // What comes next is decided on what was written, and ends nothing twice.
    hold(&mut process, "s", 20);
    assert_eq!(disk.position(), process.head());
}

#[test]
fn an_end_that_was_not_written_is_tried_again() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let id = hold(&mut process, "r", 20);
    process.watch.pass_wall(MINUTE_MS);
    disk.state().endings.push_back(Ending::Refused);
    process.turn();
    assert_eq!(state(&disk, id), State::Pending);
    process.turn();
    assert_eq!(state(&disk, id), State::Expired);
}
