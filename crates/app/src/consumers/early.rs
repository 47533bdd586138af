//! What the planted defect `relay-ahead-of-commit` hands to the relay before it is committed; nothing else uses it.

use cartwright_proto::events as proto;
use parking_lot::Mutex;

static BATCHES: Mutex<Vec<proto::Batch>> = Mutex::new(Vec::new());

pub(crate) fn hand_over(batch: &proto::Batch) {
    BATCHES.lock().push(batch.clone());
}

/// All that was handed over since.
pub fn take() -> Vec<proto::Batch> {
    std::mem::take(&mut BATCHES.lock())
}
