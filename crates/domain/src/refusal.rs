//! What the shop answers when the business says no: a closed list with stable codes.

use crate::checkout::{Field, Staleness, Totals};
use crate::payment::Decline;
use crate::{CheckoutId, Country, Currency, Money, Sku};
use serde::Serialize;

/// One line of a request that could not be filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShortLine {
    /// Which SKU.
    pub sku: Sku,
    /// How many were asked for.
    pub requested: i64,
    /// How many could be had.
    pub available: i64,
}

/// What a wallet lacks, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    /// How much was asked for.
    pub requested: i64,
    /// How much could be had.
    pub available: i64,
    /// Of which money.
    pub currency: Currency,
}

/// A value that is not allowed, named by its field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Path in the request (`lines[2].quantity`).
    pub field: String,
    /// A stable word for the kind of error.
    pub code: &'static str,
    /// What is allowed.
    pub detail: String,
}

/// The business says no. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the fields are named and printed by the variant's message"
)]
pub enum Refusal {
    /// There is no such thing, or the caller may not know of it.
    #[error("no {resource} {id}")]
    NotFound { resource: &'static str, id: String },
    /// Not enough stock. One entry a SKU, never empty.
    #[error("not enough stock")]
    InsufficientStock { lines: Vec<ShortLine> },
    /// The resource changed since the caller read it.
    #[error("the version is {current}")]
    VersionConflict { current: u64 },
    /// An absolute write without a version.
    #[error("a version is required")]
    VersionRequired,
    /// The principal holds as many open reservations as it may.
    #[error("at most {limit} open reservations")]
    ReservationLimit { limit: u64 },
    /// The reservation has ended otherwise.
    #[error("the reservation is {state}")]
    ReservationFinal { state: &'static str },
    /// The cart takes no more changes.
    #[error("cart {id} is {state}")]
    CartClosed {
        id: String,
        state: &'static str,
        checkout_id: Option<CheckoutId>,
    },
    /// The name is taken by something else.
    #[error("{resource} {id} exists already")]
    AlreadyExists { resource: &'static str, id: String },
    /// The thing is in a state that forbids this.
    #[error("{detail}")]
    InvalidState { state: &'static str, detail: String },
    /// Values that are not allowed. Never empty.
    #[error("invalid values")]
    Invalid { errors: Vec<FieldError> },
    /// Outside a SKU's own limits.
    #[error("quantity outside the limits of the SKU")]
    QuantityLimit {
        min: Option<i64>,
        max: Option<i64>,
        multiple: Option<i64>,
    },
    /// The cart would grow beyond a configured limit.
    #[error("{detail}")]
    CartLimit { detail: String },
    /// No price in the cart's currency.
    #[error("{sku} has no price in {currency}")]
    CurrencyMismatch { sku: Sku, currency: Currency },
    /// The SKU is not sold in that country.
    #[error("{sku} is not sold in {country}")]
    NotSoldHere { sku: Sku, country: Country },
    /// A checkout lacks what completing it needs. Never empty.
    #[error("the checkout is incomplete")]
    CheckoutIncomplete { missing: Vec<Field> },
    /// Paid in another currency than what is bought.
    #[error("the amounts are in {paid}, the total is in {currency}")]
    PaymentCurrency { paid: Currency, currency: Currency },
    /// More than what is left.
    #[error("{requested} asked for, {remaining} left")]
    ExceedsRemaining { requested: i64, remaining: i64 },
    /// More than what a wallet has and does not hold.
    #[error("{requested} {currency} asked for, {available} available")]
    InsufficientFunds {
        requested: i64,
        available: i64,
        currency: Currency,
    },
    /// A part of a checkout cannot be paid so.
    #[error("the payment is declined: {}", reason.as_str())]
    PaymentDeclined {
        reason: Decline,
        checkout: Option<CheckoutId>,
        short: Option<Short>,
    },
    /// Too many attempts at paying for one cart came to nothing.
    #[error("{limit} attempts at paying failed within an hour")]
    TooManyAttempts {
        limit: usize,
        retry_after_seconds: u32,
    },
    /// More is to be paid, and nothing was said about how.
    #[error("{} {} are to be paid", amount.minor, amount.currency)]
    PaymentRequired { amount: Money },
    /// The idempotency key belongs to another request.
    #[error("the key was used with another request")]
    KeyReused,
    /// The quote binds nobody any more; `totals` are those of now.
    #[error("the quote is stale: {}", reason.as_str())]
    QuoteStale {
        reason: Staleness,
        totals: Totals,
        currency: Currency,
    },
}

impl Refusal {
    /// A thing that is not there.
    pub fn not_found(resource: &'static str, id: impl ToString) -> Self {
        Self::NotFound {
            resource,
            id: id.to_string(),
        }
    }

    /// One value that is not allowed.
    pub fn invalid(
        field: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            errors: vec![FieldError {
                field: field.into(),
                code,
                detail: detail.into(),
            }],
        }
    }

    /// One SKU short of stock.
    pub fn short(sku: &Sku, requested: i64, available: i64) -> Self {
        Self::InsufficientStock {
            lines: vec![ShortLine {
                sku: sku.clone(),
                requested,
                available,
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_it_is_about() {
        let refusal = Refusal::not_found("cart", 5);
        assert_eq!(refusal.to_string(), "no cart 5");
        let refusal = Refusal::invalid("quantity", "out_of_range", "at most 9");
        let errors = vec![FieldError {
            field: "quantity".into(),
            code: "out_of_range",
            detail: "at most 9".into(),
        }];
        assert_eq!(refusal, Refusal::Invalid { errors });
        let sku = crate::cart::samples::sku("A");
        let line = ShortLine {
            sku: sku.clone(),
            requested: 3,
            available: 1,
        };
        let lines = vec![line];
        assert_eq!(
            Refusal::short(&sku, 3, 1),
            Refusal::InsufficientStock { lines }
        );
    }
}
