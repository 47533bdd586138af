//! What a change of an order does to stock levels.

use crate::inventory::moved;
use crate::nouns::{Event, Key};
use crate::work::{Stop, Work};
use cartwright_domain::entity::Entity;
use cartwright_domain::inventory::{Level, LevelKey, Movement};
use cartwright_domain::{Refusal, Time};
use std::sync::Arc;

/// Levels that one command changes, perhaps several times.
#[derive(Debug)]
pub(crate) struct Levels<'a> {
    work: &'a Work,
    now: Time,
    changed: Vec<Arc<Level>>,
    events: Vec<Event>,
}

impl<'a> Levels<'a> {
    pub(crate) fn new(work: &'a Work, now: Time) -> Self {
        Self {
            work,
            now,
            changed: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Moves units at each level; a level that was never received begins empty. Asks for all that is missing at once.
    pub(crate) fn go(
        &mut self,
        units: &[(LevelKey, i64)],
        how: impl Fn(&Level, i64) -> Result<Movement, Refusal>,
    ) -> Result<(), Stop> {
        let missing: Vec<_> = units
            .iter()
            .map(|(key, _)| Key::Level(key.clone()))
            .filter(|key| !self.work.has(key))
            .collect();
        if !missing.is_empty() {
            return Err(Stop::Need(missing));
        }
        for (key, units) in units {
            let level = self.level(key)?;
            let movement = how(&level, *units)?;
            let mut after = Some(level);
            Level::apply(&mut after, key, &movement, self.now);
            self.changed.retain(|level| level.key != *key);
            self.changed.extend(after);
            self.events.extend(moved(key.clone(), movement));
        }
        Ok(())
    }

    fn level(&self, key: &LevelKey) -> Result<Arc<Level>, Stop> {
        if let Some(level) = self.changed.iter().find(|level| level.key == *key) {
            return Ok(level.clone());
        }
        let known = self.work.level(key)?.cloned();
        Ok(known.unwrap_or_else(|| Arc::new(Level::empty(key.clone()))))
    }

    pub(crate) fn into_events(self) -> Vec<Event> {
        self.events
    }
}
