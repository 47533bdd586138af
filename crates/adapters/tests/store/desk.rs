//! Commits events the way the loop does, and remembers what a right store must show.

use crate::engine::Schema;
use crate::samples::NOW;
use cartwright_adapters::store::memory;
use cartwright_adapters::store::postgres::{self, PostgresOptions};
use cartwright_adapters::store::sqlite::{SqliteOptions, open};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::nouns::{IndexChange, index_changes};
use cartwright_app::ports::{Batch, Keep, StoreParts};
use cartwright_app::{Event, Fault, Key, Record, events};
use cartwright_domain::Time;
use cartwright_domain::dead_letter::Listed;
use cartwright_proto::events as proto;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) struct Desk {
    pub(crate) parts: StoreParts,
    /// What is committed: nouns and what finds them.
    pub(crate) state: BTreeMap<Key, Record>,
    pub(crate) position: u64,
    pub(crate) now: Time,
}

/// A batch before it is committed, and what a store shows when it has taken it.
pub(crate) struct Prepared {
    pub(crate) log: proto::Batch,
    pub(crate) changed: Vec<(Key, Option<Record>)>,
    state: BTreeMap<Key, Record>,
}

impl Prepared {
    pub(crate) fn batch<'a>(&'a self, kept: &'a [Keep]) -> Batch<'a> {
        Batch {
            log: &self.log,
            changed: &self.changed,
            kept,
            now: Time(self.log.time_ms),
        }
    }
}

/// Runs the same expectations on all technologies, each with an empty store.
pub(crate) fn check(expect: impl Fn(&str, &mut Desk)) {
    expect("memory", &mut Desk::new(memory::open(&SystemRandom)));
    let directory = tempfile::tempdir().unwrap();
    expect(
        "sqlite",
        &mut Desk::new(open(directory.path(), SqliteOptions::default(), &SystemRandom).unwrap()),
    );
    if let Some(schema) = Schema::fresh() {
        let parts = postgres::open(&PostgresOptions::new(&schema.url), &SystemRandom);
        expect("postgres", &mut Desk::new(parts.unwrap()));
    }
}

impl Desk {
    pub(crate) fn new(parts: StoreParts) -> Self {
        Self {
            parts,
            state: BTreeMap::new(),
            position: 0,
            now: NOW,
        }
    }

    pub(crate) fn commit(&mut self, events: &[Event]) -> Result<(), Fault> {
        self.commit_with(events, &[])
    }

    /// One batch. What is remembered changes only when the store takes it.
    pub(crate) fn commit_with(&mut self, events: &[Event], kept: &[Keep]) -> Result<(), Fault> {
        let prepared = self.prepared(events, [1; 16]);
        self.parts.write.commit(&prepared.batch(kept))?;
        self.take(prepared);
        Ok(())
    }

    /// What a batch of these events writes.
    pub(crate) fn prepared(&self, events: &[Event], batch_id: [u8; 16]) -> Prepared {
        let (mut state, mut changed) = (self.state.clone(), BTreeMap::new());
        let mut log = proto::Batch {
            first_position: self.position + 1,
            batch_id: batch_id.to_vec(),
            time_ms: self.now.0,
            origin: "test".into(),
            entries: Vec::new(),
        };
        for event in events {
            let key = event.key();
            let before = state.remove(&key);
            let mut after = before.clone();
            event.apply(&mut after, self.now);
            let version = after.as_ref().map_or_else(
                || before.as_ref().map_or(1, |was| was.version() + 1),
                Record::version,
            );
            index_changes(before.as_ref(), after.as_ref(), &mut |change| {
                let value = indexed(state.get(change.key()), &change);
                set(&mut state, change.key(), value.clone());
                changed.insert(change.key().clone(), value);
            });
            set(&mut state, &key, after.clone());
            log.entries.push(entry(event, version));
            changed.insert(key, after);
        }
        Prepared {
            log,
            changed: changed.into_iter().collect(),
            state,
        }
    }

