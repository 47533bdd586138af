//! What one batch comes to: the outcome of each command, the place of a consumer, and nothing at all when nothing changes.

use super::disk::Disk;
use super::stage::*;
use crate::looped::{reserve, submission};
use cartwright_app::inventory::Adjust;
use cartwright_app::shop::{Command, Decided, Moment, Progress};
use cartwright_app::work::{Stop, Work};
use cartwright_app::{Fault, Key};
use cartwright_domain::EventId;

#[test]
fn a_command_that_changes_nothing_writes_nothing() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let first = decided(process.submit(reserve("r", 1))).expect("a hold");
    let log = disk.read.log(disk.position() - 1, 10).expect("a log");
    let last = log.last().and_then(|batch| batch.entries.last());
    let last = last.and_then(|entry| EventId::from_slice(&entry.event_id));
    assert!(first.created && first.changed && last.is_some());
    assert_eq!(first.event, last);
    let (head, written) = (process.head(), disk.state().written.len());

    let again = decided(process.submit(reserve("r", 1))).expect("the same hold");
    assert_eq!(again.record, first.record);
    assert!(!again.created && !again.changed && again.event.is_none());
    assert!(decided(process.submit(refused())).is_err());
    assert_eq!(
        (process.head(), disk.state().written.len()),
        (head, written)
    );
    assert_eq!(disk.position(), head);
}

/// A consumer's command: adds a unit, or nothing, and says how far the consumer has come.
#[derive(Debug)]
struct Heard {
    change: Option<Adjust>,
    through: Option<u64>,
}

impl Command for Heard {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(level("A"));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        match &self.change {
            Some(change) => change.decide(work, moment),
            None => Ok(Decided {
                events: Vec::new(),
                answer: level("A"),
                created: false,
            }),
        }
    }

    fn progress(&self) -> Option<Progress> {
        Some(Progress {
            consumer: "listener".into(),
            through: self.through,
        })
    }
}

#[test]
fn the_place_of_a_consumer_is_kept_with_what_it_did() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let begun = disk.position();
    let change = || Some(one_more("A"));
    for (change, through, place) in [
        (change(), Some(2), 2),
        // Nothing else happens, and still it has come so far.
        (None, Some(3), 3),
        // Through what it has written itself.
        (change(), None, begun + 2),
    ] {
        assert!(decided(process.submit(Heard { change, through })).is_ok());
        let cursor = disk.read.cursor("listener").expect("a cursor");
        assert_eq!(cursor, Some(place));
    }
    // Two in one batch: each stands behind its own entry.
    let both = [change(), change()].map(|change| {
        let through = None;
        submission(Heard { change, through }, None)
    });
    process.submit_all(both);
    let cursor = disk.read.cursor("listener").expect("a cursor");
    assert_eq!(cursor, Some(begun + 4));
    assert_eq!(disk.position(), begun + 4);
}

#[test]
fn who_waits_no_more_is_not_served() {
    let disk = Disk::new();
    let mut process = Process::alone(&disk);
    let asked = [START - 1, START, START + 1].map(|deadline_ns| {
        let mut submission = submission(one_more("A"), None);
        submission.deadline_ns = deadline_ns;
        submission
    });
    let answers = process.submit_all(asked);
    assert!(matches!(
        &answers[..],
        [Err(Fault::Overloaded), Err(Fault::Overloaded), Ok(_)]
    ));
    assert_eq!(disk.on_hand("A"), 21);
}

#[test]
fn a_command_that_the_store_rejects_fails_alone() {
    for bad in 0..5 {
        let disk = Disk::new();
        disk.state().rejects = Some("bad");
        let mut process = Process::alone(&disk);
        let asked = (0..5).map(|number| {
            let mut submission = submission(one_more("A"), None);
            if number == bad {
                submission.correlation = "bad".into();
            }
            submission
        });
        let answers = process.submit_all(asked);
        for (number, answer) in answers.iter().enumerate() {
            let is_rejected = matches!(answer, Err(Fault::Rejected(_)));
            assert_eq!(is_rejected, number == bad, "{number}: {answer:?}");
            assert!(is_rejected || answer.is_ok(), "{number}: {answer:?}");
        }
        assert_eq!((disk.on_hand("A"), process.on_hand("A")), (24, 24));
    }
}
