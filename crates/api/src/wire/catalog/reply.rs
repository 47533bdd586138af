//! Products and variants in replies. They borrow from the domain, so that rendering copies nothing.

use super::create::{Dimensions, Limits, ProductOption};
use crate::wire::schema::{AnyObject, CountryCode, ProductStatus, TextId, TextObject};
use crate::wire::strict::serialize_pairs;
use crate::wire::{Money, Timestamp};
use cartwright_domain::catalog::{self, OptionValues, Status};
use cartwright_domain::{self as domain, Country, ProductId, Sku, Slug};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use smol_str::SmolStr;

/// A product with its variants.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Product<'a> {
    /// Chosen by the client or made.
    #[schemars(with = "TextId")]
    pub id: &'a ProductId,
    /// Its name in addresses.
    #[schemars(with = "TextId")]
    pub slug: &'a Slug,
    /// For people.
    pub name: &'a str,
    /// For people; may be empty.
    pub description: &'a str,
    /// Whether the public sees it.
    #[schemars(with = "ProductStatus")]
    pub status: Status,
    /// Who makes it.
    pub brand: Option<&'a str>,
    /// Slugs of its categories.
    #[schemars(with = "Vec<TextId>")]
    pub categories: &'a [SmolStr],
    /// Anything else.
    #[schemars(with = "AnyObject")]
    pub attributes: &'a Map<String, Value>,
    /// Addresses of pictures.
    pub images: &'a [String],
    /// What distinguishes its variants.
    #[schemars(with = "Vec<ProductOption>")]
    pub options: &'a [OptionValues],
    /// What can be bought.
    pub variants: Vec<ProductVariant<'a>>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Raised by each change, of a variant too; also its ETag.
    pub version: u64,
}

/// A variant within its product.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ProductVariant<'a> {
    /// What it is counted by.
    #[schemars(with = "TextId")]
    pub sku: &'a Sku,
    /// Its value for each option.
    #[serde(serialize_with = "serialize_pairs")]
    #[schemars(with = "TextObject")]
    pub options: &'a [(SmolStr, SmolStr)],
    /// One a currency, in the client's order.
    #[schemars(with = "Vec<Money>")]
    pub prices: &'a [domain::Money],
    /// Former prices.
    #[schemars(with = "Vec<Money>")]
    pub compare_at: &'a [domain::Money],
    /// Weight in grams.
    pub weight_grams: Option<i64>,
    /// Size in millimetres.
    pub dimensions_mm: Option<Dimensions>,
    /// Quantity limits in a cart.
    pub limits: Limits,
    /// Where it may not be sold.
    #[schemars(with = "Vec<CountryCode>")]
    pub denied_countries: &'a [Country],
    /// Raised by each change of this variant.
    pub version: u64,
}

/// One variant by itself: what a till or a cart needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Variant<'a> {
    /// What it is counted by.
    #[schemars(with = "TextId")]
    pub sku: &'a Sku,
    /// Its product.
    #[schemars(with = "TextId")]
    pub product_id: &'a ProductId,
    /// The name of its product.
    pub name: &'a str,
    /// Its value for each option.
    #[serde(serialize_with = "serialize_pairs")]
    #[schemars(with = "TextObject")]
    pub options: &'a [(SmolStr, SmolStr)],
    /// One a currency, in the client's order.
    #[schemars(with = "Vec<Money>")]
    pub prices: &'a [domain::Money],
    /// Quantity limits in a cart.
    pub limits: Limits,
    /// Raised by each change of this variant; also its ETag.
    pub version: u64,
}

/// Some of the products, in the order of the list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ProductPage<'a> {
    /// The products.
    pub items: Vec<Product<'a>>,
    /// Where the next page begins; `null`: there is none.
    pub next_cursor: Option<&'a str>,
}

impl<'a> From<&'a catalog::Product> for Product<'a> {
    fn from(product: &'a catalog::Product) -> Self {
        let data = &product.data;
        Self {
            id: &product.id,
            slug: &data.slug,
            name: &data.name,
            description: &data.description,
            status: data.status,
            brand: data.brand.as_deref(),
            categories: &data.categories,
            attributes: &data.attributes,
            images: &data.images,
            options: &data.options,
            variants: product.variants.iter().map(Into::into).collect(),
            created_at: Timestamp(product.created_at),
            updated_at: Timestamp(product.updated_at),
            version: product.version,
        }
    }
}

