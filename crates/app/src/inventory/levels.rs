//! Commands on one level.

use super::{moved, plan_level, require_level, require_sku, require_store};
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::Refusal;
use cartwright_domain::inventory::{self, Level, LevelKey};
use smol_str::SmolStr;

/// Adds or takes units.
#[derive(Debug)]
pub struct Adjust {
    /// Which level.
    pub level: LevelKey,
    /// Units; not zero.
    pub delta: i64,
    /// Why.
    pub reason: SmolStr,
    /// The version it must have (0: never received).
    pub expected_version: Option<u64>,
}

impl Command for Adjust {
    fn plan(&self, keys: &mut Vec<Key>) {
        plan_level(keys, &self.level);
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let current = work.level(&self.level)?;
        if current.is_none() {
            require_store(work, &self.level.store)?;
            require_sku(work, &self.level.sku)?;
        }
        check_version(
            self.expected_version,
            current.map_or(0, |level| level.version),
        )?;
        let movement = match current {
            Some(level) => inventory::adjust(Some(level), level, self.delta, self.reason.clone())?,
            None => inventory::adjust(
                None,
                &Level::empty(self.level.clone()),
                self.delta,
                self.reason.clone(),
            )?,
        };
        Ok(answer(&self.level, movement))
    }
}

/// Sets what was counted.
#[derive(Debug)]
pub struct Count {
    /// Which level.
    pub level: LevelKey,
    /// What was counted.
    pub count: inventory::Count,
    /// The version it must have (0 for a first count); `None` only for a count made at an earlier version.
    pub expected_version: Option<u64>,
}

impl Command for Count {
    fn plan(&self, keys: &mut Vec<Key>) {
        plan_level(keys, &self.level);
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let current = work.level(&self.level)?;
        if current.is_none() {
            require_store(work, &self.level.store)?;
            require_sku(work, &self.level.sku)?;
        }
        if self.count.on_hand_then.is_none() {
            self.expected_version.ok_or(Refusal::VersionRequired)?;
        }
        check_version(
            self.expected_version,
            current.map_or(0, |level| level.version),
        )?;
        let movement = match current {
            Some(level) => inventory::count(level, self.count)?,
            None => inventory::count(&Level::empty(self.level.clone()), self.count)?,
        };
        Ok(answer(&self.level, movement))
    }
}

/// Changes what an operator sets.
#[derive(Debug)]
pub struct Configure {
    /// Which level.
    pub level: LevelKey,
    /// What changes.
    pub change: inventory::Configure,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Command for Configure {
    fn plan(&self, keys: &mut Vec<Key>) {
        plan_level(keys, &self.level);
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let level = require_level(work, &self.level)?;
        check_version(self.expected_version, level.version)?;
        let movement = inventory::configure(level, self.change);
        let events = movement.map_or_else(Vec::new, |movement| moved(self.level.clone(), movement));
        Ok(Decided {
            events,
            answer: Key::Level(self.level.clone()),
            created: false,
        })
    }
}

/// Accepts that more is promised than lies there; who was promised it is dealt with otherwise. Refused: `NotFound`, `InvalidState`
/// when nothing is missing that was not accepted.
#[derive(Debug)]
pub struct AcceptShortage {
    /// Which level.
    pub level: LevelKey,
    /// Why.
    pub note: SmolStr,
}

impl Command for AcceptShortage {
    fn plan(&self, keys: &mut Vec<Key>) {
        plan_level(keys, &self.level);
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let level = require_level(work, &self.level)?;
        let Some(movement) = inventory::accept_shortage(level, &self.note) else {
            let detail = "nothing is missing there that was not accepted".to_owned();
            let state = "closed";
            return Err(Refusal::InvalidState { state, detail }.into());
        };
        Ok(answer(&self.level, movement))
    }
}

fn answer(level: &LevelKey, movement: inventory::Movement) -> Decided {
    Decided {
        events: moved(level.clone(), movement),
        answer: Key::Level(level.clone()),
        created: false,
    }
}
