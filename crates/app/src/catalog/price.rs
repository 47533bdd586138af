//! The price of a variant.

use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::{Money, Refusal, Sku, catalog};

/// Sets the price of a variant in one currency; answered with its product.
#[derive(Debug)]
pub struct SetPrice {
    /// Which variant.
    pub sku: Sku,
    /// The price; its currency is known to the variant or new.
    pub price: Money,
    /// The version the variant must have; without one it is refused.
    pub expected_version: Option<u64>,
}

impl Command for SetPrice {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Sku(self.sku.clone()));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let unknown = || Refusal::not_found("variant", &self.sku);
        let id = work.product_of(&self.sku)?.ok_or_else(unknown)?;
        let product = work.product(id)?.ok_or_else(unknown)?;
        let event = catalog::set_price(product, &self.sku, self.expected_version, self.price)?;
        Ok(super::answer(id.clone(), event, false))
    }
}
