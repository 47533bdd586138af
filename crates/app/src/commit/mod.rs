//! The write loop. Every change of every noun goes through here: read, then decide without I/O, then write once.
//!
//! One thread takes all commands that wait, loads what they touch, decides them in order, writes rows, events and kept
//! replies in one transaction, and only after that commit answers anybody. A lone command goes at once.

mod answers;
mod batch;
mod health;
mod kept_index;
mod lease;

pub use health::Health;
pub use lease::{Holder, LeaseOptions, Standing};

use crate::committed::Committed;
use crate::failpoint::{Point, failpoint};
use crate::fault::Fault;
use crate::ids::Ids;
use crate::nouns::{Event, Key, Record};
use crate::ports::{Batch, Clock, Random, ReadStore, StoreParts, WriteStore};
use crate::second_level::{SecondLevel, Sharing};
use crate::shop::{Answer, Shop, Waiting};
use answers::{Answers, hand_out};
use batch::Prepared;
use cartwright_domain::inventory::ReservationEvent;
use cartwright_domain::planted::{Bug, EngineBug, planted, planted_in_engine};
use cartwright_domain::{ReservationId, Time};
use crossbeam_channel::{Receiver, RecvTimeoutError, Select, TryRecvError, bounded};
use kept_index::KeptIndex;
use lease::Tenure;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

/// Limits of the loop. All are configurable; see the configuration reference.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most commands in one transaction.
    pub max_batch: usize,
    /// Most commands waiting; more are shed.
    pub max_waiting: usize,
    /// Most kept replies that memory finds; beyond it keyed writes are shed.
    pub max_kept: usize,
    /// About how many bytes of committed state stay in memory.
    pub cache_bytes: u64,
    /// Name of this node in the log.
    pub origin: String,
}

/// How long an idle loop sleeps at most: holds expire within this of their time.
const IDLE: Duration = Duration::from_millis(200);
/// Holds ended by time in one transaction at most.
const MAX_EXPIRED: usize = 4096;
/// Loads a single command may ask for after its plan.
const MAX_ROUNDS: usize = 64;

/// The running loop; closing it answers what waits and then ends the thread.
#[derive(Debug)]
pub struct Running {
    thread: JoinHandle<()>,
    health: Arc<Health>,
}

impl Running {
    /// Takes no more commands, finishes those that wait, and returns when all is durable.
    pub fn close(self) {
        self.health.set_closing();
        if self.thread.join().is_err() {
            tracing::error!("the write loop ended by a panic; what it had acknowledged is durable");
        }
    }
}

/// Starts the loop on its own thread. Its answers are handed out on `runtime`.
///
/// Errors: [`Fault`] when the store cannot say where its log ends.
pub fn start(
    parts: StoreParts,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    options: Options,
    runtime: &Handle,
) -> Result<(Shop, Running), Fault> {
    start_shared(parts, clock, random, options, runtime, None)
}

/// As [`start`], where several processes may use the store: the loop writes while it has the lease, and follows else.
pub fn start_shared(
    parts: StoreParts,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    options: Options,
    runtime: &Handle,
    lease: Option<LeaseOptions>,
) -> Result<(Shop, Running), Fault> {
    start_sharing(parts, clock, random, options, runtime, lease, None)
}

/// As [`start_shared`], with a cache that the processes share before the store, if one is given.
pub fn start_sharing(
    parts: StoreParts,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    options: Options,
    runtime: &Handle,
    lease: Option<LeaseOptions>,
    sharing: Option<Sharing>,
) -> Result<(Shop, Running), Fault> {
    let (shop, ByHand(this)) =
        ByHand::sharing(parts, clock, random, options, runtime, lease, sharing)?;
    let health = this.health.clone();
    let thread = std::thread::Builder::new()
        .name("write-loop".into())
        .spawn(move || this.run());
    let thread = thread.map_err(|error| Fault::Unavailable(error.to_string()))?;
    Ok((shop, Running { thread, health }))
}

