//! Units that come back: asked for, then received or called off.

use super::{Event, Order};
use crate::cart::LineId;
use crate::inventory::LevelKey;
use crate::planted::{Bug, planted};
use crate::words::words;
use crate::{RefundId, Refusal, ReturnId, StoreId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Where a return stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnState {
    /// The units are expected.
    Requested,
    /// They are here.
    Received,
    /// They are not expected any more.
    Cancelled,
}

words!(ReturnState {
    Requested = "requested",
    Received = "received",
    Cancelled = "cancelled",
});

/// Units of an order on their way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// Made by the shop.
    pub id: ReturnId,
    /// Where it stands.
    pub state: ReturnState,
    /// Which lines, and how many units of each are expected.
    pub lines: Vec<(LineId, i64)>,
    /// Which of them came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub received: Vec<(LineId, i64)>,
    /// For people.
    pub reason: SmolStr,
    /// The money that went back for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundId>,
    /// When it was asked for.
    pub requested_at: Time,
    /// When it was received or called off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
}

/// Which units shall come back.
#[derive(Debug, Clone)]
pub struct SendBack {
    /// The new return's id.
    pub id: ReturnId,
    /// Lines, each at most once, and how many units of each; at least one line, each at least 1.
    pub lines: Vec<(LineId, i64)>,
    /// For people.
    pub reason: SmolStr,
    /// Who asks.
    pub by: SmolStr,
}

/// Expects units back that have left.
///
/// Errors: [`Refusal::NotFound`] (`line`); [`Refusal::ExceedsRemaining`] for more than has left and neither came back nor is expected.
pub fn request_return(order: &Order, ask: &SendBack) -> Result<Event, Refusal> {
    for (id, units) in &ask.lines {
        let line = order
            .line(*id)
            .ok_or_else(|| Refusal::not_found("line", id))?;
        let remaining = line.fulfilled - line.returned - order.expected_back(*id);
        if *units > remaining {
            return Err(Refusal::ExceedsRemaining {
                requested: *units,
                remaining: remaining.max(0),
            });
        }
    }
    Ok(Event::ReturnRequested {
        id: ask.id,
        lines: ask.lines.clone(),
        reason: ask.reason.clone(),
        by: ask.by.clone(),
    })
}

/// The units of a return are here: all of them, or only `lines`. `None`: that was said before, nothing changes.
///
/// Errors: [`Refusal::NotFound`] (`return`, `line`); [`Refusal::InvalidState`] for one that was called off;
/// [`Refusal::ExceedsRemaining`] for more than was asked for.
pub fn receive(
    order: &Order,
    id: ReturnId,
    lines: Option<&[(LineId, i64)]>,
    by: &str,
) -> Result<Option<Event>, Refusal> {
    let known = find(order, id)?;
    match known.state {
        ReturnState::Received if planted(Bug::ReturnTakenTwice) => {}
        ReturnState::Received => return Ok(None),
        ReturnState::Cancelled => return Err(ended(known)),
        ReturnState::Requested => {}
    }
    let lines = lines.unwrap_or(&known.lines);
    for (id, units) in lines {
        let expected = known.lines.iter().find(|(line, _)| line == id);
        let (_, expected) = expected.ok_or_else(|| Refusal::not_found("line", id))?;
        if units > expected {
            return Err(Refusal::ExceedsRemaining {
                requested: *units,
                remaining: *expected,
            });
        }
    }
    Ok(Some(Event::ReturnReceived {
        id,
        lines: lines.to_vec(),
        by: by.into(),
    }))
}

/// Calls a return off. `None`: that was done before, nothing changes.
///
/// Errors: [`Refusal::NotFound`] (`return`); [`Refusal::InvalidState`] once its units are here.
pub fn cancel_return(order: &Order, id: ReturnId, by: &str) -> Result<Option<Event>, Refusal> {
    let known = find(order, id)?;
    match known.state {
        ReturnState::Cancelled => Ok(None),
        ReturnState::Received => Err(ended(known)),
        ReturnState::Requested => Ok(Some(Event::ReturnCancelled { id, by: by.into() })),
    }
}

