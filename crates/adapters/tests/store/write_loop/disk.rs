//! A store in memory that has a lease, counts what it is asked, and fails when it is told to.

use super::stage::level;
use crate::desk::Desk;
use crate::looped::Sequence;
use crate::samples::*;
use cartwright_adapters::store::memory;
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::{Batch, Lease, ReadStore, StoreParts, Swap, WriteStore};
use cartwright_app::{Fault, Key, Record};
use cartwright_domain::{ReservationId, Time};
use crossbeam_channel::{Receiver, Sender};
use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard};

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is refused, and nothing is written.
    Refused,
    /// It is written, and told as failed.
    Unclear,
}

/// What the store is told to do, and what it was asked.
#[derive(Default)]
pub(super) struct State {
    /// How the next commits end; those after them go well.
    pub(super) endings: VecDeque<Ending>,
    /// A batch with an entry of this request breaks a constraint.
    pub(super) rejects: Option<&'static str>,
    pub(super) loads_fail: bool,
    pub(super) is_broken: bool,
    pub(super) in_doubt: bool,
    /// Keys of every load.
    pub(super) loads: Vec<Vec<Key>>,
    /// Entries of every batch that was written.
    pub(super) written: Vec<usize>,
    /// How often it was told to recover.
    pub(super) recoveries: usize,
    /// Up to when kept replies were dropped.
    pub(super) dropped: Vec<Time>,
    pub(super) lease: Option<Lease>,
    pub(super) lease_is_unreadable: bool,
    /// How often somebody looked at the lease.
    pub(super) lease_looks: usize,
    /// What comes of the next change of the lease, instead of the change.
    pub(super) swap: Option<Swap>,
    /// How often the lease was to be changed.
    pub(super) swaps: usize,
    pub(super) is_abandoned: bool,
    /// Whom waking the stopped wakes.
    pub(super) stopped: Vec<u32>,
    pub(super) wakes: usize,
    /// Nudge those who listen.
    pub(super) nudges: Vec<Sender<()>>,
    /// Stops each commit until somebody lets it go on.
    pub(super) gate: Option<Gate>,
}

/// Says that a commit has come, and waits until it may go on.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) came: Sender<()>,
    pub(super) go: Receiver<()>,
}

/// One store that processes share.
pub(super) struct Disk {
    writer: Mutex<Box<dyn WriteStore>>,
    pub(super) read: Arc<dyn ReadStore>,
    state: Mutex<State>,
}

