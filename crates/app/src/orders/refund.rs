//! Money goes back: what is asked for is recorded with its credit note, then what providers answer.

use super::stock::Levels;
use super::{Target, check_to, existing, is_repeated};
use crate::nouns::{Event, Key, Series};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::wallets;
use crate::work::{Stop, Work};
use cartwright_domain::inventory::{give_up, restock};
use cartwright_domain::order::{
    self, Ask, Cause, Event as OrderEvent, Order, RefundStarted, RefundState, Sum, To, What,
    answered, parts, sum,
};
use cartwright_domain::payment::{Event as PaymentEvent, Method, Payment};
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{Money, OrderId, PaymentId, RefundId, Refusal};
use smol_str::{SmolStr, ToSmolStr};

/// Starts a refund, or finds the one that the same request started. Refused: `KeyReused`, `NotFound` (`order`, `line`),
/// `VersionConflict`, `Invalid` (`to`), `ExceedsRemaining`, `PaymentCurrency`.
#[derive(Debug)]
pub struct RefundOrder {
    /// Which order.
    pub order: Target,
    /// What goes back.
    pub ask: Ask,
    /// Where it goes.
    pub to: To,
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
        let known = order.refunds.iter().filter_map(|it| it.asked.as_ref());
        if is_repeated(known, &self.key, &self.body)? {
            return Ok(self.order.decided(Vec::new(), false));
        }
        check_version(self.order.expected_version, order.version)?;
        check_to(order, self.to)?;
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
            to: self.to,
            takes_back: false,
            by: self.by.clone(),
        };
        let mut events = levels.into_events();
        events.extend(start(work, order, sum, why, moment)?);
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
    pub(super) to: To,
    /// Whether what an exchange paid goes back to the order that it came from.
    pub(super) takes_back: bool,
    pub(super) by: SmolStr,
}

/// The beginning of a refund, with the next number of a credit note, and all of it that needs nobody outside.
pub(super) fn start(
    work: &Work,
    order: &Order,
    sum: Sum,
    why: Start,
    moment: &mut Moment<'_>,
) -> Result<Vec<Event>, Stop> {
    let shares = parts(order, &payments(work, order)?, sum.amount)?;
    start_of(work, order, sum, shares, why, moment)
}

/// The same, where it is known what each payment gives.
pub(super) fn start_of(
    work: &Work,
    order: &Order,
    sum: Sum,
    parts: Vec<(PaymentId, i64)>,
    why: Start,
    moment: &mut Moment<'_>,
) -> Result<Vec<Event>, Stop> {
    let payments = payments(work, order)?;
    let takes_back = why.takes_back;
    let last = work.last(&Series::CreditNote)?.copied().unwrap_or(0);
    let started = RefundStarted {
        id: RefundId(moment.ids.fresh(moment.now)),
        parts,
        amount: sum.amount,
        shipping: sum.shipping,
        lines: sum.lines,
        to: why.to,
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
    let settled = settle(work, order, &payments, &started, takes_back, moment)?;
    let event = OrderEvent::RefundStarted(Box::new(started));
    let mut events = vec![Event::Order(order.id, event)];
    events.extend(settled);
    Ok(events)
}

/// What goes back at once: into a wallet, or into another order.
fn settle(
    work: &Work,
    order: &Order,
    payments: &[&Payment],
    started: &RefundStarted,
    takes_back: bool,
    moment: &mut Moment<'_>,
) -> Result<Vec<Event>, Stop> {
    let (mut events, mut credited) = (Vec::new(), 0);
    for (id, amount) in &started.parts {
        let (id, amount) = (*id, *amount);
        let Some(payment) = payments.iter().find(|it| it.id == id) else {
            continue;
        };
        let method = match payment.origin {
            Some(origin) => work.payment(&origin.payment)?.map(|it| it.method),
            None => Some(payment.method),
        };
        let given = match (started.to, method) {
            _ if takes_back && payment.origin.is_some() => taken_back(payment, amount),
            (To::Exchange, _) => vec![Event::Payment(id, PaymentEvent::Moved { amount })],
            (To::Wallet | To::Original, Some(Method::Wallet)) => {
                credited += amount;
                returned(payment, amount)
            }
            (To::Wallet, _) => {
                credited += amount;
                let given = PaymentEvent::GivenElsewhere { amount };
                vec![Event::Payment(id, given)]
            }
            (To::Original, _) => continue,
        };
        events.extend(given);
        events.push(succeeded(order.id, started.id, id));
    }
    if let (true, Some(customer)) = (credited > 0, &order.customer)
        && !planted(Bug::WalletNotCredited)
    {
        let back = wallets::Refund {
            customer: customer.clone(),
            amount: Money::new(credited, order.currency),
            reference: started.id.to_smolstr(),
            order: Some(order.id),
        };
        events.extend(wallets::refund(work, moment, back)?);
    }
    Ok(events)
}

fn succeeded(order: OrderId, id: RefundId, payment: PaymentId) -> Event {
    let state = RefundState::Succeeded;
    let answered = OrderEvent::RefundAnswered { id, payment, state };
    Event::Order(order, answered)
}

/// Money of a payment went back the way it came; that of an exchange comes from the payment it began with.
pub(super) fn returned(payment: &Payment, amount: i64) -> Vec<Event> {
    let mut events = vec![Event::Payment(
        payment.id,
        PaymentEvent::Refunded { amount },
    )];
    if let Some(origin) = payment.origin {
        let began = origin.payment;
        events.push(Event::Payment(began, PaymentEvent::Refunded { amount }));
        events.push(Event::Payment(began, PaymentEvent::MovedBack { amount }));
    }
    events
}

/// What an exchange paid is the exchanged order's again.
fn taken_back(payment: &Payment, amount: i64) -> Vec<Event> {
    let refunded = Event::Payment(payment.id, PaymentEvent::Refunded { amount });
    let back = |parent| Event::Payment(parent, PaymentEvent::MovedBack { amount });
    let parent = payment.origin.map(|it| back(it.parent));
    [refunded].into_iter().chain(parent).collect()
}

/// What an order is paid with; asks for all that is missing at once.
pub(crate) fn payments<'a>(work: &'a Work, order: &Order) -> Result<Vec<&'a Payment>, Stop> {
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
                let payment = work.payment(&self.payment)?;
                let payment = payment.ok_or_else(|| Refusal::not_found("payment", self.payment))?;
                events.extend(returned(payment, part.amount));
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