    /// Remembers what the store took.
    pub(crate) fn take(&mut self, prepared: Prepared) {
        self.position += prepared.log.entries.len() as u64;
        self.state = prepared.state;
    }

    /// Every noun's state as the read side shows it, and its position.
    pub(crate) fn visited(&self) -> (BTreeMap<Key, Record>, u64) {
        let mut seen = BTreeMap::new();
        let position = self.parts.read.visit_all(&mut |key, record| {
            assert!(
                seen.insert(key.clone(), record).is_none(),
                "{key:?} came twice"
            );
            Ok(())
        });
        (seen, position.unwrap())
    }

    /// The nouns of what is remembered, but persons: no event has them.
    pub(crate) fn nouns(&self) -> BTreeMap<Key, Record> {
        self.state
            .clone()
            .into_iter()
            .filter(|(_, record)| record.version() > 0 && !matches!(record, Record::Contact(_)))
            .collect()
    }

    /// Both sides show all that is remembered, and nothing else.
    pub(crate) fn agrees(&mut self, name: &str) {
        let keys: Vec<_> = self.state.keys().cloned().collect();
        let loaded = self.parts.write.load(&keys).unwrap();
        for ((key, expected), loaded) in self.state.iter().zip(loaded) {
            assert_eq!(
                loaded.as_ref(),
                Some(expected),
                "{name}: the write side under {key:?}"
            );
            assert_eq!(
                self.parts.read.load(key).unwrap().as_ref(),
                Some(expected),
                "{name}: the read side under {key:?}"
            );
        }
        assert_eq!(
            self.visited(),
            (self.nouns(), self.position),
            "{name}: all at once"
        );
    }
}

fn set(state: &mut BTreeMap<Key, Record>, key: &Key, value: Option<Record>) {
    match value {
        Some(value) => state.insert(key.clone(), value),
        None => state.remove(key),
    };
}

fn indexed(current: Option<&Record>, change: &IndexChange) -> Option<Record> {
    match (change, current) {
        (IndexChange::Set(_, record), _) => Some(record.clone()),
        (IndexChange::Drop(_), _) => None,
        (IndexChange::Add(_, delta), Some(Record::Count(count))) => {
            Some(Record::Count(count.saturating_add_signed(*delta)))
        }
        (IndexChange::Add(_, delta), _) => Some(Record::Count(delta.unsigned_abs())),
        (IndexChange::Post(_, delta), Some(Record::Amount(amount))) => {
            Some(Record::Amount(amount + delta))
        }
        (IndexChange::Post(_, delta), _) => Some(Record::Amount(*delta)),
        (IndexChange::Join(_, store), current) => {
            let mut stores = match current {
                Some(Record::Stores(stores)) => stores.to_vec(),
                _ => Vec::new(),
            };
            stores.push(store.clone());
            stores.sort();
            Some(Record::Stores(Arc::new(stores)))
        }
        (IndexChange::Enlist(_, listed), current) => {
            let mut letters = listed_in(current);
            letters.push(listed.clone());
            Some(Record::DeadLetters(Arc::new(letters)))
        }
        (IndexChange::Strike(_, id), current) => {
            let mut letters = listed_in(current);
            letters.retain(|it| it.id != *id);
            (!letters.is_empty()).then(|| Record::DeadLetters(Arc::new(letters)))
        }
    }
}

fn listed_in(current: Option<&Record>) -> Vec<Listed> {
    match current {
        Some(Record::DeadLetters(letters)) => letters.to_vec(),
        _ => Vec::new(),
    }
}

fn entry(event: &Event, version: u64) -> proto::Entry {
    proto::Entry {
        stream: events::stream(&event.key()),
        stream_version: version,
        event_id: vec![2; 16],
        r#type: events::type_of(event).to_owned(),
        actor: "test".into(),
        payload: events::encode(event),
        ..proto::Entry::default()
    }
}
