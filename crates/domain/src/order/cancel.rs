//! Giving up what has not left.

use super::{Event, Order, State};
use crate::Refusal;
use crate::inventory::LevelKey;
use crate::planted::{Bug, planted};

/// What giving up comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancelled {
    /// What happens to the order.
    pub event: Event,
    /// Units that are free again, and where.
    pub freed: Vec<(LevelKey, i64)>,
}

/// Gives up what has not left; `by` says who. `None`: that was done before, nothing changes.
///
/// Errors: [`Refusal::InvalidState`] when all of it has left.
pub fn cancel(order: &Order, by: &str) -> Result<Option<Cancelled>, Refusal> {
    if order.lines.iter().all(|line| line.open() == 0) {
        if order.state == State::Cancelled || order.lines.iter().any(|line| line.cancelled > 0) {
            return Ok(None);
        }
        return Err(Refusal::InvalidState {
            state: order.state.as_str(),
            detail: format!(
                "all of order {} is fulfilled: ask for a return instead",
                order.id
            ),
        });
    }
    let mut freed: Vec<(LevelKey, i64)> = Vec::new();
    for line in &order.lines {
        for source in line.sources.iter().filter(|source| source.units > 0) {
            let level = LevelKey {
                sku: line.sku.clone(),
                store: source.store.clone(),
            };
            let mut here = source.units;
            if planted(Bug::CancelFreesShipped) {
                let left = line.shipped.iter().filter(|it| it.store == source.store);
                here += left.map(|it| it.units).sum::<i64>();
            }
            match freed.iter_mut().find(|(known, _)| *known == level) {
                Some((_, units)) => *units += here,
                None => freed.push((level, here)),
            }
        }
    }
    Ok(Some(Cancelled {
        event: Event::Cancelled { by: by.into() },
        freed,
    }))
}
