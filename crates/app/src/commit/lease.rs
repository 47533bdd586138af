//! Several processes, one store: the one that has the lease writes, the others follow its log and serve reads (INV-7).
//!
//! The lease keeps two processes from trying at once; what keeps the data right is the epoch, which the store compares
//! inside every transaction. So clocks, pauses and guesses decide when the lease changes hands, never what is written.

use super::{Loop, answer};
use crate::consumers;
use crate::failpoint::{Point, failpoint};
use crate::fault::Fault;
use crate::ports::{Lease, Swap};
use crate::shop::Waiting;
use cartwright_domain::planted::{Bug, planted};
use smol_str::SmolStr;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// How often a reader looks for new entries of the log, and for the lease.
const FOLLOW_EVERY: Duration = Duration::from_millis(20);
/// So long after it last saw the end of the log a reader's memory counts as current; then it is passed by.
const FRESH_NS: u64 = 100_000_000;
/// Entries of the log read at once, about.
const READ_AT_ONCE: usize = 4_000;
const NS_PER_MS: u64 = 1_000_000;

/// How this process takes part.
#[derive(Debug, Clone)]
pub struct LeaseOptions {
    /// Unique to this run of this process.
    pub holder: String,
    /// What people call this process.
    pub node: String,
    /// Where other processes of the shop reach this one: `http://HOST:PORT`.
    pub url: String,
    /// The process number.
    pub pid: u32,
    /// How long the lease lasts without renewal, in milliseconds.
    pub ttl_ms: u64,
    /// How often it is renewed, in milliseconds; well below `ttl_ms`.
    pub renew_ms: u64,
}

/// Who may write, as far as this process knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether another process writes. False too where only one process uses the store.
    pub is_reader: bool,
    /// Epoch of the lease; 0 where there are no leases.
    pub epoch: u64,
    /// Who has the lease, as far as this process knows; `None` while nobody has it, and where there are no leases.
    pub holder: Option<Holder>,
}

/// The process that has the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What people call it.
    pub node: SmolStr,
    /// Where it is reached; empty when its version does not say.
    pub url: SmolStr,
}

impl Standing {
    fn of(lease: &Lease, is_reader: bool) -> Self {
        let holder = (lease.ttl_ms > 0).then(|| Holder {
            node: SmolStr::new(&lease.node),
            url: SmolStr::new(&lease.url),
        });
        Self {
            is_reader,
            epoch: lease.epoch,
            holder,
        }
    }
}

/// What the loop knows of the lease.
pub(super) struct Tenure {
    options: LeaseOptions,
    /// The lease as this process wrote it last, while it has it.
    mine: Option<Lease>,
    renewed_ns: u64,
    /// The lease of another as it was seen last, and since when it stands so.
    seen: Option<(Lease, u64)>,
    /// The last thing that went wrong, so that it is logged once.
    complaint: String,
    /// Until when the lease is left to others, in monotonic nanoseconds: this process has given it back to stop.
    leaves_until_ns: u64,
}

impl Tenure {
    pub(super) fn new(options: LeaseOptions) -> Self {
        Self {
            options,
            mine: None,
            renewed_ns: 0,
            seen: None,
            complaint: String::new(),
            leaves_until_ns: 0,
        }
    }

    fn claim(&self, epoch: u64) -> Lease {
        Lease {
            holder: self.options.holder.clone(),
            node: self.options.node.clone(),
            url: self.options.url.clone(),
            pid: self.options.pid,
            epoch,
            beat: 0,
            ttl_ms: self.options.ttl_ms,
        }
    }

    fn complain(&mut self, what: &str, fault: &Fault) {
        let complaint = format!("{what}: {fault}");
        if complaint != self.complaint {
            tracing::warn!(%fault, "{what}; trying again");
            self.complaint = complaint;
        }
    }

    /// Whether the lease has stood still for so many milliseconds.
    fn stood_still(&self, now_ns: u64, millis: u64) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|(_, since)| now_ns.saturating_sub(*since) > millis * NS_PER_MS)
    }

    /// How long it may be left alone: it looks for news while it follows, and renews the lease in time while it leads.
    fn idle(&self) -> Duration {
        match self.mine {
            None => FOLLOW_EVERY,
            Some(_) => super::IDLE.min(Duration::from_millis(self.options.renew_ms)),
        }
    }

    fn is_anothers(&self, found: Option<&Lease>) -> bool {
        found.is_some_and(|lease| lease.holder != self.options.holder)
    }

    /// Whether the lease may be taken: nobody has it, or its holder did not renew it for its whole life. One that this
    /// process itself let lapse it leaves to others for a moment.
    fn is_free(&mut self, found: Option<&Lease>, now_ns: u64) -> bool {
        let Some(lease) = found.filter(|lease| lease.ttl_ms > 0) else {
            return true;
        };
        if self.seen.as_ref().is_none_or(|(seen, _)| seen != lease) {
            self.seen = Some((lease.clone(), now_ns));
        }
        let patience = if lease.holder == self.options.holder {
            lease.ttl_ms / 4
        } else {
            lease.ttl_ms
        };
        self.stood_still(now_ns, patience)
    }
}

