//! The product, its variants, and what happens to them.

use crate::entity::Entity;
use crate::{Country, Currency, Money, ProductId, Sku, Slug, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smol_str::SmolStr;
use std::sync::Arc;

/// Whether the public sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not yet for sale.
    Draft,
    /// For sale.
    #[default]
    Active,
    /// No longer for sale.
    Archived,
}

/// One option of a product and what it may be (`size`: S, M, L).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionValues {
    /// Which option.
    pub name: SmolStr,
    /// Its values in order.
    pub values: Vec<SmolStr>,
}

/// Length, width and height in millimetres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimensions {
    /// Longest side.
    pub length: i64,
    /// Width.
    pub width: i64,
    /// Height.
    pub height: i64,
}

/// How many of a SKU one cart may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// At least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// In multiples of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiple: Option<i64>,
}

/// What a client says of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantData {
    /// What it is counted by; unique in the whole catalogue.
    pub sku: Sku,
    /// A value for each option of the product.
    pub options: Vec<(SmolStr, SmolStr)>,
    /// At most one a currency, never negative.
    pub prices: Vec<Money>,
    /// Former prices, at most one a currency.
    pub compare_at: Vec<Money>,
    /// Weight in grams.
    pub weight_grams: Option<i64>,
    /// Size in millimetres.
    pub dimensions: Option<Dimensions>,
    /// Quantity limits in a cart.
    pub limits: Limits,
    /// Where it may not be sold.
    pub denied_countries: Vec<Country>,
}

/// A variant: one thing that can be bought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// What the client said.
    #[serde(flatten)]
    pub data: VariantData,
    /// Its own version: raised by each change of this variant.
    pub version: u64,
}

impl Variant {
    /// Its price in a currency.
    pub fn price(&self, currency: Currency) -> Option<Money> {
        self.data
            .prices
            .iter()
            .copied()
            .find(|price| price.currency == currency)
    }
}

/// What a client says of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductData {
    /// Unique in the whole catalogue.
    pub slug: Slug,
    /// For people.
    pub name: SmolStr,
    /// For people, at length.
    pub description: String,
    /// Whether the public sees it.
    pub status: Status,
    /// Who makes it.
    pub brand: Option<SmolStr>,
    /// Slugs of the categories it is in.
    pub categories: Vec<SmolStr>,
    /// Anything else.
    pub attributes: Map<String, Value>,
    /// Addresses of pictures.
    pub images: Vec<String>,
    /// What distinguishes its variants.
    pub options: Vec<OptionValues>,
}

/// A product with its variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Chosen by the client or made.
    pub id: ProductId,
    /// What the client said.
    pub data: ProductData,
    /// At least one; SKUs are unique.
    pub variants: Vec<Variant>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// Raised by each change, of a variant too.
    pub version: u64,
}

impl Product {
    /// One of its variants.
    pub fn variant(&self, sku: &Sku) -> Option<&Variant> {
        self.variants
            .iter()
            .find(|variant| variant.data.sku == *sku)
    }
}

/// What happens to a product.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It was created, or what is said of it was replaced: data and all variants. A variant whose data is unchanged keeps its version.
    Put {
        /// What the client says of the product.
        data: Box<ProductData>,
        /// All its variants.
        variants: Vec<VariantData>,
    },
    /// The price of one variant in one currency was set.
    PriceSet {
        /// Which variant.
        sku: Sku,
        /// The new price.
        price: Money,
    },
}

impl Entity for Product {
    type Key = ProductId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &ProductId, event: &Event, at: Time) {
        match event {
            Event::Put { data, variants } => {
                let before = state.take();
                let variants = variants
                    .iter()
                    .map(|data| raise(before.as_deref(), data))
                    .collect();
                *state = Some(Arc::new(Self {
                    id: key.clone(),
                    data: (**data).clone(),
                    variants,
                    created_at: before.as_ref().map_or(at, |product| product.created_at),
                    updated_at: at,
                    version: before.as_ref().map_or(0, |product| product.version) + 1,
                }));
            }
            Event::PriceSet { sku, price } => {
                let Some(product) = state.as_mut().map(Arc::make_mut) else {
                    return;
                };
                product.version += 1;
                product.updated_at = at;
                if let Some(variant) = product
                    .variants
                    .iter_mut()
                    .find(|variant| variant.data.sku == *sku)
                {
                    let prices = &mut variant.data.prices;
                    match prices
                        .iter_mut()
                        .find(|known| known.currency == price.currency)
                    {
                        Some(known) => *known = *price,
                        None => prices.push(*price),
                    }
                    variant.version += 1;
                }
            }
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// The variant after its data was put: a new version only if something changed.
fn raise(before: Option<&Product>, data: &VariantData) -> Variant {
    let known = before.and_then(|product| product.variant(&data.sku));
    let version = known.map_or(1, |variant| {
        variant.version + u64::from(variant.data != *data)
    });
    Variant {
        data: data.clone(),
        version,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{data, id, money, product, sku, variants};
    use super::*;

    fn after(before: Option<Product>, event: &Event, at: i64) -> Product {
        let mut state = before.map(Arc::new);
        Product::apply(&mut state, &id("mug"), event, Time(at));
        Arc::unwrap_or_clone(state.expect("a product"))
    }

    fn put(variants: Vec<VariantData>) -> Event {
        let data = Box::new(data());
        Event::Put { data, variants }
    }

    #[test]
    fn each_change_counts_one_version_of_what_it_changes() {
        let versions = |product: &Product| {
            let of_variants: Vec<_> = product.variants.iter().map(|it| it.version).collect();
            (product.version(), of_variants)
        };
        let first = after(None, &put(variants()), 3);
        assert_eq!(versions(&first), (1, vec![1, 1]));
        assert_eq!((first.created_at, first.updated_at), (Time(3), Time(3)));
        let event = Event::PriceSet {
            sku: sku("MUG-BLUE"),
            price: money(5, "JPY"),
        };
        let priced = after(Some(first), &event, 4);
        assert_eq!(versions(&priced), (2, vec![1, 2]));
        assert_eq!((priced.created_at, priced.updated_at), (Time(3), Time(4)));
        let prices = &priced.variants[1].data.prices;
        assert_eq!(prices.last(), Some(&money(5, "JPY")));
        assert_eq!(prices.len(), 3);
        let again = after(Some(priced), &event, 5);
        assert_eq!(versions(&again), (3, vec![1, 3]));
        assert_eq!(again.variants[1].data.prices.len(), 3);
        let mut changed = variants();
        changed[0].weight_grams = None;
        let replaced = after(Some(again), &put(changed), 6);
        assert_eq!(versions(&replaced), (4, vec![2, 4]));
        assert_eq!(
            (replaced.created_at, replaced.updated_at),
            (Time(3), Time(6))
        );
    }

    #[test]
    fn a_variant_is_found_by_its_sku_and_a_price_by_its_currency() {
        let product = product();
        let blue = product.variant(&sku("MUG-BLUE"));
        assert_eq!(blue, product.variants.get(1));
        assert_eq!(product.variant(&sku("MUG")), None);
        let price = |code| blue.and_then(|it| it.price(money(0, code).currency));
        assert_eq!(price("EUR"), Some(money(1190, "EUR")));
        assert_eq!(price("JPY"), None);
    }
}
