//! The shop as the surfaces see it: submit a command, read what is committed.

use crate::committed::Committed;
use crate::fault::Fault;
use crate::ids::Ids;
use crate::kept::KeptReply;
use crate::nouns::{Event, Key, Record};
use crate::ports::{Clock, ReadStore};
use crate::work::{Stop, Work};
use cartwright_domain::catalog::Product;
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{EventId, Refusal, Sku, Time};
use crossbeam_channel::{Sender, TrySendError};
use smol_str::SmolStr;
use std::fmt::Debug;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// What a decision may use beside the loaded values.
#[derive(Debug)]
pub struct Moment<'a> {
    /// The time of the batch: the same for all its decisions, never earlier than any before.
    pub now: Time,
    /// Fresh identifiers.
    pub ids: &'a mut Ids,
    /// The request that asks.
    pub correlation: &'a SmolStr,
}

/// What a decision came to.
#[derive(Debug)]
pub struct Decided {
    /// What happens, in order. Empty: nothing changes.
    pub events: Vec<Event>,
    /// What the caller gets to see: the state under this key after the events.
    pub answer: Key,
    /// Whether the answer was made by this command.
    pub created: bool,
}

/// One change of the shop. It decides on loaded values only and may be asked several times.
pub trait Command: Debug + Send {
    /// What it will surely touch. What it finds out later it asks for by [`Stop::Need`].
    fn plan(&self, keys: &mut Vec<Key>);

    /// Decides. Must depend on its arguments alone.
    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop>;

    /// The entry of the log that led to it; `None` for what a request asks, or when that is not known.
    fn cause(&self) -> Option<EventId> {
        None
    }

    /// What one of its entries belongs to, if that is another thing than what the command was submitted with.
    fn correlation(&self, _: &Event) -> Option<SmolStr> {
        None
    }

    /// The W3C trace context that it came with.
    fn traceparent(&self) -> Option<&str> {
        None
    }

    /// How far a consumer of the log has come once this is done: kept in the same transaction, so that its effect happens once.
    fn progress(&self) -> Option<Progress> {
        None
    }
}

/// How far a consumer of the log has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which consumer.
    pub consumer: SmolStr,
    /// Through this position; `None`: through the last entry of the command itself.
    pub through: Option<u64>,
}

/// What a command came to, after the commit.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The state under the answer's key; `None` when it is gone.
    pub record: Option<Record>,
    /// Whether it was made by this command.
    pub created: bool,
    /// Whether the command changed anything.
    pub changed: bool,
    /// The last of its entries in the log.
    pub event: Option<EventId>,
}

/// Finds the product of a SKU while a reply is rendered.
pub type Shelf<'a> = &'a mut dyn FnMut(&Sku) -> Option<Arc<Product>>;

/// Makes the reply that is kept for retries. Runs in the loop, so it is quick and never fails.
pub type Render = Box<dyn Fn(&Result<Outcome, Refusal>, Shelf<'_>) -> KeptReply + Send>;

/// A command with an idempotency key.
#[allow(missing_debug_implementations, reason = "holds a closure")]
pub struct Keyed {
    /// What finds the kept reply.
    pub hash: [u8; 16],
    /// What tells this payload from another.
    pub payload_hash: [u8; 32],
    /// How long the reply is kept, in milliseconds.
    pub keep_ms: i64,
    /// Makes the reply.
    pub render: Render,
}

/// A command on its way to the loop.
#[allow(missing_debug_implementations, reason = "holds a closure")]
pub struct Submission {
    /// What is asked.
    pub command: Box<dyn Command>,
    /// Its idempotency key, if it has one.
    pub keyed: Option<Keyed>,
    /// Principal that asks.
    pub actor: SmolStr,
    /// Request id.
    pub correlation: SmolStr,
    /// Monotonic nanoseconds after which nobody waits for it any more.
    pub deadline_ns: u64,
}

/// What the loop answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Decided now; the surface renders it.
    Decided(Result<Outcome, Refusal>),
    /// The reply that is kept under the key, and whether it was made by an earlier request.
    Kept(Arc<KeptReply>, bool),
    /// The key was used with another payload.
    KeyReused,
}

/// A reply and the position of the log it can be read at.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was decided.
    pub reply: Reply,
    /// Head of the log after it.
    pub position: u64,
}

pub(crate) struct Waiting {
    pub(crate) submission: Submission,
    pub(crate) reply: oneshot::Sender<Result<Answer, Fault>>,
}

/// Reads on a thread that may block, or here where nothing does.
pub(crate) async fn off_thread<T: Send + 'static>(
    store: Arc<dyn ReadStore>,
    read: impl FnOnce(&dyn ReadStore) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    if !store.blocks() {
        return read(&*store);
    }
    let done = tokio::task::spawn_blocking(move || read(&*store)).await;
    done.map_err(|error| Fault::Unavailable(error.to_string()))?
}

/// What the store has under a key.
pub(crate) async fn loaded(store: Arc<dyn ReadStore>, key: Key) -> Result<Option<Record>, Fault> {
    match store.ask(&key) {
        Some(loading) => loading.await,
        None => off_thread(store, move |store| store.load(&key)).await,
    }
}

/// The shop. Cheap to clone.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "holds trait objects")]
pub struct Shop {
    pub(crate) queue: Sender<Waiting>,
    pub(crate) nudge: Sender<()>,
    pub(crate) committed: Arc<Committed>,
    pub(crate) store: Arc<dyn ReadStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) head: watch::Receiver<u64>,
    pub(crate) health: Arc<crate::commit::Health>,
    pub(crate) asks_memory: bool,
}

