//! One hold for another, in one transaction: what the first gives back is there for the second.

use super::reserve::levels_of;
use super::settle::levels_held;
use crate::nouns::Event;
use crate::work::{Stop, Work};
use cartwright_domain::entity::Entity;
use cartwright_domain::inventory::{
    self, Asked, Candidate, Ending, Level, LevelKey, Reserve, State, end,
};
use cartwright_domain::{ReservationId, Time};
use std::sync::Arc;

/// Gives back the first hold, if it is pending, and makes the second, each if there is one. Refused: `InsufficientStock`
/// naming every line that cannot be had; then the first stays too.
pub(crate) fn exchange(
    work: &Work,
    old: Option<ReservationId>,
    new: Option<&Reserve>,
    now: Time,
) -> Result<Vec<Event>, Stop> {
    let (mut events, mut freed) = (Vec::new(), Vec::new());
    if let Some(id) = old {
        release(work, id, now, &mut events, &mut freed)?;
    }
    if let Some(request) = new {
        let candidates = all_candidates(work, &request.asked, &freed)?;
        let (held, movements) = inventory::reserve(request, &candidates)?;
        events.push(Event::Reservation(request.id, held));
        let moved = movements.into_iter();
        events.extend(moved.map(|(key, movement)| Event::Level(key, movement)));
    }
    Ok(events)
}

fn release(
    work: &Work,
    id: ReservationId,
    now: Time,
    events: &mut Vec<Event>,
    freed: &mut Vec<Arc<Level>>,
) -> Result<(), Stop> {
    let Some(hold) = work.reservation(&id)? else {
        return Ok(());
    };
    if hold.state != State::Pending {
        return Ok(());
    }
    let levels = levels_held(work, hold)?;
    if let Some((ended, movements)) = end(hold, Ending::Release, &levels)? {
        events.push(Event::Reservation(id, ended));
        for ((key, movement), level) in movements.into_iter().zip(levels) {
            let mut after = Some(Arc::new(level.clone()));
            Level::apply(&mut after, &key, &movement, now);
            freed.extend(after);
            events.push(Event::Level(key, movement));
        }
    }
    Ok(())
}

/// Those of which something was received anywhere. Drop-in services sell without stock what has none.
pub(crate) fn stocked(work: &Work, asked: Vec<Asked>) -> Result<Vec<Asked>, Stop> {
    let (mut stocked, mut missing) = (Vec::with_capacity(asked.len()), Vec::new());
    for line in asked {
        match work.stores_of(&line.sku) {
            Ok(Some(stores)) if !stores.is_empty() => stocked.push(line),
            Ok(_) => {}
            Err(Stop::Need(keys)) => missing.extend(keys),
            Err(refused) => return Err(refused),
        }
    }
    if missing.is_empty() {
        Ok(stocked)
    } else {
        Err(Stop::Need(missing))
    }
}

fn level_key(line: &Asked, store: &cartwright_domain::StoreId) -> LevelKey {
    LevelKey {
        sku: line.sku.clone(),
        store: store.clone(),
    }
}

/// The locations of each line, with what was just given back; asks for all that is missing at once. Where nothing was ever
/// received there is nothing to be had.
fn all_candidates<'a>(
    work: &'a Work,
    asked: &[Asked],
    freed: &'a [Arc<Level>],
) -> Result<Vec<Vec<Candidate<'a>>>, Stop> {
    let (mut all, mut missing) = (Vec::with_capacity(asked.len()), Vec::new());
    for line in asked {
        match candidates(work, line) {
            Ok(found) => all.push(found),
            Err(Stop::Need(keys)) => missing.extend(keys),
            Err(refused) => return Err(refused),
        }
    }
    if !missing.is_empty() {
        return Err(Stop::Need(missing));
    }
    for candidate in all.iter_mut().flatten() {
        if let Some(level) = freed.iter().find(|level| level.key == candidate.level.key) {
            candidate.level = level;
        }
    }
    Ok(all)
}

fn candidates<'a>(work: &'a Work, line: &Asked) -> Result<Vec<Candidate<'a>>, Stop> {
    let Some(id) = &line.store else {
        return levels_of(work, &line.sku);
    };
    let (store, level) = (work.store(id)?, work.level(&level_key(line, id))?);
    let found = store.zip(level).map(|(store, level)| Candidate {
        store,
        level,
        taken: 0,
    });
    Ok(found.into_iter().collect())
}
