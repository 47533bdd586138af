//! How holds end or live longer.

use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::inventory::{Ending, Level, LevelKey, Reservation, end, extend};
use cartwright_domain::{Refusal, ReservationId};
use smol_str::SmolStr;
use std::sync::Arc;

/// What the references of a checkout's holds begin with: they end with it and not by others' hands.
pub const CHECKOUT: &str = "chk:";

/// Confirms or releases a hold, with all its levels.
#[derive(Debug)]
pub struct Settle {
    /// Which hold.
    pub id: ReservationId,
    /// How it ends.
    pub ending: Ending,
    /// Whose holds may be ended; `None`: anybody's.
    pub owner: Option<SmolStr>,
    /// The level it was addressed through: a hold without a line there is not found.
    pub through: Option<LevelKey>,
    /// The version the hold must have.
    pub expected_version: Option<u64>,
}

impl Command for Settle {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Reservation(self.id));
        keys.extend(self.through.clone().map(Key::Level));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let hold = owned(work, self.id, self.owner.as_ref())?;
        let elsewhere = |level: &LevelKey| !hold.lines.iter().any(|line| line.level == *level);
        if self.through.as_ref().is_some_and(elsewhere) {
            return Err(Refusal::not_found("reservation", self.id).into());
        }
        check_version(self.expected_version, hold.version)?;
        settle(work, hold, self.ending)
    }
}

/// Ends a hold whose time is over. Only the loop itself asks.
#[derive(Debug)]
pub struct Expire {
    /// Which hold.
    pub id: ReservationId,
}

impl Command for Expire {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Reservation(self.id));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let hold = work
            .reservation(&self.id)?
            .ok_or_else(|| Refusal::not_found("reservation", self.id))?;
        settle(work, hold, Ending::Expire)
    }
}

/// Lets a hold live longer.
#[derive(Debug)]
pub struct Extend {
    /// Which hold.
    pub id: ReservationId,
    /// How long from now, in seconds.
    pub ttl_seconds: i64,
    /// Whose holds may be extended; `None`: anybody's.
    pub owner: Option<SmolStr>,
    /// The version the hold must have.
    pub expected_version: Option<u64>,
}

impl Command for Extend {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Reservation(self.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let hold = owned(work, self.id, self.owner.as_ref())?;
        check_version(self.expected_version, hold.version)?;
        let event = extend(hold, moment.now.plus_seconds(self.ttl_seconds))?;
        let events = event
            .map(|event| Event::Reservation(self.id, event))
            .into_iter()
            .collect();
        Ok(Decided {
            events,
            answer: Key::Reservation(self.id),
            created: false,
        })
    }
}

fn owned<'a>(
    work: &'a Work,
    id: ReservationId,
    owner: Option<&SmolStr>,
) -> Result<&'a Arc<Reservation>, Stop> {
    let hold = work
        .reservation(&id)?
        .filter(|hold| owner.is_none_or(|owner| hold.principal == *owner));
    let hold = hold.ok_or_else(|| Refusal::not_found("reservation", id))?;
    if hold.reference.starts_with(CHECKOUT) {
        let detail = format!("reservation {id} belongs to a checkout and ends with it");
        return Err(Refusal::InvalidState {
            state: hold.state.as_str(),
            detail,
        }
        .into());
    }
    Ok(hold)
}

/// The levels of a hold's lines, in their order; asks for all that is missing at once.
pub(crate) fn levels_held<'a>(work: &'a Work, hold: &Reservation) -> Result<Vec<&'a Level>, Stop> {
    let (mut levels, mut missing): (Vec<&Level>, _) =
        (Vec::with_capacity(hold.lines.len()), Vec::new());
    for line in &hold.lines {
        match work.level(&line.level) {
            Ok(Some(level)) => levels.push(level),
            Ok(None) => return Err(Refusal::not_found("level", &line.level.sku).into()),
            Err(Stop::Need(keys)) => missing.extend(keys),
            Err(stop) => return Err(stop),
        }
    }
    if !missing.is_empty() {
        return Err(Stop::Need(missing));
    }
    Ok(levels)
}

fn settle(work: &Work, hold: &Reservation, ending: Ending) -> Result<Decided, Stop> {
    let levels = levels_held(work, hold)?;
    let mut events = Vec::with_capacity(1 + levels.len());
    if let Some((ended, movements)) = end(hold, ending, &levels)? {
        events.push(Event::Reservation(hold.id, ended));
        events.extend(
            movements
                .into_iter()
                .map(|(key, movement)| Event::Level(key, movement)),
        );
    }
    Ok(Decided {
        events,
        answer: Key::Reservation(hold.id),
        created: false,
    })
}
