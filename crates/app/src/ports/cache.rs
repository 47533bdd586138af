//! The port of a cache that the processes of a shop share: bytes under names, for a while.
//!
//! It may forget anything at any time, be slow, or be gone; then only speed is lost. Nobody decides by it: who reads from
//! it checks for itself whether what came is whole and still true.

use bytes::Bytes;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// One thing to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// What finds it.
    pub name: String,
    /// What is kept.
    pub value: Bytes,
    /// For how long at most.
    pub ttl: Duration,
}

/// Why a cache did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CacheFault(pub String);

/// An answer on its way.
pub type Cached<'a, T> = Pin<Box<dyn Future<Output = Result<T, CacheFault>> + Send + 'a>>;

/// Keeps bytes under names for a while. Its futures may be dropped at any moment, and may take for ever: who asks sets the limit.
pub trait Cache: Debug + Send + Sync {
    /// What is kept under each of these names, in their order; `None` where nothing is.
    ///
    /// Errors: [`CacheFault`] when it cannot be asked. A later call may succeed.
    fn get<'a>(&'a self, names: &'a [String]) -> Cached<'a, Vec<Option<Bytes>>>;

    /// Keeps these, each in place of what its name had.
    ///
    /// Errors: [`CacheFault`] when some or all could not be kept.
    fn put<'a>(&'a self, puts: &'a [Put]) -> Cached<'a, ()>;
}
