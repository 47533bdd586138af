//! Exchanges as clients ask for them and see them.

use super::request::{SomeUnits, checked_lines};
use super::returns::{Units, units};
use crate::problem::Problem;
use crate::wire::checkout::PayWith;
use crate::wire::schema::TextId;
use crate::wire::stock;
use crate::wire::{Money, Timestamp};
use cartwright_domain::cart::Add;
use cartwright_domain::order::{self as domain, ExchangeState, To};
use cartwright_domain::{CheckoutId, ExchangeId, OrderId, RefundId, ReturnId, Sku};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most new lines.
const MAX_NEW: usize = 100;

/// So many of a SKU.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnits {
    /// What.
    #[schemars(with = "TextId")]
    pub sku: Sku,
    /// How many; more than 0.
    #[schemars(range(min = 1))]
    pub quantity: i64,
}

/// `POST /orders/{id}/exchanges`: units that have left come back for others.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeOrder {
    /// What comes back; it must have left.
    #[schemars(length(min = 1, max = 500))]
    pub r#return: Vec<SomeUnits>,
    /// What comes for it, at today's price, sent for nothing.
    #[schemars(length(min = 1, max = 100))]
    pub new: Vec<NewUnits>,
    /// How a higher price is paid; not needed otherwise.
    #[serde(default)]
    pub payment: Option<PayWith>,
    /// Where a lower price goes once the units are here: `original` when absent.
    #[serde(default)]
    pub to: Option<super::RefundTo>,
}

impl ExchangeOrder {
    /// The units that come back and those that come for them, checked.
    pub fn checked_lines(&self, max: i64) -> Result<(super::request::Units, Vec<Add>), Problem> {
        let back = checked_lines("return", self.r#return.clone(), max)?;
        if self.new.is_empty() || self.new.len() > MAX_NEW {
            let detail = format!("expected 1 to {MAX_NEW} lines");
            return Err(Problem::invalid("new", "out_of_range", detail));
        }
        let new = self.new.iter().enumerate().map(|(place, line)| {
            stock::quantity(&format!("new[{place}].quantity"), line.quantity, max)?;
            Ok::<_, Problem>(Add::new(line.sku.clone(), line.quantity))
        });
        Ok((back, new.collect::<Result<_, _>>()?))
    }
}

/// Units of an order that come back for others.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Exchange {
    /// Made by the shop.
    #[schemars(with = "String")]
    id: ExchangeId,
    /// `processing` (the new order is being paid for), `completed`, `undone` (it was not paid for: nothing is left), or `cancelled`
    /// (the new order was given up before anything came back).
    state: &'static str,
    /// The order whose units come back.
    #[schemars(with = "String")]
    exchange_of: OrderId,
    /// The checkout that makes the new order.
    #[schemars(with = "String")]
    checkout_id: CheckoutId,
    /// The new order, once it is paid.
    #[schemars(with = "Option<String>")]
    order_id: Option<OrderId>,
    /// The return, once the new order is paid.
    #[schemars(with = "Option<String>")]
    return_id: Option<ReturnId>,
    /// The refund that pays for the new order, once it is paid.
    #[schemars(with = "Option<String>")]
    refund_id: Option<RefundId>,
    /// What comes back.
    lines: Vec<Units>,
    /// What of what was paid for it pays for the new order.
    credit: Money,
    /// What goes back once it is here.
    refund_due: Money,
    /// Where that goes: `original` or `wallet`.
    to: &'static str,
    /// When it began.
    created_at: Timestamp,
}

impl Exchange {
    /// An exchange of an order.
    pub fn of(order: &domain::Order, exchange: &domain::Exchange) -> Self {
        let money = |amount| Money {
            amount,
            currency: order.currency,
        };
        let started = &exchange.started;
        let stands = match exchange.state {
            ExchangeState::Completed | ExchangeState::Cancelled => true,
            ExchangeState::Processing | ExchangeState::Undone => false,
        };
        let lines: Vec<_> = started.lines.iter().map(|it| (it.id, it.units)).collect();
        Self {
            id: started.id,
            state: exchange.state.as_str(),
            exchange_of: order.id,
            checkout_id: started.checkout,
            order_id: exchange.order,
            return_id: stands.then_some(started.return_id),
            refund_id: exchange.refund,
            lines: units(&lines),
            credit: money(exchange.credit()),
            refund_due: money(started.due),
            to: started.to.as_str(),
            created_at: Timestamp(exchange.at),
        }
    }
}

/// An exchange with what it made.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WholeExchange<'a> {
    #[serde(flatten)]
    exchange: Exchange,
    /// The return.
    r#return: Option<super::Return<'a>>,
    /// The new order.
    order: Option<super::Order<'a>>,
}

/// Where money goes, in the domain's words.
impl From<super::RefundTo> for To {
    fn from(to: super::RefundTo) -> Self {
        match to {
            super::RefundTo::Original => Self::Original,
            super::RefundTo::Wallet => Self::Wallet,
        }
    }
}
