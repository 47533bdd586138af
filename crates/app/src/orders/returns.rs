//! Units come back.

use super::refund::{Start, start};
use super::stock::Levels;
use super::{Target, after};
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::cart::LineId;
use cartwright_domain::inventory::restock;
use cartwright_domain::order::{
    Ask, Cause, Order, RefundLine, ReturnState, SendBack, Shipping, Sum, To, What, came_from,
    cancel_return, receive, request_return, sum, taken_to,
};
use cartwright_domain::{Refusal, ReturnId, StoreId};
use smol_str::SmolStr;
use std::sync::Arc;

/// Expects units back that have left. Refused: `NotFound` (`order`, `line`), `VersionConflict`, `ExceedsRemaining`.
#[derive(Debug)]
pub struct RequestReturn {
    /// Which order.
    pub order: Target,
    /// The new return's id.
    pub id: ReturnId,
    /// Lines, each at most once, and how many units of each; at least one line, each at least 1.
    pub lines: Vec<(LineId, i64)>,
    /// For people.
    pub reason: SmolStr,
    /// Who asks.
    pub by: SmolStr,
}

impl Command for RequestReturn {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order.id));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let order = self.order.find(work)?;
        let event = request_return(
            order,
            &SendBack {
                id: self.id,
                lines: self.lines.clone(),
                reason: self.reason.clone(),
                by: self.by.clone(),
            },
        )?;
        let events = vec![Event::Order(order.id, event)];
        Ok(self.order.decided(events, true))
    }
}

/// The units of a return are here. Again: nothing changes. Refused: `NotFound` (`order`, `return`, `line`, `store`), `VersionConflict`,
/// `InvalidState`, `ExceedsRemaining`.
#[derive(Debug)]
pub struct ReceiveReturn {
    /// The order that it is of.
    pub order: Target,
    /// Which return.
    pub id: ReturnId,
    /// What came; `None`: all that was expected.
    pub lines: Option<Vec<(LineId, i64)>>,
    /// Where it came to; `None`: each unit to where it had left from.
    pub store: Option<StoreId>,
    /// Whether it can be sold again.
    pub restock: bool,
    /// Whether what was paid for it goes back, as far as that did not yet.
    pub refund: bool,
    /// Who takes it.
    pub by: SmolStr,
}

impl Command for ReceiveReturn {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order.id));
        keys.extend(self.store.clone().map(Key::Store));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let order = self.order.find(work)?;
        let lines = self.lines.as_deref();
        let Some(event) = receive(order, self.id, lines, &self.by)? else {
            return Ok(self.order.decided(Vec::new(), false));
        };
        if let Some(store) = &self.store
            && work.store(store)?.is_none()
        {
            return Err(Refusal::not_found("store", store).into());
        }
        let came = match (lines, order.return_of(self.id)) {
            (Some(lines), _) => lines.to_vec(),
            (None, Some(known)) => known.lines.clone(),
            (None, None) => Vec::new(),
        };
        let mut levels = Levels::new(work, moment.now);
        if self.restock {
            let units = match &self.store {
                Some(store) => taken_to(order, &came, store),
                None => came_from(order, &came),
            };
            levels.go(&units, |level, units| Ok(restock(level, units)))?;
        }
        let mut events = levels.into_events();
        let received = after(order, &event, moment.now);
        events.push(Event::Order(order.id, event));
        if received.exchange_of_return(self.id).is_some() {
            events.extend(self.give_difference(work, &received, &came, moment)?);
        } else if self.refund {
            events.extend(self.pay_back(work, &received, &came, moment)?);
        }
        Ok(self.order.decided(events, false))
    }
}

impl ReceiveReturn {
    /// The refund of what came, as far as it was not paid back before.
    fn pay_back(
        &self,
        work: &Work,
        order: &Arc<Order>,
        came: &[(LineId, i64)],
        moment: &mut Moment<'_>,
    ) -> Result<Vec<Event>, Stop> {
        let unpaid = came.iter().filter_map(|(id, units)| {
            let line = order.line(*id)?;
            let units = (line.quantity - line.refunded).min(*units);
            (units > 0).then_some((*id, units))
        });
        let lines: Vec<_> = unpaid.collect();
        if lines.is_empty() || order.money_left() == 0 {
            return Ok(Vec::new());
        }
        let reason = order.return_of(self.id).map(|it| it.reason.clone());
        let why = Start {
            reason: reason.unwrap_or_default(),
            asked: None,
            cause: Some(Cause::Returned(self.id)),
            to: To::Original,
            takes_back: false,
            by: self.by.clone(),
        };
        let ask = Ask {
            what: What::Lines(lines),
            shipping: Shipping::Kept,
        };
        let sum = sum(order, &ask)?;
        debug_assert_eq!(
            sum.lines
                .iter()
                .map(|it: &RefundLine| it.amount)
                .sum::<i64>(),
            sum.amount
        );
        start(work, order, sum, why, moment)
    }

    /// What the units that came were paid more than those that they were exchanged for.
    fn give_difference(
        &self,
        work: &Work,
        order: &Arc<Order>,
        came: &[(LineId, i64)],
        moment: &mut Moment<'_>,
    ) -> Result<Vec<Event>, Stop> {
        let Some(exchange) = order.exchange_of_return(self.id) else {
            return Ok(Vec::new());
        };
        let amount = exchange.due_for(came).min(order.money_left());
        if amount <= 0 {
            return Ok(Vec::new());
        }
        let why = Start {
            reason: SmolStr::new_static("exchange"),
            asked: None,
            cause: Some(Cause::Returned(self.id)),
            to: exchange.started.to,
            takes_back: false,
            by: self.by.clone(),
        };
        let sum = Sum {
            amount,
            shipping: 0,
            lines: Vec::new(),
        };
        start(work, order, sum, why, moment)
    }
}

/// Calls a return off. Again: nothing changes. Refused: `NotFound` (`order`, `return`), `VersionConflict`, `InvalidState`.
#[derive(Debug)]
pub struct CancelReturn {
    /// The order that it is of.
    pub order: Target,
    /// Which return.
    pub id: ReturnId,
    /// Who calls it off.
    pub by: SmolStr,
}

impl Command for CancelReturn {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order.id));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let order = self.order.find(work)?;
        let exchange = order.exchange_of_return(self.id);
        if let Some(made) = exchange
            .filter(|it| order.awaits(it))
            .and_then(|it| it.order)
        {
            let state = ReturnState::Requested.as_str();
            let detail =
                format!("other units were exchanged for these: cancel order {made} instead");
            return Err(Refusal::InvalidState { state, detail }.into());
        }
        let event = cancel_return(order, self.id, &self.by)?;
        let events = event.map(|event| Event::Order(order.id, event));
        Ok(self.order.decided(events.into_iter().collect(), false))
    }
}
