//! A store that fails: nothing is acknowledged that was not written, nothing is decided on what memory no longer knows, and writing begins
//! again when the store works.

use super::disk::{Disk, Ending};
use super::stage::*;
use crate::looped::submission;
use cartwright_app::Fault;

#[test]
fn a_broken_store_makes_the_shop_read_only_until_it_works() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    assert!(process.submit(one_more("A")).is_ok());
    {
        let mut state = disk.state();
        state.endings.push_back(Ending::Refused);
        state.is_broken = true;
    }
    let is_read_only = |process: &Process| process.till.shop.health().is_read_only();
    for tries in [1, 1] {
        let answer = process.submit(one_more("A"));
        assert!(matches!(answer, Err(Fault::ReadOnly)), "{answer:?}");
        assert!(is_read_only(&process));
        assert_eq!(disk.state().recoveries, tries, "it is not asked each time");
    }
    // What was written is still read.
    assert_eq!(process.on_hand("A"), 21);
    process.turn_after(LATER - 1);
    assert_eq!(disk.state().recoveries, 1);
    process.turn_after(1);
    assert_eq!(disk.state().recoveries, 2);
    disk.state().is_broken = false;
    process.turn_after(LATER);
    assert!(!is_read_only(&process));
    assert!(process.submit(one_more("A")).is_ok());
    assert_eq!(disk.on_hand("A"), 22);
}

#[test]
fn a_shop_that_was_read_only_decides_what_waits_in_the_turn_that_repairs_it() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    disk.state().endings.push_back(Ending::Refused);
    disk.state().is_broken = true;
    assert!(process.submit(one_more("A")).is_err());
    disk.state().is_broken = false;
    process.watch.pass(LATER);
    assert!(process.submit(one_more("A")).is_ok());
}

#[test]
fn a_batch_whose_fate_is_open_is_looked_up_however_short_ago_the_last_one_was() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    assert!(process.submit(one_more("A")).is_ok());
    let endings = [
        Ending::Unclear,
        Ending::Refused,
        Ending::Unclear,
        Ending::Refused,
        Ending::Refused,
        Ending::Unclear,
    ];
    let mut units = 21;
    for ending in endings {
        disk.state().endings.push_back(ending);
        let answer = process.submit(one_more("A"));
        assert_eq!(answer.is_ok(), ending == Ending::Unclear, "{answer:?}");
        units += i64::from(answer.is_ok());
        assert_eq!((disk.on_hand("A"), process.on_hand("A")), (units, units));
        assert_eq!(process.head(), disk.position());
        assert!(!process.till.shop.health().is_read_only());
    }
    assert_eq!(disk.state().recoveries, endings.len());
}

#[test]
fn what_others_wait_for_fails_with_what_cannot_be_loaded() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    disk.state().loads_fail = true;
    let answers = process.submit_all(["A", "B"].map(|sku| submission(one_more(sku), None)));
    for answer in answers {
        assert!(matches!(answer, Err(Fault::Unavailable(_))), "{answer:?}");
    }
    disk.state().loads_fail = false;
    assert!(process.submit(one_more("A")).is_ok());
    assert_eq!((disk.on_hand("A"), disk.on_hand("B")), (21, 20));
}

#[test]
fn a_store_that_is_in_doubt_is_asked_for_nothing_but_its_repair() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    {
        let mut state = disk.state();
        state.in_doubt = true;
        state.is_broken = true;
    }
    process.turn();
    process.turn();
    assert_eq!(disk.state().recoveries, 1);
    assert!(process.till.shop.health().is_read_only());
    disk.state().is_broken = false;
    process.turn_after(LATER);
    assert_eq!(disk.state().recoveries, 2);
    assert!(process.submit(one_more("A")).is_ok());
}
