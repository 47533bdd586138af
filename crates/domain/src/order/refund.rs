//! Money that goes back: what a refund is, what one may come to, and what its providers' answers mean.

use super::{Event, Order};
use crate::cart::LineId;
use crate::payment::Payment;
use crate::planted::{Bug, planted};
use crate::words::words;
use crate::{ExchangeId, Money, PaymentId, RefundId, Refusal, ReturnId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Where a refund, or the part of it that one payment gives, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Recorded; nobody has answered yet.
    Pending,
    /// The provider was asked and its answer was lost: money may have gone back.
    Unknown,
    /// It went back.
    Succeeded,
    /// The provider will never do it.
    Failed,
}

words!(RefundState {
    Pending = "pending",
    Unknown = "unknown",
    Succeeded = "succeeded",
    Failed = "failed",
});

impl RefundState {
    /// Whether somebody still owes an answer.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Unknown)
    }
}

/// What one payment gives of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundPart {
    /// Which payment.
    pub payment: PaymentId,
    /// How much, in minor units; more than 0.
    pub amount: i64,
    /// Where it stands.
    pub state: RefundState,
}

/// Units that are paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundLine {
    /// Which line.
    pub id: LineId,
    /// How many units of it.
    pub units: i64,
    /// What they come to, in minor units.
    pub amount: i64,
}

/// Why money goes back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// What was paid for was given up.
    Cancelled,
    /// Units came back.
    Returned(ReturnId),
    /// Units are exchanged for others.
    Exchanged(ExchangeId),
}

/// Where money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// To what it was paid with.
    #[default]
    Original,
    /// To the customer's wallet.
    Wallet,
    /// Into a new order, for which units come back.
    Exchange,
}

words!(To {
    Original = "original",
    Wallet = "wallet",
    Exchange = "exchange",
});

impl To {
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature serde asks for"
    )]
    pub(super) fn is_original(&self) -> bool {
        *self == Self::Original
    }
}

/// What a refund begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundStarted {
    /// Made by the shop.
    pub id: RefundId,
    /// How much, in minor units of the order's currency.
    pub amount: i64,
    /// How much of that is for sending.
    pub shipping: i64,
    /// Which units it is for, if it is for units.
    pub lines: Vec<RefundLine>,
    /// What each payment gives: payment, and how much.
    pub parts: Vec<(PaymentId, i64)>,
    /// Where it goes.
    pub to: To,
    /// For people.
    pub reason: SmolStr,
    /// Number of its credit note, rising without gaps.
    pub credit_note: u64,
    /// Hashes of the request that asked for it: of its key, and of its payload.
    pub asked: Option<(SmolStr, SmolStr)>,
    /// Why, when nobody asked for it.
    pub cause: Option<Cause>,
    /// Who asked.
    pub by: SmolStr,
}

/// Money of an order on its way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Made by the shop.
    pub id: RefundId,
    /// How much, in minor units of the order's currency.
    pub amount: i64,
    /// How much of that is for sending.
    #[serde(default, skip_serializing_if = "super::line::is_zero")]
    pub shipping: i64,
    /// Which units it is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<RefundLine>,
    /// What each payment gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<RefundPart>,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "To::is_original")]
    pub to: To,
    /// For people.
    pub reason: SmolStr,
    /// Number of its credit note.
    pub credit_note: u64,
    /// Hashes of the request that asked for it: of its key, and of its payload. Kept for ever, so that it never repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<(SmolStr, SmolStr)>,
    /// Why, when nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// When it was recorded.
    pub at: Time,
    /// When the last answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
}

impl Refund {
    pub(super) fn begun(started: &RefundStarted, at: Time) -> Self {
        let parts = started.parts.iter().map(|(payment, amount)| RefundPart {
            payment: *payment,
            amount: *amount,
            state: RefundState::Pending,
        });
        Self {
            id: started.id,
            amount: started.amount,
            shipping: started.shipping,
            lines: started.lines.clone(),
            parts: parts.collect(),
            to: started.to,
            reason: started.reason.clone(),
            credit_note: started.credit_note,
            asked: started.asked.clone(),
            cause: started.cause,
            at,
            settled_at: started.parts.is_empty().then_some(at),
        }
    }

    /// Where it stands as a whole: open as long as a part is, then failed if a part has.
    pub fn state(&self) -> RefundState {
        let any = |state| self.parts.iter().any(|part| part.state == state);
        [
            RefundState::Unknown,
            RefundState::Pending,
            RefundState::Failed,
        ]
        .into_iter()
        .find(|state| any(*state))
        .unwrap_or(RefundState::Succeeded)
    }

    /// Whether nothing of it went back or can still go back.
    pub fn is_void(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|it| it.state == RefundState::Failed)
    }

    /// How much went back or may still go back.
    pub fn counted(&self) -> i64 {
        let parts = self.parts.iter();
        let counted = parts.filter(|part| part.state != RefundState::Failed);
        counted.map(|part| part.amount).sum()
    }

    /// A part by its payment.
    pub fn part(&self, payment: PaymentId) -> Option<&RefundPart> {
        self.parts.iter().find(|part| part.payment == payment)
    }

    /// The idempotency key under which a payment's provider is asked for its part: the same on every try. A provider may have several
    /// payments of one order, so the parts after the first have keys of their own.
    pub fn key(&self, payment: PaymentId) -> String {
        match self.parts.iter().position(|part| part.payment == payment) {
            None | Some(0) => format!("{}:refund", self.id),
            Some(_) => format!("{}:refund:{payment}", self.id),
        }
    }
}

