//! What clients ask of orders.

use crate::problem::Problem;
use crate::wire::Money;
use crate::wire::schema::{LineId as LineIdText, TextId};
use crate::wire::stock;
use cartwright_domain::cart::LineId;
use cartwright_domain::order::{Ask, Shipping, To, Tracking, What};
use cartwright_domain::{Refusal, StoreId};
use schemars::JsonSchema;
use serde::Deserialize;
use smol_str::SmolStr;

/// Most lines of a request.
const MAX_LINES: usize = 500;
/// Longest text, and longest address of a page.
const MAX_TEXT: usize = 200;
const MAX_URL: usize = 2000;

/// So many units of a line.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SomeUnits {
    /// Which line.
    #[schemars(with = "LineIdText")]
    pub line_id: String,
    /// How many units; more than 0.
    #[schemars(range(min = 1))]
    pub quantity: i64,
}

/// Lines, each at most once, with their units.
pub(super) fn checked_lines(
    name: &str,
    lines: Vec<SomeUnits>,
    max: i64,
) -> Result<Vec<(LineId, i64)>, Problem> {
    if lines.is_empty() || lines.len() > MAX_LINES {
        let detail = format!("expected 1 to {MAX_LINES} lines");
        return Err(Problem::invalid(name, "out_of_range", detail));
    }
    let mut checked: Vec<(LineId, i64)> = Vec::with_capacity(lines.len());
    for (place, line) in lines.into_iter().enumerate() {
        let field = format!("{name}[{place}].line_id");
        let Ok(id) = line.line_id.parse::<LineId>() else {
            return Err(Refusal::not_found("line", line.line_id).into());
        };
        if checked.iter().any(|(known, _)| *known == id) {
            let detail = "a line may be named once";
            return Err(Problem::invalid(field, "duplicate", detail));
        }
        stock::quantity(&format!("{name}[{place}].quantity"), line.quantity, max)?;
        checked.push((id, line.quantity));
    }
    Ok(checked)
}

/// How a parcel is followed.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrackingRequest {
    /// Who carries it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub carrier: Option<String>,
    /// Its number there.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub number: Option<String>,
    /// Where to look.
    #[serde(default)]
    #[schemars(length(min = 1, max = 2000))]
    pub url: Option<String>,
}

impl TrackingRequest {
    fn checked(self) -> Result<Tracking, Refusal> {
        let one = |name: &str, value: Option<String>, max| {
            let value = value.map(|value| {
                stock::text(&format!("tracking.{name}"), &value, max).map(|()| value.into())
            });
            value.transpose()
        };
        let is_address = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        if self.url.as_deref().is_some_and(|url| !is_address(url)) {
            let detail = "expected an address that begins with https:// or http://";
            return Err(Refusal::invalid("tracking.url", "malformed", detail));
        }
        Ok(Tracking {
            carrier: one("carrier", self.carrier, MAX_TEXT)?,
            number: one("number", self.number, MAX_TEXT)?,
            url: one("url", self.url, MAX_URL)?,
        })
    }
}

/// Lines, and units of each.
pub type Units = Vec<(LineId, i64)>;

/// `POST /orders/{id}/fulfillments`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FulfillOrder {
    /// What leaves.
    #[schemars(length(min = 1, max = 500))]
    pub lines: Vec<SomeUnits>,
    /// How it is followed.
    #[serde(default)]
    pub tracking: Option<TrackingRequest>,
}

impl FulfillOrder {
    /// Checked: lines with their units, and how they are followed.
    pub fn checked(self, max: i64) -> Result<(Units, Option<Tracking>), Problem> {
        let tracking = self.tracking.map(TrackingRequest::checked).transpose()?;
        Ok((checked_lines("lines", self.lines, max)?, tracking))
    }
}

/// How much of what sending cost goes back.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ShippingBack {
    /// All of it, or nothing.
    All(bool),
    /// This much.
    Amount(Money),
}

/// Where money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundTo {
    /// To what it was paid with.
    Original,
    /// To the customer's wallet, at once. Only where the order has a `customer_id`.
    Wallet,
}

