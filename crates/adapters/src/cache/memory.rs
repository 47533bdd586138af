//! A cache in memory: the reference that the contract suite compares others with, and what tests share between two shops of
//! one process. Keeps everything until its time is over.

use bytes::Bytes;
use cartwright_app::ports::{Cache, Cached, Clock, Put};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;

/// Names, and what they have until when (monotonic nanoseconds).
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<String, (Bytes, u64)>>,
}

impl std::fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryCache({})", self.kept.lock().len())
    }
}

impl MemoryCache {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            kept: Mutex::default(),
        }
    }
}

impl Cache for MemoryCache {
    fn get<'a>(&'a self, names: &'a [String]) -> Cached<'a, Vec<Option<Bytes>>> {
        let now = self.clock.monotonic_ns();
        let kept = self.kept.lock();
        let find = |name: &String| {
            let (value, until) = kept.get(name)?;
            (now < *until).then(|| value.clone())
        };
        let found = names.iter().map(find).collect();
        Box::pin(async move { Ok(found) })
    }

    fn put<'a>(&'a self, puts: &'a [Put]) -> Cached<'a, ()> {
        let now = self.clock.monotonic_ns();
        let mut kept = self.kept.lock();
        for put in puts {
            let ttl = u64::try_from(put.ttl.as_nanos()).unwrap_or(u64::MAX);
            let until = now.saturating_add(ttl);
            kept.insert(put.name.clone(), (put.value.clone(), until));
        }
        Box::pin(async { Ok(()) })
    }
}