impl Loop {
    /// How long an idle loop sleeps at most.
    pub(super) fn idle(&self) -> Duration {
        self.tenure.as_ref().map_or(super::IDLE, Tenure::idle)
    }

    /// Whether it follows the log of another process.
    pub(super) fn follows(&self) -> bool {
        self.tenure.as_ref().is_some_and(|it| it.mine.is_none())
    }

    /// Until the lease is taken there is nothing to write with, and nothing in memory to trust.
    pub(super) fn begin_as_reader(&mut self) {
        self.health.set_fresh_until(0);
        self.health.set_standing(Standing {
            is_reader: true,
            ..Standing::default()
        });
    }

    /// Gives the lease back before the process stops, so that another one writes while this one finishes what is under way and
    /// passes its writes on. Where nobody takes it within its life, this process takes it again.
    pub(super) fn retire(&mut self) {
        let now = self.clock.monotonic_ns();
        let Some(tenure) = self.tenure.as_mut().filter(|it| it.mine.is_some()) else {
            return;
        };
        if tenure.leaves_until_ns > 0 {
            return;
        }
        tenure.leaves_until_ns = now + tenure.options.ttl_ms * NS_PER_MS;
        self.resign();
        self.read_from_now_on();
    }

    /// Whether this process may write: renews the lease, or follows its holder and takes it when its time is over.
    pub(super) fn leads(&mut self) -> bool {
        let now = self.clock.monotonic_ns();
        let Some(tenure) = &self.tenure else {
            return true;
        };
        match &tenure.mine {
            None => {
                self.follow(now);
                self.challenge(now);
            }
            Some(mine) => {
                let idle_ns = now.saturating_sub(tenure.renewed_ns);
                if idle_ns > mine.ttl_ms * NS_PER_MS && !self.health.is_read_only() {
                    // Held up for too long, whoever has it now.
                    self.step_down();
                } else if idle_ns >= tenure.options.renew_ms * NS_PER_MS {
                    let mine = mine.clone();
                    self.renew(&mine, now);
                }
            }
        }
        self.tenure.as_ref().is_some_and(|it| it.mine.is_some())
    }

    /// Answers those who came before this process knew that another one writes.
    pub(super) fn turn_away(waiting: Vec<Waiting>) {
        waiting
            .into_iter()
            .for_each(|w| answer(w, Err(Fault::NoLease)));
    }

    fn renew(&mut self, mine: &Lease, now_ns: u64) {
        let next = Lease {
            beat: mine.beat + 1,
            ..mine.clone()
        };
        failpoint(Point::LeaseRenewing);
        match self.store.swap_lease(Some(mine), &next) {
            Ok(Swap::Done) => {
                failpoint(Point::LeaseRenewed);
                self.renewed(next, now_ns);
            }
            Ok(Swap::Changed) => self.step_down(),
            // It still writes: every transaction looks for itself whether it may.
            Ok(Swap::Busy) => {}
            Err(fault) => {
                if let Some(tenure) = &mut self.tenure {
                    tenure.complain("the lease could not be renewed", &fault);
                }
            }
        }
    }

    fn renewed(&mut self, lease: Lease, now_ns: u64) {
        self.health
            .set_fresh_until(now_ns + lease.ttl_ms * NS_PER_MS);
        if let Some(tenure) = &mut self.tenure {
            tenure.renewed_ns = now_ns;
            tenure.mine = Some(lease);
        }
    }

    /// Takes the lease if nobody has it, or if its holder has not renewed it for its whole life.
    fn challenge(&mut self, now_ns: u64) {
        let found = match self.store.lease() {
            Ok(found) => found,
            Err(fault) => return self.cannot_look(&fault, now_ns),
        };
        let Some(tenure) = &mut self.tenure else {
            return;
        };
        let is_over = tenure.is_free(found.as_ref(), now_ns)
            || tenure.is_anothers(found.as_ref())
                && self.store.is_abandoned().unwrap_or_else(|fault| {
                    tenure.complain("it cannot be seen whether the lease's holder lives", &fault);
                    false
                });
        let is_free = is_over && now_ns >= tenure.leaves_until_ns;
        if let Some(lease) = &found {
            self.health.set_standing(Standing::of(lease, true));
        }
        if is_free {
            let claim = tenure.claim(found.as_ref().map_or(1, |lease| lease.epoch + 1));
            failpoint(Point::LeaseTaking);
            match self.store.swap_lease(found.as_ref(), &claim) {
                Ok(Swap::Done) => {
                    failpoint(Point::LeaseTaken);
                    self.take_over(claim, now_ns);
                }
                Ok(Swap::Changed) => tenure.seen = None,
                Ok(Swap::Busy) => self.wake(),
                Err(fault) => tenure.complain("the lease could not be taken", &fault),
            }
        }
    }

    /// The lease cannot be read. If the last known one is over by now, a stopped process may be in the way.
    fn cannot_look(&mut self, fault: &Fault, now_ns: u64) {
        let Some(tenure) = &mut self.tenure else {
            return;
        };
        tenure.complain("the lease could not be read", fault);
        let known = tenure.seen.as_ref().map(|(lease, _)| lease.ttl_ms);
        if known.is_some_and(|ttl| tenure.stood_still(now_ns, ttl)) {
            self.wake();
        }
    }