/// `POST /orders/{id}/refunds`: an amount, or units of lines, or what sending cost.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundOrder {
    /// How much.
    #[serde(default)]
    pub amount: Option<Money>,
    /// Which units: k of n come to floor(total * k / n), counted over all refunds of the line.
    #[serde(default)]
    #[schemars(length(min = 1, max = 500))]
    pub lines: Option<Vec<SomeUnits>>,
    /// How much of what sending cost goes back too: `true` for all that is left, or an amount.
    #[serde(default)]
    pub shipping: Option<ShippingBack>,
    /// Where it goes: to what it was paid with when absent.
    #[serde(default)]
    pub to: Option<RefundTo>,
    /// Whether the units can be sold again: those that have not left will not be sent, those that have left came back.
    #[serde(default)]
    pub restock: Option<bool>,
    /// For people.
    #[schemars(length(min = 1, max = 200))]
    pub reason: String,
}

/// A refund as asked for, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct RefundRequest {
    /// What goes back.
    pub ask: Ask,
    /// Where it goes.
    pub to: To,
    /// Whether its units can be sold again.
    pub restock: bool,
    /// For people.
    pub reason: SmolStr,
}

impl RefundOrder {
    /// Checked.
    pub fn checked(self, max: i64) -> Result<RefundRequest, Problem> {
        stock::text("reason", &self.reason, MAX_TEXT)?;
        let shipping = match self.shipping {
            None | Some(ShippingBack::All(false)) => Shipping::Kept,
            Some(ShippingBack::All(true)) => Shipping::Whole,
            Some(ShippingBack::Amount(money)) => {
                positive("shipping", money)?;
                Shipping::Amount(money.into())
            }
        };
        let restock = self.restock.unwrap_or(false);
        if restock && self.lines.is_none() {
            let detail = "only units can be restocked: name them in lines";
            return Err(Problem::invalid("restock", "needs_lines", detail));
        }
        let what = match (self.amount, self.lines) {
            (Some(amount), None) if shipping == Shipping::Kept => {
                positive("amount", amount)?;
                What::Amount(amount.into())
            }
            (None, Some(lines)) => What::Lines(checked_lines("lines", lines, max)?),
            (None, None) if shipping != Shipping::Kept => What::Nothing,
            (None, None) => {
                let detail = "say how much: an amount, or lines";
                return Err(Problem::invalid("amount", "required", detail));
            }
            (Some(_), Some(_)) => {
                let detail = "send an amount or lines, not both";
                return Err(Problem::invalid("amount", "ambiguous", detail));
            }
            (Some(_), None) => {
                let detail = "an amount says it all: shipping goes with lines";
                return Err(Problem::invalid("shipping", "ambiguous", detail));
            }
        };
        Ok(RefundRequest {
            ask: Ask { what, shipping },
            to: self.to.map_or(To::Original, Into::into),
            restock,
            reason: self.reason.into(),
        })
    }
}

fn positive(field: &str, money: Money) -> Result<(), Problem> {
    if money.amount > 0 {
        return Ok(());
    }
    Err(Problem::invalid(
        format!("{field}.amount"),
        "out_of_range",
        "expected more than 0",
    ))
}

/// `POST /orders/{id}/returns`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestReturn {
    /// What comes back; it must have left.
    #[schemars(length(min = 1, max = 500))]
    pub lines: Vec<SomeUnits>,
    /// For people.
    #[schemars(length(min = 1, max = 200))]
    pub reason: String,
}

impl RequestReturn {
    /// Checked: lines with their units, and the reason.
    pub fn checked(self, max: i64) -> Result<(Vec<(LineId, i64)>, SmolStr), Problem> {
        stock::text("reason", &self.reason, MAX_TEXT)?;
        Ok((checked_lines("lines", self.lines, max)?, self.reason.into()))
    }
}

/// `POST /returns/{id}/receive`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiveReturn {
    /// What came; all that was expected when absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 500))]
    pub lines: Option<Vec<SomeUnits>>,
    /// Where it came to; each unit to where it had left from when absent.
    #[serde(default)]
    #[schemars(with = "Option<TextId>")]
    pub store: Option<StoreId>,
    /// Whether it can be sold again; `true` when absent.
    #[serde(default)]
    pub restock: Option<bool>,
    /// Whether what was paid for it goes back now, which takes the scope `refunds`; `false` when absent.
    #[serde(default)]
    pub refund: Option<bool>,
}

impl ReceiveReturn {
    /// The lines, checked.
    pub fn checked_lines(
        lines: Option<Vec<SomeUnits>>,
        max: i64,
    ) -> Result<Option<Vec<(LineId, i64)>>, Problem> {
        lines
            .map(|lines| checked_lines("lines", lines, max))
            .transpose()
    }
}
