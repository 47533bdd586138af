//! Money goes back: what is asked for is recorded with its credit note, then what providers answer.

use super::stock::Levels;
use super::{Target, existing};
use crate::nouns::{Event, Key, Series};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::inventory::{give_up, restock};
use cartwright_domain::order::{
    self, Ask, Cause, Event as OrderEvent, Order, RefundStarted, RefundState, Sum, What, answered,
    parts, sum,
};
use cartwright_domain::payment::{Event as PaymentEvent, Payment};
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{OrderId, PaymentId, RefundId, Refusal};
use smol_str::SmolStr;

/// Starts a refund, or finds the one that the same request started. Refused: `KeyReused`, `NotFound` (`order`, `line`),
/// `VersionConflict`, `ExceedsRemaining`, `PaymentCurrency`.
#[derive(Debug)]
pub struct RefundOrder {
    /// Which order.
    pub order: Target,
    /// What goes back.
    pub ask: Ask,
    /// Whether the units it is for can be sold again.
    pub restock: bool,
    /// For people.
    pub reason: SmolStr,
    /// Hash of the idempotency key.
    pub key: SmolStr,
    /// Hash of what is asked.
    pub body: SmolStr,
    /// Who asks.
    pub by: SmolStr,
}

impl Command for RefundOrder {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order.id));
        keys.push(Key::Last(Series::CreditNote));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let order = existing(work, self.order.id)?;
        let known = order
            .refunds
            .iter()
            .filter_map(|it| it.asked.as_ref())
            .find(|(key, _)| *key == self.key);
        if let Some((_, body)) = known {
            return if *body == self.body {
                Ok(self.order.decided(Vec::new(), false))
            } else {
                Err(Refusal::KeyReused.into())
            };
        }
        check_version(self.order.expected_version, order.version)?;
        let sum = sum(order, &self.ask)?;
        let mut levels = Levels::new(work, moment.now);
        let mut restocked = None;
        if self.restock
            && let What::Lines(lines) = &self.ask.what
        {
            let done = order::restock(order, lines)?;
            levels.go(&done.freed, |level, units| Ok(give_up(level, units)))?;
            levels.go(&done.back, |level, units| Ok(restock(level, units)))?;
            restocked = Some(Event::Order(order.id, done.event));
        }
        let why = Start {
            reason: self.reason.clone(),
            asked: Some((self.key.clone(), self.body.clone())),
            cause: None,
            by: self.by.clone(),
        };
        let mut events = levels.into_events();
        events.push(start(work, order, sum, why, moment)?);
        events.extend(restocked);
        Ok(self.order.decided(events, true))
    }
}

/// Why a refund begins.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) reason: SmolStr,
    pub(super) asked: Option<(SmolStr, SmolStr)>,
    pub(super) cause: Option<Cause>,
    pub(super) by: SmolStr,
}

/// The beginning of a refund, with the next number of a credit note.
pub(super) fn start(
    work: &Work,
    order: &Order,
    sum: Sum,
    why: Start,
    moment: &mut Moment<'_>,
) -> Result<Event, Stop> {
    let payments = payments(work, order)?;
    let last = work.last(&Series::CreditNote)?.copied().unwrap_or(0);
    let started = RefundStarted {
        id: RefundId(moment.ids.fresh(moment.now)),
        parts: parts(order, &payments, sum.amount)?,
        amount: sum.amount,
        shipping: sum.shipping,
        lines: sum.lines,
        reason: why.reason,
        credit_note: if planted(Bug::CreditNotePerOrder) {
            order.refunds.len() as u64 + 1
        } else {
            last + 1
        },
        asked: why.asked,
        cause: why.cause,
        by: why.by,
    };
    let event = OrderEvent::RefundStarted(Box::new(started));
    Ok(Event::Order(order.id, event))
}

/// What an order is paid with; asks for all that is missing at once.
fn payments<'a>(work: &'a Work, order: &Order) -> Result<Vec<&'a Payment>, Stop> {
    let missing: Vec<_> = order
        .payments
        .iter()
        .map(|id| Key::Payment(*id))
        .filter(|key| !work.has(key))
        .collect();
    if !missing.is_empty() {
        return Err(Stop::Need(missing));
    }
    let mut payments = Vec::with_capacity(order.payments.len());
    for id in &order.payments {
        payments.extend(work.payment(id)?.map(AsRef::as_ref));
    }
    Ok(payments)
}

/// Hands in what came of asking for a part of a refund. A late or a second answer changes nothing. Refused: `NotFound` (`order`).
#[derive(Debug)]
pub struct HearRefund {
    /// Which order.
    pub order: OrderId,
    /// Which refund.
    pub refund: RefundId,
    /// The part of which payment.
    pub payment: PaymentId,
    /// What is known now.
    pub state: RefundState,
}

impl Command for HearRefund {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Order(self.order));
        keys.push(Key::Payment(self.payment));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let order = existing(work, self.order)?;
        let mut events = Vec::new();
        if let Some(event) = answered(order, self.refund, self.payment, self.state) {
            let part = order
                .refund(self.refund)
                .and_then(|it| it.part(self.payment));
            if let (RefundState::Succeeded, Some(part)) = (self.state, part)
                && !planted(Bug::RefundNotBooked)
            {
                let amount = part.amount;
                let refunded = PaymentEvent::Refunded { amount };
                events.push(Event::Payment(self.payment, refunded));
            }
            events.push(Event::Order(self.order, event));
        }
        Ok(Decided {
            events,
            answer: Key::Order(self.order),
            created: false,
        })
    }
}
