//! What the catalogue and the stock say of a SKU at this moment, as a cart asks it.

use super::{Cart, Line};
use crate::catalog::Limits;
use crate::{Country, Currency, Money, ProductId, Refusal, Sku, StoreId};
use smol_str::SmolStr;

/// What is for sale, read before the decision.
pub trait Goods {
    /// What is offered under a SKU; `None` when it is unknown, a draft or archived.
    fn find(&self, sku: &Sku) -> Option<Offer<'_>>;

    /// How many could be had, at one store or wherever the cart's country is served from. `None` when nobody shall ask
    /// (validation is off) or nobody could answer (it fails open); 0 for a SKU that nobody knows.
    fn available(&self, sku: &Sku, store: Option<&StoreId>) -> Option<i64>;
}

/// One SKU as it is sold now.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// The product it belongs to.
    pub product_id: &'a ProductId,
    /// For people.
    pub name: &'a SmolStr,
    /// At most one a currency.
    pub prices: &'a [Money],
    /// How many one cart may hold.
    pub limits: Limits,
    /// Where it may not be sold.
    pub denied_countries: &'a [Country],
}

impl Offer<'_> {
    /// Its price in a currency.
    pub fn price(&self, currency: Currency) -> Option<Money> {
        self.prices
            .iter()
            .copied()
            .find(|price| price.currency == currency)
    }

    /// Whether it may be sold there.
    pub fn sold_in(&self, country: Country) -> bool {
        !self.denied_countries.contains(&country)
    }
}

/// What a line remembers of an offer.
pub(super) struct Seen {
    pub(super) product_id: Option<ProductId>,
    pub(super) name: SmolStr,
    pub(super) price: Option<Money>,
}

impl Seen {
    fn of(offer: Offer<'_>, currency: Currency) -> Self {
        Self {
            product_id: Some(offer.product_id.clone()),
            name: offer.name.clone(),
            price: offer.price(currency),
        }
    }

    pub(super) fn write(self, line: &mut Line) {
        line.product_id = self.product_id;
        line.name = self.name;
        line.unit_price = self.price;
    }
}

/// What the cart may get more of, or why not: unknown, not sold there, no price. Drop-in carts take anything.
pub(super) fn sellable(cart: &Cart, goods: &dyn Goods, sku: &Sku) -> Result<Seen, Refusal> {
    if cart.is_drop_in() {
        return Ok(known_or_named(goods, sku, cart.currency));
    }
    let offer = goods
        .find(sku)
        .ok_or_else(|| Refusal::not_found("variant", sku))?;
    if !offer.sold_in(cart.country) {
        return Err(Refusal::NotSoldHere {
            sku: sku.clone(),
            country: cart.country,
        });
    }
    let seen = Seen::of(offer, cart.currency);
    match seen.price {
        Some(_) => Ok(seen),
        None => Err(Refusal::CurrencyMismatch {
            sku: sku.clone(),
            currency: cart.currency,
        }),
    }
}

fn known_or_named(goods: &dyn Goods, sku: &Sku, currency: Currency) -> Seen {
    match goods.find(sku) {
        Some(offer) => Seen::of(offer, currency),
        None => Seen {
            product_id: None,
            name: SmolStr::new(sku.as_str()),
            price: None,
        },
    }
}

/// What a line that moves to a cart of this currency remembers: today's offer, else what was seen, without a price in
/// another currency.
pub(super) fn remembered(line: &Line, currency: Currency, goods: &dyn Goods) -> Seen {
    match goods.find(&line.sku) {
        Some(offer) => Seen::of(offer, currency),
        None => Seen {
            product_id: line.product_id.clone(),
            name: line.name.clone(),
            price: line.unit_price.filter(|price| price.currency == currency),
        },
    }
}

/// Brings a line that is written anyway up to date; what is no longer offered keeps what was seen.
pub(super) fn refresh(line: &mut Line, currency: Currency, goods: &dyn Goods) {
    if let Some(offer) = goods.find(&line.sku)
        && offer.price(currency).is_some()
    {
        Seen::of(offer, currency).write(line);
    }
}
