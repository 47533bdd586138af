//! The order, and its state after what happens to it.

use super::event::{Event, Placed};
use super::exchange::{Exchange, ExchangeState};
use super::line::{Line, Source};
use super::refund::{Refund, RefundStarted, RefundState};
use super::returns::{Return, ReturnState};
use super::state::{FulfillmentState, State};
use super::{Cause, Happened};
use crate::cart::LineId;
use crate::checkout::Totals;
use crate::entity::Entity;
use crate::planted::{Bug, planted};
use crate::{
    CartId, CheckoutId, ContactId, Country, Currency, FulfillmentId, OrderId, PaymentId, RefundId,
    ReservationId, ReturnId, StoreId, Time,
};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// How a parcel is followed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tracking {
    /// Who carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<SmolStr>,
    /// Its number there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<SmolStr>,
    /// Where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<SmolStr>,
}

/// Units that left together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fulfillment {
    /// Made by the shop.
    pub id: FulfillmentId,
    /// Which lines, and how many units of each.
    pub lines: Vec<(LineId, i64)>,
    /// How it is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Tracking>,
    /// When.
    pub at: Time,
}

/// What was sold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Made by the shop.
    pub id: OrderId,
    /// Raised by each change.
    pub version: u64,
    /// Where it is in its life.
    pub state: State,
    /// Rising, without meaning.
    pub number: u64,
    /// Which checkout made it.
    pub checkout: CheckoutId,
    /// By which of its attempts.
    pub attempt: u32,
    /// Which cart it was.
    pub cart: CartId,
    /// Whose it is, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<SmolStr>,
    /// Under which id the person's data stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// Where it goes.
    pub country: Country,
    /// What it was paid in.
    pub currency: Currency,
    /// What was bought, in the order of the cart.
    pub lines: Vec<Line>,
    /// What it came to.
    pub totals: Totals,
    /// What it is paid with, in the order in which they were asked.
    pub payments: Vec<PaymentId>,
    /// The hold that became its own.
    pub reservation: ReservationId,
    /// Whether all its money was taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_paid: bool,
    /// Its invoice's number, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<u64>,
    /// What has left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fulfillments: Vec<Fulfillment>,
    /// Money that goes or went back, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
    /// Units that come or came back, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returns: Vec<Return>,
    /// The order whose units come back for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange_of: Option<OrderId>,
    /// Units that come or came back for others, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<Exchange>,
    /// Whether it was given up before its money was taken, which then goes back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owes: bool,
    /// What happened to it, oldest first.
    pub history: Vec<Happened>,
    /// When it was placed.
    pub placed_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

