//! How the loop is doing: counters anybody may read at any time.

use super::lease::Standing;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;

/// Counters of the loop since start.
#[derive(Debug, Default)]
pub struct Health {
    closing: AtomicBool,
    retiring: AtomicBool,
    read_only: AtomicBool,
    next_repair_ns: AtomicU64,
    shed: AtomicU64,
    batches: AtomicU64,
    commands: AtomicU64,
    events: AtomicU64,
    busy_ns: AtomicU64,
    kept: AtomicU64,
    is_reader: AtomicBool,
    fresh_until_ns: AtomicU64,
    standing: watch::Sender<Standing>,
    degraded: Mutex<BTreeMap<&'static str, bool>>,
}

/// How often a broken store is tried.
const REPAIR_EVERY_NS: u64 = 500_000_000;

/// A reading of [`Health`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Commands refused because too many waited.
    pub shed: u64,
    /// Transactions.
    pub batches: u64,
    /// Commands decided.
    pub commands: u64,
    /// Entries written to the log.
    pub events: u64,
    /// Nanoseconds from taking a batch to its commit, summed.
    pub busy_ns: u64,
    /// Kept replies that memory finds.
    pub kept: u64,
}

impl Health {
    /// All counters.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            shed: read(&self.shed),
            batches: read(&self.batches),
            commands: read(&self.commands),
            events: read(&self.events),
            busy_ns: read(&self.busy_ns),
            kept: read(&self.kept),
        }
    }

    /// Whether writes are switched off until the store works again.
    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Acquire)
    }

    pub(super) fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Release);
    }

    /// Whether another process has the lease: this one takes no writes.
    pub fn is_reader(&self) -> bool {
        self.is_reader.load(Ordering::Acquire)
    }

    /// Who may write, as far as this process knows; changes wake those who watch.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    pub(super) fn set_standing(&self, standing: Standing) {
        self.is_reader.store(standing.is_reader, Ordering::Release);
        self.standing.send_if_modified(|now| {
            let changed = *now != standing;
            *now = standing;
            changed
        });
    }

    /// Whether memory shows what is committed: always for the only process of a store; among several as long as this one
    /// has seen the end of the log, or has renewed its lease, a moment ago.
    pub(crate) fn is_fresh(&self, now_ns: impl FnOnce() -> u64) -> bool {
        let until = self.fresh_until_ns.load(Ordering::Acquire);
        until == 0 || now_ns() <= until
    }

    pub(super) fn set_fresh_until(&self, until_ns: u64) {
        self.fresh_until_ns
            .store(until_ns.max(1), Ordering::Release);
    }

    /// From now on another process shall write: the loop finishes what waits and gives the lease back. For a process that is
    /// about to stop and whose writes others can take.
    pub fn retire(&self) {
        self.retiring.store(true, Ordering::Release);
    }

    pub(super) fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::Acquire)
    }

    /// Notes whether something outside, that the shop can do without for a while, fails.
    pub fn note_outside(&self, name: &'static str, fails: bool) {
        self.degraded.lock().insert(name, fails);
    }

    /// Another process looks at it from now on: what was noted here is not known any more.
    pub fn forget_outside(&self, name: &'static str) {
        self.degraded.lock().remove(name);
    }

    /// What is outside, and whether it fails.
    pub fn outside(&self) -> BTreeMap<&'static str, bool> {
        self.degraded.lock().clone()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn set_closing(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn shed(&self) {
        self.shed.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it is time to try the store again; then notes when the next time is.
    pub(super) fn may_repair(&self, now_ns: u64) -> bool {
        let due = now_ns >= self.next_repair_ns.load(Ordering::Relaxed);
        if due {
            self.next_repair_ns
                .store(now_ns + REPAIR_EVERY_NS, Ordering::Relaxed);
        }
        due
    }

    pub(super) fn batch(&self, commands: usize, events: usize, nanos: u64, kept: usize) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.commands.fetch_add(commands as u64, Ordering::Relaxed);
        self.events.fetch_add(events as u64, Ordering::Relaxed);
        self.busy_ns.fetch_add(nanos, Ordering::Relaxed);
        self.kept.store(kept as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_what_each_batch_did() {
        let health = Health::default();
        health.batch(3, 5, 700, 9);
        health.batch(1, 2, 30, 4);
        health.shed();
        health.shed();
        let expected = Counts {
            shed: 2,
            batches: 2,
            commands: 4,
            events: 7,
            busy_ns: 730,
            kept: 4,
        };
        assert_eq!(health.counts(), expected);
    }

    #[test]
    fn each_switch_is_off_until_it_is_set() {
        let health = Health::default();
        let all = |health: &Health| {
            [
                health.is_read_only(),
                health.is_reader(),
                health.is_retiring(),
                health.is_closing(),
            ]
        };
        assert_eq!(all(&health), [false; 4]);
        health.set_read_only(true);
        assert_eq!(all(&health), [true, false, false, false]);
        health.set_read_only(false);
        health.retire();
        assert_eq!(all(&health), [false, false, true, false]);
        health.set_closing();
        assert_eq!(all(&health), [false, false, true, true]);
    }

    #[test]
    fn who_watches_is_woken_by_changes_only() {
        let health = Health::default();
        let mut watching = health.standing();
        let reader = Standing {
            is_reader: true,
            epoch: 3,
            holder: None,
        };
        for (standing, changed) in [
            (Standing::default(), false),
            (reader.clone(), true),
            (reader.clone(), false),
            (Standing::default(), true),
        ] {
            health.set_standing(standing.clone());
            assert_eq!(watching.has_changed().ok(), Some(changed));
            assert_eq!(*watching.borrow_and_update(), standing);
            assert_eq!(health.is_reader(), standing.is_reader);
        }
    }

    #[test]
    fn memory_is_fresh_up_to_its_moment_and_always_without_one() {
        let health = Health::default();
        assert!(health.is_fresh(|| u64::MAX));
        health.set_fresh_until(100);
        for (now, fresh) in [(99, true), (100, true), (101, false)] {
            assert_eq!(health.is_fresh(|| now), fresh, "{now}");
        }
        // None at all is not the same as always.
        health.set_fresh_until(0);
        assert!(!health.is_fresh(|| 2));
    }

    #[test]
    fn a_broken_store_is_tried_twice_a_second() {
        let health = Health::default();
        let half = REPAIR_EVERY_NS;
        for (now, due) in [
            (7, true),
            (8, false),
            (half + 6, false),
            (half + 7, true),
            (half + 8, false),
            (2 * half + 7, true),
        ] {
            assert_eq!(health.may_repair(now), due, "{now}");
        }
    }

    #[test]
    fn what_is_outside_is_known_by_its_name() {
        let health = Health::default();
        health.note_outside("cache", true);
        health.note_outside("mail", false);
        health.note_outside("cache", false);
        health.note_outside("bus", true);
        let expected = [("bus", true), ("cache", false), ("mail", false)];
        assert_eq!(health.outside(), BTreeMap::from(expected));
        health.forget_outside("cache");
        let expected = [("bus", true), ("mail", false)];
        assert_eq!(health.outside(), BTreeMap::from(expected));
    }
}
