//! The right to write, where several processes share one store: a record in the store itself, changed by compare and swap.

use serde::{Deserialize, Serialize};

/// Who may write, as it stands in the store. Whoever wants to write compares it inside its own transaction, so that a
/// process that lost it can never commit, however late it notices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The process that has it: unique to one run of one process.
    pub holder: String,
    /// What people call that process.
    pub node: String,
    /// Where other processes of the shop reach it (`http://HOST:PORT`); empty in rows of older versions.
    #[serde(default)]
    pub url: String,
    /// Its number on its machine.
    pub pid: u32,
    /// Rises whenever another process takes it.
    pub epoch: u64,
    /// Rises whenever the holder renews it. Others take a lease whose beat has stood still for `ttl_ms` of their own
    /// clock, so that no two clocks are ever compared.
    pub beat: u64,
    /// How long it lasts without renewal, in milliseconds; 0: it was given back.
    pub ttl_ms: u64,
}

/// What came of changing the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// It is as was asked, durable.
    Done,
    /// It was not what the caller thought.
    Changed,
    /// Another process keeps the store busy; nothing is known to have changed.
    Busy,
}
