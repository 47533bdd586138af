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

#[cfg(test)]
mod tests {
    use super::super::samples::{A, B, after, paid, sent};
    use super::super::{SendBack, request_return};
    use super::*;
    use crate::ReturnId;

    fn named(units: &[(LevelKey, i64)]) -> Vec<(String, String, i64)> {
        let named =
            |(key, units): &(LevelKey, i64)| (key.sku.to_string(), key.store.to_string(), *units);
        units.iter().map(named).collect()
    }

    fn at(sku: &str, store: &str, units: i64) -> (String, String, i64) {
        (sku.to_owned(), store.to_owned(), units)
    }

    #[test]
    fn what_has_not_left_is_free_where_it_lies() {
        let done = restock(&paid(), &[(A, 3), (B, 1)]).expect("all is there");
        assert_eq!(
            named(&done.freed),
            [at("A", "x", 2), at("A", "y", 1), at("B", "x", 1)]
        );
        assert_eq!(done.back, []);
        let order = after(paid(), &done.event);
        assert!(order.lines.iter().all(|line| line.open() == 0));
        let units = order.lines.iter().flat_map(|line| &line.sources);
        assert_eq!(units.map(|it| it.units).sum::<i64>(), 0);
    }

    #[test]
    fn lines_of_one_sku_at_one_place_are_one_movement() {
        let mut order = paid();
        order.lines[1].sku = order.lines[0].sku.clone();
        let done = restock(&order, &[(A, 2), (B, 1)]).expect("all is there");
        assert_eq!(named(&done.freed), [at("A", "x", 3)]);
    }

    #[test]
    fn no_more_than_is_away_or_open() {
        let exceeds = |requested, remaining| {
            Err(Refusal::ExceedsRemaining {
                requested,
                remaining,
            })
        };
        assert_eq!(restock(&paid(), &[(A, 4)]), exceeds(4, 3));
        assert_eq!(restock(&sent(3), &[(A, 4)]), exceeds(4, 3));
        // One is expected back by itself.
        let ask = SendBack {
            id: ReturnId(1),
            lines: vec![(A, 1)],
            reason: "too small".into(),
            by: "buyer".into(),
        };
        let order = sent(3);
        let event = request_return(&order, &ask).expect("they have left");
        let order = after(order, &event);
        assert_eq!(restock(&order, &[(A, 3)]), exceeds(3, 2));
        let done = restock(&order, &[(A, 2)]).expect("two are away");
        assert_eq!(done.freed, []);
        assert_eq!(named(&done.back), [at("A", "x", 2)]);
        let order = after(order, &done.event);
        assert_eq!(order.line(A).map(|it| it.returned), Some(2));
        // The next one to come back left from the other place.
        let event = super::super::cancel_return(&order, ReturnId(1), "x").expect("open");
        let order = after(order, &event.expect("first"));
        let done = restock(&order, &[(A, 1)]).expect("one is away");
        assert_eq!(named(&done.back), [at("A", "y", 1)]);
    }

    #[test]
    fn an_event_names_only_lines_of_which_something_moves() {
        let moved = |order: &Order, units| {
            let done = restock(order, &[(A, units)]).expect("they are there");
            let Event::Restocked { given_up, back, .. } = done.event else {
                panic!("restocked: {:?}", done.event);
            };
            (given_up, back)
        };
        assert_eq!(moved(&paid(), 2), (vec![(A, 2)], vec![]));
        assert_eq!(moved(&sent(3), 2), (vec![], vec![(A, 2)]));
        assert_eq!(moved(&sent(1), 3), (vec![(A, 2)], vec![(A, 1)]));
    }
}
