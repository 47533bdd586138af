//! Products in a cache that all processes of the shop share, asked when memory does not have one. Never stale: an entry
//! says at which place of the log it was true, and counts only where this process knows that nothing changed since (decision 23).

mod entry;
mod history;
mod link;

pub use history::{History, Stamp};

use crate::commit::Health;
use crate::fault::Fault;
use crate::nouns::{Key, Record};
use crate::ports::{Cache, Put, ReadStore};
use cartwright_proto::events as proto;
use entry::Entries;
use link::Link;
use parking_lot::RwLock;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// A shared cache and how it is used.
#[derive(Debug, Clone)]
pub struct Sharing {
    /// The cache.
    pub cache: Arc<dyn Cache>,
    /// How long a read waits for it; then the store is asked.
    pub timeout: Duration,
    /// How long an entry stays at most; up to a fifth less, so that not all go at once.
    pub ttl: Duration,
}

/// What a shared cache was good for, since start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheCounts {
    /// Reads that it served.
    pub hits: u64,
    /// Reads that found nothing there.
    pub misses: u64,
    /// Reads that found what may have changed since, or is none of ours.
    pub refused: u64,
    /// Calls that failed or took too long.
    pub errors: u64,
    /// Entries put there.
    pub puts: u64,
}

/// Entries on their way at most; more are not put.
const WAITING: usize = 4_096;
/// Longer values are not put.
const MAX_BYTES: usize = 256 * 1024;
/// How long it is remembered at most that something does not exist.
const ABSENT_TTL: Duration = Duration::from_secs(30);
/// How much of the log is read at the start, in entries: what was put before that does not count.
const TAIL: u64 = 16_384;
/// Entries of the log read at once, about.
const READ_AT_ONCE: usize = 4_000;

/// The second level of the memory of committed state.
pub(crate) struct SecondLevel {
    link: Arc<Link>,
    entries: Entries,
    history: RwLock<History>,
    store: Arc<dyn ReadStore>,
    puts: mpsc::Sender<Put>,
}

impl std::fmt::Debug for SecondLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SecondLevel({:?}, {:?})",
            self.link.sharing.cache, self.entries
        )
    }
}

impl SecondLevel {
    /// Of the shop of this store. Puts entries on `runtime`.
    pub(crate) fn new(
        sharing: Sharing,
        store: Arc<dyn ReadStore>,
        health: Arc<Health>,
        runtime: &Handle,
    ) -> Self {
        let link = Arc::new(Link::new(sharing, health));
        let entries = Entries::new(&store.secret());
        let (puts, coming) = mpsc::channel(WAITING);
        runtime.spawn(link::put_all(link.clone(), entries.nothing(), coming));
        Self {
            link,
            entries,
            history: RwLock::default(),
            store,
            puts,
        }
    }

    /// Whatever stands there may be wrong: changes were made that this process was not told of.
    pub(crate) fn lose(&self) {
        self.history.write().lose();
    }

    /// The next batch of the log, before anybody is told of it.
    pub(crate) fn follow(&self, batch: &proto::Batch) {
        self.history.write().follow(batch);
    }

    /// Learns from the log what has changed lately, through this position at least.
    pub(crate) fn learn(&self, through: u64) {
        self.lose();
        let mut after = through.saturating_sub(TAIL);
        let mut batches = Vec::new();
        while after < through {
            let read = self.store.log(after, READ_AT_ONCE);
            let last = read
                .iter()
                .flatten()
                .last()
                .map(crate::ports::last_position);
            let Some(last) = last.filter(|last| *last > after) else {
                tracing::warn!(
                    after,
                    through,
                    "the log could not be read for the shared cache"
                );
                return;
            };
            after = last;
            batches.extend(read.into_iter().flatten());
        }
        self.history.write().learn(batches.into_iter(), through);
    }

    /// What is committed under a key: from the shared cache if it has it and that is still true, else by `load`, the store.
    pub(crate) async fn load(
        &self,
        key: &Key,
        load: impl Future<Output = Result<Option<Record>, Fault>>,
    ) -> Result<Option<Record>, Fault> {
        let name = self.entries.name(key);
        let Some(name) = name.filter(|_| self.link.is_sound() && self.stamp().is_some()) else {
            return load.await;
        };
        if let Some(found) = self.find(key, &name).await {
            return Ok(found);
        }
        // Before it is loaded: what others write meanwhile is not known to be in it.
        let stamp = self.stamp();
        let value = load.await?;
        if let Some(stamp) = stamp {
            self.offer(name, &stamp, value.as_ref());
        }
        Ok(value)
    }

    fn stamp(&self) -> Option<Stamp> {
        self.history.read().stamp()
    }

    async fn find(&self, key: &Key, name: &str) -> Option<Option<Record>> {
        let link = &self.link;
        let Some(value) = link.get(name.to_owned()).await? else {
            link.misses.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let found = self.entries.open(name, &value);
        let found =
            found.filter(|(stamp, record)| self.history.read().counts(stamp, key, record.as_ref()));
        let counter = if found.is_some() {
            &link.hits
        } else {
            &link.refused
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found.map(|(_, record)| record)
    }

    /// Puts it there beside the request. What finds no room is not put.
    fn offer(&self, name: String, stamp: &Stamp, record: Option<&Record>) {
        if !self.link.is_sound() {
            return;
        }
        let Some(value) = self.entries.seal(&name, stamp, record) else {
            return;
        };
        let longest = self.link.sharing.ttl;
        let longest = record.map_or(longest.min(ABSENT_TTL), |_| longest);
        let ttl = longest - longest.mul_f64(jitter(&value));
        if value.len() <= MAX_BYTES {
            drop(self.puts.try_send(Put { name, value, ttl }));
        }
    }

    pub(crate) fn counts(&self) -> CacheCounts {
        self.link.counts()
    }
}

/// From 0 to 0.2, spread evenly: an entry ends with its MAC.
fn jitter(value: &[u8]) -> f64 {
    f64::from(value.last().copied().unwrap_or(0)) / 1280.0
}

#[cfg(test)]
mod tests;
