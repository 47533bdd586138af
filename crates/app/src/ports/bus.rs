//! The port of the bus: how what was committed reaches those who follow it, in order and without gaps.
//!
//! The embedded bus is the log itself, woken in process. Another technology only has to carry the same batches: the log stays the
//! truth, and where that technology has nothing a subscription reads the log.

use crate::fault::Fault;
use cartwright_proto::events as proto;
use tokio::sync::watch;

/// Carries the log to its consumers. Calls block; run them off the async threads.
pub trait Bus: Send + Sync {
    /// Position of the last entry; a change wakes whoever waits. It ends when nothing more will come.
    fn head(&self) -> watch::Receiver<u64>;

    /// Begins to read for a consumer. What it holds meanwhile it gives up when it is dropped.
    fn subscribe(&self, consumer: &str, readers: Readers) -> Result<Box<dyn Subscription>, Fault>;

    /// How far a consumer has come, whichever process it ran in; `None` for one that was never heard of.
    fn place(&self, consumer: &str) -> Result<Option<u64>, Fault>;

    /// Remembers how far a consumer has come. After a power failure it may be a little less.
    fn keep_place(&self, consumer: &str, position: u64) -> Result<(), Fault>;
}

/// Which processes read for a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// One of all of them at a time; its place is the bus's.
    One,
    /// Each for itself, and each keeps its own place.
    Each,
}

/// One consumer's reading.
pub trait Subscription: Send {
    /// Whole batches that have entries after a position, up to about `limit` entries, in commit order. When the first one begins
    /// later than the next position, or there is none, what is between is gone. `None`: nothing has come for now, though more may be
    /// committed; ask again. It waits for that itself, for less than a second or as long as the technology is asked.
    ///
    /// # Errors
    /// [`Fault::NoLease`] when another process has read on meanwhile: begin again from the place that is kept. Otherwise those of
    /// the log.
    fn read(&mut self, after: u64, limit: usize) -> Result<Option<Vec<proto::Batch>>, Fault>;

    /// The consumer has come as far, and its place is kept, wherever that is; tells those who watch how far it lags.
    fn kept(&mut self, _position: u64) {}

    /// Nothing is to be read for now. Called every few seconds meanwhile.
    fn rest(&mut self) {}
}
