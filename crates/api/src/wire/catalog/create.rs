//! `POST /products`, and the shape of a product in files.

use crate::wire::Money;
use crate::wire::schema::{AnyObject, CountryCode, Line, ProductStatus, TextId, TextObject};
use crate::wire::strict::{Object, Pairs};
use cartwright_domain::catalog::{
    self, Create, Draft, OptionValues, ProductData, Status, VariantData, slug_candidates,
};
use cartwright_domain::{Country, ProductId, Refusal, Sku, Slug};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A product to be created. `null` for an optional field is the same as leaving it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProduct {
    /// Chosen by the client; made when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TextId>")]
    pub id: Option<ProductId>,
    /// Unique; derived from the name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TextId>")]
    pub slug: Option<Slug>,
    /// For people, 1-200 characters.
    #[schemars(with = "Line")]
    pub name: SmolStr,
    /// For people, at most 10,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10_000))]
    pub description: Option<String>,
    /// `active` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ProductStatus>")]
    pub status: Option<Status>,
    /// Who makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub brand: Option<SmolStr>,
    /// Slugs of the categories it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<TextId>>")]
    pub categories: Option<Vec<SmolStr>>,
    /// Anything else: at most 64 KiB, 64 levels deep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AnyObject>")]
    pub attributes: Option<Object>,
    /// http(s) addresses or paths of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<String>>,
    /// What distinguishes its variants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<ProductOption>>,
    /// What can be bought: 1-200.
    #[schemars(length(min = 1, max = 200))]
    pub variants: Vec<CreateVariant>,
    /// The version the caller has seen, as in `If-Match`; 0: it must not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u64>,
}

/// An option of a product and its values (`size`: S, M, L).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductOption {
    /// Which option.
    #[schemars(with = "Line")]
    pub name: SmolStr,
    /// What it may be.
    #[schemars(with = "Vec<Line>", length(min = 1, max = 200))]
    pub values: Vec<SmolStr>,
}

/// A variant to be created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateVariant {
    /// Unique in the whole catalogue.
    #[schemars(with = "TextId")]
    pub sku: Sku,
    /// A listed value for each option of the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TextObject>")]
    pub options: Option<Pairs>,
    /// At most one a currency.
    pub prices: Vec<Money>,
    /// Former prices, at most one a currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_at: Option<Vec<Money>>,
    /// Weight in grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_grams: Option<i64>,
    /// Size in millimetres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions_mm: Option<Dimensions>,
    /// Quantity limits in a cart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Where it may not be sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<CountryCode>>")]
    pub denied_countries: Option<Vec<Country>>,
}

/// Length, width and height in millimetres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dimensions {
    /// Longest side.
    pub length: i64,
    /// Width.
    pub width: i64,
    /// Height.
    pub height: i64,
}

/// How many of a SKU one cart may hold; `null`: no such limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// At least.
    #[serde(default)]
    pub min: Option<i64>,
    /// At most.
    #[serde(default)]
    pub max: Option<i64>,
    /// In multiples of.
    #[serde(default)]
    pub multiple: Option<i64>,
}

impl From<catalog::Dimensions> for Dimensions {
    fn from(size: catalog::Dimensions) -> Self {
        Self {
            length: size.length,
            width: size.width,
            height: size.height,
        }
    }
}

impl From<Dimensions> for catalog::Dimensions {
    fn from(size: Dimensions) -> Self {
        Self {
            length: size.length,
            width: size.width,
            height: size.height,
        }
    }
}

impl From<catalog::Limits> for Limits {
    fn from(limits: catalog::Limits) -> Self {
        Self {
            min: limits.min,
            max: limits.max,
            multiple: limits.multiple,
        }
    }
}

impl From<Limits> for catalog::Limits {
    fn from(limits: Limits) -> Self {
        Self {
            min: limits.min,
            max: limits.max,
            multiple: limits.multiple,
        }
    }
}

impl From<CreateVariant> for VariantData {
    fn from(variant: CreateVariant) -> Self {
        let money = |prices: Vec<Money>| prices.into_iter().map(Into::into).collect();
        Self {
            sku: variant.sku,
            options: variant.options.unwrap_or_default().0,
            prices: money(variant.prices),
            compare_at: money(variant.compare_at.unwrap_or_default()),
            weight_grams: variant.weight_grams,
            dimensions: variant.dimensions_mm.map(Into::into),
            limits: variant.limits.unwrap_or_default().into(),
            denied_countries: variant.denied_countries.unwrap_or_default(),
        }
    }
}

impl TryFrom<CreateProduct> for Create {
    type Error = Refusal;

    /// # Errors
    /// [`Refusal::Invalid`] with every field that is not allowed.
    fn try_from(product: CreateProduct) -> Result<Self, Refusal> {
        let derived = || slug_candidates(&product.name).next();
        let Some(slug) = product.slug.clone().or_else(derived) else {
            return Err(Refusal::invalid("slug", "required", "the name gives none"));
        };
        let option = |option: ProductOption| OptionValues {
            name: option.name,
            values: option.values,
        };
        let data = ProductData {
            slug,
            name: product.name,
            description: product.description.unwrap_or_default(),
            status: product.status.unwrap_or_default(),
            brand: product.brand,
            categories: product.categories.unwrap_or_default(),
            attributes: product.attributes.unwrap_or_default().0,
            images: product.images.unwrap_or_default(),
            options: product
                .options
                .unwrap_or_default()
                .into_iter()
                .map(option)
                .collect(),
        };
        let variants = product.variants.into_iter().map(Into::into).collect();
        Ok(Self {
            id: product.id,
            slug: product.slug,
            draft: Draft::new(data, variants)?,
        })
    }
}

/// `None` for what says nothing, so that files stay short.
fn some<T: Clone>(items: &[T]) -> Option<Vec<T>> {
    (!items.is_empty()).then(|| items.to_vec())
}

impl From<&VariantData> for CreateVariant {
    fn from(variant: &VariantData) -> Self {
        let money = |prices: &[cartwright_domain::Money]| -> Vec<Money> {
            prices.iter().copied().map(Into::into).collect()
        };
        let limits = Limits::from(variant.limits);
        Self {
            sku: variant.sku.clone(),
            options: some(&variant.options).map(Pairs),
            prices: money(&variant.prices),
            compare_at: some(&money(&variant.compare_at)),
            weight_grams: variant.weight_grams,
            dimensions_mm: variant.dimensions.map(Into::into),
            limits: (limits != Limits::default()).then_some(limits),
            denied_countries: some(&variant.denied_countries),
        }
    }
}

impl From<&catalog::Product> for CreateProduct {
    /// The product as a client would write it: what exports and merge patches start from.
    fn from(product: &catalog::Product) -> Self {
        let data = &product.data;
        let option = |option: &OptionValues| ProductOption {
            name: option.name.clone(),
            values: option.values.clone(),
        };
        let options: Vec<_> = data.options.iter().map(option).collect();
        Self {
            id: Some(product.id.clone()),
            slug: Some(data.slug.clone()),
            name: data.name.clone(),
            description: (!data.description.is_empty()).then(|| data.description.clone()),
            status: Some(data.status),
            brand: data.brand.clone(),
            categories: some(&data.categories),
            attributes: (!data.attributes.is_empty()).then(|| Object(data.attributes.clone())),
            images: some(&data.images),
            options: some(&options),
            variants: product
                .variants
                .iter()
                .map(|variant| (&variant.data).into())
                .collect(),
            expected_version: None,
        }
    }
}

#[cfg(test)]
mod tests;
