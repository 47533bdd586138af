//! One store that all nodes use, with a lease, and with faults of writing. What it said it wrote it keeps.

use crate::found::Found;
use crate::knobs::Knobs;
use crate::time::{Dice, Now};
use crate::watch::Watch;
use cartwright_app::Fault;
use cartwright_app::kept::KeptReply;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::ports::{Batch, Keep, Lease, ReadStore, StoreParts, Swap, WriteStore};
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{ReservationId, Time};
use cartwright_memory as memory;
use cartwright_proto::events as proto;
use parking_lot::Mutex;
use prost::Message;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The disk, and what was written to it.
pub(crate) struct Disk {
    writer: Mutex<Box<dyn WriteStore>>,
    pub(crate) read: Arc<dyn ReadStore>,
    pub(crate) watch: Watch,
    now: Arc<Now>,
    knobs: Arc<Mutex<Knobs>>,
    dice: Dice,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lease: Option<Lease>,
    is_full: bool,
    /// Nodes that die as soon as their turn is over, from a moment on.
    doomed: Vec<(usize, u64)>,
    trace: Sha256,
    commits: u64,
    /// A write of a process that has died since, still on its way.
    late: Option<Late>,
    faults: BTreeMap<&'static str, u64>,
}

impl Disk {
    pub(crate) fn new(
        now: Arc<Now>,
        random: &Dice,
        dice: Dice,
        knobs: Arc<Mutex<Knobs>>,
        found: Found,
    ) -> Self {
        let StoreParts { write, read } = memory::open(random);
        Self {
            watch: Watch::new(read.clone(), found),
            now,
            writer: Mutex::new(write),
            read,
            knobs,
            dice,
            state: Mutex::default(),
        }
    }

    /// What a node opens. Where nodes share the disk each needs the lease.
    pub(crate) fn open(self: &Arc<Self>, node: usize, is_shared: bool) -> StoreParts {
        StoreParts {
            write: Box::new(Side {
                disk: self.clone(),
                node,
                is_shared,
                tenure: None,
                is_dead: false,
                is_unsynced: false,
            }),
            read: self.read.clone(),
        }
    }

    /// Whether this node has died in the middle of a commit; told once.
    pub(crate) fn has_killed(&self, node: usize) -> bool {
        let mut state = self.state.lock();
        let before = state.doomed.len();
        let now = self.now.us();
        state
            .doomed
            .retain(|(doomed, at)| *doomed != node || *at > now);
        state.doomed.len() < before
    }

    /// What nothing keeps out is written now, over what others have written since.
    fn arrive_late(&self) -> Result<(), Fault> {
        let Some(mut late) = self.state.lock().late.take() else {
            return Ok(());
        };
        let mut writer = self.writer.lock();
        late.log.first_position = writer.head()?.0 + 1;
        let batch = Batch {
            log: &late.log,
            changed: &late.changed,
            kept: &late.kept,
            now: late.now,
        };
        writer.commit(&batch)?;
        self.watch.written(&batch, self.now.us());
        Ok(())
    }

    pub(crate) fn fill(&self, is_full: bool) {
        self.state.lock().is_full = is_full;
    }

    pub(crate) fn commits(&self) -> u64 {
        self.state.lock().commits
    }

    /// How often which fault struck.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.state.lock().faults.clone()
    }

    /// Of every batch in order: the same for the same run.
    pub(crate) fn trace(&self) -> String {
        let digest = self.state.lock().trace.clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A batch on its way.
struct Late {
    log: proto::Batch,
    changed: Vec<(Key, Option<Record>)>,
    kept: Vec<Keep>,
    now: Time,
}

impl Late {
    fn of(batch: &Batch<'_>) -> Self {
        Self {
            log: batch.log.clone(),
            changed: batch.changed.to_vec(),
            kept: batch.kept.to_vec(),
            now: batch.now,
        }
    }
}

/// One node's way to the disk.
struct Side {
    disk: Arc<Disk>,
    node: usize,
    is_shared: bool,
    tenure: Option<(String, u64)>,
    is_dead: bool,
    /// Whether nothing more reaches the disk although it is said to.
    is_unsynced: bool,
}

/// What becomes of a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Written,
    Refused,
    Unclear,
    DiesBefore,
    DiesAfter,
}

impl Side {
    fn alive(&self) -> Result<(), Fault> {
        if self.is_dead {
            return Err(Fault::Unavailable("the node is dead".into()));
        }
        Ok(())
    }

    fn fate(&self) -> Fate {
        let knobs = self.disk.knobs.lock().clone();
        let dice = &self.disk.dice;
        let mut state = self.disk.state.lock();
        let (fate, name) = if state.is_full {
            (Fate::Refused, "full disk")
        } else if dice.chance(knobs.refused_commits) {
            (Fate::Refused, "refused commit")
        } else if dice.chance(knobs.unclear_commits) {
            (Fate::Unclear, "unclear commit")
        } else if dice.chance(knobs.fatal_commits) {
            if dice.chance(0.5) {
                (Fate::DiesBefore, "death before a commit")
            } else {
                (Fate::DiesAfter, "death after a commit")
            }
        } else {
            return Fate::Written;
        };
        *state.faults.entry(name).or_default() += 1;
        fate
    }

