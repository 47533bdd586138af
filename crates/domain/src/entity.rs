//! What every noun that is kept has in common: a key, a version, and events that make its state.

use crate::Time;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

/// A noun with its own stream of events. One event is one change: it raises the version by exactly one.
pub trait Entity: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it is found by.
    type Key: Clone + Debug + Eq + Ord + Hash + Send + Sync + 'static;
    /// What can happen to it.
    type Event: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// The state after `event`, at the moment `at`. `state` is `None` before the first event, and after one that deletes.
    /// Applying the same events in the same order always gives the same state: live writes and replay share this function.
    fn apply(state: &mut Option<Arc<Self>>, key: &Self::Key, event: &Self::Event, at: Time);

    /// 1 after the first event, one more with each.
    fn version(&self) -> u64;
}
