//! A process that is about to stop gives its lease back first, so that another one writes while this one finishes.

use super::disk::Disk;
use super::stage::*;
use crate::looped::submission;

#[test]
fn who_retires_decides_what_waits_and_gives_the_lease_back() {
    let disk = Disk::new();
    let mut old = Process::shared(&disk, "a");
    let mut new = Process::shared(&disk, "b");
    let taken = disk.lease();
    old.till.shop.health().retire();
    let asked = old.till.ask(submission(one_more("A"), None));
    old.turn();
    assert!(old.till.answer(asked).is_ok());
    assert!(old.is_reader() && !old.remembers(&level("A")));
    let given = disk.lease();
    assert_eq!((given.ttl_ms, given.epoch), (0, taken.epoch));
    // It leaves it to others, who need not wait.
    old.turn();
    assert!(old.is_reader());
    new.turn();
    assert!(!new.is_reader());
    assert!(new.submit(one_more("A")).is_ok());
    old.turn();
    assert_eq!((old.head(), old.on_hand("A")), (new.head(), 22));
}

#[test]
fn who_retires_and_finds_nobody_writes_again_and_keeps_the_lease() {
    let disk = Disk::new();
    let mut process = Process::shared(&disk, "a");
    process.till.shop.health().retire();
    process.turn();
    for (passed, is_reader) in [
        (0, true),
        (TTL - 1, true),
        (1, false),
        (0, false),
        (RENEW, false),
    ] {
        process.turn_after(passed);
        assert_eq!(process.is_reader(), is_reader);
    }
    assert!(process.submit(one_more("A")).is_ok());
    assert_eq!((disk.lease().epoch, disk.lease().ttl_ms), (2, TTL_MS));
}

#[test]
fn who_is_alone_has_nothing_to_give_back() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    process.till.shop.health().retire();
    process.turn();
    assert!(process.submit(one_more("A")).is_ok());
    assert_eq!(disk.state().swaps, 0);
}
