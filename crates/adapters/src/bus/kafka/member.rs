//! A member of a consumer group: whether the partition of the log is its own.

use super::clients;
use super::topics::ONLY;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;

/// What the group says.
#[derive(Debug, Default)]
pub(super) struct Member(Mutex<Assigned>);

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Assigned {
    /// Rises with each change.
    pub(super) generation: u64,
    pub(super) has: bool,
}

impl Member {
    /// What it said last.
    pub(super) fn assigned(&self) -> Assigned {
        *self.0.lock()
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        clients::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        clients::note(&error, reason);
    }
}

impl ConsumerContext for Member {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let mut assigned = self.0.lock();
        assigned.generation += 1;
        assigned.has = match rebalance {
            Rebalance::Assign(list) => list.elements().iter().any(|it| it.partition() == ONLY),
            Rebalance::Revoke(_) | Rebalance::Error(_) => false,
        };
    }
}
