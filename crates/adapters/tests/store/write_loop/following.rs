//! Who does not write follows the log: it shows what was written, forgets what changed and nothing else, and knows when it is behind.

use super::disk::Disk;
use super::stage::*;
use crate::looped::submission;

/// So long a reader's memory counts after it last saw the end of the log, in nanoseconds.
const FRESH: u64 = 100_000_000;

#[test]
fn a_reader_forgets_what_changed_and_nothing_else() {
    let disk = Disk::new();
    let mut writer = Process::shared(&disk, "a");
    let mut reader = Process::shared(&disk, "b");
    for (number, units) in [1, 3, 1, 2].into_iter().enumerate() {
        let before = (reader.on_hand("A"), reader.on_hand("B"));
        assert!(reader.remembers(&level("A")) && reader.remembers(&level("B")));
        for _ in 0..=number {
            let asked = (0..units).map(|_| submission(one_more("A"), None));
            writer.submit_all(asked);
        }
        // It does not know yet, and nobody was told that it did.
        assert!(reader.head() < writer.head());
        reader.turn();
        assert_eq!(reader.head(), writer.head());
        assert!(!reader.remembers(&level("A")), "it changed");
        assert!(reader.remembers(&level("B")), "nobody changed it");
        let more = units * (number as i64 + 1);
        assert_eq!(
            (reader.on_hand("A"), reader.on_hand("B")),
            (before.0 + more, before.1)
        );
    }
}

#[test]
fn a_reader_trusts_its_memory_for_a_moment_after_it_saw_the_end_of_the_log() {
    let disk = Disk::new();
    let _writer = Process::shared(&disk, "a");
    let mut reader = Process::shared(&disk, "b");
    for _ in 0..2 {
        reader.turn();
        assert_eq!(reader.on_hand("A"), 20);
        for (passed, remembers) in [(0, true), (FRESH, true), (1, false)] {
            reader.watch.pass(passed);
            assert_eq!(reader.remembers(&level("A")), remembers);
        }
    }
}

#[test]
fn a_reader_that_the_log_has_left_behind_forgets_everything() {
    let disk = Disk::new();
    let mut writer = Process::shared(&disk, "a");
    let mut reader = Process::shared(&disk, "b");
    assert_eq!((reader.on_hand("A"), reader.on_hand("B")), (20, 20));
    for _ in 0..5 {
        assert!(writer.submit(one_more("A")).is_ok());
    }
    disk.read.truncate_log(u64::MAX).expect("a shorter log");
    reader.turn();
    assert_eq!(reader.head(), writer.head());
    assert!(!reader.remembers(&level("A")) && !reader.remembers(&level("B")));
    assert_eq!((reader.on_hand("A"), reader.on_hand("B")), (25, 20));
}

#[test]
fn a_reader_repairs_its_side_of_the_store_now_and_then() {
    let disk = Disk::new();
    let _writer = Process::shared(&disk, "a");
    let mut reader = Process::shared(&disk, "b");
    reader.turn();
    assert_eq!(disk.state().recoveries, 0, "it works");
    for (passed, recoveries) in [(0, 1), (LATER - 1, 1), (1, 2)] {
        disk.state().in_doubt = true;
        reader.turn_after(passed);
        assert_eq!(disk.state().recoveries, recoveries);
    }
}
