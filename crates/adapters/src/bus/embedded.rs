//! The embedded bus: the log itself, and the loop's word that it has grown.

use cartwright_app::ports::{Bus, ReadStore, Readers, Subscription};
use cartwright_app::{Fault, Shop};
use cartwright_proto::events as proto;
use std::sync::Arc;
use tokio::sync::watch;

/// The log of a shop.
#[allow(missing_debug_implementations, reason = "holds the store")]
pub struct EmbeddedBus {
    store: Arc<dyn ReadStore>,
    head: watch::Receiver<u64>,
}

impl EmbeddedBus {
    /// Of this shop.
    pub fn new(shop: &Shop) -> Self {
        Self {
            store: shop.store().clone(),
            head: shop.head(),
        }
    }
}

impl Bus for EmbeddedBus {
    fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    fn subscribe(&self, _: &str, _: Readers) -> Result<Box<dyn Subscription>, Fault> {
        Ok(Box::new(Log(self.store.clone())))
    }

    fn place(&self, consumer: &str) -> Result<Option<u64>, Fault> {
        self.store.cursor(consumer)
    }

    fn keep_place(&self, consumer: &str, position: u64) -> Result<(), Fault> {
        self.store.set_cursor(consumer, position)
    }
}

/// Everybody reads the log itself.
struct Log(Arc<dyn ReadStore>);

impl Subscription for Log {
    fn read(&mut self, after: u64, limit: usize) -> Result<Option<Vec<proto::Batch>>, Fault> {
        self.0.log(after, limit).map(Some)
    }
}
