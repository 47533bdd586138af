//! Refunds in replies.

use crate::wire::schema::LineId as LineIdText;
use crate::wire::{Money, Timestamp};
use cartwright_app::orders::DocumentKind;
use cartwright_domain::order::{self as domain, Cause};
use cartwright_domain::{ExchangeId, OrderId, PaymentId, RefundId, ReturnId};
use schemars::JsonSchema;
use serde::Serialize;

/// What one payment gives.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Part {
    /// Which payment.
    #[schemars(with = "String")]
    payment_id: PaymentId,
    /// How much.
    amount: Money,
    /// `pending`, `unknown`, `succeeded` or `failed`.
    state: &'static str,
}

/// Units that are paid back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Line {
    /// Which line.
    #[schemars(with = "LineIdText")]
    line_id: String,
    /// How many units.
    quantity: i64,
    /// What they come to.
    amount: Money,
}

/// Money of an order on its way back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Refund<'a> {
    /// Made by the shop; the provider knows it by the key `<id>:refund`.
    #[schemars(with = "String")]
    id: RefundId,
    /// Of which order.
    #[schemars(with = "String")]
    order_id: OrderId,
    /// How much.
    amount: Money,
    /// How much of that is for sending.
    shipping: Money,
    /// Which units it is for; none for an amount.
    lines: Vec<Line>,
    /// Where it goes: `original` (to what it was paid with), `wallet`, or `exchange` (it pays for the order that other units were
    /// exchanged for).
    to: &'static str,
    /// `pending`, `unknown` (the provider's answer was lost; it is asked again), `succeeded` or `failed`.
    state: &'static str,
    /// What each payment gives.
    parts: Vec<Part>,
    /// For people.
    reason: &'a str,
    /// Number of its credit note.
    credit_note: String,
    /// The return that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    return_id: Option<ReturnId>,
    /// The exchange that it pays for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    exchange_id: Option<ExchangeId>,
    /// When it was recorded.
    created_at: Timestamp,
    /// When the last answer came.
    settled_at: Option<Timestamp>,
}

impl<'a> Refund<'a> {
    /// A refund of an order.
    pub fn of(order: &domain::Order, refund: &'a domain::Refund) -> Self {
        let money = |amount| Money {
            amount,
            currency: order.currency,
        };
        Self {
            id: refund.id,
            order_id: order.id,
            amount: money(refund.amount),
            shipping: money(refund.shipping),
            lines: refund
                .lines
                .iter()
                .map(|line| Line {
                    line_id: line.id.to_string(),
                    quantity: line.units,
                    amount: money(line.amount),
                })
                .collect(),
            to: refund.to.as_str(),
            state: refund.state().as_str(),
            parts: refund
                .parts
                .iter()
                .map(|part| Part {
                    payment_id: part.payment,
                    amount: money(part.amount),
                    state: part.state.as_str(),
                })
                .collect(),
            reason: &refund.reason,
            credit_note: DocumentKind::CreditNote
                .numbered(refund.credit_note)
                .to_string(),
            return_id: match refund.cause {
                Some(Cause::Returned(id)) => Some(id),
                Some(Cause::Cancelled | Cause::Exchanged(_)) | None => None,
            },
            exchange_id: match refund.cause {
                Some(Cause::Exchanged(id)) => Some(id),
                Some(Cause::Cancelled | Cause::Returned(_)) | None => None,
            },
            created_at: Timestamp(refund.at),
            settled_at: refund.settled_at.map(Timestamp),
        }
    }
}