    fn die(&mut self) {
        self.is_dead = true;
        self.disk.state.lock().doomed.push((self.node, 0));
    }

    /// The power will be cut in a moment, and what was written last is still in a cache.
    fn skips_fsync(&mut self) -> bool {
        if planted(Bug::SkippedFsync) && !self.is_unsynced && self.disk.dice.chance(0.02) {
            self.is_unsynced = true;
            let at = self.disk.now.us() + 50_000;
            self.disk.state.lock().doomed.push((self.node, at));
        }
        self.is_unsynced
    }
}

impl WriteStore for Side {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        self.alive()?;
        self.disk.writer.lock().load(keys)
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        self.alive()?;
        if self.is_shared && !planted(Bug::MissingEpochCheck) {
            let state = self.disk.state.lock();
            let now = state.lease.as_ref().map(|it| (&it.holder, it.epoch));
            if now != self.tenure.as_ref().map(|(holder, epoch)| (holder, *epoch)) {
                return Err(Fault::NoLease);
            }
        }
        let fate = self.fate();
        match fate {
            Fate::Refused => return Err(Fault::Unavailable("the disk refuses".into())),
            Fate::DiesBefore => {
                // It may still arrive, when another one writes; the fence keeps it out.
                self.disk.state.lock().late =
                    planted(Bug::MissingEpochCheck).then(|| Late::of(batch));
                self.die();
                return Err(Fault::Unavailable("the node dies".into()));
            }
            Fate::Written | Fate::Unclear | Fate::DiesAfter => {}
        }
        if self.skips_fsync() {
            return Ok(());
        }
        let is_torn = fate != Fate::Written;
        let mut log = None;
        if planted(Bug::MissingEpochCheck) {
            // As where the database numbers the entries itself.
            let mut renumbered = batch.log.clone();
            renumbered.first_position = self.disk.writer.lock().head()?.0 + 1;
            log = Some(renumbered);
        } else if planted(Bug::LogInOwnTransaction) && is_torn {
            log = Some(proto::Batch::default());
        }
        let loses_kept = planted(Bug::KeptReplyInOwnTransaction) && is_torn;
        let batch = &Batch {
            log: log.as_ref().unwrap_or(batch.log),
            changed: batch.changed,
            kept: if loses_kept { &[] } else { batch.kept },
            now: batch.now,
        };
        self.disk.writer.lock().commit(batch)?;
        self.disk.watch.written(batch, self.disk.now.us());
        {
            let mut state = self.disk.state.lock();
            state.commits += 1;
            state.trace.update(batch.log.encode_to_vec());
            for keep in batch.kept {
                state.trace.update(keep.hash);
            }
        }
        self.disk.arrive_late()?;
        match fate {
            Fate::Unclear => Err(Fault::Unavailable("the disk says nothing".into())),
            Fate::DiesAfter => {
                self.die();
                Err(Fault::Unavailable("the node dies".into()))
            }
            Fate::Written | Fate::Refused | Fate::DiesBefore => Ok(()),
        }
    }

    fn recover(&mut self) -> Result<u64, Fault> {
        self.alive()?;
        if self.disk.state.lock().is_full {
            return Err(Fault::Unavailable("the disk is full".into()));
        }
        Ok(self.disk.writer.lock().head()?.0)
    }

    fn head(&mut self) -> Result<(u64, Time), Fault> {
        self.alive()?;
        self.disk.writer.lock().head()
    }

    fn last_batch(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        self.alive()?;
        self.disk.writer.lock().last_batch()
    }

    fn kept_index(&mut self, now: Time) -> Result<Vec<([u8; 16], u64, Time)>, Fault> {
        self.alive()?;
        self.disk.writer.lock().kept_index(now)
    }

    fn next_kept_place(&mut self) -> Result<u64, Fault> {
        self.alive()?;
        self.disk.writer.lock().next_kept_place()
    }

    fn kept(&mut self, place: u64, hash: &[u8; 16]) -> Result<Option<KeptReply>, Fault> {
        self.alive()?;
        self.disk.writer.lock().kept(place, hash)
    }

    fn drop_kept(&mut self, before: Time) -> Result<(), Fault> {
        self.alive()?;
        self.disk.writer.lock().drop_kept(before)
    }

    fn pending_holds(&mut self) -> Result<Vec<(Time, ReservationId)>, Fault> {
        self.alive()?;
        self.disk.writer.lock().pending_holds()
    }

    fn lease(&mut self) -> Result<Option<Lease>, Fault> {
        self.alive()?;
        Ok(self.disk.state.lock().lease.clone())
    }

    fn swap_lease(&mut self, from: Option<&Lease>, to: &Lease) -> Result<Swap, Fault> {
        self.alive()?;
        let mut state = self.disk.state.lock();
        if state.lease.as_ref() != from {
            return Ok(Swap::Changed);
        }
        state.lease = Some(to.clone());
        self.tenure = Some((to.holder.clone(), to.epoch));
        Ok(Swap::Done)
    }
}
