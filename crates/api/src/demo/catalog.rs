//! The catalogue as those shops show it: one price a product, in units and nanos.

use crate::http::Edge;
use crate::problem::Problem;
use cartwright_app::catalog::{Filter, find_product_of, list_products};
use cartwright_app::{Key, Record};
use cartwright_domain::catalog::{Product, Status};
use cartwright_domain::{Currency, Money, ProductId, Sku, conversion};
use std::sync::Arc;

/// Products of one answer at most: those services know no pages.
pub const MAX_LISTED: usize = 10_000;
/// Products read at once.
const AT_ONCE: usize = 500;
const NANOS: i64 = 1_000_000_000;

/// A product as those shops show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people; may be empty.
    pub description: String,
    /// The first image, or empty.
    pub picture: String,
    /// The price of its first variant.
    pub price: Price,
    /// Slugs.
    pub categories: Vec<String>,
}

/// Whole units plus billionths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// ISO 4217.
    pub currency_code: String,
    /// Whole units.
    pub units: i64,
    /// Billionths of a unit.
    pub nanos: i32,
}

impl From<Money> for Price {
    fn from(money: Money) -> Self {
        let scale = 10_i64.saturating_pow(money.currency.digits());
        let nanos = money.minor % scale * (NANOS / scale.min(NANOS));
        Self {
            currency_code: money.currency.code().to_owned(),
            units: money.minor / scale,
            nanos: i32::try_from(nanos).unwrap_or(0),
        }
    }
}

/// A product with its price in USD, else in the first currency there is; a product without any costs 0 USD.
pub fn show(product: &Product) -> Shown {
    shown(product, priced(product))
}

/// A product with that price in another currency, rounded as it is charged; as it is where that cannot be converted.
pub fn show_in(product: &Product, currency: &str) -> Shown {
    let price = priced(product).map(|price| {
        let converted = Currency::new(currency)
            .ok()
            .and_then(|to| conversion::converted(price, to));
        converted.unwrap_or(price)
    });
    shown(product, price)
}

fn priced(product: &Product) -> Option<Money> {
    let prices = &product.variants.first()?.data.prices;
    let mut dollars = prices.iter().filter(|it| it.currency.code() == "USD");
    dollars.next().or(prices.first()).copied()
}

fn shown(product: &Product, price: Option<Money>) -> Shown {
    let data = &product.data;
    let none = Price {
        currency_code: "USD".to_owned(),
        units: 0,
        nanos: 0,
    };
    Shown {
        id: product.id.to_string(),
        name: data.name.to_string(),
        description: data.description.to_string(),
        picture: data.images.first().cloned().unwrap_or_default(),
        price: price.map_or(none, Into::into),
        categories: data.categories.iter().map(ToString::to_string).collect(),
    }
}

/// What is for sale, by id.
///
/// # Errors
/// When the store fails.
pub async fn list(edge: &Edge) -> Result<Vec<Arc<Product>>, Problem> {
    matching(edge, |_| true).await
}

/// What has a text in its name or description, whatever the case, by id.
///
/// # Errors
/// When the store fails.
pub async fn search(edge: &Edge, text: &str) -> Result<Vec<Arc<Product>>, Problem> {
    let text = text.to_lowercase();
    let has = |field: &str| field.to_lowercase().contains(&text);
    matching(edge, |product| {
        has(&product.data.name) || has(&product.data.description)
    })
    .await
}

async fn matching(
    edge: &Edge,
    fits: impl Fn(&Product) -> bool,
) -> Result<Vec<Arc<Product>>, Problem> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let filter = Filter {
            public: true,
            ..Filter::default()
        };
        let page = list_products(&edge.shop, filter, cursor, AT_ONCE).await?;
        found.extend(page.items.into_iter().filter(|product| fits(product)));
        cursor = page.next;
        if cursor.is_none() || found.len() >= MAX_LISTED {
            found.truncate(MAX_LISTED);
            return Ok(found);
        }
    }
}

/// What is for sale under a product id or, as carts name it, under a SKU.
///
/// # Errors
/// When the store fails.
pub async fn find(edge: &Edge, id: &str) -> Result<Option<Arc<Product>>, Problem> {
    let by_id = match ProductId::new(id) {
        Ok(id) => edge.shop.find(&Key::Product(id)).await?,
        Err(_) => None,
    };
    let product = match (by_id, Sku::new(id)) {
        (Some(Record::Product(product)), _) => Some(product),
        (_, Ok(sku)) => find_product_of(&edge.shop, &sku).await?,
        (_, Err(_)) => None,
    };
    Ok(product.filter(|product| product.data.status == Status::Active))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_units_and_nanos() {
        let rows = [
            (1299, "USD", 12, 990_000_000),
            (-1299, "USD", -12, -990_000_000),
            (1299, "JPY", 1299, 0),
            (1299, "KWD", 1, 299_000_000),
            (5, "EUR", 0, 50_000_000),
        ];
        for (minor, code, units, nanos) in rows {
            let currency = Currency::new(code).expect("a currency");
            let price = Price::from(Money::new(minor, currency));
            assert_eq!((price.units, price.nanos), (units, nanos), "{minor} {code}");
        }
    }
}
