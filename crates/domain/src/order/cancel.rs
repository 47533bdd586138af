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

#[cfg(test)]
mod tests {
    use super::super::samples::{A, B, after, paid, sent, store};
    use super::*;
    use crate::order::{Line, restock};

    fn freed(order: &Order) -> Vec<(String, String, i64)> {
        let cancelled = cancel(order, "buyer").expect("open").expect("first");
        let named =
            |(key, units): (LevelKey, i64)| (key.sku.to_string(), key.store.to_string(), units);
        cancelled.freed.into_iter().map(named).collect()
    }

    fn at(sku: &str, store: &str, units: i64) -> (String, String, i64) {
        (sku.to_owned(), store.to_owned(), units)
    }

    #[test]
    fn what_has_not_left_is_free_where_it_lies() {
        assert_eq!(
            freed(&paid()),
            [at("A", "x", 2), at("A", "y", 1), at("B", "x", 1)]
        );
        assert_eq!(freed(&sent(2)), [at("A", "y", 1), at("B", "x", 1)]);
        // Two lines of one SKU at one place are one movement.
        let mut order = paid();
        let twin = Line {
            sku: order.lines[0].sku.clone(),
            ..order.lines[1].clone()
        };
        order.lines[1] = twin;
        assert_eq!(freed(&order), [at("A", "x", 3), at("A", "y", 1)]);
        assert_eq!(order.lines[1].sources[0].store, store("x"));
    }

    #[test]
    fn what_is_done_cannot_be_given_up() {
        let order = paid();
        let done = restock(&order, &[(A, 3), (B, 1)]).expect("all is there");
        let order = after(order, &done.event);
        assert_eq!(cancel(&order, "buyer"), Ok(None));
        // A part of it was given up before, and the rest has left.
        let mut order = sent(3);
        let last = restock(&order, &[(B, 1)]).expect("it is there");
        order = after(order, &last.event);
        assert_eq!(order.state, State::Completed);
        assert_eq!(cancel(&order, "buyer"), Ok(None));
    }
}