/// A loop that goes round when it is told to, on the caller's thread: a simulation owns the time between.
#[allow(missing_debug_implementations, reason = "holds trait objects")]
pub struct ByHand(Loop);

impl ByHand {
    /// As [`start_shared`], without a thread.
    ///
    /// Errors: [`Fault`] when the store cannot say where its log ends.
    pub fn new(
        parts: StoreParts,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: Options,
        runtime: &Handle,
        lease: Option<LeaseOptions>,
    ) -> Result<(Shop, Self), Fault> {
        Self::sharing(parts, clock, random, options, runtime, lease, None)
    }

    /// As [`start_sharing`], without a thread.
    ///
    /// Errors: [`Fault`] when the store cannot say where its log ends.
    pub fn sharing(
        parts: StoreParts,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: Options,
        runtime: &Handle,
        lease: Option<LeaseOptions>,
        sharing: Option<Sharing>,
    ) -> Result<(Shop, Self), Fault> {
        let StoreParts { mut write, read } = parts;
        let (position, last) = write.head()?;
        let (queue, waiting) = bounded(options.max_waiting);
        let (nudge, news) = bounded(1);
        write.listen(nudge.clone());
        let (head_sender, head) = watch::channel(position);
        let (answers, handed) = mpsc::unbounded_channel();
        runtime.spawn(hand_out(handed));
        let health = Arc::new(Health::default());
        let second = sharing.map(|it| SecondLevel::new(it, read.clone(), health.clone(), runtime));
        let committed = Arc::new(Committed::new(options.cache_bytes).backed_by(second));
        let shop = Shop {
            queue,
            nudge,
            committed: committed.clone(),
            store: read,
            clock: clock.clone(),
            head,
            health: health.clone(),
            asks_memory: true,
        };
        let tenure = lease.map(Tenure::new);
        let mut this = Loop {
            kept: KeptIndex::new(options.max_kept),
            store: write,
            read: shop.store.clone(),
            committed,
            queue: waiting,
            news,
            clock,
            ids: Ids::new(random),
            position,
            last,
            expiring: BinaryHeap::new(),
            kept_place: 0,
            company: false,
            head: head_sender,
            answers,
            health,
            options,
            tenure,
        };
        this.committed.learn(position);
        if this.tenure.is_some() {
            this.begin_as_reader();
            this.leads();
        } else {
            this.reload()?;
        }
        Ok((shop, Self(this)))
    }

    /// Goes round once with all that waits.
    pub fn turn(&mut self) {
        let waiting = self.0.queue.try_iter().take(self.0.options.max_batch);
        let waiting = waiting.collect();
        self.0.turn(waiting);
    }
}

struct Loop {
    store: Box<dyn WriteStore>,
    /// Where the log of other processes is read.
    read: Arc<dyn ReadStore>,
    committed: Arc<Committed>,
    queue: Receiver<Waiting>,
    /// Somebody knows of entries that another process wrote.
    news: Receiver<()>,
    clock: Arc<dyn Clock>,
    ids: Ids,
    position: u64,
    last: Time,
    kept: KeptIndex,
    kept_place: u64,
    company: bool,
    expiring: BinaryHeap<Reverse<(Time, ReservationId)>>,
    head: watch::Sender<u64>,
    answers: mpsc::UnboundedSender<Answers>,
    health: Arc<Health>,
    options: Options,
    tenure: Option<Tenure>,
}

impl Loop {
    fn run(mut self) {
        while let Some(waiting) = self.take() {
            self.turn(waiting);
        }
        self.resign();
    }

    /// Once round, with what waits.
    fn turn(&mut self, waiting: Vec<Waiting>) {
        if !self.leads() {
            if self.store.is_in_doubt() && self.health.may_repair(self.clock.monotonic_ns()) {
                // For those who read here. Whether writing works is the leader's to find out.
                drop(self.store.recover());
            }
            return Self::turn_away(waiting);
        }
        // One moment for the sweep and the batch: a hold that is over at `now` has ended before anything is decided.
        let now = self.now();
        let is_sound = !self.health.is_read_only() && !self.store.is_in_doubt();
        let works = is_sound || self.repair(false);
        if works {
            self.sweep_all(now);
        }
        if !waiting.is_empty() {
            self.process(waiting, now);
        }
        if self.health.is_retiring() {
            self.retire();
        }
    }

