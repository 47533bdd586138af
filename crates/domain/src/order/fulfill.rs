//! Units leave.

use super::{Event, Order, State, Tracking};
use crate::cart::LineId;
use crate::inventory::LevelKey;
use crate::planted::{Bug, planted};
use crate::{FulfillmentId, Refusal, StoreId};
use smol_str::SmolStr;

/// What shall leave.
#[derive(Debug, Clone)]
pub struct Ship {
    /// The new fulfilment's id.
    pub id: FulfillmentId,
    /// Lines, each at most once, and how many units of each; at least one line, each at least 1.
    pub lines: Vec<(LineId, i64)>,
    /// How it is followed.
    pub tracking: Option<Tracking>,
    /// Who lets them go.
    pub by: SmolStr,
}

/// What leaving comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Shipped {
    /// What happens to the order.
    pub event: Event,
    /// Units that leave, and from where.
    pub taken: Vec<(LevelKey, i64)>,
}

/// Lets units leave, from where they are allocated.
///
/// Errors: [`Refusal::InvalidState`] for an order that was given up or is not paid; [`Refusal::NotFound`] (`line`);
/// [`Refusal::ExceedsRemaining`] for more than has neither left nor been given up.
pub fn fulfill(order: &Order, ship: &Ship) -> Result<Shipped, Refusal> {
    let is_paid = order.is_paid || planted(Bug::LeavesUnpaid);
    if order.state == State::Cancelled || !is_paid {
        let why = if order.is_paid {
            "cancelled"
        } else {
            "not paid yet"
        };
        return Err(Refusal::InvalidState {
            state: order.state.as_str(),
            detail: format!(
                "order {} is {why}, so nothing of it can be fulfilled",
                order.id
            ),
        });
    }
    let mut taken: Vec<(LineId, StoreId, i64)> = Vec::new();
    let mut levels: Vec<(LevelKey, i64)> = Vec::new();
    for (id, wanted) in &ship.lines {
        let line = order
            .line(*id)
            .ok_or_else(|| Refusal::not_found("line", id))?;
        if *wanted > line.open() {
            return Err(Refusal::ExceedsRemaining {
                requested: *wanted,
                remaining: line.open(),
            });
        }
        let mut left = *wanted;
        for source in &line.sources {
            let units = left.min(source.units);
            if units > 0 {
                left -= units;
                taken.push((*id, source.store.clone(), units));
                let level = LevelKey {
                    sku: line.sku.clone(),
                    store: source.store.clone(),
                };
                let units = if planted(Bug::ShipsWholeSource) {
                    source.units
                } else {
                    units
                };
                match levels.iter_mut().find(|(known, _)| *known == level) {
                    Some((_, sum)) => *sum += units,
                    None => levels.push((level, units)),
                }
            }
        }
        if left > 0 && !line.is_untracked() {
            // Promised beyond stock, and not received yet.
            return Err(Refusal::short(&line.sku, *wanted, *wanted - left));
        }
    }
    Ok(Shipped {
        event: Event::Fulfilled {
            id: ship.id,
            lines: ship.lines.clone(),
            taken,
            tracking: ship.tracking.clone(),
            by: ship.by.clone(),
        },
        taken: levels,
    })
}
