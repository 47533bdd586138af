//! Giving up what has not left, with the money that goes back for it.

use super::refund::{Start, start};
use super::stock::Levels;
use super::{Target, after, existing};
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::OrderId;
use cartwright_domain::inventory::give_up;
use cartwright_domain::order::{Cause, Order, To, cancel, owed, take_back};
use smol_str::SmolStr;
use std::sync::Arc;

/// Gives up what has not left: its units are free again, and what was paid for them goes back, at once or as soon as it is
/// taken. Again: nothing changes. Refused: `NotFound` (`order`), `VersionConflict`, `InvalidState` when all has left.
#[derive(Debug)]
pub struct CancelOrder {
    /// Which order.
    pub order: Target,
    /// Who gives it up.
    pub by: SmolStr,
}

impl Command for CancelOrder {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let order = self.order.find(work)?;
        let Some(cancelled) = cancel(order, &self.by)? else {
            return Ok(self.order.decided(Vec::new(), false));
        };
        let mut levels = Levels::new(work, moment.now);
        levels.go(&cancelled.freed, |level, units| Ok(give_up(level, units)))?;
        let mut events = levels.into_events();
        let given_up = after(order, &cancelled.event, moment.now);
        events.push(Event::Order(order.id, cancelled.event));
        if given_up.is_paid {
            events.extend(pay_back(work, &given_up, &self.by, moment)?);
        }
        Ok(self.order.decided(events, false))
    }
}

/// Starts the refund of an order that was given up before its money was taken, now that it is. Refused: `NotFound` (`order`).
#[derive(Debug)]
pub struct RefundCancelled {
    /// Which order.
    pub order: OrderId,
}

impl Command for RefundCancelled {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let target = Target {
            id: self.order,
            expected_version: None,
        };
        let order = target.find(work)?;
        let events = if order.owes && order.is_paid {
            pay_back(work, order, "", moment)?
        } else {
            Vec::new()
        };
        Ok(target.decided(events, false))
    }
}

/// The refund of what was given up; none where nothing is owed. Nothing of an exchange is left when its units have not come yet:
/// what they paid is their own order's again.
fn pay_back(
    work: &Work,
    order: &Arc<Order>,
    by: &str,
    moment: &mut Moment<'_>,
) -> Result<Vec<Event>, Stop> {
    let taken_back = exchange_taken_back(work, order)?;
    let sum = owed(order);
    if sum.amount == 0 {
        return Ok(taken_back.into_iter().collect());
    }
    let why = Start {
        reason: SmolStr::new_static("cancelled"),
        asked: None,
        cause: Some(Cause::Cancelled),
        to: To::Original,
        takes_back: taken_back.is_some(),
        by: by.into(),
    };
    let mut events = start(work, order, sum, why, moment)?;
    events.extend(taken_back);
    Ok(events)
}

/// The end of the exchange that made an order, when that was given up as a whole and its units are still expected.
fn exchange_taken_back(work: &Work, order: &Order) -> Result<Option<Event>, Stop> {
    let Some(of) = order.exchange_of else {
        return Ok(None);
    };
    let is_whole = order.lines.iter().all(|line| line.fulfilled == 0)
        && order.refunds.iter().all(|refund| refund.is_void());
    let exchanged = existing(work, of)?;
    let Some(exchange) = exchanged.exchange_for(order.id).filter(|_| is_whole) else {
        return Ok(None);
    };
    let event = take_back(exchanged, exchange.started.id);
    Ok(event.map(|event| Event::Order(of, event)))
}
