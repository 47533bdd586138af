//! Units that come back for others: what was paid for them pays for a new order, as far as it goes.

use super::refund::{Ask, RefundLine, RefundState, Shipping, What, parts, sum};
use super::returns::{Return, ReturnState, SendBack, request_return};
use super::{Event, Order, To};
use crate::cart::LineId;
use crate::payment::Payment;
use crate::words::words;
use crate::{CheckoutId, ExchangeId, OrderId, PaymentId, RefundId, Refusal, ReturnId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Where an exchange stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeState {
    /// The new order is being paid for.
    Processing,
    /// There is a new order, and units are or were expected back.
    Completed,
    /// It was not paid for: nothing of it is left.
    Undone,
    /// The new order was given up before anything came back: this order stands as before.
    Cancelled,
}

words!(ExchangeState {
    Processing = "processing",
    Completed = "completed",
    Undone = "undone",
    Cancelled = "cancelled",
});

/// What an exchange begins with. Amounts are in minor units of the order's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeStarted {
    /// Made by the shop.
    pub id: ExchangeId,
    /// The return that there will be.
    pub return_id: ReturnId,
    /// The checkout that makes the new order.
    pub checkout: CheckoutId,
    /// The units that come back, and what was paid for them.
    pub lines: Vec<RefundLine>,
    /// Which payments of this order pay how much of the new one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credit: Vec<(PaymentId, i64)>,
    /// What the new units cost less than those that come back: it goes back on receipt.
    #[serde(default, skip_serializing_if = "super::line::is_zero")]
    pub due: i64,
    /// Where that goes.
    #[serde(default, skip_serializing_if = "To::is_original")]
    pub to: To,
    /// Hashes of the request: of its idempotency key, and of its payload.
    pub asked: (SmolStr, SmolStr),
    /// Who asked.
    pub by: SmolStr,
}

/// Units that come back for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// What it began with.
    #[serde(flatten)]
    pub started: ExchangeStarted,
    /// Where it stands.
    pub state: ExchangeState,
    /// The new order, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The refund of this order that pays for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundId>,
    /// When it began.
    pub at: Time,
}

impl Exchange {
    pub(super) fn begun(started: &ExchangeStarted, at: Time) -> Self {
        Self {
            started: started.clone(),
            state: ExchangeState::Processing,
            order: None,
            refund: None,
            at,
        }
    }

    /// What was paid for the units that come back.
    pub fn value(&self) -> i64 {
        self.started.lines.iter().map(|line| line.amount).sum()
    }

    /// How much of that pays for the new order.
    pub fn credit(&self) -> i64 {
        self.started.credit.iter().map(|(_, amount)| amount).sum()
    }

    /// What the exchange's refund gives for each line: the credit, in proportion to what was paid; the last line takes the rest.
    pub fn credited(&self) -> Vec<RefundLine> {
        let (value, credit) = (self.value(), self.credit());
        let (mut paid, mut given) = (0, 0);
        let lines = self.started.lines.iter().map(|line| {
            paid += line.amount;
            let upto = super::refund::part_of(credit, paid, value);
            let amount = upto - given;
            given = upto;
            RefundLine { amount, ..*line }
        });
        lines.collect()
    }

    /// What goes back once these units came: nothing for those that did not.
    pub fn due_for(&self, came: &[(LineId, i64)]) -> i64 {
        if self.started.due == 0 {
            return 0;
        }
        let worth = came.iter().filter_map(|(id, units)| {
            let line = self.started.lines.iter().find(|line| line.id == *id)?;
            Some(super::refund::part_of(line.amount, *units, line.units))
        });
        (worth.sum::<i64>() - self.credit()).max(0)
    }
}

/// What shall be exchanged.
#[derive(Debug, Clone)]
pub struct Swap {
    /// Units that come back: lines, each at most once, each at least 1; at least one line.
    pub back: SendBack,
    /// What the new units cost, in minor units of the order's currency.
    pub price: i64,
}

/// What an exchange comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped {
    /// The units that come back, and what was paid for them.
    pub lines: Vec<RefundLine>,
    /// Which payments of this order pay how much of the new one.
    pub credit: Vec<(PaymentId, i64)>,
    /// What is to be paid beyond that.
    pub to_pay: i64,
    /// What goes back on receipt.
    pub due: i64,
}

