//! What the catalogue offers, at its price in another currency: as drop-in services sell.

use crate::carts::Loaded;
use cartwright_domain::cart::{Cart, Goods, Offer};
use cartwright_domain::{Currency, Money, Sku, StoreId, conversion};
use hashbrown::HashMap;

/// The offers of a cart's SKUs, each at one price in one currency: what it costs in dollars, else in the first currency that it
/// has a price in, converted. Those services know one price a product, and so do the buyers who were shown it.
pub(super) struct Converted<'a> {
    listed: Loaded<'a>,
    prices: HashMap<&'a Sku, Money>,
}

impl<'a> Converted<'a> {
    /// Of a cart whose products are loaded.
    pub(super) fn new(listed: Loaded<'a>, cart: &'a Cart, to: Currency) -> Self {
        let price = |sku: &Sku| {
            let offer = listed.find(sku)?;
            let mut prices = offer.prices.iter();
            let dollars = prices.find(|price| price.currency.code() == "USD");
            conversion::converted(*dollars.or(offer.prices.first())?, to)
        };
        let prices = cart
            .lines
            .iter()
            .filter_map(|line| Some((&line.sku, price(&line.sku)?)));
        Self {
            prices: prices.collect(),
            listed,
        }
    }
}

impl Goods for Converted<'_> {
    fn find(&self, sku: &Sku) -> Option<Offer<'_>> {
        let offer = self.listed.find(sku)?;
        let price = self.prices.get(sku);
        Some(Offer {
            prices: price.map_or(&[], std::slice::from_ref),
            ..offer
        })
    }

    fn available(&self, sku: &Sku, store: Option<&StoreId>) -> Option<i64> {
        self.listed.available(sku, store)
    }
}
