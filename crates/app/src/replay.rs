//! Rebuilding all state from events, and comparing it with what the tables hold (INV-4, PRF-2: projection = replay).

use crate::events;
use crate::fault::Fault;
use crate::nouns::{IndexChange, Key, Record, index_changes};
use crate::ports::ReadStore;
use cartwright_domain::Time;
use cartwright_domain::inventory::State;
use cartwright_proto::events as proto;
use hashbrown::HashMap;
use std::sync::Arc;

/// Differences that are told in full; the rest is counted.
const MAX_TOLD: usize = 20;

/// State rebuilt so far.
#[derive(Debug, Default)]
pub struct Replay {
    state: HashMap<Key, Record>,
    position: u64,
    entries: u64,
}

/// What the comparison came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Things compared, index entries included.
    pub compared: u64,
    /// Things that differ.
    pub different: u64,
    /// The first of them: what, and how.
    pub told: Vec<String>,
}

impl Comparison {
    fn differs(&mut self, what: impl FnOnce() -> String) {
        self.different += 1;
        if self.told.len() < MAX_TOLD {
            self.told.push(what());
        }
    }
}

impl Replay {
    /// Takes the state of one thing out of a snapshot.
    pub fn put(&mut self, key: Key, record: Record) {
        self.state.insert(key, record);
    }

    /// Everything put so far is the state at this position.
    pub fn starts_after(&mut self, position: u64) {
        self.position = position;
    }

    /// Position of the last entry that is in.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Entries applied.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Applies a batch; entries that are in already are left out.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] for a gap, an entry that cannot be read, or a version that is not the next one of its thing.
    pub fn batch(&mut self, batch: &proto::Batch) -> Result<(), Fault> {
        if batch.first_position > self.position + 1 {
            let (from, to) = (self.position + 1, batch.first_position);
            return Err(Fault::Corrupt(format!(
                "the log has nothing from {from} to before {to}"
            )));
        }
        for (position, entry) in (batch.first_position..).zip(&batch.entries) {
            if position > self.position {
                self.entry(entry, Time(batch.time_ms))
                    .map_err(|fault| at(position, fault))?;
                self.position = position;
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &proto::Entry, time: Time) -> Result<(), Fault> {
        self.entries += 1;
        let Some(event) = events::decode(entry)? else {
            return Ok(());
        };
        let key = event.key();
        let mut state = self.state.remove(&key);
        let before = state.as_ref().map_or(0, Record::version);
        event.apply(&mut state, time);
        let after = state.as_ref().map_or(before + 1, Record::version);
        if after != entry.stream_version {
            let (stream, logged) = (&entry.stream, entry.stream_version);
            return Err(Fault::Corrupt(format!(
                "{stream} is at version {after} and the log says {logged}"
            )));
        }
        if let Some(state) = state {
            self.state.insert(key, state);
        }
        Ok(())
    }

    /// Applies all that the log of a store has after the position.
    ///
    /// # Errors
    /// As [`Replay::batch`], and when the store cannot be read.
    pub fn follow(&mut self, store: &dyn ReadStore) -> Result<(), Fault> {
        const ENTRIES_AT_ONCE: usize = 20_000;
        loop {
            let batches = store.log(self.position, ENTRIES_AT_ONCE)?;
            if batches.is_empty() {
                return Ok(());
            }
            batches.iter().try_for_each(|batch| self.batch(batch))?;
        }
    }

    /// Compares with the tables and indexes of a store that nobody writes to.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn compare(mut self, store: &dyn ReadStore) -> Result<Comparison, Fault> {
        let mut found = Comparison::default();
        let mut indexes = HashMap::new();
        let position = store.visit_all(&mut |key, live| {
            found.compared += 1;
            expect_indexes(&live, &mut indexes);
            match self.state.remove(&key) {
                Some(replayed) if replayed == live => {}
                Some(replayed) => {
                    found.differs(|| format!("{key:?}: live {live:?}, replayed {replayed:?}"))
                }
                None => found.differs(|| format!("{key:?}: live, and not in the log")),
            }
            Ok(())
        })?;
        for (key, replayed) in self.state {
            found.differs(|| format!("{key:?}: in the log ({replayed:?}), and not live"));
        }
        if position != self.position {
            let replayed = self.position;
            found.differs(|| {
                format!("the store is at position {position}, the log ends at {replayed}")
            });
        }
        for (key, expected) in indexes {
            found.compared += 1;
            let live = store.load(&key)?;
            if live.as_ref() != Some(&expected) {
                found.differs(|| format!("index {key:?}: live {live:?}, replayed {expected:?}"));
            }
        }
        Ok(found)
    }
}

fn at(position: u64, fault: Fault) -> Fault {
    match fault {
        Fault::Corrupt(what) => Fault::Corrupt(format!("position {position}: {what}")),
        other => other,
    }
}

/// The index entries that must be there because this is.
fn expect_indexes(record: &Record, indexes: &mut HashMap<Key, Record>) {
    let pending = !matches!(record, Record::Reservation(hold) if hold.state != State::Pending);
    index_changes(None, Some(record), &mut |change| match change {
        // The things come in no order; the last number is the highest.
        IndexChange::Set(key @ Key::Last(_), Record::Count(number)) => {
            let last = indexes.entry(key).or_insert(Record::Count(number));
            if let Record::Count(known) = last {
                *known = number.max(*known);
            }
        }
        IndexChange::Set(key, value) => {
            indexes.insert(key, value);
        }
        IndexChange::Add(key, delta) if pending => {
            let count = match indexes.get(&key) {
                Some(Record::Count(count)) => *count,
                _ => 0,
            };
            indexes.insert(key, Record::Count(count.saturating_add_signed(delta)));
        }
        IndexChange::Post(key, delta) => {
            let amount = match indexes.get(&key) {
                Some(Record::Amount(amount)) => *amount,
                _ => 0,
            };
            indexes.insert(key, Record::Amount(amount.saturating_add(delta)));
        }
        IndexChange::Join(key, store) => {
            let mut stores = match indexes.remove(&key) {
                Some(Record::Stores(stores)) => stores,
                _ => Arc::default(),
            };
            let list = Arc::make_mut(&mut stores);
            if let Err(place) = list.binary_search(&store) {
                list.insert(place, store);
            }
            indexes.insert(key, Record::Stores(stores));
        }
        IndexChange::Enlist(key, listed) => {
            let mut letters = match indexes.remove(&key) {
                Some(Record::DeadLetters(letters)) => letters,
                _ => Arc::default(),
            };
            let list = Arc::make_mut(&mut letters);
            list.push(listed);
            list.sort_unstable();
            indexes.insert(key, Record::DeadLetters(letters));
        }
        IndexChange::Add(..) | IndexChange::Drop(_) | IndexChange::Strike(..) => {}
    });
}
