//! The lease: who has it writes, renews it in time, and stops when it may be another's; who has not takes it when it is free (INV-7).

use super::disk::{Disk, Ending};
use super::stage::*;
use crate::looped::{keyed, reserve, submission};
use cartwright_app::commit::{Holder, Standing};
use cartwright_app::ports::{Lease, Swap};
use cartwright_app::{Fault, Key, Record};
use cartwright_domain::inventory::State as HoldState;
use std::io::Write;
use std::sync::{Arc, Mutex};

fn standing(process: &Process) -> Standing {
    process.till.shop.health().standing().borrow().clone()
}

fn stands(is_reader: bool, epoch: u64, holder: &str) -> Standing {
    let holder = Holder {
        node: holder.into(),
        url: format!("http://{holder}").into(),
    };
    Standing {
        is_reader,
        epoch,
        holder: Some(holder),
    }
}

fn is_turned_away(answer: Answered) -> bool {
    matches!(answer, Err(Fault::NoLease))
}

#[test]
fn one_process_writes_and_the_others_know_which() {
    let disk = Disk::new();
    let (mut first, mut second) = (Process::shared(&disk, "a"), Process::shared(&disk, "b"));
    first.turn();
    second.turn();
    assert_eq!(standing(&first), stands(false, 1, "a"));
    assert_eq!(standing(&second), stands(true, 1, "a"));
    assert!(is_turned_away(second.submit(one_more("A"))));
    assert!(first.submit(one_more("A")).is_ok());
    assert_eq!(disk.on_hand("A"), 21);
}

#[test]
fn the_lease_is_renewed_in_time_and_not_more_often() {
    let disk = Disk::new();
    let mut process = Process::shared(&disk, "a");
    let taken = disk.lease();
    for (passed, beat) in [
        (0, 0),
        (RENEW - 1, 0),
        (1, 1),
        (0, 1),
        (RENEW - 1, 1),
        (RENEW, 2),
    ] {
        process.turn_after(passed);
        let expected = Lease {
            beat,
            ..taken.clone()
        };
        assert_eq!(disk.lease(), expected);
        assert_eq!(disk.state().swaps as u64, 1 + beat);
        assert!(!process.is_reader());
    }
}

#[test]
fn who_leads_trusts_its_memory_as_long_as_the_lease_lasts() {
    let disk = Disk::new();
    let mut process = Process::shared(&disk, "a");
    assert!(process.submit(one_more("A")).is_ok());
    process.turn_after(RENEW);
    for (passed, remembers) in [(0, true), (TTL, true), (1, false)] {
        process.watch.pass(passed);
        assert_eq!(process.remembers(&level("A")), remembers);
    }
}

#[test]
fn who_was_held_up_for_longer_than_the_lease_lasts_stops_writing() {
    let disk = Disk::new();
    let mut process = Process::shared(&disk, "a");
    assert!(process.submit(one_more("A")).is_ok());
    process.turn_after(TTL);
    assert!(!process.is_reader(), "it was just in time");
    let asked = process.till.ask(submission(one_more("A"), None));
    process.turn_after(TTL + 1);
    assert!(is_turned_away(process.till.answer(asked)));
    assert!(process.is_reader());
    // Others may take it first.
    process.turn_after(0);
    process.turn_after(TTL / 4);
    assert!(process.is_reader());
    process.turn_after(1);
    assert_eq!(standing(&process), stands(false, 2, "a"));
    assert!(process.submit(one_more("A")).is_ok());
    assert_eq!((disk.on_hand("A"), process.on_hand("A")), (22, 22));
}

#[test]
fn who_lost_its_own_lease_does_not_take_itself_for_gone() {
    let disk = Disk::new();
    let mut process = Process::shared(&disk, "a");
    process.turn_after(TTL + 1);
    disk.state().is_abandoned = true;
    process.turn();
    assert!(process.is_reader());
}

#[test]
fn a_store_that_is_broken_for_long_does_not_cost_the_lease() {
    let disk = Disk::new();
    let mut process = Process::shared(&disk, "a");
    disk.state().endings.push_back(Ending::Refused);
    disk.state().is_broken = true;
    assert!(process.submit(one_more("A")).is_err());
    process.turn_after(TTL + 1);
    assert!(!process.is_reader());
    disk.state().is_broken = false;
    process.turn_after(LATER);
    assert!(process.submit(one_more("A")).is_ok());
    assert_eq!(disk.lease().epoch, 1);
}

#[test]
fn a_lease_that_was_not_renewed_is_taken_with_all_that_was_written() {
    let disk = Disk::new();
    let mut old = Process::shared(&disk, "a");
    let mut new = Process::shared(&disk, "b");
    assert_eq!(new.on_hand("A"), 20);
    let (bytes, _) = kept(old.submit_keyed(one_more("A"), keyed(1, 1)));
    let hold = decided(old.submit(reserve("r", 1))).expect("a hold").record;
    new.turn_after(TTL);
    assert!(new.is_reader());
    let _ = new.on_hand("B");
    new.turn_after(1);
    assert_eq!(standing(&new), stands(false, 2, "b"));
    assert_eq!(disk.lease().holder, "b-1");
    assert_eq!(new.head(), disk.position());

    // The old one finds out when it writes, and trusts nothing that it remembers.
    assert!(old.remembers(&level("A")));
    let asked = old.till.ask(submission(one_more("A"), None));
    old.turn();
    assert!(is_turned_away(old.till.answer(asked)));
    assert!(old.is_reader() && !old.remembers(&level("A")));
    old.turn();
    assert_eq!(standing(&old), stands(true, 2, "b"));

    let again = kept(new.submit_keyed(one_more("A"), keyed(1, 1)));
    assert_eq!(again, (bytes, true));
    new.watch.pass_wall(60_000);
    new.turn();
    let Some(Record::Reservation(hold)) = hold else {
        panic!("no hold: {hold:?}");
    };
    match new.till.find(&Key::Reservation(hold.id)) {
        Some(Record::Reservation(hold)) => assert_eq!(hold.state, HoldState::Expired),
        other => panic!("no hold: {other:?}"),
    }
    assert_eq!(new.on_hand("A"), 21);
}

