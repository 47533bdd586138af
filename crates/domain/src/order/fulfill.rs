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

#[cfg(test)]
mod tests {
    use super::super::cancel;
    use super::super::samples::{A, B, after, paid, placed, sent};
    use super::*;

    fn ask(lines: &[(LineId, i64)]) -> Ship {
        Ship {
            id: FulfillmentId(4),
            lines: lines.to_vec(),
            tracking: None,
            by: "clerk".into(),
        }
    }

    #[test]
    fn units_leave_from_where_they_lie() {
        let shipped = fulfill(&paid(), &ask(&[(A, 3), (B, 1)])).expect("all is there");
        let named =
            |(key, units): &(LevelKey, i64)| format!("{units} of {} at {}", key.sku, key.store);
        let told: Vec<_> = shipped.taken.iter().map(named).collect();
        assert_eq!(told, ["2 of A at x", "1 of A at y", "1 of B at x"]);
        let rest = fulfill(&sent(2), &ask(&[(A, 1)])).expect("one is there");
        let told: Vec<_> = rest.taken.iter().map(named).collect();
        assert_eq!(told, ["1 of A at y"]);
        // Two lines of one SKU at one place are one movement.
        let mut order = paid();
        order.lines[1].sku = order.lines[0].sku.clone();
        let shipped = fulfill(&order, &ask(&[(A, 2), (B, 1)])).expect("all is there");
        let told: Vec<_> = shipped.taken.iter().map(named).collect();
        assert_eq!(told, ["3 of A at x"]);
    }

    #[test]
    fn nothing_leaves_that_is_not_paid_or_was_given_up() {
        let why = |order: &Order| match fulfill(order, &ask(&[(A, 1)])) {
            Err(Refusal::InvalidState { state, detail }) => (state, detail),
            other => panic!("refused: {other:?}"),
        };
        let (state, detail) = why(&placed());
        assert!(state == "placed" && detail.contains("is not paid yet"));
        let cancelled = cancel(&paid(), "buyer").expect("open").expect("first");
        let (state, detail) = why(&after(paid(), &cancelled.event));
        assert!(state == "cancelled" && detail.contains("is cancelled"));
    }

    #[test]
    fn no_more_leaves_than_is_open_and_lies_there() {
        let exceeds = |requested, remaining| {
            Err(Refusal::ExceedsRemaining {
                requested,
                remaining,
            })
        };
        assert_eq!(fulfill(&paid(), &ask(&[(A, 4)])), exceeds(4, 3));
        assert_eq!(fulfill(&sent(2), &ask(&[(A, 2)])), exceeds(2, 1));
        // The last one was promised beyond stock, and has not come yet.
        let mut order = paid();
        order.lines[0].sources.pop();
        let sku = order.lines[0].sku.clone();
        assert_eq!(
            fulfill(&order, &ask(&[(A, 3)])),
            Err(Refusal::short(&sku, 3, 2))
        );
        assert!(fulfill(&order, &ask(&[(A, 2)])).is_ok());
        // What was never counted anywhere leaves no stock.
        order.lines[0].sources.clear();
        let shipped = fulfill(&order, &ask(&[(A, 3)])).expect("untracked");
        assert_eq!(shipped.taken, []);
    }
}
