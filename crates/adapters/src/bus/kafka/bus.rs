//! The bus whose consumers read from Kafka.

use super::subscription::KafkaSubscription;
use super::{KafkaOptions, topics};
use cartwright_app::ports::{Bus, Clock, ReadStore, Readers, Subscription};
use cartwright_app::{Fault, Shop};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::watch;

/// How often it is looked whether Kafka has the log of this store, while it has not.
const LOOK_EVERY_NS: u64 = 2_000_000_000;

/// The topic of the log, and behind it the log.
#[allow(missing_debug_implementations, reason = "holds the store")]
pub struct KafkaBus {
    head: watch::Receiver<u64>,
    source: Arc<Source>,
}

/// What all subscriptions of a process share.
pub(super) struct Source {
    pub(super) options: KafkaOptions,
    pub(super) store: Arc<dyn ReadStore>,
    pub(super) clock: Arc<dyn Clock>,
    head: watch::Receiver<u64>,
    agreed: Mutex<Agreed>,
    pub(super) brought: Brought,
}

/// Where the entries came from that consumers have read.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) by_kafka: AtomicU64,
    pub(super) by_store: AtomicU64,
}

/// Whether Kafka is known to have this store's log, or else when to look again.
#[derive(Clone, Copy)]
enum Agreed {
    Yes,
    No { until_ns: u64 },
}

impl Source {
    /// Whether Kafka has the log of this store, and not that of another one or of a copy that went on elsewhere.
    pub(super) fn agrees(&self) -> bool {
        let now_ns = self.clock.monotonic_ns();
        let mut agreed = self.agreed.lock();
        let is_first = match *agreed {
            Agreed::Yes => return true,
            Agreed::No { until_ns } if now_ns < until_ns => return false,
            Agreed::No { until_ns } => until_ns == 0,
        };
        let head = *self.head.borrow();
        *agreed = match topics::agrees(&self.options, &*self.store, head) {
            Ok(true) => Agreed::Yes,
            other => {
                if is_first {
                    tracing::warn!(
                        ?other,
                        "Kafka does not show the log of this store; consumers read the store until it does"
                    );
                }
                Agreed::No {
                    until_ns: now_ns + LOOK_EVERY_NS,
                }
            }
        };
        matches!(*agreed, Agreed::Yes)
    }
}

impl KafkaBus {
    /// Of this shop. Nothing is asked of Kafka yet.
    pub fn new(shop: &Shop, options: KafkaOptions) -> Self {
        Self {
            head: shop.head(),
            source: Arc::new(Source {
                options,
                store: shop.store().clone(),
                clock: shop.clock().clone(),
                head: shop.head(),
                agreed: Mutex::new(Agreed::No { until_ns: 0 }),
                brought: Brought::default(),
            }),
        }
    }

    /// How many entries all consumers together have read from Kafka, and how many from the store.
    pub fn brought(&self) -> (u64, u64) {
        let Brought { by_kafka, by_store } = &self.source.brought;
        (by_kafka.load(Relaxed), by_store.load(Relaxed))
    }
}

impl Bus for KafkaBus {
    fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    fn subscribe(&self, consumer: &str, readers: Readers) -> Result<Box<dyn Subscription>, Fault> {
        let subscription = KafkaSubscription::new(self.source.clone(), consumer, readers)?;
        Ok(Box::new(subscription))
    }

    fn place(&self, consumer: &str) -> Result<Option<u64>, Fault> {
        self.source.store.cursor(consumer)
    }

    fn keep_place(&self, consumer: &str, position: u64) -> Result<(), Fault> {
        self.source.store.set_cursor(consumer, position)
    }
}
