//! Returns in replies.

use crate::wire::Timestamp;
use crate::wire::schema::LineId as LineIdText;
use cartwright_domain::cart::LineId;
use cartwright_domain::order as domain;
use cartwright_domain::{ExchangeId, OrderId, RefundId, ReturnId};
use schemars::JsonSchema;
use serde::Serialize;

/// Units of a line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "OrderUnits")]
pub(super) struct Units {
    /// Which line.
    #[schemars(with = "LineIdText")]
    line_id: String,
    /// How many units.
    quantity: i64,
}

pub(super) fn units(lines: &[(LineId, i64)]) -> Vec<Units> {
    let lines = lines.iter().map(|(id, units)| Units {
        line_id: id.to_string(),
        quantity: *units,
    });
    lines.collect()
}

/// Units of an order on their way back.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Return<'a> {
    /// Made by the shop.
    #[schemars(with = "String")]
    id: ReturnId,
    /// Of which order.
    #[schemars(with = "String")]
    order_id: OrderId,
    /// `requested`, `received` or `cancelled`.
    state: &'static str,
    /// What is or was expected.
    lines: Vec<Units>,
    /// What of that came.
    received: Vec<Units>,
    /// For people.
    reason: &'a str,
    /// The exchange that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    exchange_id: Option<ExchangeId>,
    /// The refund that was made for it.
    #[schemars(with = "Option<String>")]
    refund_id: Option<RefundId>,
    /// When it was asked for.
    requested_at: Timestamp,
    /// When it was received or called off.
    ended_at: Option<Timestamp>,
}

impl<'a> Return<'a> {
    /// A return of an order.
    pub fn of(order: &domain::Order, back: &'a domain::Return) -> Self {
        Self {
            id: back.id,
            order_id: order.id,
            state: back.state.as_str(),
            lines: units(&back.lines),
            received: units(&back.received),
            reason: &back.reason,
            exchange_id: order.exchange_of_return(back.id).map(|it| it.started.id),
            refund_id: back.refund,
            requested_at: Timestamp(back.requested_at),
            ended_at: back.ended_at.map(Timestamp),
        }
    }
}