#[test]
fn a_lease_whose_holder_is_gone_is_taken_at_once() {
    let disk = Disk::new();
    let mut processes = [Process::shared(&disk, "a"), Process::shared(&disk, "b")];
    disk.state().is_abandoned = true;
    processes[1].turn();
    assert_eq!(standing(&processes[1]), stands(false, 2, "b"));
    disk.state().is_abandoned = false;
    processes[0].turn_after(RENEW);
    assert!(processes[0].is_reader(), "it could not renew it");
}

#[test]
fn a_lease_that_was_given_back_has_no_holder() {
    let disk = Disk::new();
    let mut process = Process::shared(&disk, "a");
    let mut second = Process::shared(&disk, "b");
    process.till.shop.health().retire();
    process.turn();
    assert_eq!(disk.lease().ttl_ms, 0);
    disk.state().swap = Some(Swap::Busy);
    second.turn();
    let nobody = Standing {
        is_reader: true,
        epoch: 1,
        holder: None,
    };
    assert_eq!(standing(&second), nobody);
    second.turn();
    assert_eq!(standing(&second), stands(false, 2, "b"));
}

#[test]
fn a_busy_store_neither_gives_nor_takes_a_lease() {
    let disk = Disk::new();
    let mut first = Process::shared(&disk, "a");
    let mut second = Process::shared(&disk, "b");
    disk.state().swap = Some(Swap::Busy);
    first.turn_after(RENEW);
    assert!(first.submit(one_more("A")).is_ok());
    assert_eq!(disk.lease().beat, 1, "it was tried again");

    second.turn();
    for (told, wakes) in [(Swap::Busy, 1), (Swap::Changed, 1)] {
        disk.state().swap = Some(told);
        second.turn_after(TTL + 1);
        assert!(second.is_reader());
        assert_eq!(disk.state().wakes, wakes);
    }
    // Whoever changed it has all its life before it.
    second.turn();
    second.turn_after(TTL);
    assert!(second.is_reader());
    second.turn_after(1);
    assert!(!second.is_reader());
}

#[test]
fn who_stands_in_the_way_is_woken_once_the_lease_is_over() {
    let disk = Disk::new();
    let _first = Process::shared(&disk, "a");
    let mut second = Process::shared(&disk, "b");
    disk.state().lease_is_unreadable = true;
    for (passed, wakes) in [(0, 0), (TTL, 0), (1, 1)] {
        second.turn_after(passed);
        assert_eq!(disk.state().wakes, wakes);
        assert!(second.is_reader());
    }
    disk.state().lease_is_unreadable = false;
    second.turn();
    assert!(!second.is_reader());
}

/// Who answers without writing looks first whether it still may answer.
#[test]
fn nothing_is_answered_from_a_lease_that_is_anothers() {
    let changed = |change: fn(&mut Lease)| change;
    for (what, change, is_mine) in [
        ("renewed", changed(|lease| lease.beat += 1), true),
        ("another epoch", changed(|lease| lease.epoch += 1), false),
        (
            "another holder",
            changed(|lease| lease.holder.push('2')),
            false,
        ),
    ] {
        let disk = Disk::new();
        let mut process = Process::shared(&disk, "a");
        disk.state().lease.as_mut().into_iter().for_each(change);
        let answer = process.submit(refused());
        assert_eq!(answer.is_ok(), is_mine, "{what}: {answer:?}");
        assert_eq!(is_turned_away(answer), !is_mine, "{what}");
        assert_eq!(process.is_reader(), !is_mine, "{what}");
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn count(&self, words: &str) -> usize {
        let bytes = self.0.lock().expect("nobody panicked");
        String::from_utf8_lossy(&bytes).matches(words).count()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_operator_is_told_once_who_keeps_the_store_from_being_used() {
    let disk = Disk::new();
    let _first = Process::shared(&disk, "a");
    let mut second = Process::shared(&disk, "b");
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _told = tracing::subscriber::set_default(subscriber);
    second.turn();
    let mut busy = |passed: u64| {
        disk.state().swap = Some(Swap::Busy);
        second.turn_after(passed);
    };
    let (in_the_way, woken) = ("keeps the database from being used", "woke processes");
    busy(TTL + 1);
    busy(1);
    assert_eq!((lines.count(in_the_way), lines.count(woken)), (1, 0));
    assert_eq!(lines.count("the holder was a, process 7"), 1);
    disk.state().stopped.push(4711);
    busy(1);
    assert_eq!((lines.count(in_the_way), lines.count(woken)), (1, 1));
    assert_eq!(lines.count("4711"), 1);
}