impl Entity for Order {
    type Key = OrderId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &OrderId, event: &Event, at: Time) {
        if let Event::Placed(placed) = event {
            *state = Some(Arc::new(Self::begun(*key, placed, at)));
            return;
        }
        let Some(order) = state.as_mut().map(Arc::make_mut) else {
            return;
        };
        order.version += 1;
        order.updated_at = at;
        order.history.push(Happened::of(event, at));
        match event {
            Event::Placed(_) => {}
            Event::Paid { invoice } => {
                order.is_paid = true;
                order.invoice = Some(*invoice);
            }
            Event::Fulfilled {
                id,
                lines,
                taken,
                tracking,
                by: _,
            } => {
                order.leave(lines, taken);
                order.fulfillments.push(Fulfillment {
                    id: *id,
                    lines: lines.clone(),
                    tracking: tracking.clone(),
                    at,
                });
            }
            Event::Cancelled { .. } => order.give_up(),
            Event::Restocked {
                given_up,
                taken,
                back,
            } => order.restock(given_up, taken, back),
            Event::RefundStarted(started) => order.refund_begins(started, at),
            Event::RefundAnswered { id, payment, state } => {
                order.refund_goes_on(*id, *payment, *state, at);
            }
            Event::ReturnRequested {
                id, lines, reason, ..
            } => order.returns.push(Return {
                id: *id,
                state: ReturnState::Requested,
                lines: lines.clone(),
                received: Vec::new(),
                reason: reason.clone(),
                refund: None,
                requested_at: at,
                ended_at: None,
            }),
            Event::ReturnReceived { id, lines, .. } => {
                order.come_back(lines);
                order.end_return(*id, ReturnState::Received, lines, at);
            }
            Event::ReturnCancelled { id, .. } => {
                order.end_return(*id, ReturnState::Cancelled, &[], at);
            }
            Event::ExchangeStarted(started) => {
                order.exchanges.push(Exchange::begun(started, at));
            }
            Event::ExchangePlaced {
                id, order: made, ..
            } => {
                order.exchange_stands(*id, *made, at);
            }
            Event::ExchangeUndone { id } => order.exchange_ends(*id, ExchangeState::Undone),
            Event::ExchangeCancelled { id } => order.exchange_taken_back(*id, at),
            Event::RefundResolved { id, state, .. } => {
                let open = order.refund(*id).into_iter().flat_map(|it| &it.parts);
                let open = open.filter(|part| part.state.is_open());
                for payment in open.map(|part| part.payment).collect::<Vec<_>>() {
                    order.refund_goes_on(*id, payment, *state, at);
                }
            }
        }
        if order.state == State::Placed && order.is_paid && order.is_fulfilled() {
            order.state = order.end();
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Order {
    fn begun(id: OrderId, placed: &Placed, at: Time) -> Self {
        Self {
            id,
            version: 1,
            state: State::Placed,
            number: placed.number,
            checkout: placed.checkout,
            attempt: placed.attempt,
            cart: placed.cart,
            customer: placed.customer.clone(),
            contact: placed.contact,
            country: placed.country,
            currency: placed.currency,
            lines: placed.lines.clone(),
            totals: placed.totals,
            payments: placed.payments.clone(),
            reservation: placed.reservation,
            is_paid: false,
            invoice: None,
            fulfillments: Vec::new(),
            refunds: Vec::new(),
            returns: Vec::new(),
            exchange_of: placed.exchange_of,
            exchanges: Vec::new(),
            owes: false,
            history: vec![Happened::placed(at)],
            placed_at: at,
            updated_at: at,
        }
    }

    fn leave(&mut self, lines: &[(LineId, i64)], taken: &[(LineId, StoreId, i64)]) {
        for (id, units) in lines {
            if let Some(line) = self.lines.iter_mut().find(|line| line.id == *id) {
                line.fulfilled += units;
            }
        }
        for (id, store, units) in taken {
            self.take(*id, store, *units);
            if let Some(line) = self.lines.iter_mut().find(|line| line.id == *id) {
                line.shipped.push(Source {
                    store: store.clone(),
                    units: *units,
                });
            }
        }
    }

    /// Units of a line lie at a location no more.
    fn take(&mut self, id: LineId, store: &StoreId, units: i64) {
        let line = self.lines.iter_mut().find(|line| line.id == id);
        let source = line.and_then(|line| line.sources.iter_mut().find(|it| it.store == *store));
        if let Some(source) = source {
            source.units -= units;
        }
    }

    fn give_up(&mut self) {
        for line in &mut self.lines {
            line.cancelled += line.open();
            line.sources.clear();
        }
        self.state = self.end();
        self.owes = !self.is_paid && self.totals.total > 0 && !planted(Bug::OwedForgotten);
    }

    /// How it ends when nothing is left to do.
    fn end(&self) -> State {
        if self.lines.iter().any(|line| line.fulfilled > 0) {
            State::Completed
        } else {
            State::Cancelled
        }
    }

    fn restock(
        &mut self,
        given_up: &[(LineId, i64)],
        taken: &[(LineId, StoreId, i64)],
        back: &[(LineId, i64)],
    ) {
        for (id, units) in given_up {
            if let Some(line) = self.lines.iter_mut().find(|line| line.id == *id) {
                line.cancelled += units;
            }
        }
        for (id, store, units) in taken {
            self.take(*id, store, *units);
        }
        self.come_back(back);
    }

    fn come_back(&mut self, lines: &[(LineId, i64)]) {
        for (id, units) in lines {
            if let Some(line) = self.lines.iter_mut().find(|line| line.id == *id) {
                line.returned += units;
            }
        }
    }

    pub(super) fn end_return(
        &mut self,
        id: ReturnId,
        state: ReturnState,
        received: &[(LineId, i64)],
        at: Time,
    ) {
        if let Some(known) = self.returns.iter_mut().find(|it| it.id == id) {
            known.state = state;
            known.received = received.to_vec();
            known.ended_at = Some(at);
        }
    }

    fn refund_begins(&mut self, started: &RefundStarted, at: Time) {
        self.refunds.push(Refund::begun(started, at));
        self.count_refunded(started.id, 1);
        match started.cause {
            Some(Cause::Cancelled) => self.owes = false,
            Some(Cause::Returned(id)) => {
                if let Some(known) = self.returns.iter_mut().find(|it| it.id == id) {
                    known.refund = Some(started.id);
                }
            }
            Some(Cause::Exchanged(id)) => {
                if let Some(known) = self.exchanges.iter_mut().find(|it| it.started.id == id) {
                    known.refund = Some(started.id);
                }
            }
            None => {}
        }
    }

    fn refund_goes_on(&mut self, id: RefundId, payment: PaymentId, state: RefundState, at: Time) {
        let Some(refund) = self.refunds.iter_mut().find(|it| it.id == id) else {
            return;
        };
        if let Some(part) = refund.parts.iter_mut().find(|it| it.payment == payment) {
            part.state = state;
        }
        if !refund.state().is_open() {
            refund.settled_at = Some(at);
        }
        if refund.is_void() {
            self.count_refunded(id, -1);
        }
    }

    /// Counts the units of a refund, or takes them out of the count.
    pub(super) fn count_refunded(&mut self, id: RefundId, sign: i64) {
        let Some(refund) = self.refunds.iter().find(|it| it.id == id) else {
            return;
        };
        for wanted in &refund.lines {
            if let Some(line) = self.lines.iter_mut().find(|line| line.id == wanted.id) {
                line.refunded += sign * wanted.units;
            }
        }
    }

    fn is_fulfilled(&self) -> bool {
        self.lines.iter().all(|line| line.open() == 0)
    }

    /// How much of it has left.
    pub fn fulfillment_state(&self) -> FulfillmentState {
        if self.lines.iter().all(|line| line.fulfilled == 0) {
            FulfillmentState::None
        } else if self.is_fulfilled() {
            FulfillmentState::Fulfilled
        } else {
            FulfillmentState::Partial
        }
    }

    /// A line by its id.
    pub fn line(&self, id: LineId) -> Option<&Line> {
        self.lines.iter().find(|line| line.id == id)
    }

    /// A refund by its id.
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|it| it.id == id)
    }

    /// A return by its id.
    pub fn return_of(&self, id: ReturnId) -> Option<&Return> {
        self.returns.iter().find(|it| it.id == id)
    }

    /// How many units of a line are expected back.
    pub fn expected_back(&self, id: LineId) -> i64 {
        let open = self
            .returns
            .iter()
            .filter(|it| it.state == ReturnState::Requested);
        let lines = open.flat_map(|it| &it.lines);
        let asked: i64 = lines
            .filter(|(line, _)| *line == id)
            .map(|(_, units)| units)
            .sum();
        if planted(Bug::AsideForgotten) {
            return asked;
        }
        asked + self.units_aside(id)
    }

    /// How much of what was taken has neither gone back nor is on its way, in minor units.
    pub fn money_left(&self) -> i64 {
        if !self.is_paid {
            return 0;
        }
        if planted(Bug::RefundsNotCounted) {
            return self.totals.total;
        }
        let gone: i64 = self.refunds.iter().map(Refund::counted).sum();
        self.totals.total - gone - self.money_aside()
    }

    /// How much of what sending cost has neither gone back nor is on its way, in minor units.
    pub fn shipping_left(&self) -> i64 {
        let counted = self.refunds.iter().filter(|it| !it.is_void());
        let gone: i64 = counted.map(|it| it.shipping).sum();
        self.totals.shipping - gone
    }

    /// Whether money is on its way back, or should be.
    pub fn is_unsettled(&self) -> bool {
        (self.owes && self.is_paid) || self.refunds.iter().any(|it| it.state().is_open())
    }
}

#[cfg(test)]
mod tests;
