//! Processes on a store that does as it is told, whose loops go round by hand.

use super::disk::{Disk, on_hand};
use crate::looped::{Sequence, submission};
use crate::samples::*;
use cartwright_adapters::system::SystemClock;
use cartwright_app::commit::{ByHand, LeaseOptions, Options};
use cartwright_app::inventory::Adjust;
use cartwright_app::ports::Clock;
use cartwright_app::shop::{Answer, Command, Keyed, Outcome, Reply, Submission};
use cartwright_app::{Fault, Key, Record, Shop};
use cartwright_domain::Refusal;
use cartwright_domain::inventory::LevelKey;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
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
    machine: SystemClock,
    /// When it was looked at, in nanoseconds of the machine's own clock.
    pub(super) looks: Mutex<Vec<u64>>,
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
        let mut looks = self.looks.lock().expect("nobody panicked");
        looks.push(self.machine.monotonic_ns());
        self.ns.load(Ordering::SeqCst)
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
        machine: SystemClock::new(),
        looks: Mutex::default(),
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