    /// All that waits, up to the limit; empty after a while without any; `None` when the shop closes.
    fn take(&mut self) -> Option<Vec<Waiting>> {
        let first = match self.next() {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) if !self.health.is_closing() => return Some(Vec::new()),
            Err(_) => return None,
        };
        self.gather_company();
        let mut waiting = Vec::with_capacity(self.queue.len() + 1);
        waiting.push(first);
        waiting.extend(self.queue.try_iter().take(self.options.max_batch - 1));
        self.company = waiting.len() > 1;
        Some(waiting)
    }

    /// What comes next. A reader also wakes when somebody knows of news in the log.
    fn next(&self) -> Result<Waiting, RecvTimeoutError> {
        if !self.follows() {
            return self.queue.recv_timeout(self.idle());
        }
        let mut either = Select::new();
        either.recv(&self.queue);
        either.recv(&self.news);
        if either.ready_timeout(self.idle()).is_err() {
            return Err(RecvTimeoutError::Timeout);
        }
        // Whoever comes from now on nudges again.
        self.news.try_iter().for_each(drop);
        self.queue.try_recv().map_err(|error| match error {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// Those who were just answered together come back together: while they still arrive, one commit serves more of them.
    /// A command that came alone last time waits for nobody.
    fn gather_company(&self) {
        let mut came = 0;
        while self.company && came < self.queue.len().min(self.options.max_batch) {
            came = self.queue.len();
            std::thread::yield_now();
        }
    }

    /// The time of the next batch: never earlier than any before, across restarts too.
    fn now(&mut self) -> Time {
        if planted(Bug::TimeGoesBack) {
            return Time(self.clock.now_ms());
        }
        self.last = self.last.max(Time(self.clock.now_ms()));
        self.last
    }

    /// Ends every hold whose time is over, before anything else is decided: its units are free for the next command.
    fn sweep_all(&mut self, now: Time) {
        self.kept_clean(now);
        loop {
            let mut due = Vec::new();
            while due.len() < MAX_EXPIRED
                && self
                    .expiring
                    .peek()
                    .is_some_and(|Reverse((at, _))| *at <= now)
            {
                due.extend(self.expiring.pop().map(|Reverse((_, id))| id));
            }
            if due.is_empty() {
                return;
            }
            if let Err(fault) = self.expire(&due, now) {
                if matches!(fault, Fault::NoLease) {
                    return self.step_down();
                }
                tracing::error!(%fault, holds = due.len(), "expired holds could not be ended; trying again");
                self.expiring
                    .extend(due.into_iter().map(|id| Reverse((now, id))));
                // Perhaps it was written all the same: nothing may be decided on what memory has.
                let trusts_memory = planted(Bug::KnownByLength);
                self.repair(!trusts_memory);
                return;
            }
        }
    }

    fn expire(&mut self, due: &[ReservationId], now: Time) -> Result<(), Fault> {
        let mut prepared = self.prepare_expired(due, now)?;
        failpoint(Point::ExpiryDecided);
        self.write(&prepared, now)?;
        failpoint(Point::ExpiryCommitted);
        self.publish(&mut prepared);
        Ok(())
    }

    fn kept_clean(&mut self, now: Time) {
        if self.kept.drop_before(now)
            && let Err(fault) = self.store.drop_kept(now)
        {
            tracing::warn!(%fault, "old kept replies could not be dropped; trying again next hour");
        }
    }

    /// Decides, writes, publishes, answers.
    fn process(&mut self, waiting: Vec<Waiting>, now: Time) {
        let nanos = self.clock.monotonic_ns();
        let (waiting, late): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|w| w.submission.deadline_ns > nanos);
        late.into_iter()
            .for_each(|w| answer(w, Err(Fault::Overloaded)));
        if self.health.is_read_only() {
            waiting
                .into_iter()
                .for_each(|w| answer(w, Err(Fault::ReadOnly)));
            return;
        }
        if waiting.is_empty() {
            return;
        }
        let started = self.clock.monotonic_ns();
        failpoint(Point::BatchTaken);
        let written = self.prepare(&waiting, now).map(|prepared| {
            failpoint(Point::BatchDecided);
            let written = self.write(&prepared, now);
            (prepared, written)
        });
        match written {
            Ok((prepared, Ok(()))) => self.done(waiting, prepared, started),
            Ok((_, Err(Fault::Rejected(reason)))) => self.split(waiting, &reason, now),
            Ok((_, Err(Fault::NoLease))) => {
                self.step_down();
                Self::turn_away(waiting);
            }
            Ok((prepared, Err(fault))) => {
                tracing::error!(%fault, "a batch could not be committed");
                let was_written = self.repair(true) && self.is_last(&prepared);
                if was_written || planted(Bug::ReplyBeforeCommit) {
                    // Memory has just been read back from the store, so nothing is left to publish.
                    self.head.send_replace(self.position);
                    self.reply(waiting, prepared);
                } else {
                    // Nothing was written, or nobody knows yet: either way the store takes no writes now.
                    waiting
                        .into_iter()
                        .for_each(|w| answer(w, Err(Fault::ReadOnly)));
                }
            }
            Err(fault) => {
                tracing::error!(%fault, "a batch could not be loaded");
                self.repair(false);
                let lost = self.health.is_reader();
                let fault = if lost { Fault::NoLease } else { fault };
                waiting
                    .into_iter()
                    .for_each(|w| answer(w, Err(fault.clone())));
            }
        }
    }

    /// A batch that fails for one command's sake: halves are tried until that one stands alone.
    fn split(&mut self, mut waiting: Vec<Waiting>, reason: &str, now: Time) {
        if waiting.len() == 1 {
            tracing::error!(reason, command = ?waiting[0].submission.command, "the store refuses this command");
            let fault = Fault::Rejected(reason.to_owned());
            waiting
                .into_iter()
                .for_each(|w| answer(w, Err(fault.clone())));
            return;
        }
        let second = waiting.split_off(waiting.len() / 2);
        self.process(waiting, now);
        self.process(second, now);
    }

    fn write(&mut self, prepared: &Prepared, now: Time) -> Result<(), Fault> {
        if prepared.is_empty() {
            return self.confirm();
        }
        if planted(Bug::MemoryBeforeCommit) {
            for (key, value) in &prepared.changed {
                self.committed.publish(key.clone(), value.clone());
            }
        }
        let batch = Batch {
            log: &prepared.log,
            changed: &prepared.changed,
            kept: &prepared.kept,
            now,
        };
        failpoint(Point::CommitBefore);
        if planted_in_engine(EngineBug::RelayAheadOfCommit) {
            crate::consumers::early::hand_over(&prepared.log);
        }
        self.store.commit(&batch)
    }

    /// The transaction is durable: memory follows, then everybody learns it.
    fn publish(&mut self, prepared: &mut Prepared) {
        self.position = prepared.last_position();
        self.committed.follow(&prepared.log);
        for (key, value) in prepared.changed.drain(..) {
            if planted(Bug::StaleCacheAfterWrite) && matches!(key, Key::Level(_)) {
                continue;
            }
            self.committed.publish(key, value);
        }
        for (key, value) in prepared.read.drain(..) {
            self.committed.remember(key, value);
        }
        for event in &prepared.events {
            if let Event::Reservation(
                id,
                ReservationEvent::Held { expires_at, .. }
                | ReservationEvent::Extended { expires_at },
            ) = event
            {
                self.expiring.push(Reverse((*expires_at, *id)));
            }
        }
        if !prepared.kept.is_empty() && !planted(Bug::KeptReplyNotIndexed) {
            prepared
                .kept
                .iter()
                .for_each(|keep| self.kept.insert(keep.hash, self.kept_place, keep.until));
            self.kept_place += 1;
        }
        if !prepared.log.entries.is_empty() {
            self.head.send_replace(self.position);
        }
    }

    fn done(&mut self, waiting: Vec<Waiting>, mut prepared: Prepared, started: u64) {
        failpoint(Point::CommitAfter);
        self.publish(&mut prepared);
        failpoint(Point::BatchPublished);
        let nanos = self.clock.monotonic_ns().saturating_sub(started);
        self.health.batch(
            waiting.len(),
            prepared.log.entries.len(),
            nanos,
            self.kept.len(),
        );
        self.reply(waiting, prepared);
    }

    fn reply(&self, waiting: Vec<Waiting>, prepared: Prepared) {
        let position = self.position;
        let replies = prepared.replies.into_iter();
        let replies = replies.map(|reply| reply.map(|reply| Answer { reply, position }));
        let answers = waiting.into_iter().map(|w| w.reply).zip(replies).collect();
        drop(self.answers.send(answers));
        failpoint(Point::BatchAnswered);
    }

    /// Whether a batch whose commit failed is what the log ends with. Its position alone says nothing: another batch may end there.
    fn is_last(&mut self, prepared: &Prepared) -> bool {
        if planted(Bug::KnownByLength) {
            return self.position == prepared.last_position();
        }
        let last = self.store.last_batch();
        let is_same = matches!(last, Ok(Some(id)) if id == prepared.log.batch_id);
        is_same && !prepared.log.entries.is_empty()
    }

    /// After a failure: reopen, check, and read back; read-only until that succeeds. Tried now and then, or at once: the fate of a
    /// commit is open.
    fn repair(&mut self, at_once: bool) -> bool {
        if !self.health.may_repair(self.clock.monotonic_ns()) && !at_once {
            return false;
        }
        failpoint(Point::StoreReopening);
        let repaired = self.store.recover().and_then(|position| {
            failpoint(Point::StoreReopened);
            if !planted(Bug::PositionNotReadBack) {
                self.position = position;
            }
            if !planted(Bug::MemoryBeforeCommit) && !planted(Bug::MemoryKeptAfterFault) {
                self.committed.clear();
            }
            self.reload()
        });
        self.committed.learn(self.position);
        match repaired {
            Ok(()) => {
                tracing::info!(position = self.position, "the store works again");
                self.health.set_read_only(false);
                true
            }
            Err(Fault::NoLease) => {
                self.step_down();
                false
            }
            Err(fault) => {
                tracing::error!(%fault, "the store does not work; the shop is read-only and keeps trying");
                self.health.set_read_only(true);
                false
            }
        }
    }

    /// What memory must know of the store.
    fn reload(&mut self) -> Result<(), Fault> {
        let now = self.now();
        if !planted(Bug::HoldsForgotten) {
            let pending = self.store.pending_holds()?;
            self.expiring = pending.into_iter().map(Reverse).collect();
        }
        self.kept.clear();
        for (hash, place, until) in self.store.kept_index(now)? {
            if planted(Bug::KeptRepliesForgotten) {
                break;
            }
            self.kept.insert(hash, place, until);
        }
        self.kept_place = self.store.next_kept_place()?;
        Ok(())
    }
}

fn answer(waiting: Waiting, reply: Result<Answer, Fault>) {
    // Nobody waits any more when the caller went away; the write stands all the same.
    drop(waiting.reply.send(reply));
}

/// Whether a hold of this record is pending and its time is over.
fn is_due(record: Option<&Record>, now: Time) -> bool {
    use cartwright_domain::inventory::State;
    let is_over = |at| at <= now || planted(Bug::ExtendedHoldExpires);
    matches!(record, Some(Record::Reservation(hold)) if hold.state == State::Pending && is_over(hold.expires_at))
}
