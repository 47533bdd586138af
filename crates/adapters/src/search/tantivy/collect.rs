//! One pass over the matching products: counts them, counts their facets, and keeps the page.
//!
//! Within a segment products are compared by numbers only (text by its place in the sorted
//! dictionary); texts are read for the few that reach the page.

use std::collections::BinaryHeap;

use cartwright_app::ports::search::{SearchQuery, SearchSort};
use smol_str::SmolStr;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader, TantivyError};

use super::schema::{
    BRAND, CATEGORY, CREATED_AT, ID, IN_STOCK, NAME_RANK, NAME_WORDS, OPTION, price_column,
    split_option,
};
use crate::search::cursor::Cursor;
use crate::search::facets::FacetCounts;
use crate::search::ranking::{Rank, newest_rank, price_passes, price_rank, relevance_rank};

/// What one segment, or all of them, had to offer.
#[derive(Default)]
pub(super) struct Found {
    pub(super) total: u64,
    pub(super) facets: FacetCounts,
    /// The first products after the cursor, in order.
    pub(super) first: Vec<(Rank, SmolStr)>,
}

/// Collects the page after `after`, of at most `keep` products.
pub(super) struct Page<'a> {
    pub(super) query: &'a SearchQuery,
    pub(super) sort: SearchSort,
    pub(super) scored: bool,
    pub(super) after: Option<&'a Cursor>,
    pub(super) keep: usize,
}

impl Collector for Page<'_> {
    type Fruit = Found;
    type Child = SegmentPage;

    fn for_segment(
        &self,
        _ordinal: SegmentOrdinal,
        segment: &SegmentReader,
    ) -> tantivy::Result<SegmentPage> {
        let columns = segment.fast_fields();
        let text = |name: &str| columns.str(name);
        let ids = text(ID)?.ok_or_else(|| missing(ID))?;
        let order = match self.sort {
            SearchSort::Relevance => Order::Relevance(columns.u64(NAME_WORDS)?),
            SearchSort::PriceAsc => Order::Price { descending: false },
            SearchSort::PriceDesc => Order::Price { descending: true },
            SearchSort::Name => Order::Name(text(NAME_RANK)?.ok_or_else(|| missing(NAME_RANK))?),
            SearchSort::Newest => Order::Newest(columns.i64(CREATED_AT)?),
        };
        let prices = match price_column(&self.query.currency) {
            Some(name) => columns.column_opt::<i64>(&name)?,
            None => None,
        };
        let from = match self.after {
            Some(cursor) => order.first_after(cursor, &ids)?,
            None => (0, 0),
        };
        Ok(SegmentPage {
            query: SearchQuery {
                price_min: self.query.price_min,
                price_max: self.query.price_max,
                in_stock: self.query.in_stock,
                ..SearchQuery::default()
            },
            in_stock: columns.bool(IN_STOCK)?,
            prices,
            categories: TermCounts::new(text(CATEGORY)?),
            brands: TermCounts::new(text(BRAND)?),
            options: TermCounts::new(text(OPTION)?),
            ids,
            order,
            from,
            keep: self.keep,
            first: BinaryHeap::new(),
            total: 0,
            total_in_stock: 0,
        })
    }

    fn requires_scoring(&self) -> bool {
        self.scored
    }

    fn merge_fruits(&self, segments: Vec<tantivy::Result<Unmerged>>) -> tantivy::Result<Found> {
        let mut found = Found::default();
        for segment in segments {
            let segment = segment?;
            found.total += segment.total;
            found.facets.count_stock(true, segment.total_in_stock);
            let out_of_stock = segment.total - segment.total_in_stock;
            found.facets.count_stock(false, out_of_stock);
            for (category, count) in segment.categories {
                found.facets.count_category(category, count);
            }
            for (brand, count) in segment.brands {
                found.facets.count_brand(brand, count);
            }
            for (term, count) in segment.options {
                if let Some((name, value)) = split_option(&term) {
                    found.facets.count_option(name, value, count);
                }
            }
            found.first.extend(segment.first);
        }
        found.first.sort_unstable();
        found.first.truncate(self.keep);
        Ok(found)
    }
}

/// The part of one segment, still with numbers for texts.
pub(super) struct SegmentPage {
    /// Only its price range and stock condition.
    query: SearchQuery,
    in_stock: Column<bool>,
    prices: Option<Column<i64>>,
    categories: TermCounts,
    brands: TermCounts,
    options: TermCounts,
    ids: StrColumn,
    order: Order,
    /// The lowest (rank, id) that belongs to the page.
    from: (u64, u64),
    keep: usize,
    /// The lowest `keep` keys so far, the highest of them on top.
    first: BinaryHeap<(u64, u64)>,
    total: u64,
    total_in_stock: u64,
}

/// A segment's part with texts.
pub(super) struct Unmerged {
    total: u64,
    total_in_stock: u64,
    categories: Vec<(SmolStr, u64)>,
    brands: Vec<(SmolStr, u64)>,
    options: Vec<(SmolStr, u64)>,
    first: Vec<(Rank, SmolStr)>,
}

impl SegmentCollector for SegmentPage {
    type Fruit = tantivy::Result<Unmerged>;

