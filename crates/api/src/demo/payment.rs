//! Charging a card by itself, as those shops' payment service does, for a purchase that another service keeps.

use super::card::Card;
use super::catalog::Price;
use crate::http::Edge;
use crate::problem::Problem;
use crate::wire::checkout::detail;
use cartwright_app::checkouts::saga::{Part, was_charged};
use cartwright_app::kept::key_hash;
use cartwright_domain::checkout::{Failure, FailureCode};
use cartwright_domain::conversion::{self, NANOS};
use cartwright_domain::payment::{Decline, State};
use cartwright_domain::{Currency, Money, PaymentId, Time};

/// How long a caller waits for the end.
const WITHIN_NS: u64 = 30_000_000_000;

/// What a charge is called: the same for the same key of a package.
pub fn id(edge: &Edge, package: &str, key: Option<&str>) -> PaymentId {
    let of_key = |key| u128::from_be_bytes(key_hash(package, "Charge", "", key));
    PaymentId(key.map_or_else(|| edge.fresh_id(), of_key))
}

/// Authorizes and captures an amount, rounded to minor units; the payment's id, by which its provider knows it too. Nothing is
/// asked of anybody for an amount of 0.
///
/// # Errors
/// `payment_declined` in the demo's words for a card that is not taken; `invalid` (the amount); `idempotency_key_reused`
/// when this payment is of another amount;
/// `dependency_unavailable` when no provider can be asked, or its answer stays away: what was recorded then ends released.
pub async fn charge(
    edge: &Edge,
    id: PaymentId,
    amount: &Price,
    card: Option<&Card>,
) -> Result<String, Problem> {
    let (part, _) = paid_with(edge, card)?;
    let amount = money(amount)?;
    if amount.minor == 0 {
        return Ok(id.to_string());
    }
    let until_ns = edge.shop.clock().monotonic_ns() + WITHIN_NS;
    let payment = edge.saga.charge(id, amount, part, until_ns).await?;
    if payment.amount != amount {
        let detail = "this idempotency key was used with another amount; use a new key";
        return Err(Problem::new("idempotency_key_reused", detail));
    }
    if was_charged(&payment) {
        tracing::info!(payment = %id, "a card was charged by itself");
        return Ok(id.to_string());
    }
    match payment.state {
        State::Declined if !payment.is_open() => {
            let reason = payment.decline.unwrap_or(Decline::Declined);
            let failure = Failure {
                code: FailureCode::PaymentDeclined,
                reason: Some(reason),
            };
            let problem = Problem::new("payment_declined", detail(failure));
            Err(problem.with("reason", reason.as_str()))
        }
        _ => {
            let detail = format!("payment {id} was not answered in time; it is released");
            Err(Problem::new("dependency_unavailable", detail))
        }
    }
}

/// What is charged for a card, and its brand. Its number stays here.
///
/// # Errors
/// `payment_declined` in the demo's words; `dependency_unavailable` when no provider takes cards by their number.
pub(super) fn paid_with(edge: &Edge, card: Option<&Card>) -> Result<(Part, &'static str), Problem> {
    let card = card.ok_or_else(|| {
        let detail = "Credit card info is invalid.";
        Problem::new("payment_declined", detail).with("reason", "declined")
    })?;
    let brand = card.brand(Time(edge.shop.clock().now_ms()))?;
    let providers = edge.saga.providers();
    let part = providers.stand_in(brand, edge.shop.clock().monotonic_ns());
    let part = part.ok_or_else(|| {
        let detail = if providers.is_empty() {
            "no payment provider is configured: set `payment` (see the configuration reference)"
        } else {
            "the payment provider takes cards through its own form alone: complete a checkout with its token"
        };
        Problem::new("dependency_unavailable", detail)
    })?;
    Ok((part, brand))
}

fn money(amount: &Price) -> Result<Money, Problem> {
    let unknown = |_| {
        let detail = "expected an ISO 4217 currency code";
        Problem::invalid("amount.currency_code", "unknown", detail)
    };
    let currency = Currency::new(&amount.currency_code).map_err(unknown)?;
    let nanos = i128::from(amount.units) * NANOS + i128::from(amount.nanos);
    let minor = conversion::minor(nanos, currency).filter(|minor| *minor >= 0);
    let minor = minor.ok_or_else(|| {
        let detail = "expected an amount that is not below 0";
        Problem::invalid("amount.units", "out_of_range", detail)
    })?;
    Ok(Money::new(minor, currency))
}
