//! `PUT /variants/{sku}/prices/{currency}`.

use cartwright_domain::catalog::check_price;
use cartwright_domain::{Currency, Money, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A new price; its currency stands in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPrice {
    /// Minor units.
    #[schemars(range(min = 0, max = 1_000_000_000_000u64))]
    pub amount: i64,
    /// The version of the variant that the caller has seen, as in `If-Match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u64>,
}

impl SetPrice {
    /// The price in a currency.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming `amount`.
    pub fn price(&self, currency: Currency) -> Result<Money, Refusal> {
        let price = Money::new(self.amount, currency);
        check_price(price).map(|()| price)
    }
}
