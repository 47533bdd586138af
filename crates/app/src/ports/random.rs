//! Randomness, as an argument: a simulation owns it.

use std::fmt::Debug;

/// Gives unpredictable bytes.
pub trait Random: Debug + Send + Sync {
    /// Fills all of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}
