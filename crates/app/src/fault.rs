//! The world failed: not the caller, not the business.

/// A failure of something the shop depends on. The text stays inside: callers get a code and whether to try again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The store, or what it stands on, failed. Nothing is known to be lost; try again later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What was read cannot be understood. An operator must look.
    #[error("corrupt data: {0}")]
    Corrupt(String),
    /// The store refused the batch for what is in it (a constraint), not for its own state.
    #[error("the store refused the write: {0}")]
    Rejected(String),
    /// Writes are switched off until the store works again.
    #[error("the shop is read-only")]
    ReadOnly,
    /// Another process has the lease and writes; this one serves reads.
    #[error("another process has the lease and writes")]
    NoLease,
    /// Too much is waiting already.
    #[error("the shop is overloaded")]
    Overloaded,
}

impl Fault {
    /// Something stored that cannot be understood.
    pub fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Corrupt(what.to_string())
    }
}
