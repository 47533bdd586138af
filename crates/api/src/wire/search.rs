//! Search results.

use super::catalog::Product;
use cartwright_app::ports::search;
use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

/// Products that match, and how all that match are spread.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SearchPage<'a> {
    /// This page, in the order asked for.
    pub items: Vec<Product<'a>>,
    /// `?cursor=` of the next page; `null` at the end.
    pub next_cursor: Option<&'a str>,
    /// How many match, over all pages.
    pub total: u64,
    /// Counts over all that match, not only this page.
    pub facets: Facets<'a>,
}

/// Counts over all products that match; values by falling count.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Facets<'a> {
    /// Products by category.
    pub categories: Vec<Count<'a>>,
    /// Products by brand.
    pub brands: Vec<Count<'a>>,
    /// Products by option value.
    pub options: Vec<OptionFacet<'a>>,
    /// Products in stock.
    pub in_stock: u64,
    /// Products out of stock.
    pub out_of_stock: u64,
}

/// The values of one option.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OptionFacet<'a> {
    /// Which option.
    #[schemars(with = "String")]
    pub name: &'a SmolStr,
    /// Its values.
    pub values: Vec<Count<'a>>,
}

/// How many products have a value.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FacetCount")]
pub struct Count<'a> {
    /// The value; usable as a filter.
    #[schemars(with = "String")]
    pub value: &'a SmolStr,
    /// How many.
    pub count: u64,
}

fn counts<'a>(found: &'a [search::FacetCount]) -> Vec<Count<'a>> {
    let count = |search::FacetCount { value, count }: &'a search::FacetCount| Count {
        value,
        count: *count,
    };
    found.iter().map(count).collect()
}

impl<'a> From<&'a search::SearchFacets> for Facets<'a> {
    fn from(facets: &'a search::SearchFacets) -> Self {
        let option = |option: &'a search::OptionFacet| OptionFacet {
            name: &option.name,
            values: counts(&option.values),
        };
        Self {
            categories: counts(&facets.categories),
            brands: counts(&facets.brands),
            options: facets.options.iter().map(option).collect(),
            in_stock: facets.in_stock,
            out_of_stock: facets.out_of_stock,
        }
    }
}
