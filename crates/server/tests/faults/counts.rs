//! What was done to the shop, and what it acknowledged meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// Counters of a whole run. Anybody may count.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) rounds: AtomicU64,
    pub(crate) random_kills: AtomicU64,
    pub(crate) provider_kills: AtomicU64,
    pub(crate) pauses: AtomicU64,
    pub(crate) cuts: AtomicU64,
    /// Connections that these and others broke.
    pub(crate) connections: AtomicU64,
    pub(crate) slow: AtomicU64,
    pub(crate) full_disks: AtomicU64,
    pub(crate) provider_faults: AtomicU64,
    pub(crate) takeovers: AtomicU64,
    /// Ended by SIGTERM under load, and followed by another one.
    pub(crate) relieved: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) refused: AtomicU64,
    /// Requests that were sent again because no answer, or no final one, came.
    pub(crate) retries: AtomicU64,
    /// Answers that were asked for once more and were the same.
    pub(crate) replays: AtomicU64,
    pub(crate) purchases: AtomicU64,
    pub(crate) orders: AtomicU64,
    pub(crate) refunds: AtomicU64,
    pub(crate) exchanges: AtomicU64,
    pub(crate) imports: AtomicU64,
    pub(crate) verified_logs: AtomicU64,
    /// Looks at a Kafka that carried all again.
    pub(crate) carried: AtomicU64,
    at_points: Mutex<BTreeMap<&'static str, u64>>,
}

/// One more of it.
pub(crate) fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    /// Killed itself at this failpoint.
    pub(crate) fn killed_at(&self, point: &'static str) {
        let mut points = self
            .at_points
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *points.entry(point).or_default() += 1;
    }

    pub(crate) fn points(&self) -> BTreeMap<&'static str, u64> {
        let points = self.at_points.lock();
        points.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Kills of the shop, of either kind.
    pub(crate) fn kills(&self) -> u64 {
        self.random_kills.load(Ordering::Relaxed) + self.points().values().sum::<u64>()
    }

    /// All of them; `lost` is 0, because whatever is lost ends the run.
    pub(crate) fn report(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let points = self.points();
        json!({
            "rounds": read(&self.rounds),
            "kills": self.kills(),
            "kills_at_failpoints": points.values().sum::<u64>(),
            "failpoints": points.len(),
            "provider_kills": read(&self.provider_kills),
            "pauses": read(&self.pauses),
            "cuts": read(&self.cuts),
            "connections_broken": read(&self.connections),
            "slow": read(&self.slow),
            "full_disks": read(&self.full_disks),
            "provider_faults": read(&self.provider_faults),
            "takeovers": read(&self.takeovers),
            "relieved": read(&self.relieved),
            "acknowledged": read(&self.acknowledged),
            "refused": read(&self.refused),
            "retries": read(&self.retries),
            "replays": read(&self.replays),
            "purchases": read(&self.purchases),
            "orders": read(&self.orders),
            "refunds": read(&self.refunds),
            "exchanges": read(&self.exchanges),
            "imports": read(&self.imports),
            "verified_logs": read(&self.verified_logs),
            "carried": read(&self.carried),
            "lost": 0,
        })
    }
}
