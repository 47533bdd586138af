//! The time, as an argument: a simulation owns it.

use std::fmt::Debug;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since 1970 in UTC. May jump; who needs order takes the maximum of what it saw.
    fn now_ms(&self) -> i64;

    /// Nanoseconds since some moment; never goes back. For durations.
    fn monotonic_ns(&self) -> u64;
}