    /// The holder's time is over, and yet somebody keeps the store from being used.
    fn wake(&mut self) {
        let woken = self.store.wake();
        let Some(tenure) = &mut self.tenure else {
            return;
        };
        match woken {
            Ok(woken) if woken.is_empty() => {
                let holder = tenure
                    .seen
                    .as_ref()
                    .map(|(lease, _)| (lease.node.clone(), lease.pid));
                let (node, pid) = holder.unwrap_or_default();
                let holder = format!("the holder was {node}, process {pid}");
                let what = "the lease is over, but a process keeps the database from being used: continue or end it";
                tenure.complain(what, &Fault::Unavailable(holder));
            }
            Ok(woken) => tracing::warn!(
                ?woken,
                "woke processes that were stopped with a lock on the database, after the lease was over"
            ),
            Err(fault) => tenure.complain("it cannot be seen who blocks the store", &fault),
        }
    }

    /// The lease is this process's own: what memory knows is of another's time and is dropped.
    fn take_over(&mut self, lease: Lease, now_ns: u64) {
        let taken = self.store.head().and_then(|(position, last)| {
            self.position = position;
            self.last = self.last.max(last);
            self.committed.clear();
            self.reload()
        });
        self.committed.learn(self.position);
        if let Err(fault) = taken {
            if let Some(tenure) = &mut self.tenure {
                tenure.complain("the lease was taken, but the store cannot be read", &fault);
            }
            return;
        }
        tracing::info!(
            epoch = lease.epoch,
            position = self.position,
            "this process has the lease and writes"
        );
        let standing = Standing::of(&lease, false);
        self.renewed(lease, now_ns);
        if let Some(tenure) = &mut self.tenure {
            tenure.seen = None;
            tenure.complaint.clear();
        }
        self.head.send_replace(self.position);
        self.health.set_standing(standing);
    }

    /// The lease is lost, or was not renewed in time: from now on this process reads.
    pub(super) fn step_down(&mut self) {
        let Some(tenure) = &mut self.tenure else {
            return;
        };
        let epoch = tenure.mine.take().map_or(0, |lease| lease.epoch);
        self.read_from_now_on();
        tracing::warn!(
            epoch,
            "the lease was lost; this process serves reads until it has one again"
        );
    }

    fn read_from_now_on(&mut self) {
        self.begin_as_reader();
        self.health.set_read_only(false);
        self.committed.clear();
        self.committed.learn(self.position);
        self.kept.clear();
        self.expiring.clear();
    }

    /// Brings memory up to what other processes have written, and then tells of the new head.
    fn follow(&mut self, now_ns: u64) {
        match self.catch_up() {
            Ok(()) => self.health.set_fresh_until(now_ns + FRESH_NS),
            Err(fault) => {
                if let Some(tenure) = &mut self.tenure {
                    tenure.complain("the log could not be followed", &fault);
                }
            }
        }
    }

    fn catch_up(&mut self) -> Result<(), Fault> {
        loop {
            let (head, time) = self.store.head()?;
            if head <= self.position {
                return Ok(());
            }
            let batches = self.read.log(self.position, READ_AT_ONCE)?;
            let first = batches.first().map_or(0, |batch| batch.first_position);
            if first == 0 || first > self.position + 1 {
                // The log no longer has what follows.
                self.committed.clear();
                self.position = head;
            }
            for batch in &batches {
                self.committed.follow(batch);
                for entry in &batch.entries {
                    if !planted(Bug::ReaderNeverFollows) {
                        consumers::forget(&self.committed, entry);
                    }
                }
                let last = batch.first_position + batch.entries.len() as u64 - 1;
                self.position = self.position.max(last);
            }
            self.last = self.last.max(time);
            self.head.send_replace(self.position);
        }
    }

    /// Nothing is written for these commands; but what they were answered from must still be this process's to answer.
    pub(super) fn confirm(&mut self) -> Result<(), Fault> {
        let Some(mine) = self.tenure.as_ref().map(|tenure| tenure.mine.clone()) else {
            return Ok(());
        };
        let now = self.store.lease()?;
        let same = mine
            .zip(now)
            .is_some_and(|(mine, now)| (&mine.holder, mine.epoch) == (&now.holder, now.epoch));
        if same { Ok(()) } else { Err(Fault::NoLease) }
    }

    /// Gives the lease back, so that another process need not wait until its time is over.
    pub(super) fn resign(&mut self) {
        let Some(mine) = self.tenure.as_mut().and_then(|tenure| tenure.mine.take()) else {
            return;
        };
        let free = Lease {
            ttl_ms: 0,
            ..mine.clone()
        };
        match self.store.swap_lease(Some(&mine), &free) {
            Ok(Swap::Done) => tracing::info!(epoch = mine.epoch, "gave the lease back"),
            Ok(Swap::Changed | Swap::Busy) => {}
            Err(fault) => {
                tracing::warn!(%fault, "the lease could not be given back; it ends by itself");
            }
        }
    }
}
