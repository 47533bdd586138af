//! Units leave.

use super::Target;
use super::stock::Levels;
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::FulfillmentId;
use cartwright_domain::cart::LineId;
use cartwright_domain::inventory::ship;
use cartwright_domain::order::{Ship, Tracking, fulfill};
use smol_str::SmolStr;

/// Lets units of an order leave, from where they are allocated. Refused: `NotFound` (`order`, `line`), `VersionConflict`,
/// `InvalidState`, `ExceedsRemaining`, `InsufficientStock`.
#[derive(Debug)]
pub struct FulfillOrder {
    /// Which order.
    pub order: Target,
    /// Lines, each at most once, and how many units of each; at least one line, each at least 1.
    pub lines: Vec<(LineId, i64)>,
    /// How they are followed.
    pub tracking: Option<Tracking>,
    /// Who lets them go.
    pub by: SmolStr,
}

impl Command for FulfillOrder {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let order = self.order.find(work)?;
        let shipped = fulfill(
            order,
            &Ship {
                id: FulfillmentId(moment.ids.fresh(moment.now)),
                lines: self.lines.clone(),
                tracking: self.tracking.clone(),
                by: self.by.clone(),
            },
        )?;
        let mut levels = Levels::new(work, moment.now);
        levels.go(&shipped.taken, ship)?;
        let mut events = levels.into_events();
        events.push(Event::Order(order.id, shipped.event));
        Ok(self.order.decided(events, true))
    }
}
