//! Money as `{"amount": 1299, "currency": "USD"}`.

use super::schema::CurrencyCode;
use cartwright_domain as domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount in minor units (cents) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units: 1299 is 12.99 USD.
    pub amount: i64,
    /// ISO 4217 code, upper case.
    #[schemars(with = "CurrencyCode")]
    pub currency: domain::Currency,
}

impl From<domain::Money> for Money {
    fn from(money: domain::Money) -> Self {
        Self {
            amount: money.minor,
            currency: money.currency,
        }
    }
}

impl From<Money> for domain::Money {
    fn from(money: Money) -> Self {
        Self::new(money.amount, money.currency)
    }
}