/// Where units of a line that come back belong: where they left from, the first to leave first; units that came back before are
/// left out.
pub fn came_from(order: &Order, lines: &[(LineId, i64)]) -> Vec<(LevelKey, i64)> {
    let mut levels: Vec<(LevelKey, i64)> = Vec::new();
    for (id, units) in lines {
        let Some(line) = order.line(*id) else {
            continue;
        };
        let (mut before, mut left) = (line.returned, *units);
        for source in &line.shipped {
            let skipped = before.min(source.units);
            before -= skipped;
            let here = left.min(source.units - skipped);
            if here > 0 {
                left -= here;
                add(&mut levels, &line.sku, &source.store, here);
            }
        }
    }
    levels
}

/// The same units, all taken to one location.
pub fn taken_to(order: &Order, lines: &[(LineId, i64)], store: &StoreId) -> Vec<(LevelKey, i64)> {
    let mut levels = Vec::new();
    for (id, units) in lines {
        if let Some(line) = order.line(*id) {
            add(&mut levels, &line.sku, store, *units);
        }
    }
    levels
}

fn add(levels: &mut Vec<(LevelKey, i64)>, sku: &crate::Sku, store: &StoreId, units: i64) {
    let key = LevelKey {
        sku: sku.clone(),
        store: store.clone(),
    };
    match levels.iter_mut().find(|(known, _)| *known == key) {
        Some((_, sum)) => *sum += units,
        None => levels.push((key, units)),
    }
}

fn find(order: &Order, id: ReturnId) -> Result<&Return, Refusal> {
    order
        .return_of(id)
        .ok_or_else(|| Refusal::not_found("return", id))
}

