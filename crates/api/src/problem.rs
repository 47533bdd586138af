//! Errors as RFC 9457 problems: a stable code, a sentence that says what to do, and the fields the contract names.

use crate::codes::status_of;
use crate::wire::Money;
use crate::wire::checkout::{Totals, detail};
use bytes::Bytes;
use cartwright_app::Fault;
use cartwright_domain::Refusal;
use cartwright_domain::checkout::{Failure, FailureCode};
use serde_json::{Map, Value, json};

/// What went wrong, for the caller.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Stable code of [`crate::codes::CODES`].
    pub code: &'static str,
    /// What to do about it.
    pub detail: String,
    /// The fields that belong to the code.
    pub fields: Map<String, Value>,
    /// Seconds after which to try again.
    pub retry_after: Option<u32>,
    /// Methods that the resource has (405).
    pub allow: Option<String>,
    /// Another status than the code's own, where it is configured.
    pub status: Option<u16>,
}

impl Problem {
    /// A problem without fields.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            fields: Map::new(),
            retry_after: None,
            allow: None,
            status: None,
        }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Something that is not there, or not the caller's to know.
    pub fn not_found(resource: &str, id: impl std::fmt::Display) -> Self {
        let detail = format!(
            "there is no {resource} {id} that you may see; check the id and your credentials"
        );
        Self::new("not_found", detail)
            .with("resource", resource)
            .with("id", id.to_string())
    }

    /// One field that is not allowed.
    pub fn invalid(
        field: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Refusal::invalid(field, code, detail).into()
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.status.unwrap_or_else(|| status_of(self.code))
    }

    /// Whether it says that another process writes.
    pub(crate) fn is_for_lack_of_lease(&self) -> bool {
        self.code == "read_only" && self.fields.contains_key("role")
    }

    /// The body.
    pub fn body(&self) -> Bytes {
        let mut body = Map::new();
        let docs = format!("/docs/errors/{}", self.code);
        body.insert("type".into(), json!(docs));
        body.insert("title".into(), json!(title(self.code)));
        body.insert("status".into(), json!(self.status()));
        body.insert("detail".into(), json!(self.detail));
        body.insert("code".into(), json!(self.code));
        body.insert("docs".into(), json!(docs));
        body.extend(self.fields.clone());
        Value::Object(body).to_string().into()
    }
}

