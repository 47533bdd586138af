//! Stripe's shapes, as far as they are read, and what they mean to us.

use super::super::endpoint::unreadable;
use cartwright_app::ports::payment::{Card, GatewayError, GatewayPayment, PaymentState};
use cartwright_domain::{Currency, Money};
use serde::Deserialize;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Currencies without minor units in ISO 4217 that Stripe counts in hundredths all the same
/// (docs.stripe.com/currencies#special-cases).
const IN_HUNDREDTHS: &[&str] = &["ISK", "UGX"];

fn factor(currency: Currency) -> i64 {
    if IN_HUNDREDTHS.contains(&currency.code()) && currency.digits() == 0 {
        100
    } else {
        1
    }
}

/// What Stripe calls an amount; `None` when it is too large.
pub(super) fn minor_to_stripe(amount: Money) -> Option<i64> {
    amount.minor.checked_mul(factor(amount.currency))
}

/// What Stripe calls a currency.
pub(super) fn stripe_currency(currency: Currency) -> String {
    currency.code().to_ascii_lowercase()
}

/// A PaymentIntent.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    status: String,
    amount: i64,
    #[serde(default)]
    amount_received: i64,
    currency: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    latest_charge: Option<Expandable>,
    last_payment_error: Option<Error>,
}

/// An object, or only its id.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Expandable {
    Charge(Box<Charge>),
    Id(#[allow(dead_code, reason = "only its being no object matters")] String),
}

#[derive(Debug, Clone, Deserialize)]
struct Charge {
    #[serde(default)]
    amount_refunded: i64,
    payment_method_details: Option<Details>,
}

#[derive(Debug, Clone, Deserialize)]
struct Details {
    card: Option<ChargedCard>,
}

#[derive(Debug, Clone, Deserialize)]
struct ChargedCard {
    brand: Option<SmolStr>,
    last4: Option<SmolStr>,
}

/// A list, or a page of search results.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Page {
    pub(super) data: Vec<Intent>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// A refund.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Refund {
    pub(super) status: Option<String>,
    pub(super) payment_intent: Option<String>,
}

/// The body of a failure.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Failed {
    pub(super) error: Error,
}

/// Why something failed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Error {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<SmolStr>,
    decline_code: Option<SmolStr>,
    param: Option<String>,
    payment_intent: Option<IntentState>,
}

#[derive(Debug, Clone, Deserialize)]
struct IntentState {
    status: String,
}

/// `None` while nobody knows: the bank is at work.
fn state(status: &str) -> Option<PaymentState> {
    match status {
        "requires_capture" => Some(PaymentState::Authorized),
        "succeeded" => Some(PaymentState::Captured),
        "canceled" => Some(PaymentState::Voided),
        // None of these holds money, and nobody will go on with it.
        "requires_payment_method" | "requires_confirmation" | "requires_action" => {
            Some(PaymentState::Declined)
        }
        _ => None,
    }
}

impl Intent {
    /// The reference that we wrote on it.
    pub(super) fn reference(&self) -> Option<&str> {
        self.metadata.get("reference").map(String::as_str)
    }

    /// As the port shows payments.
    pub(super) fn read(self) -> Result<GatewayPayment, GatewayError> {
        let state = state(&self.status).ok_or_else(|| {
            GatewayError::Unknown(format!("payment {} is {}", self.id, self.status))
        })?;
        let currency = Currency::new(&self.currency.to_ascii_uppercase()).map_err(unreadable)?;
        let money = |minor: i64| {
            let whole = minor % factor(currency) == 0;
            whole
                .then(|| Money::new(minor / factor(currency), currency))
                .ok_or_else(|| unreadable("a part of a unit"))
        };
        let charge = self.latest_charge.and_then(|charge| match charge {
            Expandable::Charge(charge) => Some(*charge),
            Expandable::Id(_) => None,
        });
        let refunded = charge.as_ref().map_or(0, |charge| charge.amount_refunded);
        let card = charge.and_then(|charge| charge.payment_method_details?.card);
        let card = card.and_then(|card| {
            Some(Card {
                brand: card.brand?,
                last4: card.last4?,
            })
        });
        let decline_code = (state == PaymentState::Declined).then(|| {
            self.last_payment_error
                .as_ref()
                .map_or_else(|| "declined".into(), Error::decline)
        });
        // What was released counts as refunded on the charge, but nothing had been taken.
        let taken = state == PaymentState::Captured;
        Ok(GatewayPayment {
            amount: money(self.amount)?,
            captured: money(if taken { self.amount_received } else { 0 })?,
            refunded: money(if taken { refunded } else { 0 })?,
            reference: self.metadata.get("reference").cloned().unwrap_or_default(),
            id: self.id,
            state,
            decline_code,
            card,
        })
    }
}

