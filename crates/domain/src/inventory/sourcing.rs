//! Which location a line comes from. One function for the check and for the hold.

use super::Level;
use crate::location::Store;
use crate::place::Position;
use crate::planted::{Bug, planted};
use crate::{Country, StoreId};
use std::cmp::Ordering;

/// Whether one line may come from several locations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sourcing {
    /// A line comes from one location.
    #[default]
    Single,
    /// A line may come from several.
    Split,
}

/// A location that has a level of the SKU.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Where.
    pub store: &'a Store,
    /// How much is there.
    pub level: &'a Level,
    /// Units already taken by earlier lines of the same request.
    pub taken: i64,
}

impl Candidate<'_> {
    fn stock(&self) -> i64 {
        let spare = i64::from(planted(Bug::OffByOneStock));
        (self.level.available() - self.taken + spare).max(0)
    }

    fn sellable(&self) -> i64 {
        (self.level.sellable() - self.taken).max(0)
    }
}

fn rank(a: &Candidate<'_>, b: &Candidate<'_>, near: Option<&Position>) -> Ordering {
    let distance = |c: &Candidate<'_>| {
        near.zip(c.store.details.position)
            .map(|(near, there)| near.distance_km(&there))
    };
    let nearer = match (distance(a), distance(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => Ordering::Equal,
    };
    let (a_priority, b_priority) = (a.store.details.priority, b.store.details.priority);
    a_priority
        .cmp(&b_priority)
        .then(nearer)
        .then(b.stock().cmp(&a.stock()))
        .then_with(|| a.store.id.cmp(&b.store.id))
}

/// What can be had of a SKU for a country, and where most of it is: the fullest allowed location (`Single`) or the sum (`Split`).
/// `(0, None)` when no location is allowed.
pub fn available(
    candidates: &[Candidate<'_>],
    country: Option<Country>,
    sourcing: Sourcing,
) -> (i64, Option<StoreId>) {
    let allowed = || candidates.iter().filter(|c| c.store.ships_to(country));
    let fullest = allowed().max_by(|a, b| {
        a.sellable()
            .cmp(&b.sellable())
            .then_with(|| rank(b, a, None))
    });
    let units = match sourcing {
        Sourcing::Single => fullest.map_or(0, Candidate::sellable),
        Sourcing::Split => allowed().map(Candidate::sellable).sum(),
    };
    (units, fullest.map(|candidate| candidate.store.id.clone()))
}

/// Where `quantity` units come from: `(index of the candidate, units)`. `Err(available)` when they cannot be had.
pub fn source(
    candidates: &[Candidate<'_>],
    country: Option<Country>,
    near: Option<&Position>,
    sourcing: Sourcing,
    quantity: i64,
) -> Result<Vec<(usize, i64)>, i64> {
    let mut allowed: Vec<usize> = (0..candidates.len())
        .filter(|i| candidates[*i].store.ships_to(country))
        .collect();
    allowed.sort_by(|a, b| rank(&candidates[*a], &candidates[*b], near));
    let from_stock = allowed.iter().find(|i| candidates[**i].stock() >= quantity);
    let whole = from_stock.or_else(|| {
        allowed
            .iter()
            .find(|i| candidates[**i].sellable() >= quantity)
    });
    if let Some(index) = whole {
        return Ok(vec![(*index, quantity)]);
    }
    let (sellable, _) = available(candidates, country, sourcing);
    if sourcing == Sourcing::Single || sellable < quantity {
        return Err(sellable);
    }
    Ok(split(candidates, &allowed, quantity))
}

/// Takes from stock in order of rank, then beyond stock in the same order.
fn split(candidates: &[Candidate<'_>], allowed: &[usize], quantity: i64) -> Vec<(usize, i64)> {
    let mut parts: Vec<(usize, i64)> = Vec::new();
    let mut left = quantity;
    for beyond in [false, true] {
        for index in allowed {
            let candidate = &candidates[*index];
            let had = parts
                .iter()
                .find(|(i, _)| i == index)
                .map_or(0, |(_, units)| *units);
            let most = if beyond {
                candidate.sellable()
            } else {
                candidate.stock()
            };
            let units = left.min(most - had).max(0);
            match parts.iter_mut().find(|(i, _)| i == index) {
                Some(part) => part.1 += units,
                None if units > 0 => parts.push((*index, units)),
                None => {}
            }
            left -= units;
        }
    }
    parts
}

#[cfg(test)]
mod tests;
