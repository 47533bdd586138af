//! The log: one row a batch, its entries encoded together, and in which row the movements of a level are found.

use super::packed::unpack;
use cartwright_app::Fault;
use cartwright_app::ports::{is_movement, last_position};
use cartwright_proto::events as proto;
use hashbrown::HashMap;
use prost::Message;

/// The batch of a row.
pub(in crate::store) fn read(first: u64, last: u64, packed: &[u8]) -> Result<proto::Batch, Fault> {
    let batch = proto::Batch::decode(&*unpack(packed)?).map_err(Fault::corrupt)?;
    if batch.first_position == first && last_position(&batch) == last && !batch.entries.is_empty() {
        Ok(batch)
    } else {
        Err(Fault::corrupt(format!(
            "the log's batch at {first} is not what its row says"
        )))
    }
}

/// Batches that follow one another, up to about `limit` entries.
#[derive(Default)]
pub(in crate::store) struct Following {
    batches: Vec<proto::Batch>,
    entries: usize,
}

impl Following {
    /// Whether there are enough.
    pub(in crate::store) fn has(&self, limit: usize) -> bool {
        self.entries >= limit
    }

    /// The next one; nothing may be missing between.
    pub(in crate::store) fn push(&mut self, next: proto::Batch) -> Result<(), Fault> {
        if let Some(before) = self
            .batches
            .last()
            .filter(|before| last_position(before) + 1 != next.first_position)
        {
            let (from, to) = (last_position(before) + 1, next.first_position);
            return Err(Fault::corrupt(format!(
                "the log has nothing from {from} to before {to}"
            )));
        }
        self.entries += next.entries.len();
        self.batches.push(next);
        Ok(())
    }

    /// All of them.
    pub(in crate::store) fn all(self) -> Vec<proto::Batch> {
        self.batches
    }
}

/// Which levels a batch moves, in their order: SKU, store, and the first version it makes.
pub(in crate::store) fn moved(batch: &proto::Batch) -> Result<Vec<(&str, &str, u64)>, Fault> {
    let mut seen: HashMap<&str, u64> = HashMap::new();
    let mut latest = "";
    for entry in batch.entries.iter().filter(|entry| is_movement(entry)) {
        if entry.stream != latest {
            latest = &entry.stream;
            seen.entry(latest).or_insert(entry.stream_version);
        }
    }
    let mut first_of: Vec<_> = seen.into_iter().collect();
    first_of.sort_unstable();
    first_of
        .into_iter()
        .map(|(stream, version)| {
            let (sku, store) =
                level_of(stream).ok_or_else(|| Fault::Rejected(format!("{stream} is no level")))?;
            Ok((sku, store, version))
        })
        .collect()
}

fn level_of(stream: &str) -> Option<(&str, &str)> {
    stream.strip_prefix("level:")?.split_once('@')
}
