//! Locations: put.

use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::location::{Details, put};
use cartwright_domain::{Refusal, StoreId};

/// Creates a location or replaces what is said of it.
#[derive(Debug)]
pub struct PutStore {
    /// Which.
    pub id: StoreId,
    /// What is said of it.
    pub details: Details,
    /// The version it must have (0: it must not exist).
    pub expected_version: Option<u64>,
}

impl Command for PutStore {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Store(self.id.clone()));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let current = work.store(&self.id)?;
        check_version(self.expected_version, current.map_or(0, |store| store.version))?;
        let event = put(current.map(AsRef::as_ref), self.details.clone());
        Ok(Decided {
            events: event.map(|event| Event::Store(self.id.clone(), event)).into_iter().collect(),
            answer: Key::Store(self.id.clone()),
            created: current.is_none(),
        })
    }
}

/// Refuses when the caller expects another version than the current one.
pub fn check_version(expected: Option<u64>, current: u64) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != current => Err(Refusal::VersionConflict { current }),
        _ => Ok(()),
    }
}
