//! Units that are paid back and sold again: those that have not left are given up, then those that have left are taken back.

use super::returns::came_from;
use super::{Event, Order};
use crate::cart::LineId;
use crate::inventory::LevelKey;
use crate::{Refusal, StoreId};

/// What that comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Restocked {
    /// What happens to the order.
    pub event: Event,
    /// Units that had not left and are free again, and where.
    pub freed: Vec<(LevelKey, i64)>,
    /// Units that had left and lie there again, and where.
    pub back: Vec<(LevelKey, i64)>,
}

/// Lets units be sold again.
///
/// Errors: [`Refusal::NotFound`] (`line`); [`Refusal::ExceedsRemaining`] for more than has neither been given up nor come back.
pub fn restock(order: &Order, lines: &[(LineId, i64)]) -> Result<Restocked, Refusal> {
    let (mut given_up, mut taken, mut back) = (Vec::new(), Vec::new(), Vec::new());
    let mut freed: Vec<(LevelKey, i64)> = Vec::new();
    for (id, units) in lines {
        let line = order
            .line(*id)
            .ok_or_else(|| Refusal::not_found("line", id))?;
        let away = line.fulfilled - line.returned - order.expected_back(*id);
        let remaining = line.open() + away;
        if *units > remaining {
            return Err(Refusal::ExceedsRemaining {
                requested: *units,
                remaining: remaining.max(0),
            });
        }
        let unsent = line.open().min(*units);
        if unsent > 0 {
            given_up.push((*id, unsent));
        }
        if *units > unsent {
            back.push((*id, units - unsent));
        }
        let mut left = unsent;
        for source in &line.sources {
            let here = left.min(source.units);
            if here > 0 {
                left -= here;
                taken.push((*id, source.store.clone(), here));
                free(&mut freed, line, &source.store, here);
            }
        }
    }
    Ok(Restocked {
        back: came_from(order, &back),
        event: Event::Restocked {
            given_up,
            taken,
            back,
        },
        freed,
    })
}

fn free(freed: &mut Vec<(LevelKey, i64)>, line: &super::Line, store: &StoreId, units: i64) {
    let key = LevelKey {
        sku: line.sku.clone(),
        store: store.clone(),
    };
    match freed.iter_mut().find(|(known, _)| *known == key) {
        Some((_, sum)) => *sum += units,
        None => freed.push((key, units)),
    }
}