impl Shop {
    /// Hands a command to the loop and waits for what it comes to. The write is durable when this returns.
    ///
    /// Errors: [`Fault::Overloaded`] when too much waits already, [`Fault::NoLease`] when another process
    /// writes, [`Fault::ReadOnly`] and [`Fault::Unavailable`] when the
    /// store fails; the last one leaves open whether it was written.
    pub async fn submit(&self, submission: Submission) -> Result<Answer, Fault> {
        let answer = self.enqueue(submission)?.await;
        answer.map_err(|_| Fault::Unavailable("the write loop ended".into()))?
    }

    /// As [`Self::submit`], for threads of their own: blocks.
    pub fn submit_now(&self, submission: Submission) -> Result<Answer, Fault> {
        let answer = self.enqueue(submission)?.blocking_recv();
        answer.map_err(|_| Fault::Unavailable("the write loop ended".into()))?
    }

    fn enqueue(
        &self,
        submission: Submission,
    ) -> Result<oneshot::Receiver<Result<Answer, Fault>>, Fault> {
        if self.health.is_reader() {
            return Err(Fault::NoLease);
        }
        let (reply, answer) = oneshot::channel();
        let queued = self.queue.try_send(Waiting { submission, reply });
        queued.map_err(|error| match error {
            TrySendError::Full(_) => {
                self.health.shed();
                Fault::Overloaded
            }
            TrySendError::Disconnected(_) => Fault::Unavailable("the shop is closing".into()),
        })?;
        Ok(answer)
    }

    /// What is committed under a key.
    pub async fn find(&self, key: &Key) -> Result<Option<Record>, Fault> {
        if self.is_fresh() {
            return self.committed.load(key, &self.store).await;
        }
        loaded(self.store.clone(), key.clone()).await
    }

    /// The product that has a SKU, from a store that finds it in one step; `None` where memory is asked first, or there is no such store.
    pub(crate) async fn ask_product_of(&self, sku: &Sku) -> Option<Result<Option<Record>, Fault>> {
        let asked = (!self.is_fresh()).then(|| self.store.ask_product_of(sku));
        Some(asked.flatten()?.await)
    }

    /// The same shop, whose readers ask the store each time: to measure what memory is good for.
    #[must_use]
    pub fn without_memory(self) -> Self {
        Self {
            asks_memory: false,
            ..self
        }
    }

    /// Whether memory may be asked. A process that shares its store and was held up does not know what others wrote.
    fn is_fresh(&self) -> bool {
        self.asks_memory
            && (planted(Bug::ReaderAlwaysFresh)
                || self.health.is_fresh(|| self.clock.monotonic_ns()))
    }

    /// What is committed under a key, if it is in memory: never waits.
    pub fn peek(&self, key: &Key) -> Option<Option<Record>> {
        self.committed.get(key).filter(|_| self.is_fresh())
    }

    /// What is committed under a key; blocks while the store reads, and leaves memory as it is. For threads of their own.
    pub fn read_now(&self, key: &Key) -> Result<Option<Record>, Fault> {
        match self.peek(key) {
            Some(found) => Ok(found),
            None => self.store.load(key),
        }
    }

    /// As [`Self::read_now`], of many: the store is asked once for all that is not in memory.
    pub fn read_many_now(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        let mut found: Vec<_> = keys.iter().map(|key| self.peek(key)).collect();
        let missing = keys.iter().zip(&found).filter(|(_, found)| found.is_none());
        let missing: Vec<Key> = missing.map(|(key, _)| key.clone()).collect();
        if !missing.is_empty() {
            let mut loaded = self.store.load_many(&missing)?.into_iter();
            for slot in found.iter_mut().filter(|found| found.is_none()) {
                *slot = loaded.next();
            }
        }
        Ok(found.into_iter().map(Option::flatten).collect())
    }

    /// Drops everything from memory: nobody knows what another process has changed.
    pub(crate) fn forget_all(&self) {
        self.committed.clear();
    }

    /// Runs a blocking read off the async threads.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn ReadStore) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        off_thread(self.store.clone(), read).await
    }

    /// The read side of the store, for consumers on threads of their own.
    pub fn store(&self) -> &Arc<dyn ReadStore> {
        &self.store
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Position of the last committed entry; changes wake those who watch.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// Waits until this process has seen the log up to a position; at once for the one that writes. Ends too when the shop does.
    pub async fn reach(&self, position: u64) {
        let mut head = self.head();
        if *head.borrow_and_update() >= position {
            return;
        }
        // A nudge that waits already serves everybody.
        let _ = self.nudge.try_send(());
        drop(head.wait_for(|seen| *seen >= position).await);
    }

    /// How the loop is doing.
    pub fn health(&self) -> &crate::commit::Health {
        &self.health
    }

    /// Rises with every change of a product.
    pub fn catalog_epoch(&self) -> u64 {
        self.epoch(self.committed.catalog_epoch())
    }

    /// What is rendered while memory may be behind is good for nobody else: its epoch comes once.
    fn epoch(&self, committed: u64) -> u64 {
        if self.is_fresh() {
            committed
        } else {
            self.committed.epoch_of_its_own()
        }
    }

    /// Rises with every change of a level, a location or a checkout.
    pub fn stock_epoch(&self) -> u64 {
        self.epoch(self.committed.stock_epoch())
    }

    /// `(hits, misses)` of the committed cache.
    pub fn cache_counts(&self) -> (u64, u64) {
        self.committed.counts()
    }

    /// What the shared cache was good for; `None` where there is none.
    pub fn shared_cache_counts(&self) -> Option<crate::second_level::CacheCounts> {
        self.committed.shared_counts()
    }

    /// How the store's read replica does; `None` where there is none.
    pub fn replica(&self) -> Option<crate::ports::ReplicaCounts> {
        self.store.replica()
    }

    /// Commands waiting for the loop.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}