fn ended(known: &Return) -> Refusal {
    let state = known.state.as_str();
    Refusal::InvalidState {
        state,
        detail: format!("return {} is {state} already", known.id),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{A, B, after, paid, sent, store};
    use super::*;
    use crate::order::State;

    fn ask(id: u128, lines: &[(LineId, i64)]) -> SendBack {
        SendBack {
            id: ReturnId(id),
            lines: lines.to_vec(),
            reason: "too small".into(),
            by: "buyer".into(),
        }
    }

    fn requested(order: Order, id: u128, units: i64) -> Order {
        let event = request_return(&order, &ask(id, &[(A, units)])).expect("they have left");
        after(order, &event)
    }

    fn exceeds<T>(requested: i64, remaining: i64) -> Result<T, Refusal> {
        Err(Refusal::ExceedsRemaining {
            requested,
            remaining,
        })
    }

    #[test]
    fn only_what_has_left_can_come_back_and_once() {
        assert_eq!(request_return(&paid(), &ask(1, &[(A, 1)])), exceeds(1, 0));
        let order = requested(sent(3), 1, 2);
        assert_eq!(request_return(&order, &ask(2, &[(A, 2)])), exceeds(2, 1));
        let event = cancel_return(&order, ReturnId(1), "x").expect("open");
        let order = after(order, &event.expect("first"));
        assert_eq!(cancel_return(&order, ReturnId(1), "x"), Ok(None));
        assert!(receive(&order, ReturnId(1), None, "x").is_err());
        let order = requested(order, 2, 3);
        let event = receive(&order, ReturnId(2), None, "x").expect("open");
        let order = after(order, &event.expect("first"));
        assert_eq!(order.line(A).expect("A").returned, 3);
        assert_eq!(receive(&order, ReturnId(2), None, "x"), Ok(None));
        assert!(cancel_return(&order, ReturnId(2), "x").is_err());
        assert_eq!(request_return(&order, &ask(3, &[(A, 1)])), exceeds(1, 0));
        assert_eq!(order.state, State::Placed, "B is still to be sent");
    }

    #[test]
    fn fewer_may_come_than_were_asked_for() {
        let order = requested(sent(3), 1, 3);
        let too_many = receive(&order, ReturnId(1), Some(&[(A, 4)]), "x");
        assert_eq!(too_many, exceeds(4, 3));
        assert!(receive(&order, ReturnId(1), Some(&[(B, 1)]), "x").is_err());
        let event = receive(&order, ReturnId(1), Some(&[(A, 1)]), "x").expect("open");
        let order = after(order, &event.expect("first"));
        assert_eq!(order.returns[0].received, [(A, 1)]);
        // What did not come can be asked for again.
        assert_eq!(order.expected_back(A), 0);
        assert!(request_return(&order, &ask(2, &[(A, 2)])).is_ok());
    }

    #[test]
    fn units_go_back_where_they_came_from() {
        let order = sent(3);
        let told = |order: &Order, units| {
            let levels = came_from(order, &[(A, units)]);
            let names = levels.into_iter().map(|(key, n)| (key.store, n));
            names.collect::<Vec<_>>()
        };
        assert_eq!(told(&order, 3), [(store("x"), 2), (store("y"), 1)]);
        let order = after(
            order,
            &Event::ReturnReceived {
                id: ReturnId(9),
                lines: vec![(A, 1)],
                by: "x".into(),
            },
        );
        assert_eq!(told(&order, 2), [(store("x"), 1), (store("y"), 1)]);
        let all = taken_to(&order, &[(A, 2)], &store("z"));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].1, 2);
    }

    #[test]
    fn what_is_expected_or_came_back_is_not_asked_for_again() {
        let order = requested(sent(3), 1, 1);
        assert_eq!(request_return(&order, &ask(2, &[(A, 3)])), exceeds(3, 2));
        assert!(request_return(&order, &ask(2, &[(A, 2)])).is_ok());
        let mut over = order;
        over.lines[0].returned = 3;
        assert_eq!(request_return(&over, &ask(2, &[(A, 1)])), exceeds(1, 0));
        let unknown = request_return(&over, &ask(2, &[(LineId(9), 1)]));
        assert_eq!(unknown, Err(Refusal::not_found("line", LineId(9))));
    }

    #[test]
    fn a_return_that_ended_says_how_and_an_unknown_one_that_it_is_none() {
        let order = requested(sent(3), 1, 2);
        let none = Refusal::not_found("return", ReturnId(9));
        assert_eq!(receive(&order, ReturnId(9), None, "x"), Err(none.clone()));
        assert_eq!(cancel_return(&order, ReturnId(9), "x"), Err(none));
        let event = receive(&order, ReturnId(1), None, "clerk").expect("open");
        let expected = Event::ReturnReceived {
            id: ReturnId(1),
            lines: vec![(A, 2)],
            by: "clerk".into(),
        };
        assert_eq!(event, Some(expected.clone()));
        let received = after(order.clone(), &expected);
        let known = &received.returns[0];
        assert_eq!(
            (known.state, known.ended_at),
            (ReturnState::Received, Some(Time(9)))
        );
        let refused = cancel_return(&received, ReturnId(1), "x");
        assert!(
            matches!(&refused, Err(Refusal::InvalidState { state: "received", detail }) if detail.contains("received")),
            "{refused:?}"
        );
    }

    #[test]
    fn what_goes_to_one_place_is_one_movement() {
        let mut order = sent(3);
        order.lines[1].sku = order.lines[0].sku.clone();
        let all = taken_to(&order, &[(A, 2), (B, 1)], &store("z"));
        let [(key, units)] = all.as_slice() else {
            panic!("one level: {all:?}");
        };
        assert_eq!((&key.store, *units), (&store("z"), 3));
        // Nothing of B has left, so that nothing of it comes from anywhere.
        let back = came_from(&order, &[(B, 1), (A, 1)]);
        assert_eq!(back.len(), 1);
        assert_eq!(back[0].1, 1);
    }
}
