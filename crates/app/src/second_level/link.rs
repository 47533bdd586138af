//! The way to the shared cache: every call has a time limit, and after some failures nobody asks it until it answers again.

use super::{CacheCounts, Sharing};
use crate::commit::Health;
use crate::ports::{CacheFault, Put};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Failures in a row after which it is left alone.
const FAILURES: u32 = 5;
/// How often it is looked whether it answers, while nothing is put.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// Things put with one call at most.
const PUT_AT_ONCE: usize = 128;
/// Nobody waits for what is put: so many times as long as for what is got.
const PUT_PATIENCE: u32 = 10;
/// What it is called in readiness.
const NAME: &str = "cache";

#[derive(Debug)]
pub(super) struct Link {
    pub(super) sharing: Sharing,
    health: Arc<Health>,
    is_open: AtomicBool,
    failures: AtomicU32,
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) puts: AtomicU64,
}

impl Link {
    pub(super) fn new(sharing: Sharing, health: Arc<Health>) -> Self {
        health.note_outside(NAME, false);
        Self {
            sharing,
            health,
            is_open: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            puts: AtomicU64::new(0),
        }
    }

    /// Whether it may be asked.
    pub(super) fn is_sound(&self) -> bool {
        !self.is_open.load(Ordering::Relaxed)
    }

    pub(super) fn counts(&self) -> CacheCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheCounts {
            hits: read(&self.hits),
            misses: read(&self.misses),
            refused: read(&self.refused),
            errors: read(&self.errors),
            puts: read(&self.puts),
        }
    }

    /// What is kept under a name; `None` when that is not to be had.
    pub(super) async fn get(&self, name: String) -> Option<Option<bytes::Bytes>> {
        let names = [name];
        let got = self.within(self.sharing.timeout, self.sharing.cache.get(&names));
        got.await.map(|mut found| found.pop().flatten())
    }

    async fn within<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, CacheFault>>,
    ) -> Option<T> {
        let fault = match timeout(limit, answer).await {
            Ok(Ok(value)) => {
                self.worked();
                return Some(value);
            }
            Ok(Err(fault)) => fault,
            Err(_) => CacheFault(format!("no answer within {} ms", limit.as_millis())),
        };
        self.failed(&fault);
        None
    }

    fn worked(&self) {
        self.failures.store(0, Ordering::Relaxed);
        if self.is_open.swap(false, Ordering::Relaxed) {
            self.health.note_outside(NAME, false);
            tracing::info!("the shared cache answers again");
        }
    }

    fn failed(&self, fault: &CacheFault) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= FAILURES && !self.is_open.swap(true, Ordering::Relaxed) {
            self.health.note_outside(NAME, true);
            tracing::warn!(%fault, "the shared cache does not answer; products are read from the store until it does");
        }
    }
}

/// Puts what comes, beside the requests, and looks now and then whether the cache answers. Ends when nothing can come any more.
pub(super) async fn put_all(link: Arc<Link>, probe: String, mut coming: mpsc::Receiver<Put>) {
    let mut puts = Vec::with_capacity(PUT_AT_ONCE);
    loop {
        let came = timeout(PROBE_EVERY, coming.recv_many(&mut puts, PUT_AT_ONCE)).await;
        match came {
            Ok(0) => return,
            Ok(_) if !link.is_sound() => {}
            Ok(count) => {
                let limit = link.sharing.timeout * PUT_PATIENCE;
                let put = link.within(limit, link.sharing.cache.put(&puts)).await;
                if put.is_some() {
                    link.puts.fetch_add(count as u64, Ordering::Relaxed);
                }
            }
            Err(_) => drop(link.get(probe.clone()).await),
        }
        puts.clear();
    }
}
