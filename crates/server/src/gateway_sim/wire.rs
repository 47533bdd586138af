//! The shapes of requests and replies: money in minor units, moments in RFC 3339.

use cartwright_domain::{Money, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What a call wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Hold money on a card.
    Authorize,
    /// Take what is held.
    Capture,
    /// Let go of what is held.
    Void,
    /// Give back what was taken.
    Refund,
    /// Ask.
    Lookup,
    /// Tell the shop.
    Webhook,
}

impl Op {
    /// As it is spelled in JSON and kept in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::Lookup => "lookup",
            Self::Webhook => "webhook",
        }
    }
}

/// Where a payment stands. A refund leaves it captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Money is held.
    Authorized,
    /// Money was taken.
    Captured,
    /// Nothing is held any more, and nothing was taken.
    Voided,
    /// The card said no.
    Declined,
}

impl State {
    /// As it is spelled in JSON and kept in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Voided => "voided",
            Self::Declined => "declined",
        }
    }

    /// From its name.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Authorized,
            Self::Captured,
            Self::Voided,
            Self::Declined,
        ]
        .into_iter()
        .find(|state| state.name() == text)
    }
}

/// A payment as the ledger has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// Ours.
    pub id: String,
    /// The shop's.
    pub reference: String,
    /// Where it stands.
    pub state: State,
    /// What was asked for.
    pub amount: Money,
    /// What was taken, in minor units.
    pub captured: i64,
    /// What was given back of that, in minor units.
    pub refunded: i64,
    /// Why it was declined.
    pub code: Option<String>,
    /// Brand and last digits.
    pub card: (String, String),
    /// What the shop wrote on it.
    pub metadata: Map<String, Value>,
    /// When it was first seen.
    pub created_at: Time,
}

impl Payment {
    /// The Payment of the page.
    pub fn to_json(&self) -> Value {
        let money = |minor| Money::new(minor, self.amount.currency);
        let mut value = json!({
            "id": self.id,
            "reference": self.reference,
            "state": self.state,
            "amount": self.amount,
            "captured": money(self.captured),
            "refunded": money(self.refunded),
            "card": {"brand": self.card.0, "last4": self.card.1},
            "metadata": self.metadata,
            "created_at": self.created_at.to_string(),
        });
        if let Some(code) = &self.code {
            value["code"] = json!(code);
        }
        value
    }
}

/// `POST /payments`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizeBody {
    /// The shop's own id of the payment.
    pub reference: String,
    /// What to hold.
    pub amount: Money,
    /// The card.
    pub token: String,
    /// `checkout_id`, `cart_id`, anything.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

/// `POST /payments/{id}/capture|void|refund`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// A part; absent for all there is.
    #[serde(default)]
    pub amount: Option<Money>,
}

/// `POST /payments/void`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoidBody {
    /// The shop's own id of the payment.
    pub reference: String,
}

/// A refusal's body.
pub fn problem(code: &str, detail: &str) -> Value {
    json!({"code": code, "detail": detail})
}

/// The body of a 409.
pub fn conflict(code: &str, state: &str, detail: &str) -> Value {
    json!({"code": code, "state": state, "detail": detail})
}