    fn collect(&mut self, doc: DocId, score: Score) {
        let in_stock = self.in_stock.first(doc).unwrap_or(false);
        if self.query.in_stock.is_some_and(|wanted| wanted != in_stock) {
            return;
        }
        let price = self.prices.as_ref().and_then(|prices| prices.first(doc));
        if !price_passes(&self.query, price) {
            return;
        }
        self.total += 1;
        self.total_in_stock += u64::from(in_stock);
        self.categories.count(doc);
        self.brands.count(doc);
        self.options.count(doc);
        if self.keep > 0 {
            self.offer(doc, score, price);
        }
    }

    fn harvest(self) -> tantivy::Result<Unmerged> {
        let text = |column: &StrColumn, ord| read_term(column, ord);
        let mut first = Vec::with_capacity(self.first.len());
        for (rank, id) in self.first {
            let rank = match &self.order {
                Order::Name(names) => Rank::Text(text(names, rank)?.into()),
                _ => Rank::Number(rank),
            };
            first.push((rank, text(&self.ids, id)?));
        }
        Ok(Unmerged {
            total: self.total,
            total_in_stock: self.total_in_stock,
            categories: self.categories.finish()?,
            brands: self.brands.finish()?,
            options: self.options.finish()?,
            first,
        })
    }
}

impl SegmentPage {
    fn offer(&mut self, doc: DocId, score: Score, price: Option<i64>) {
        let rank = self.order.rank(doc, score, price);
        if rank < self.from.0 {
            return;
        }
        let worst = self.first.peek().filter(|_| self.first.len() == self.keep);
        if worst.is_some_and(|worst| rank > worst.0) {
            return;
        }
        let id = self.ids.ords().first(doc).unwrap_or(u64::MAX);
        let key = (rank, id);
        if key < self.from || worst.is_some_and(|worst| key > *worst) {
            return;
        }
        if worst.is_some() {
            self.first.pop();
        }
        self.first.push(key);
    }
}

/// How the products of a segment are ordered, with the column that says so.
enum Order {
    Relevance(Column<u64>),
    Price { descending: bool },
    Name(StrColumn),
    Newest(Column<i64>),
}

impl Order {
    fn rank(&self, doc: DocId, score: Score, price: Option<i64>) -> u64 {
        match self {
            Order::Relevance(name_words) => {
                relevance_rank(exact_score(score), name_words.first(doc).unwrap_or(0))
            }
            Order::Price { descending } => price_rank(price, *descending),
            Order::Name(names) => names.ords().first(doc).unwrap_or(u64::MAX),
            Order::Newest(created) => newest_rank(created.first(doc).unwrap_or(0)),
        }
    }

    /// The lowest key of this segment that comes after the cursor.
    fn first_after(&self, cursor: &Cursor, ids: &StrColumn) -> tantivy::Result<(u64, u64)> {
        let rank = match (self, &cursor.rank) {
            (Order::Name(names), Rank::Text(name)) => {
                let place = place(names, name)?;
                if !place.there {
                    return Ok((place.ord, 0));
                }
                place.ord
            }
            (_, Rank::Number(rank)) => *rank,
            (_, Rank::Text(_)) => return Err(missing(NAME_RANK)),
        };
        let id = place(ids, &cursor.id)?;
        Ok((rank, if id.there { id.ord + 1 } else { id.ord }))
    }
}

/// Scores are sums of small integers, so nothing is lost.
fn exact_score(score: Score) -> u32 {
    score.round() as u32
}

/// Where a text is, or would be, in a sorted dictionary.
struct Place {
    ord: u64,
    there: bool,
}

fn place(column: &StrColumn, text: &str) -> tantivy::Result<Place> {
    let dictionary = column.dictionary();
    if let Some(ord) = dictionary.term_ord(text)? {
        return Ok(Place { ord, there: true });
    }
    let bounds = (
        std::ops::Bound::Excluded(text),
        std::ops::Bound::<&str>::Unbounded,
    );
    let (lower, _) = dictionary.term_bounds_to_ord(bounds.0, bounds.1)?;
    let ord = match lower {
        std::ops::Bound::Included(ord) => ord,
        std::ops::Bound::Excluded(ord) => ord.saturating_add(1),
        std::ops::Bound::Unbounded => 0,
    };
    Ok(Place { ord, there: false })
}

fn read_term(column: &StrColumn, ord: u64) -> tantivy::Result<SmolStr> {
    let mut text = String::new();
    if column.ord_to_str(ord, &mut text)? {
        return Ok(text.into());
    }
    Err(TantivyError::InternalError(format!(
        "the dictionary has no entry {ord}"
    )))
}

fn missing(column: &str) -> TantivyError {
    TantivyError::FieldNotFound(column.to_owned())
}

/// Products per value of a column.
struct TermCounts {
    column: Option<StrColumn>,
    counts: Vec<u32>,
}

impl TermCounts {
    fn new(column: Option<StrColumn>) -> Self {
        let terms = column.as_ref().map_or(0, |column| column.num_terms());
        Self {
            column,
            counts: vec![0; terms],
        }
    }

    /// Counts each value of the product once: its values are different, see `Fields::document`.
    fn count(&mut self, doc: DocId) {
        let Some(column) = &self.column else { return };
        for ord in column.ords().values_for_doc(doc) {
            if let Some(count) = usize::try_from(ord)
                .ok()
                .and_then(|i| self.counts.get_mut(i))
            {
                *count += 1;
            }
        }
    }

    fn finish(self) -> tantivy::Result<Vec<(SmolStr, u64)>> {
        let Some(column) = self.column else {
            return Ok(Vec::new());
        };
        (0..)
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
            .map(|(ord, count)| Ok((read_term(&column, ord)?, u64::from(count))))
            .collect()
    }
}
