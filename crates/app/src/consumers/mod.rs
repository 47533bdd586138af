//! What follows the log: each consumer on a thread of its own, woken by every commit, never losing its place.
//!
//! They hear by the bus ([`crate::ports::Bus`]); the embedded one is the log itself. A batch that a consumer cannot handle is tried again, later and later, and nothing
//! after it is handed over meanwhile; so a consumer must be idempotent, and may be handed the same entries twice.

pub mod early;
mod invalidation;
mod runner;
mod search_index;

pub use invalidation::Invalidation;
pub(crate) use invalidation::forget;
pub use runner::entries;
pub use runner::{Consumers, start};
pub use search_index::SearchIndex;

use crate::fault::Fault;
use cartwright_domain::Time;
use cartwright_proto::events as proto;
use std::time::Duration;

/// Where a consumer goes on when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where the store remembers it: one runner of that name for all processes together, in the one that writes. The first time,
    /// [`Consumer::start_over`].
    Shared,
    /// After this position, which the consumer keeps with what it makes.
    Kept(u64),
    /// It has nothing yet, or nothing that is worth going on with: [`Consumer::start_over`].
    Anew,
}

/// An entry of the log and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Position in the log.
    pub position: u64,
    /// When it was committed.
    pub time: Time,
    /// Node that wrote it.
    pub origin: &'a str,
    /// Id of the batch that it was committed with.
    pub batch: &'a [u8],
    /// The entry.
    pub entry: &'a proto::Entry,
}

/// Follows the log.
pub trait Consumer: Send {
    /// Stable name: of its thread, its cursor, its log lines.
    fn name(&self) -> &'static str;

    /// Where it goes on. Asked once, when it starts.
    fn place(&self) -> Place;

    /// Handles entries in the order of the log, without gaps; never none. After an error the same ones come again.
    ///
    /// # Errors
    /// [`Fault`] when it could not; it is tried again after a while.
    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault>;

    /// Whether handling this entry shows outside, where it cannot be taken back: after a few of these a shared consumer's place is
    /// kept, so that a crash does not repeat many.
    fn shows(&self, _seen: &Seen<'_>) -> bool {
        false
    }

    /// Makes anew what it keeps, from committed state, because the log no longer has what it would need. Returns the
    /// position from which it goes on; at most the head of the log when it began.
    ///
    /// # Errors
    /// [`Fault`] when it could not, or when only an operator can help.
    fn start_over(&mut self) -> Result<u64, Fault>;

    /// Nothing has come for a while.
    ///
    /// # Errors
    /// [`Fault`], which is logged.
    fn rest(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// Another process runs it from now on.
    fn leave(&mut self) {}

    /// How long to wait for more after the first commit, so that many small ones are handled at once.
    fn linger(&self) -> Duration {
        Duration::from_millis(20)
    }
}
