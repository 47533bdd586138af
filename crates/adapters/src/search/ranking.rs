//! The ranking rules that every technology follows: what a match is worth, and the key by which
//! results are ordered.

use std::collections::BTreeSet;

use cartwright_app::ports::search::{SearchDocument, SearchQuery, SearchSort};

use super::words::{fold, words};

/// More words of a query are ignored.
const QUERY_WORDS_MAX: usize = 16;
/// More characters of a query are ignored.
const QUERY_CHARS_MAX: usize = 1_000;
/// Longer texts are no SKU or slug.
const CODE_CHARS_MAX: usize = 200;
/// Shorter starts of a SKU or slug would find half the catalogue.
pub(crate) const CODE_PREFIX_CHARS_MIN: usize = 3;
/// Names are ordered by so many characters, then by id.
const NAME_KEY_CHARS_MAX: usize = 120;

/// The text equals a SKU or slug: more than all words together can reach.
pub(crate) const CODE_EXACT: u16 = 10_000;
/// A SKU or slug starts with the text.
pub(crate) const CODE_PREFIX: u16 = 24;

/// What a word's best match is worth, by the field where it is and how exact it is.
pub(crate) struct Worth {
    pub(crate) exact: u16,
    pub(crate) prefix: u16,
    pub(crate) fuzzy: u16,
}

/// Matches in the name.
pub(crate) const NAME: Worth = Worth {
    exact: 144,
    prefix: 72,
    fuzzy: 48,
};
/// Matches in brand, categories and option values.
pub(crate) const LABELS: Worth = Worth {
    exact: 60,
    prefix: 30,
    fuzzy: 20,
};
/// Matches in the description.
pub(crate) const DESCRIPTION: Worth = Worth {
    exact: 12,
    prefix: 6,
    fuzzy: 4,
};

/// The searchable words of a document, by worth.
pub(crate) struct DocumentText {
    pub(crate) name: Vec<String>,
    pub(crate) labels: Vec<String>,
    pub(crate) description: Vec<String>,
    pub(crate) codes: BTreeSet<String>,
}

impl DocumentText {
    pub(crate) fn of(document: &SearchDocument) -> Self {
        let labels = (document.brand.iter())
            .chain(&document.categories)
            .chain(document.options.iter().map(|(_, value)| value));
        Self {
            name: words(&document.name),
            labels: labels.flat_map(|label| words(label)).collect(),
            description: words(&document.description),
            codes: (document.skus.iter().chain([&document.slug]))
                .map(|code| fold(code))
                .filter(|code| !code.is_empty())
                .collect(),
        }
    }
}

/// A query's text, understood.
pub(crate) struct QueryText {
    /// The whole text, to be compared with SKUs and slugs; empty when it is too long for one.
    pub(crate) code: String,
    /// Different words in order of appearance.
    pub(crate) words: Vec<String>,
}

impl QueryText {
    /// `None` when the text is blank, that is, asks for nothing in particular.
    pub(crate) fn parse(q: &str) -> Option<Self> {
        let text: String = q.chars().take(QUERY_CHARS_MAX).collect();
        let mut code = fold(&text);
        if code.is_empty() {
            return None;
        }
        if code.chars().count() > CODE_CHARS_MAX {
            code.clear();
        }
        let mut unique = Vec::new();
        for word in words(&text) {
            if unique.len() < QUERY_WORDS_MAX && !unique.contains(&word) {
                unique.push(word);
            }
        }
        Some(Self {
            code,
            words: unique,
        })
    }

    /// The text as the start of a code, if it is long enough for that.
    pub(crate) fn code_prefix(&self) -> Option<&str> {
        (self.code.chars().count() >= CODE_PREFIX_CHARS_MIN).then_some(&*self.code)
    }
}

/// How generously the words are taken. It travels in the cursor, so that all pages agree even when
/// documents change in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Plan(u32);

impl Plan {
    const ANY: u32 = 1 << QUERY_WORDS_MAX;
    const FORGIVING: u32 = Self::ANY - 1;

    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits & (Self::ANY | Self::FORGIVING))
    }

    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// Whether typos are forgiven in the word with this index.
    pub(crate) fn forgives(self, word: usize) -> bool {
        self.0 & (1 << word) != 0
    }

    /// Whether one word is enough.
    pub(crate) fn any_word(self) -> bool {
        self.0 & Self::ANY != 0
    }

    /// The strictest plan that finds something: typos forgiven only in words that no document has
    /// (`known` is asked), then in all words, then any word suffices. Filters have no say, so
    /// that narrowing a search never brings up other products.
    pub(crate) fn choose<E>(
        text: &QueryText,
        mut known: impl FnMut(&str) -> Result<bool, E>,
        mut finds: impl FnMut(Plan) -> Result<bool, E>,
    ) -> Result<Plan, E> {
        let mut typed = 0;
        for (index, word) in text.words.iter().enumerate() {
            if !known(word)? {
                typed |= 1 << index;
            }
        }
        for plan in [Plan(typed), Plan(Self::FORGIVING)] {
            if finds(plan)? {
                return Ok(plan);
            }
        }
        Ok(Plan(Self::FORGIVING | Self::ANY))
    }
}

/// The key before the id: a number or, ordered by name, the folded name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) enum Rank {
    #[serde(rename = "n")]
    Number(u64),
    #[serde(rename = "t")]
    Text(String),
}

/// The order that is really used: a blank query has no relevance.
pub(crate) fn effective_sort(query: &SearchQuery, text: Option<&QueryText>) -> SearchSort {
    match query.sort {
        SearchSort::Relevance if text.is_none() => SearchSort::Newest,
        sort => sort,
    }
}

pub(crate) fn relevance_rank(score: u32, name_words: u64) -> u64 {
    (u64::from(u32::MAX - score) << 16) | name_words.min(u64::from(u16::MAX))
}

pub(crate) fn price_rank(price: Option<i64>, descending: bool) -> u64 {
    match price.map(ascending) {
        None => u64::MAX,
        Some(rank) if descending => (!rank).min(u64::MAX - 1),
        Some(rank) => rank.min(u64::MAX - 1),
    }
}

pub(crate) fn newest_rank(created_at_ms: i64) -> u64 {
    !ascending(created_at_ms)
}

pub(crate) fn name_rank(name: &str) -> String {
    let mut key = fold(name);
    if let Some((cut, _)) = key.char_indices().nth(NAME_KEY_CHARS_MAX) {
        key.truncate(cut);
    }
    key
}

/// Whether a currency can have prices here.
pub(crate) fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())
}

/// The lowest price of the document in this currency.
pub(crate) fn price_in(document: &SearchDocument, currency: &str) -> Option<i64> {
    (document.prices.iter())
        .filter(|(c, _)| c == currency && is_currency(c))
        .map(|(_, minor)| *minor)
        .min()
}

/// Whether a price filter is asked for, and this price passes it.
pub(crate) fn price_passes(query: &SearchQuery, price: Option<i64>) -> bool {
    if query.price_min.is_none() && query.price_max.is_none() {
        return true;
    }
    price.is_some_and(|price| {
        query.price_min.is_none_or(|min| price >= min)
            && query.price_max.is_none_or(|max| price <= max)
    })
}

/// Maps signed numbers to unsigned ones of the same order.
fn ascending(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}
