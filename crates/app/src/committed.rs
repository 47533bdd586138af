//! Committed state in memory, shared by readers and the loop. Never stale: the loop puts every change here before it
//! answers, and a reader's own load gives way to it (the placeholder of `quick_cache` is gone when the loop has written).

use crate::Fault;
use crate::nouns::{Key, Record};
use crate::ports::ReadStore;
use crate::second_level::{CacheCounts, SecondLevel};
use crate::shop::loaded;
use cartwright_proto::events as proto;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Key, Option<Record>> for Bytes {
    fn weight(&self, _: &Key, value: &Option<Record>) -> u64 {
        value.as_ref().map_or(120, Record::weight)
    }
}

/// Committed state, as much of it as fits. A missing thing is remembered too.
#[derive(Debug)]
pub struct Committed {
    entries: Cache<Key, Option<Record>, Bytes>,
    catalog_epoch: AtomicU64,
    stock_epoch: AtomicU64,
    lone_epochs: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    second: Option<SecondLevel>,
}

/// Guessed bytes of one entry, to size the table.
const TYPICAL_ENTRY: u64 = 600;

/// Looked for when a hold or an entry is made, and again only by a client that repeats itself: would push out what is needed.
fn is_asked_once(key: &Key) -> bool {
    matches!(
        key,
        Key::Reference(..) | Key::WalletReference(..) | Key::WalletEntry(_)
    )
}

impl Committed {
    /// Holds about `bytes` of state.
    pub fn new(bytes: u64) -> Self {
        Self {
            entries: Cache::with_weighter((bytes / TYPICAL_ENTRY) as usize, bytes, Bytes),
            catalog_epoch: AtomicU64::new(0),
            stock_epoch: AtomicU64::new(0),
            lone_epochs: AtomicU64::new(1 << 63),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            second: None,
        }
    }

    /// Asks a shared cache before the store.
    pub(crate) fn backed_by(self, second: Option<SecondLevel>) -> Self {
        Self { second, ..self }
    }

    /// What is committed under a key, if it is in memory.
    pub fn get(&self, key: &Key) -> Option<Option<Record>> {
        self.entries.get(key)
    }

    /// What is committed under a key; loads it off the async threads when it is not in memory. One load a key at a time.
    pub async fn load(
        &self,
        key: &Key,
        store: &Arc<dyn ReadStore>,
    ) -> Result<Option<Record>, Fault> {
        if let Some(found) = self.entries.get(key) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(found);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let load = loaded(store.clone(), key.clone());
        if is_asked_once(key) {
            return load.await;
        }
        let Some(second) = &self.second else {
            return self.entries.get_or_insert_async(key, load).await;
        };
        let load = second.load(key, load);
        self.entries.get_or_insert_async(key, load).await
    }

    /// The loop's own: what a key holds from now on. An epoch rises after the value is there, so that who has seen the
    /// new epoch sees the new value.
    pub(crate) fn publish(&self, key: Key, value: Option<Record>) {
        let epoch = self.epoch_of(&key);
        self.remember(key, value);
        if let Some(epoch) = epoch {
            epoch.fetch_add(1, Ordering::Release);
        }
    }

    /// The loop's own: what it has read and nobody changed.
    pub(crate) fn remember(&self, key: Key, value: Option<Record>) {
        if !is_asked_once(&key) {
            self.entries.insert(key, value);
        }
    }

    /// Forgets what another process has changed.
    pub(crate) fn forget(&self, key: &Key) {
        self.entries.remove(key);
        if let Some(epoch) = self.epoch_of(key) {
            epoch.fetch_add(1, Ordering::Release);
        }
    }

    /// What rises with a change under a key.
    fn epoch_of(&self, key: &Key) -> Option<&AtomicU64> {
        match key {
            Key::Product(_) | Key::Sku(_) => Some(&self.catalog_epoch),
            // A cart may have what its own checkout holds.
            Key::Level(_)
            | Key::StoresOf(_)
            | Key::Store(_)
            | Key::Checkout(_)
            | Key::CheckoutOf(_) => Some(&self.stock_epoch),
            Key::Reservation(_)
            | Key::Transfer(_)
            | Key::Cart(_)
            | Key::Contact(_)
            | Key::Payment(_)
            | Key::Instrument(_)
            | Key::Order(_)
            | Key::Wallet(_)
            | Key::WalletEntry(_)
            | Key::WalletReference(..)
            | Key::Account(..)
            | Key::OrderNumber(_)
            | Key::Invoice(_)
            | Key::CreditNote(_)
            | Key::Return(_)
            | Key::Last(_)
            | Key::ApiKey(_)
            | Key::Slug(_)
            | Key::Reference(..)
            | Key::KeyHash(_)
            | Key::UserCart(..)
            | Key::WebhookEndpoint(_)
            | Key::WebhookEndpoints
            | Key::DeadLetter(_)
            | Key::DeadLettersOf(_)
            | Key::Cursor(_)
            | Key::OpenHolds(_) => None,
        }
    }

    /// The loop's own: the next batch of the log, whoever wrote it. Comes before what it changes is published or forgotten, so
    /// that nothing older gets into memory afterwards.
    pub(crate) fn follow(&self, batch: &proto::Batch) {
        if let Some(second) = &self.second {
            second.follow(batch);
        }
    }

    /// The loop's own: after [`Self::clear`], what has changed lately, up to the end of the log.
    pub(crate) fn learn(&self, through: u64) {
        if let Some(second) = &self.second {
            second.learn(through);
        }
    }

    /// The loop's own: forget everything, after a failure or when another process wrote what this one did not follow.
    pub(crate) fn clear(&self) {
        if let Some(second) = &self.second {
            second.lose();
        }
        self.clear_memory();
    }

    /// Forgets everything that is in memory.
    pub(crate) fn clear_memory(&self) {
        self.entries.clear();
        self.catalog_epoch.fetch_add(1, Ordering::Release);
        self.stock_epoch.fetch_add(1, Ordering::Release);
    }

    /// Rises with every change of a product: what was rendered from prices is good while it stays.
    pub fn catalog_epoch(&self) -> u64 {
        self.catalog_epoch.load(Ordering::Acquire)
    }

    /// Rises with every change of a level, a location or a checkout: what was rendered from stock is good while it stays.
    pub fn stock_epoch(&self) -> u64 {
        self.stock_epoch.load(Ordering::Acquire)
    }

    /// An epoch that was never and never will be.
    pub(crate) fn epoch_of_its_own(&self) -> u64 {
        self.lone_epochs.fetch_add(1, Ordering::Relaxed)
    }

    /// `(hits, misses)` of readers.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.hits.load(Ordering::Relaxed),
            self.misses.load(Ordering::Relaxed),
        )
    }

    /// What the shared cache was good for; `None` where there is none.
    pub fn shared_counts(&self) -> Option<CacheCounts> {
        self.second.as_ref().map(SecondLevel::counts)
    }
}