/// What an exchange comes to. `payments` are the order's own.
///
/// Errors: [`Refusal::NotFound`] (`line`); [`Refusal::ExceedsRemaining`] for more than has left and neither came back, is expected
/// nor was paid back.
pub fn swap(order: &Order, payments: &[&Payment], ask: &Swap) -> Result<Swapped, Refusal> {
    request_return(order, &ask.back)?;
    let units = Ask {
        what: What::Lines(ask.back.lines.clone()),
        shipping: Shipping::Kept,
    };
    let worth = sum(order, &units)?;
    let credit = worth.amount.min(ask.price);
    Ok(Swapped {
        credit: parts(order, payments, credit)?,
        lines: worth.lines,
        to_pay: ask.price - credit,
        due: worth.amount - credit,
    })
}

impl Order {
    /// An exchange by its id.
    pub fn exchange(&self, id: ExchangeId) -> Option<&Exchange> {
        self.exchanges.iter().find(|it| it.started.id == id)
    }

    /// The exchange that a return belongs to.
    pub fn exchange_of_return(&self, id: ReturnId) -> Option<&Exchange> {
        self.exchanges.iter().find(|it| it.started.return_id == id)
    }

    /// The exchange that made an order.
    pub fn exchange_for(&self, order: OrderId) -> Option<&Exchange> {
        self.exchanges.iter().find(|it| it.order == Some(order))
    }

    /// Whether the units of an exchange are still expected, and all of it can be taken back.
    pub fn awaits(&self, exchange: &Exchange) -> bool {
        let back = self.return_of(exchange.started.return_id);
        exchange.state == ExchangeState::Completed
            && back.is_some_and(|it| it.state == ReturnState::Requested)
    }

    fn processing(&self) -> impl Iterator<Item = &Exchange> {
        let exchanges = self.exchanges.iter();
        exchanges.filter(|it| it.state == ExchangeState::Processing)
    }

    /// Units of a line that exchanges are about which are not paid yet.
    pub(super) fn units_aside(&self, id: LineId) -> i64 {
        let lines = self.processing().flat_map(|it| &it.started.lines);
        let lines = lines.filter(|line| line.id == id);
        lines.map(|line| line.units).sum()
    }

    /// Money that exchanges have been promised: what pays for them, and what goes back on receipt.
    pub(super) fn money_aside(&self) -> i64 {
        let promised: i64 = self.processing().map(Exchange::value).sum();
        let open = self.exchanges.iter().filter(|it| self.awaits(it));
        promised + open.map(|it| it.started.due).sum::<i64>()
    }

    /// Money of a payment that exchanges take which are not paid yet.
    pub(super) fn taken_aside(&self, id: PaymentId) -> i64 {
        let parts = self.processing().flat_map(|it| &it.started.credit);
        let parts = parts.filter(|(payment, _)| *payment == id);
        parts.map(|(_, amount)| amount).sum()
    }

    /// The new order of an exchange is paid: its units are expected back.
    pub(super) fn exchange_stands(&mut self, id: ExchangeId, made: OrderId, at: Time) {
        let Some(known) = self.exchanges.iter_mut().find(|it| it.started.id == id) else {
            return;
        };
        known.state = ExchangeState::Completed;
        known.order = Some(made);
        let lines = known.started.lines.iter().map(|it| (it.id, it.units));
        self.returns.push(Return {
            id: known.started.return_id,
            state: ReturnState::Requested,
            lines: lines.collect(),
            received: Vec::new(),
            reason: SmolStr::new_static("exchange"),
            refund: None,
            requested_at: at,
            ended_at: None,
        });
    }

    /// Its units are not expected any more, and the refund that paid for others is void.
    pub(super) fn exchange_taken_back(&mut self, id: ExchangeId, at: Time) {
        self.exchange_ends(id, ExchangeState::Cancelled);
        let Some(known) = self.exchange(id) else {
            return;
        };
        let (back, refund) = (known.started.return_id, known.refund);
        self.end_return(back, ReturnState::Cancelled, &[], at);
        if let Some(id) = refund {
            self.count_refunded(id, -1);
            if let Some(refund) = self.refunds.iter_mut().find(|it| it.id == id) {
                for part in &mut refund.parts {
                    part.state = RefundState::Failed;
                }
            }
        }
    }

    pub(super) fn exchange_ends(&mut self, id: ExchangeId, state: ExchangeState) {
        if let Some(known) = self.exchanges.iter_mut().find(|it| it.started.id == id) {
            known.state = state;
        }
    }
}

/// Gives an exchange up whose units are still expected, because its order was given up: this order stands as before.
pub fn take_back(order: &Order, id: ExchangeId) -> Option<Event> {
    let exchange = order.exchange(id)?;
    order
        .awaits(exchange)
        .then_some(Event::ExchangeCancelled { id })
}

#[cfg(test)]
mod tests;