impl<'a> From<&'a catalog::Variant> for ProductVariant<'a> {
    fn from(variant: &'a catalog::Variant) -> Self {
        let data = &variant.data;
        Self {
            sku: &data.sku,
            options: &data.options,
            prices: &data.prices,
            compare_at: &data.compare_at,
            weight_grams: data.weight_grams,
            dimensions_mm: data.dimensions.map(Into::into),
            limits: data.limits.into(),
            denied_countries: &data.denied_countries,
            version: variant.version,
        }
    }
}

impl<'a> Variant<'a> {
    /// The variant of a product.
    pub fn of(product: &'a catalog::Product, variant: &'a catalog::Variant) -> Self {
        Self {
            sku: &variant.data.sku,
            product_id: &product.id,
            name: &product.data.name,
            options: &variant.data.options,
            prices: &variant.data.prices,
            limits: variant.data.limits.into(),
            version: variant.version,
        }
    }
}

/// The reply for a product.
pub fn product_json(product: &catalog::Product) -> Vec<u8> {
    json(&Product::from(product))
}

/// The reply for a variant of a product.
pub fn variant_json(product: &catalog::Product, variant: &catalog::Variant) -> Vec<u8> {
    json(&Variant::of(product, variant))
}

/// The reply for a page of products.
pub fn page_json<'a>(
    products: impl IntoIterator<Item = &'a catalog::Product>,
    next_cursor: Option<&'a str>,
) -> Vec<u8> {
    let items = products.into_iter().map(Into::into).collect();
    json(&ProductPage { items, next_cursor })
}

fn json(reply: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(reply).expect("replies have text keys and serializers that do not fail")
}

#[cfg(test)]
mod tests {
    use super::super::samples::mug;
    use super::*;
    use serde_json::json;

    fn value(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).expect("json")
    }

    #[test]
    fn a_product_shows_every_field() {
        let expected = json!({
            "id": "mug", "slug": "mug", "name": "Mug", "description": "Holds tea.", "status": "active", "brand": null,
            "categories": ["kitchen"], "attributes": {"a": {"b": 1, "c": null}}, "images": ["/mug.jpg"],
            "options": [{"name": "colour", "values": ["red", "blue"]}],
            "variants": [
                {
                    "sku": "MUG-RED", "options": {"colour": "red"},
                    "prices": [{"amount": 1290, "currency": "USD"}, {"amount": 1190, "currency": "EUR"}],
                    "compare_at": [{"amount": 1500, "currency": "USD"}], "weight_grams": 350,
                    "dimensions_mm": {"length": 120, "width": 80, "height": 95},
                    "limits": {"min": 2, "max": null, "multiple": 2}, "denied_countries": ["FR"], "version": 1,
                },
                {
                    "sku": "MUG-BLUE", "options": {"colour": "blue"}, "prices": [], "compare_at": [],
                    "weight_grams": null, "dimensions_mm": null, "limits": {"min": null, "max": null, "multiple": null},
                    "denied_countries": [], "version": 1,
                },
            ],
            "created_at": "1970-01-01T00:00:00.001Z", "updated_at": "1970-01-01T00:00:00.002Z", "version": 3,
        });
        assert_eq!(value(&product_json(&mug())), expected);
        let page = value(&page_json([&mug()], Some("c")));
        assert_eq!(page, json!({"items": [expected], "next_cursor": "c"}));
    }

    #[test]
    fn a_variant_shows_its_seven_fields_in_order() {
        let mug = mug();
        let text = String::from_utf8(variant_json(&mug, &mug.variants[1]));
        let expected = r#"{"sku":"MUG-BLUE","product_id":"mug","name":"Mug","options":{"colour":"blue"},"prices":[],"limits":{"min":null,"max":null,"multiple":null},"version":1}"#;
        assert_eq!(text.as_deref(), Ok(expected));
    }
}
