//! All that a store shows, to be compared with what another one shows.

use cartwright_app::kept::KeptReply;
use cartwright_app::ports::StoreParts;
use cartwright_app::{Fault, Key, Record};
use cartwright_domain::{ReservationId, Time};
use cartwright_proto::events as proto;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// A store at one moment. Places of kept replies are left out: only what is found there counts.
#[derive(Debug)]
pub(super) struct All {
    nouns: BTreeMap<Key, Record>,
    position: u64,
    /// The end of it.
    log: Vec<proto::Batch>,
    head: (u64, Time),
    last_batch: Option<Vec<u8>>,
    holds: Vec<(Time, ReservationId)>,
    kept: BTreeMap<[u8; 16], (Time, Option<KeptReply>)>,
    /// What the write side loads under the keys that were asked for.
    loaded: BTreeMap<Key, Option<Record>>,
    /// Where consumers stand.
    pub(super) places: BTreeMap<SmolStr, u64>,
}

/// Reads all of a store: of the log the entries after a position, of kept replies those that count at a moment.
pub(super) fn all(
    parts: &mut StoreParts,
    keys: &[Key],
    log_from: u64,
    now: Time,
) -> Result<All, Fault> {
    let (read, write) = (&*parts.read, &mut *parts.write);
    let mut nouns = BTreeMap::new();
    let position = read.visit_all(&mut |key, record| {
        nouns.insert(key, record);
        Ok(())
    })?;
    let mut holds = write.pending_holds()?;
    holds.sort_unstable();
    let mut kept = BTreeMap::new();
    for (hash, place, until) in write.kept_index(now)? {
        kept.insert(hash, (until, write.kept(place, &hash)?));
    }
    let loaded = write.load(keys)?;
    Ok(All {
        nouns,
        position,
        log: read.log(log_from, usize::MAX)?,
        head: write.head()?,
        last_batch: write.last_batch()?,
        holds,
        kept,
        loaded: keys.iter().cloned().zip(loaded).collect(),
        places: read.cursors()?.into_iter().collect(),
    })
}

impl All {
    /// In what it is not the same as in memory.
    pub(super) fn differs(&self, memory: &Self) -> Option<String> {
        in_map("the read side", &self.nouns, &memory.nouns)
            .or_else(|| in_map("the write side", &self.loaded, &memory.loaded))
            .or_else(|| in_map("kept replies", &self.kept, &memory.kept))
            .or_else(|| in_map("consumers", &self.places, &memory.places))
            .or_else(|| in_value("the position", &self.position, &memory.position))
            .or_else(|| in_value("the head", &self.head, &memory.head))
            .or_else(|| in_value("the last batch", &self.last_batch, &memory.last_batch))
            .or_else(|| in_value("pending holds", &self.holds, &memory.holds))
            .or_else(|| in_value("the log", &self.log, &memory.log))
    }
}

fn in_value<T: Debug + PartialEq>(what: &str, sqlite: &T, memory: &T) -> Option<String> {
    (sqlite != memory).then(|| format!("{what}: {sqlite:?} in SQLite and {memory:?} in memory"))
}

fn in_map<K: Debug + Ord, V: Debug + PartialEq>(
    what: &str,
    sqlite: &BTreeMap<K, V>,
    memory: &BTreeMap<K, V>,
) -> Option<String> {
    let mut keys = sqlite.keys().chain(memory.keys());
    let key = keys.find(|key| sqlite.get(key) != memory.get(key))?;
    let (sqlite, memory) = (sqlite.get(key), memory.get(key));
    Some(format!(
        "{what}: {key:?} is {sqlite:?} in SQLite and {memory:?} in memory"
    ))
}
