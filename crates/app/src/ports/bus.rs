//! The port of the bus: how what was committed reaches those who follow it, in order and without gaps.
//!
//! The embedded bus is the log itself, woken in process. Whoever follows asks nothing else of it, so another technology only has to
//! carry the same batches.

use crate::fault::Fault;
use cartwright_proto::events as proto;
use tokio::sync::watch;

/// Carries the log to its consumers. Calls block; run them off the async threads.
pub trait Bus: Send + Sync {
    /// Position of the last entry; a change wakes whoever waits. It ends when nothing more will come.
    fn head(&self) -> watch::Receiver<u64>;

    /// Whole batches that have entries after a position, up to about `limit` entries, in commit order. When the first one begins
    /// later than the next position, what is between is gone.
    fn read(&self, after: u64, limit: usize) -> Result<Vec<proto::Batch>, Fault>;

    /// How far a consumer has come, whichever process it ran in; `None` for one that was never heard of.
    fn place(&self, consumer: &str) -> Result<Option<u64>, Fault>;

    /// Remembers how far a consumer has come. After a power failure it may be a little less.
    fn keep_place(&self, consumer: &str, position: u64) -> Result<(), Fault>;
}
