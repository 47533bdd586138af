//! A store in memory that does as it is told, and processes on it whose loops go round by hand.

use crate::desk::Desk;
use crate::looped::{Sequence, submission};
use crate::samples::*;
use cartwright_adapters::store::memory;
use cartwright_app::commit::{ByHand, LeaseOptions, Options};
use cartwright_app::inventory::Adjust;
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::{Batch, Clock, Lease, ReadStore, StoreParts, Swap, WriteStore};
use cartwright_app::shop::{Answer, Command, Keyed, Outcome, Reply, Submission};
use cartwright_app::{Fault, Key, Record, Shop};
use cartwright_domain::inventory::LevelKey;
use cartwright_domain::{Refusal, ReservationId, Time};
use crossbeam_channel::Sender;
use std::collections::VecDeque;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a lease lasts, in milliseconds and in nanoseconds.
pub(super) const TTL_MS: u64 = 2_000;
pub(super) const TTL: u64 = TTL_MS * 1_000_000;
/// When it is renewed.
pub(super) const RENEW_MS: u64 = 500;
pub(super) const RENEW: u64 = RENEW_MS * 1_000_000;
/// Longer than a broken store is left alone.
pub(super) const LATER: u64 = 500_000_000;
/// What the clock of a stage shows first.
pub(super) const START: u64 = 1_000_000_000_000;
/// What waits longer has no answer coming.
const PATIENCE: Duration = Duration::from_secs(10);

/// A clock that is set.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) wall_ms: AtomicI64,
    pub(super) ns: AtomicU64,
    /// How often it was looked at.
    pub(super) looks: AtomicU64,
}

impl Watch {
    pub(super) fn pass(&self, ns: u64) {
        self.ns.fetch_add(ns, Ordering::SeqCst);
    }

    pub(super) fn pass_wall(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Watch {
    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.ns.load(Ordering::SeqCst)
    }
}

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
    pub(super) go: crossbeam_channel::Receiver<()>,
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

fn on_hand(found: Result<Option<Record>, Fault>) -> i64 {
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

pub(super) type Answered = Result<Answer, Fault>;
/// A command that was handed over.
pub(super) type Asked = Pin<Box<dyn Future<Output = Answered>>>;

/// Where commands are handed over and answers taken.
pub(super) struct Till {
    pub(super) runtime: Runtime,
    pub(super) shop: Shop,
}

impl Till {
    /// Hands a command over.
    pub(super) fn ask(&self, submission: Submission) -> Asked {
        let shop = self.shop.clone();
        let mut asked: Asked = Box::pin(async move { shop.submit(submission).await });
        let first = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context)));
        match self.runtime.block_on(first) {
            Poll::Ready(answer) => Box::pin(ready(answer)),
            Poll::Pending => asked,
        }
    }

    /// What came of a command.
    pub(super) fn answer(&self, asked: Asked) -> Answered {
        let answer = async { tokio::time::timeout(PATIENCE, asked).await };
        self.runtime.block_on(answer).expect("an answer in time")
    }

    /// Waits until this process has seen the log up to a position.
    pub(super) fn reach(&self, position: u64) {
        let reached = async { tokio::time::timeout(PATIENCE, self.shop.reach(position)).await };
        self.runtime.block_on(reached).expect("news in time");
    }

    /// What this process shows under a key.
    pub(super) fn find(&self, key: &Key) -> Option<Record> {
        self.runtime.block_on(self.shop.find(key)).expect("a read")
    }
}

/// A process of the shop. Its loop goes round when it is told to.
pub(super) struct Process {
    pub(super) till: Till,
    pub(super) watch: Arc<Watch>,
    turns: ByHand,
}

pub(super) fn options() -> Options {
    Options {
        max_batch: 5_000,
        max_waiting: 10_000,
        max_kept: 100,
        cache_bytes: 1 << 22,
        origin: "test".into(),
    }
}

pub(super) fn lease_options(name: &str) -> LeaseOptions {
    LeaseOptions {
        holder: format!("{name}-1"),
        node: name.into(),
        url: format!("http://{name}"),
        pid: 7,
        ttl_ms: TTL_MS,
        renew_ms: RENEW_MS,
    }
}

pub(super) fn runtime() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().expect("a runtime")
}