impl Disk {
    /// With 20 units of A and as many of B in Berlin.
    pub(super) fn new() -> Arc<Self> {
        let mut desk = Desk::new(memory::open(&Sequence(AtomicU64::new(3))));
        let events = [
            product("lamp", &["A", "B"]),
            store("berlin"),
            receive("A", "berlin", 20),
            receive("B", "berlin", 20),
        ];
        desk.commit(&events).expect("a commit");
        Arc::new(Self {
            writer: Mutex::new(desk.parts.write),
            read: desk.parts.read,
            state: Mutex::default(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked")
    }

    /// The lease as it stands.
    pub(super) fn lease(&self) -> Lease {
        self.state().lease.clone().expect("a lease")
    }

    pub(super) fn parts(self: &Arc<Self>, is_shared: bool) -> StoreParts {
        StoreParts {
            write: Box::new(Side {
                disk: self.clone(),
                is_shared,
                tenure: None,
            }),
            read: self.read.clone(),
        }
    }

    /// Where the log ends.
    pub(super) fn position(&self) -> u64 {
        let mut writer = self.writer.lock().expect("nobody panicked");
        writer.head().expect("a head").0
    }

    /// Units of a SKU in Berlin.
    pub(super) fn on_hand(&self, sku: &str) -> i64 {
        on_hand(self.read.load(&level(sku)))
    }
}

pub(super) fn on_hand(found: Result<Option<Record>, Fault>) -> i64 {
    match found {
        Ok(Some(Record::Level(level))) => level.on_hand,
        other => panic!("no level: {other:?}"),
    }
}

/// One process's way to the store.
struct Side {
    disk: Arc<Disk>,
    is_shared: bool,
    tenure: Option<(String, u64)>,
}

impl Side {
    fn writer(&self) -> MutexGuard<'_, Box<dyn WriteStore>> {
        self.disk.writer.lock().expect("nobody panicked")
    }
}

fn failed(what: &str) -> Fault {
    Fault::Unavailable(what.into())
}

impl WriteStore for Side {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        let mut state = self.disk.state();
        state.loads.push(keys.to_vec());
        if state.loads_fail {
            return Err(failed("nothing can be read"));
        }
        self.writer().load(keys)
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        let gate = self.disk.state().gate.clone();
        if let Some(gate) = gate {
            gate.came.send(()).expect("somebody watches");
            gate.go.recv().expect("somebody lets it go on");
        }
        let mut state = self.disk.state();
        if self.is_shared {
            let now = state.lease.as_ref().map(|it| (&it.holder, it.epoch));
            if now != self.tenure.as_ref().map(|(holder, epoch)| (holder, *epoch)) {
                return Err(Fault::NoLease);
            }
        }
        let is_bad = |request: &str| {
            let mut entries = batch.log.entries.iter();
            entries.any(|entry| entry.correlation_id == request)
        };
        if state.rejects.is_some_and(is_bad) {
            return Err(Fault::Rejected("it breaks a constraint".into()));
        }
        let ending = state.endings.pop_front();
        if ending == Some(Ending::Refused) {
            return Err(failed("nothing was written"));
        }
        self.writer().commit(batch)?;
        state.written.push(batch.log.entries.len());
        match ending {
            Some(Ending::Unclear) => Err(failed("the disk says nothing")),
            _ => Ok(()),
        }
    }

    fn recover(&mut self) -> Result<u64, Fault> {
        let mut state = self.disk.state();
        state.recoveries += 1;
        if state.is_broken {
            return Err(failed("it is broken"));
        }
        state.in_doubt = false;
        self.writer().recover()
    }

    fn is_in_doubt(&self) -> bool {
        self.disk.state().in_doubt
    }

    fn head(&mut self) -> Result<(u64, Time), Fault> {
        self.writer().head()
    }

    fn last_batch(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        self.writer().last_batch()
    }

    fn kept_index(&mut self, now: Time) -> Result<Vec<([u8; 16], u64, Time)>, Fault> {
        self.writer().kept_index(now)
    }

    fn next_kept_place(&mut self) -> Result<u64, Fault> {
        self.writer().next_kept_place()
    }

    fn kept(&mut self, place: u64, hash: &[u8; 16]) -> Result<Option<KeptReply>, Fault> {
        self.writer().kept(place, hash)
    }

    fn drop_kept(&mut self, before: Time) -> Result<(), Fault> {
        self.disk.state().dropped.push(before);
        self.writer().drop_kept(before)
    }

    fn pending_holds(&mut self) -> Result<Vec<(Time, ReservationId)>, Fault> {
        self.writer().pending_holds()
    }

    fn lease(&mut self) -> Result<Option<Lease>, Fault> {
        let mut state = self.disk.state();
        state.lease_looks += 1;
        if state.lease_is_unreadable {
            return Err(failed("the lease is locked"));
        }
        Ok(state.lease.clone())
    }

    fn swap_lease(&mut self, from: Option<&Lease>, to: &Lease) -> Result<Swap, Fault> {
        let mut state = self.disk.state();
        state.swaps += 1;
        if let Some(told) = state.swap.take() {
            return Ok(told);
        }
        if state.lease.as_ref() != from {
            return Ok(Swap::Changed);
        }
        state.lease = Some(to.clone());
        self.tenure = Some((to.holder.clone(), to.epoch));
        Ok(Swap::Done)
    }

    fn is_abandoned(&mut self) -> Result<bool, Fault> {
        Ok(self.disk.state().is_abandoned)
    }

    fn listen(&mut self, nudge: Sender<()>) {
        self.disk.state().nudges.push(nudge);
    }

    fn wake(&mut self) -> Result<Vec<u32>, Fault> {
        let mut state = self.disk.state();
        state.wakes += 1;
        Ok(state.stopped.clone())
    }
}