/// What a refund is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// This much.
    Amount(Money),
    /// These units, each line at most once, each at least 1.
    Lines(Vec<(LineId, i64)>),
    /// No goods.
    Nothing,
}

/// How much of what sending cost goes back too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shipping {
    /// Nothing.
    Kept,
    /// All that has not gone back yet.
    Whole,
    /// This much.
    Amount(Money),
}

/// What shall go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What it is for.
    pub what: What,
    /// How much of sending.
    pub shipping: Shipping,
}

/// What a refund comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// In minor units of the order's currency.
    pub amount: i64,
    /// How much of that is for sending.
    pub shipping: i64,
    /// The units, with what they come to.
    pub lines: Vec<RefundLine>,
}

/// What a refund comes to. k of n units of a line come to floor(total * k / n), counted over all its refunds, so that all units
/// together come to the line's total exactly.
///
/// Errors: [`Refusal::NotFound`] (`line`), [`Refusal::PaymentCurrency`], and [`Refusal::ExceedsRemaining`]: more units, or more money in
/// minor units, than was neither given back before nor is on its way.
pub fn sum(order: &Order, ask: &Ask) -> Result<Sum, Refusal> {
    let mut lines = Vec::new();
    let mut amount = 0;
    match &ask.what {
        What::Amount(money) => amount = in_currency(order, *money)?,
        What::Lines(wanted) => {
            for (id, units) in wanted {
                let line = order
                    .line(*id)
                    .ok_or_else(|| Refusal::not_found("line", id))?;
                let before = line.refunded + order.units_aside(*id);
                within(*units, line.quantity - before)?;
                let upto = |units| part_of(line.total, units, line.quantity);
                let value = upto(before + units) - upto(before);
                amount += value;
                lines.push(RefundLine {
                    id: *id,
                    units: *units,
                    amount: value,
                });
            }
        }
        What::Nothing => {}
    }
    let left = order.shipping_left();
    let shipping = match ask.shipping {
        Shipping::Kept => 0,
        Shipping::Whole => left,
        Shipping::Amount(money) => within(in_currency(order, money)?, left)?,
    };
    let amount = within(amount + shipping, order.money_left())?;
    Ok(Sum {
        amount,
        shipping,
        lines,
    })
}

/// What goes back when what was given up was paid: the units that were given up, and all that is left when nothing was sent.
pub fn owed(order: &Order) -> Sum {
    let left = order.money_left();
    let mut lines = Vec::new();
    for line in &order.lines {
        let units = line.cancelled.min(line.quantity - line.refunded);
        if units > 0 {
            let upto = |units| part_of(line.total, units, line.quantity);
            lines.push(RefundLine {
                id: line.id,
                units,
                amount: upto(line.refunded + units) - upto(line.refunded),
            });
        }
    }
    let is_unsent = order.lines.iter().all(|line| line.fulfilled == 0);
    let goods: i64 = lines.iter().map(|line| line.amount).sum();
    let (amount, shipping) = if is_unsent {
        (left, order.shipping_left().min(left))
    } else {
        (goods.min(left), 0)
    };
    Sum {
        amount,
        shipping,
        lines,
    }
}

/// Which payments give how much, in their order. `payments` are the order's own.
///
/// Errors: [`Refusal::ExceedsRemaining`] when they have less.
pub fn parts(
    order: &Order,
    payments: &[&Payment],
    amount: i64,
) -> Result<Vec<(PaymentId, i64)>, Refusal> {
    let (mut left, mut parts) = (amount, Vec::new());
    for payment in payments {
        let gone: i64 = order
            .refunds
            .iter()
            .filter_map(|refund| refund.part(payment.id))
            .filter(|part| part.state != RefundState::Failed && !planted(Bug::RefundsNotCounted))
            .map(|part| part.amount)
            .sum();
        let given = left.min(payment.captured - gone - order.taken_aside(payment.id));
        if given > 0 {
            left -= given;
            parts.push((payment.id, given));
        }
    }
    if left > 0 {
        return Err(Refusal::ExceedsRemaining {
            requested: amount,
            remaining: amount - left,
        });
    }
    Ok(parts)
}

/// What an answer changes; `None` for one that comes late or again.
pub fn answered(
    order: &Order,
    id: RefundId,
    payment: PaymentId,
    state: RefundState,
) -> Option<Event> {
    let part = order.refund(id)?.part(payment)?;
    let is_news = part.state.is_open() && part.state != state && state != RefundState::Pending;
    is_news.then_some(Event::RefundAnswered { id, payment, state })
}

/// What a decision by hand changes: every open part. `None` when none is open.
pub fn resolved(
    order: &Order,
    id: RefundId,
    state: RefundState,
    note: &str,
    by: &str,
) -> Option<Event> {
    let refund = order.refund(id)?;
    refund.state().is_open().then(|| Event::RefundResolved {
        id,
        state,
        note: note.into(),
        by: by.into(),
    })
}

/// floor(total * units / of).
pub(super) fn part_of(total: i64, units: i64, of: i64) -> i64 {
    let part = i128::from(total) * i128::from(units) / i128::from(of.max(1));
    i64::try_from(part).unwrap_or(total)
}

fn within(requested: i64, remaining: i64) -> Result<i64, Refusal> {
    if requested > remaining {
        return Err(Refusal::ExceedsRemaining {
            requested,
            remaining: remaining.max(0),
        });
    }
    Ok(requested)
}

fn in_currency(order: &Order, money: Money) -> Result<i64, Refusal> {
    if money.currency != order.currency {
        return Err(Refusal::PaymentCurrency {
            paid: money.currency,
            currency: order.currency,
        });
    }
    Ok(money.minor)
}

#[cfg(test)]
mod tests;