pub(super) fn watch() -> Arc<Watch> {
    Arc::new(Watch {
        wall_ms: AtomicI64::new(NOW.0),
        ns: AtomicU64::new(START),
        looks: AtomicU64::new(0),
    })
}

impl Process {
    /// The only process of its store.
    pub(super) fn alone(disk: &Arc<Disk>) -> Self {
        Self::with(disk, options(), None)
    }

    /// One of several, by name.
    pub(super) fn shared(disk: &Arc<Disk>, name: &str) -> Self {
        Self::with(disk, options(), Some(lease_options(name)))
    }

    pub(super) fn with(disk: &Arc<Disk>, options: Options, lease: Option<LeaseOptions>) -> Self {
        let (runtime, watch) = (runtime(), watch());
        // No two processes make the same ids.
        let seed = 1_000_000 * disk.state().nudges.len() as u64;
        let random = Arc::new(Sequence(AtomicU64::new(seed)));
        let parts = disk.parts(lease.is_some());
        let made = ByHand::new(
            parts,
            watch.clone(),
            random,
            options,
            runtime.handle(),
            lease,
        );
        let (shop, turns) = made.expect("a loop");
        Self {
            till: Till { runtime, shop },
            watch,
            turns,
        }
    }

    pub(super) fn turn(&mut self) {
        self.turns.turn();
    }

    /// So much time passes, and then the loop goes round.
    pub(super) fn turn_after(&mut self, ns: u64) {
        self.watch.pass(ns);
        self.turn();
    }

    /// All in one batch; answers in their order.
    pub(super) fn submit_all(
        &mut self,
        submissions: impl IntoIterator<Item = Submission>,
    ) -> Vec<Answered> {
        let asked: Vec<_> = submissions
            .into_iter()
            .map(|it| self.till.ask(it))
            .collect();
        self.turn();
        asked.into_iter().map(|it| self.till.answer(it)).collect()
    }

    pub(super) fn submit_keyed(
        &mut self,
        command: impl Command + 'static,
        keyed: Option<Keyed>,
    ) -> Answered {
        let answers = self.submit_all([submission(command, keyed)]);
        answers.into_iter().next().expect("one answer")
    }

    pub(super) fn submit(&mut self, command: impl Command + 'static) -> Answered {
        self.submit_keyed(command, None)
    }

    /// Units of a SKU in Berlin, as this process shows them.
    pub(super) fn on_hand(&self, sku: &str) -> i64 {
        on_hand(Ok(self.till.find(&level(sku))))
    }

    /// Whether memory has it, and is trusted.
    pub(super) fn remembers(&self, key: &Key) -> bool {
        self.till.shop.peek(key).is_some()
    }

    pub(super) fn head(&self) -> u64 {
        *self.till.shop.head().borrow()
    }

    pub(super) fn is_reader(&self) -> bool {
        self.till.shop.health().is_reader()
    }
}

pub(super) fn level(sku: &str) -> Key {
    Key::Level(level_key(sku, "berlin"))
}

/// One more unit of a SKU.
pub(super) fn one_more(sku: &str) -> Adjust {
    adjust(level_key(sku, "berlin"), None)
}

/// One more unit, at a version.
pub(super) fn one_more_at(sku: &str, version: u64) -> Adjust {
    adjust(level_key(sku, "berlin"), Some(version))
}

/// One more unit where there is nothing: refused.
pub(super) fn refused() -> Adjust {
    adjust(level_key("X", "berlin"), None)
}

fn adjust(level: LevelKey, expected_version: Option<u64>) -> Adjust {
    Adjust {
        level,
        delta: 1,
        reason: "found".into(),
        expected_version,
    }
}

/// What was decided.
pub(super) fn decided(answer: Answered) -> Result<Outcome, Refusal> {
    match answer.expect("an answer").reply {
        Reply::Decided(decided) => decided,
        other => panic!("not decided now: {other:?}"),
    }
}

/// The bytes that a key answers with, and whether they are those of an earlier request.
pub(super) fn kept(answer: Answered) -> (Vec<u8>, bool) {
    match answer.expect("an answer").reply {
        Reply::Kept(reply, again) => (reply.body.to_vec(), again),
        other => panic!("not kept: {other:?}"),
    }
}
