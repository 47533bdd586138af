//! Counting values over a whole result.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cartwright_app::ports::search::{FACET_VALUES_MAX, FacetCount, OptionFacet, SearchFacets};
use smol_str::SmolStr;

type Counts = HashMap<SmolStr, u64>;

/// Facets while they are being counted.
#[derive(Default)]
pub(crate) struct FacetCounts {
    categories: Counts,
    brands: Counts,
    options: BTreeMap<SmolStr, Counts>,
    in_stock: u64,
    out_of_stock: u64,
}

impl FacetCounts {
    pub(crate) fn count_stock(&mut self, in_stock: bool, products: u64) {
        if in_stock {
            self.in_stock += products;
        } else {
            self.out_of_stock += products;
        }
    }

    pub(crate) fn count_category(&mut self, category: SmolStr, products: u64) {
        *self.categories.entry(category).or_default() += products;
    }

    pub(crate) fn count_brand(&mut self, brand: SmolStr, products: u64) {
        *self.brands.entry(brand).or_default() += products;
    }

    pub(crate) fn count_option(&mut self, name: SmolStr, value: SmolStr, products: u64) {
        let values = self.options.entry(name).or_default();
        *values.entry(value).or_default() += products;
    }

    pub(crate) fn finish(self) -> SearchFacets {
        let option = |(name, values)| OptionFacet {
            name,
            values: most_frequent(values),
        };
        SearchFacets {
            categories: most_frequent(self.categories),
            brands: most_frequent(self.brands),
            options: (self.options.into_iter().take(FACET_VALUES_MAX))
                .map(option)
                .collect(),
            in_stock: self.in_stock,
            out_of_stock: self.out_of_stock,
        }
    }
}

/// Each value once: a product counts once per value.
pub(crate) fn unique<T: Ord>(values: &[T]) -> BTreeSet<&T> {
    values.iter().collect()
}

fn most_frequent(counts: Counts) -> Vec<FacetCount> {
    let mut values: Vec<FacetCount> = (counts.into_iter())
        .map(|(value, count)| FacetCount { value, count })
        .collect();
    values.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values.truncate(FACET_VALUES_MAX);
    values
}
