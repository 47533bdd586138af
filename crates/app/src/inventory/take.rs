//! Taking units at once: a hold that is made and confirmed in one command.

use super::{require_level, require_store};
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::entity::Entity;
use cartwright_domain::inventory::{
    self, Asked, Candidate, Ending, Level, LevelKey, Reservation, Sourcing, end,
};
use cartwright_domain::{Refusal, ReservationId};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// Takes units of one level: the level moves twice (`reserved`, `confirmed`) and a confirmed hold tells why.
#[derive(Debug)]
pub struct Take {
    /// Id of the hold, drawn by the caller.
    pub id: ReservationId,
    /// Whose hold it is.
    pub principal: SmolStr,
    /// Which level.
    pub level: LevelKey,
    /// How many units; more than zero.
    pub quantity: i64,
    /// The version the level must have.
    pub expected_version: Option<u64>,
}

impl Take {
    /// Unique, since nobody gave it a name.
    fn reference(&self) -> SmolStr {
        format_smolstr!("take:{}", self.id)
    }
}

impl Command for Take {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Store(self.level.store.clone()));
        keys.push(Key::Level(self.level.clone()));
        keys.push(Key::Reservation(self.id));
        keys.push(Key::Reference(self.principal.clone(), self.reference()));
        keys.push(Key::OpenHolds(self.principal.clone()));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let store = require_store(work, &self.level.store)?;
        let level = require_level(work, &self.level)?;
        check_version(self.expected_version, level.version)?;
        // What is promised beyond stock cannot be taken now.
        if level.available() < self.quantity {
            let short = Refusal::short(&self.level.sku, self.quantity, level.available());
            return Err(short.into());
        }
        let request = inventory::Reserve {
            id: self.id,
            principal: self.principal.clone(),
            reference: self.reference(),
            asked: vec![Asked {
                sku: self.level.sku.clone(),
                store: Some(self.level.store.clone()),
                quantity: self.quantity,
            }],
            expires_at: moment.now,
            country: None,
            near: None,
            sourcing: Sourcing::default(),
        };
        let candidate = Candidate {
            store,
            level,
            taken: 0,
        };
        let (held, reserved) = inventory::reserve(&request, &[vec![candidate]])?;
        let (mut hold, mut after) = (None, Some(level.clone()));
        Reservation::apply(&mut hold, &self.id, &held, moment.now);
        for (key, movement) in &reserved {
            Level::apply(&mut after, key, movement, moment.now);
        }
        let (Some(hold), Some(after)): (Option<Arc<Reservation>>, Option<Arc<Level>>) =
            (hold, after)
        else {
            return Err(Refusal::not_found("level", &self.level.sku).into());
        };
        let mut events = vec![Event::Reservation(self.id, held)];
        events.extend(reserved.into_iter().map(|(key, it)| Event::Level(key, it)));
        if let Some((ended, confirmed)) = end(&hold, Ending::Confirm, &[&after])? {
            events.push(Event::Reservation(self.id, ended));
            events.extend(confirmed.into_iter().map(|(key, it)| Event::Level(key, it)));
        }
        Ok(Decided {
            events,
            answer: Key::Level(self.level.clone()),
            created: false,
        })
    }
}