impl Error {
    /// One of the three reasons that the contract tells buyers.
    fn decline(&self) -> SmolStr {
        let said = [self.decline_code.as_deref(), self.code.as_deref()];
        let is = |code: &str| said.contains(&Some(code));
        SmolStr::new_static(if is("expired_card") {
            "expired_card"
        } else if is("insufficient_funds") {
            "insufficient_funds"
        } else {
            "declined"
        })
    }

    /// What a failure with this status says about our call.
    pub(super) fn read(self, status: u16) -> GatewayError {
        let code = self.code.clone().unwrap_or_default();
        let shown = || {
            format!(
                "status {status}: {} {code}",
                self.kind.as_deref().unwrap_or_default()
            )
        };
        let about_token = self
            .param
            .as_deref()
            .is_some_and(|param| param.starts_with("payment_method"));
        match (status, self.kind.as_deref()) {
            (402, _) | (_, Some("card_error")) => GatewayError::Declined {
                code: self.decline(),
            },
            // The same key is at work: its outcome is not known yet.
            (409, _) => GatewayError::Unknown(shown()),
            (_, Some("api_error")) => GatewayError::Unknown(shown()),
            (400 | 404, Some("invalid_request_error")) if about_token => GatewayError::Declined {
                code: self.decline(),
            },
            (404, _) => GatewayError::NotFound,
            (_, Some("idempotency_error")) => GatewayError::Refused {
                code: SmolStr::new_static("idempotency_key_reused"),
                state: None,
            },
            (400, Some("invalid_request_error"))
                if self.payment_intent.is_some() || is_refusal(&code) =>
            {
                let state = self.payment_intent.and_then(|intent| state(&intent.status));
                GatewayError::Refused { code, state }
            }
            (400, Some("invalid_request_error")) if self.param.as_deref() == Some("amount") => {
                GatewayError::Refused {
                    code: SmolStr::new_static("exceeds_remaining"),
                    state: None,
                }
            }
            _ => GatewayError::Misconfigured(shown()),
        }
    }
}

/// Codes that speak of where a payment stands (docs.stripe.com/error-codes).
fn is_refusal(code: &str) -> bool {
    matches!(
        code,
        "payment_intent_unexpected_state"
            | "charge_already_captured"
            | "charge_already_refunded"
            | "charge_expired_for_capture"
            | "charge_disputed"
            | "charge_not_refundable"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_say_exactly_how_much_is_known() {
        let declined = |code: &'static str| GatewayError::Declined { code: code.into() };
        let refused = |code: &'static str, state| GatewayError::Refused {
            code: code.into(),
            state,
        };
        let rows = [
            (
                402,
                json!({"type": "card_error", "code": "card_declined", "decline_code": "generic_decline"}),
                declined("declined"),
            ),
            (
                402,
                json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}),
                declined("insufficient_funds"),
            ),
            (
                402,
                json!({"type": "card_error", "code": "expired_card"}),
                declined("expired_card"),
            ),
            (
                400,
                json!({"type": "invalid_request_error", "code": "resource_missing", "param": "payment_method"}),
                declined("declined"),
            ),
            (
                404,
                json!({"type": "invalid_request_error", "code": "resource_missing", "param": "intent"}),
                GatewayError::NotFound,
            ),
            (
                400,
                json!({"type": "invalid_request_error", "code": "payment_intent_unexpected_state", "payment_intent": {"id": "pi", "status": "succeeded"}}),
                refused(
                    "payment_intent_unexpected_state",
                    Some(PaymentState::Captured),
                ),
            ),
            (
                400,
                json!({"type": "invalid_request_error", "code": "charge_already_refunded"}),
                refused("charge_already_refunded", None),
            ),
            (
                400,
                json!({"type": "invalid_request_error", "param": "amount"}),
                refused("exceeds_remaining", None),
            ),
            (
                400,
                json!({"type": "idempotency_error"}),
                refused("idempotency_key_reused", None),
            ),
        ];
        for (status, error, expected) in rows {
            let parsed: Error = serde_json::from_value(error.clone()).expect("an error");
            assert_eq!(parsed.read(status), expected, "{error}");
        }
        let at_work: Error = serde_json::from_value(
            json!({"type": "idempotency_error", "code": "idempotency_key_in_use"}),
        )
        .expect("an error");
        assert!(at_work.read(409).may_have_acted());
        let wrong: Error = serde_json::from_value(
            json!({"type": "invalid_request_error", "code": "parameter_unknown"}),
        )
        .expect("an error");
        assert!(matches!(wrong.read(400), GatewayError::Misconfigured(_)));
    }

    #[test]
    fn amounts_are_counted_as_stripe_counts_them() {
        let rows = [
            ("USD", 1299, Some(1299)),
            ("JPY", 500, Some(500)),
            ("ISK", 500, Some(50_000)),
            ("ISK", i64::MAX, None),
        ];
        for (code, minor, expected) in rows {
            let currency = Currency::new(code).expect("a currency");
            assert_eq!(
                minor_to_stripe(Money::new(minor, currency)),
                expected,
                "{code}"
            );
        }
    }
}