fn title(code: &str) -> String {
    let words = code.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound { resource, id } => Self::not_found(resource, id),
            Refusal::InsufficientStock { lines } => {
                let first = &lines[0];
                let detail = format!(
                    "product {} has {} available and {} were requested; ask for less or try again later",
                    first.sku, first.available, first.requested
                );
                let problem = Self::new("insufficient_stock", detail)
                    .with("sku", first.sku.as_str())
                    .with("requested", first.requested)
                    .with("available", first.available);
                if lines.len() > 1 {
                    problem.with("lines", json!(lines))
                } else {
                    problem
                }
            }
            Refusal::VersionConflict { current } => {
                let detail = format!(
                    "it changed since you read it and is at version {current} now; read it again, then decide"
                );
                Self::new("version_conflict", detail).with("current_version", current)
            }
            Refusal::VersionRequired => version_required(),
            Refusal::ReservationLimit { limit } => {
                let detail = format!(
                    "at most {limit} reservations may be open at once; release or confirm some first"
                );
                Self::new("reservation_limit", detail).with("limit", limit)
            }
            Refusal::ReservationFinal { state } => {
                let detail = format!("the reservation has ended: it is {state}; make a new one");
                Self::new("reservation_final", detail).with("state", state)
            }
            Refusal::CartClosed {
                id,
                state,
                checkout_id,
            } => {
                let detail =
                    format!("cart {id} is {state} and takes no changes; create a new cart");
                let problem = Self::new("cart_closed", detail)
                    .with("id", id)
                    .with("state", state);
                match checkout_id {
                    Some(id) => problem.with("checkout_id", id.to_string()),
                    None => problem,
                }
            }
            Refusal::AlreadyExists { resource, id } => {
                let detail = format!(
                    "there is another {resource} {id} already; choose another name or use that one"
                );
                Self::new("already_exists", detail)
                    .with("resource", resource)
                    .with("id", id)
            }
            Refusal::InvalidState { state, detail } => {
                Self::new("invalid_state", detail).with("state", state)
            }
            Refusal::Invalid { errors } => {
                let detail = match errors.as_slice() {
                    [one] => format!("{}: {}", one.field, one.detail),
                    many => format!(
                        "{} fields are not allowed as they are; see errors",
                        many.len()
                    ),
                };
                Self::new("invalid", detail).with("errors", json!(errors))
            }
            Refusal::QuantityLimit { min, max, multiple } => {
                let detail = "the quantity of this SKU is limited: at least min, at most max, in steps of multiple";
                let problem = Self::new("quantity_limit", detail).with("min", json!(min));
                problem
                    .with("max", json!(max))
                    .with("multiple", json!(multiple))
            }
            Refusal::CartLimit { detail } => Self::new("cart_limit", detail),
            Refusal::CurrencyMismatch { sku, currency } => {
                let detail =
                    format!("{sku} has no price in {currency}; use a cart in another currency");
                Self::new("currency_mismatch", detail)
                    .with("sku", sku.as_str())
                    .with("currency", currency.code())
            }
            Refusal::NotSoldHere { sku, country } => {
                let detail = format!("{sku} is not sold in {country}");
                Self::new("not_sold_here", detail)
                    .with("sku", sku.as_str())
                    .with("country", country.code())
            }
            Refusal::CheckoutIncomplete { missing } => {
                let missing: Vec<_> = missing.iter().map(|field| field.as_str()).collect();
                let detail = format!(
                    "the checkout still wants {}; PATCH it, then complete it with the quote it gets",
                    missing.join(", ")
                );
                Self::new("checkout_incomplete", detail).with("missing", json!(missing))
            }
            Refusal::PaymentCurrency { paid, currency } => {
                let detail = format!(
                    "the amounts are in {paid} and the quote is in {currency}; pay in that"
                );
                Self::new("currency_mismatch", detail).with("currency", currency.code())
            }
            Refusal::ExceedsRemaining {
                requested,
                remaining,
            } => {
                let detail = format!(
                    "{requested} were asked for and {remaining} are left; ask for no more than that"
                );
                Self::new("exceeds_remaining", detail)
                    .with("requested", requested)
                    .with("remaining", remaining)
            }
            Refusal::InsufficientFunds {
                requested,
                available,
                currency,
            } => {
                let detail = format!(
                    "{requested} minor units of {currency} were asked for and the wallet has {available} available; ask for no more than that"
                );
                Self::new("insufficient_funds", detail)
                    .with("requested", requested)
                    .with("available", available)
                    .with("currency", currency.code())
            }
            Refusal::PaymentDeclined {
                reason,
                checkout,
                short,
            } => {
                let failure = Failure {
                    code: FailureCode::PaymentDeclined,
                    reason: Some(reason),
                };
                let mut problem =
                    Self::new("payment_declined", detail(failure)).with("reason", reason.as_str());
                if let Some(checkout) = checkout {
                    problem = problem.with("checkout_id", checkout.to_string());
                }
                match short {
                    Some(short) => problem
                        .with("requested", short.requested)
                        .with("available", short.available)
                        .with("currency", short.currency.code()),
                    None => problem,
                }
            }
            Refusal::PaymentRequired { amount } => {
                let detail = format!(
                    "the new items cost {} minor units of {} more than those that come back: say in payment how that is paid",
                    amount.minor, amount.currency
                );
                let problem = Self::from(Refusal::invalid("payment", "required", detail));
                problem.with("amount_due", json!(Money::from(amount)))
            }
            Refusal::KeyReused => Self::new(
                "idempotency_key_reused",
                "this Idempotency-Key was used with another query or body; use a new key for a new request",
            ),
            Refusal::QuoteStale {
                reason,
                totals,
                currency,
            } => {
                let detail = "the quote does not bind any more; PATCH the checkout, even with {}, and show the buyer the new one";
                Self::new("quote_stale", detail)
                    .with("reason", reason.as_str())
                    .with("totals", json!(Totals::new(&totals, currency)))
            }
        }
    }
}

/// An absolute write came without a version.
pub fn version_required() -> Problem {
    Problem::new(
        "version_required",
        "send the version you read as If-Match: \"<version>\" or expected_version (0: it must not exist yet)",
    )
}

/// Another process has the lease. What it is answered with is configured: the edge fills it in.
fn no_lease() -> Problem {
    let detail = "another process of this shop has the lease and writes; this one serves reads: try again in a moment, or ask that one";
    Problem {
        retry_after: Some(1),
        ..Problem::new("read_only", detail).with("role", "reader")
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        if matches!(fault, Fault::NoLease) {
            return no_lease();
        }
        let (code, detail, retry) = match fault {
            Fault::Unavailable(_) => (
                "dependency_unavailable",
                "the store did not answer; try again with the same Idempotency-Key",
                1,
            ),
            Fault::ReadOnly | Fault::NoLease => (
                "read_only",
                "the shop takes no writes until its store works again; reads go on",
                1,
            ),
            Fault::Overloaded => (
                "overloaded",
                "too much is waiting; try again in a moment",
                1,
            ),
            Fault::Corrupt(_) | Fault::Rejected(_) => (
                "internal",
                "this should not have happened; the operator finds it by the Request-Id",
                0,
            ),
        };
        if code == "internal" {
            tracing::error!(%fault, "a request failed for a reason inside");
        }
        Self {
            retry_after: (retry > 0).then_some(retry),
            ..Self::new(code, detail)
        }
    }
}
