//! The port of product search: a derived, rebuildable index kept fresh from the event log.
//!
//! The index stores its own log position with each commit, so after a restart the consumer resumes
//! where the index, not the database, left off. Losing the index loses nothing: it is filled again.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Finds active products by text, filters and order.
///
/// All technologies give the same pages for the same documents: the same ids in the same order, the
/// same total and facets. Methods block for as long as the index takes (queries: milliseconds).
pub trait Search: Send + Sync {
    /// One page of the products that match all given conditions.
    ///
    /// Any `q` is plain text and never an error; a blank one matches everything. Words must all be
    /// found (in any field); a word that exists nowhere is searched with typos forgiven, and when
    /// no product has all words, those with any of them are given.
    ///
    /// # Errors
    /// [`SearchFault::BadCursor`] when `after` was not given by this query, else
    /// [`SearchFault::Index`].
    fn query(&self, query: &SearchQuery) -> Result<SearchPage, SearchFault>;

    /// The log position that the committed index reflects; 0 when it is empty and must be filled.
    fn cursor(&self) -> u64;

    /// Applies the changes in order and commits them together with `position`; queries started
    /// after the return see them.
    ///
    /// Idempotent: a position older than [`cursor`](Self::cursor) is ignored, an equal one is
    /// applied again, which lets a snapshot be loaded in several batches of one position.
    /// Each call is one durable commit, so batches of some hundred changes are best.
    ///
    /// # Errors
    /// [`SearchFault::Index`]; then nothing of the batch is visible and it can be sent again.
    fn apply(&self, changes: &[SearchChange], position: u64) -> Result<(), SearchFault>;

    /// Empties the index and sets its cursor to 0; the consumer then fills it from the log's start
    /// or from a snapshot.
    ///
    /// # Errors
    /// [`SearchFault::Index`] when the empty index cannot be written.
    fn rebuild(&self) -> Result<(), SearchFault>;

    /// Gives back the memory and threads that only writing needs, for when no changes have come
    /// for a while. The next [`apply`](Self::apply) takes them again by itself.
    fn rest(&self) {}
}

/// What search knows of one product; always the whole product, never a part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchDocument {
    /// The product's id, the key of upserts and deletes.
    pub id: SmolStr,
    /// Found when typed as a whole or by its start, like a SKU.
    pub slug: SmolStr,
    /// The text that weighs most.
    pub name: String,
    /// The text that weighs least; may be empty.
    pub description: String,
    /// Searched, filtered and counted verbatim.
    pub brand: Option<SmolStr>,
    /// Category slugs, searched, filtered and counted verbatim.
    pub categories: Vec<SmolStr>,
    /// The SKUs of all variants; an exact one outweighs any other match.
    pub skus: Vec<SmolStr>,
    /// All (option name, value) pairs that some variant has; values are searched, pairs filtered
    /// and counted.
    pub options: Vec<(SmolStr, SmolStr)>,
    /// (currency, lowest price of its variants in minor units). Currencies are three capital
    /// letters; others are left out. Of several prices in one currency the lowest counts.
    pub prices: Vec<(SmolStr, i64)>,
    /// True when at least one variant can be bought somewhere.
    pub in_stock: bool,
    /// Creation time in milliseconds since 1970, for [`SearchSort::Newest`].
    pub created_at_ms: i64,
}

/// One change of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchChange {
    /// Adds the product or replaces what was known of it.
    Upsert(Box<SearchDocument>),
    /// Removes the product; unknown ids are ignored.
    Delete {
        /// The product's id.
        id: SmolStr,
    },
}

/// The order of results; ties are broken by id, so that pages are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SearchSort {
    /// Best match first, then shorter names; newest first when `q` is blank.
    #[default]
    #[serde(rename = "relevance")]
    Relevance,
    /// Cheapest first in the query's currency; products without such a price last.
    #[serde(rename = "price")]
    PriceAsc,
    /// Dearest first in the query's currency; products without such a price last.
    #[serde(rename = "-price")]
    PriceDesc,
    /// By name, ignoring case and accents.
    #[serde(rename = "name")]
    Name,
    /// Latest creation first.
    #[serde(rename = "newest")]
    Newest,
}

/// What is looked for. All given conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchQuery {
    /// Free text as typed; blank means everything.
    pub q: String,
    /// A category slug, exactly.
    pub category: Option<SmolStr>,
    /// A brand, exactly as in the facets.
    pub brand: Option<SmolStr>,
    /// Lowest price in minor units of `currency`, inclusive.
    pub price_min: Option<i64>,
    /// Highest price in minor units of `currency`, inclusive.
    pub price_max: Option<i64>,
    /// The currency of price filters and price order; products without a price in it never pass
    /// a price filter.
    pub currency: SmolStr,
    /// Only products that are (or are not) in stock.
    pub in_stock: Option<bool>,
    /// (option name, value) pairs: values of one name are alternatives, different names must all
    /// hold.
    pub options: Vec<(SmolStr, SmolStr)>,
    /// The order of results.
    pub sort: SearchSort,
    /// Products per page, at most [`SEARCH_LIMIT_MAX`]; 0 gives only total and facets.
    pub limit: usize,
    /// The `next_cursor` of the page before.
    pub after: Option<String>,
}

/// The most products that one page can hold.
pub const SEARCH_LIMIT_MAX: usize = 1_000;

/// The most values that one facet lists: the most frequent ones.
pub const FACET_VALUES_MAX: usize = 200;

/// One page of results.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchPage {
    /// Product ids in order.
    pub ids: Vec<SmolStr>,
    /// Where the next page starts; `None` on the last one. Opaque, and only valid with the same
    /// query (its limit may change).
    pub next_cursor: Option<String>,
    /// How many products match, over all pages.
    pub total: u64,
    /// Counts over all matching products, not only this page.
    pub facets: SearchFacets,
}

/// How often a value occurs among the matching products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FacetCount {
    /// The value, verbatim, usable as a filter.
    pub value: SmolStr,
    /// Number of products that have it.
    pub count: u64,
}

/// The values of one option name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptionFacet {
    /// The option's name, verbatim.
    pub name: SmolStr,
    /// Its values, the most frequent first.
    pub values: Vec<FacetCount>,
}

/// Counts over the whole result; lists are ordered by falling count, then by value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SearchFacets {
    /// Products per category.
    pub categories: Vec<FacetCount>,
    /// Products per brand.
    pub brands: Vec<FacetCount>,
    /// Products per option value, by option name (in alphabetical order).
    pub options: Vec<OptionFacet>,
    /// Products in stock.
    pub in_stock: u64,
    /// Products out of stock.
    pub out_of_stock: u64,
}

/// Why a search could not be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchFault {
    /// The cursor is damaged or belongs to another query: the caller's mistake.
    BadCursor,
    /// The index cannot be read or written; [`Search::rebuild`] and refilling help when it lasts.
    Index {
        /// What went wrong, for the log, never for the client.
        detail: String,
    },
}

impl fmt::Display for SearchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SearchFault::BadCursor => f.write_str("the cursor was not given by this search"),
            SearchFault::Index { detail } => write!(f, "the search index failed: {detail}"),
        }
    }
}

impl std::error::Error for SearchFault {}
