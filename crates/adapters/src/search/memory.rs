//! Search by looking at every document: the reference that says what the rules mean.

use std::collections::BTreeMap;

use cartwright_app::ports::search::{
    SEARCH_LIMIT_MAX, Search, SearchChange, SearchDocument, SearchFacets, SearchFault, SearchPage,
    SearchQuery, SearchSort,
};
use parking_lot::RwLock;
use smol_str::SmolStr;

use super::cursor::Cursor;
use super::facets::{FacetCounts, unique};
use super::ranking::{
    CODE_EXACT, CODE_PREFIX, DESCRIPTION, DocumentText, LABELS, NAME, Plan, QueryText, Rank, Worth,
    effective_sort, name_rank, newest_rank, price_in, price_passes, price_rank, relevance_rank,
};
use super::words::typos_forgiven;

/// Keeps all documents in memory and compares each with the query. For tests and tiny shops.
#[derive(Default)]
pub struct MemorySearch {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    documents: BTreeMap<SmolStr, Entry>,
    cursor: u64,
}

struct Entry {
    document: SearchDocument,
    text: DocumentText,
}

impl MemorySearch {
    /// An empty index with cursor 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Search for MemorySearch {
    fn query(&self, query: &SearchQuery) -> Result<SearchPage, SearchFault> {
        let state = self.state.read();
        let text = QueryText::parse(&query.q);
        let after = Cursor::of(query)?;
        let plan = match (&after, &text) {
            (Some(cursor), _) => cursor.plan,
            (None, Some(text)) => choose_plan(&state, text),
            (None, None) => Plan::default(),
        };
        let sort = effective_sort(query, text.as_ref());
        let mut found: Vec<(Rank, &Entry)> = Vec::new();
        for entry in state.documents.values() {
            let score = match &text {
                Some(text) => score(&entry.text, text, plan),
                None => Some(0),
            };
            if let Some(score) = score.filter(|_| passes(query, &entry.document)) {
                found.push((rank(query, sort, entry, score), entry));
            }
        }
        found.sort_by(|(rank, a), (other, b)| (rank, &a.document.id).cmp(&(other, &b.document.id)));
        Ok(page(query, plan, after, &found))
    }

    fn cursor(&self) -> u64 {
        self.state.read().cursor
    }

    fn apply(&self, changes: &[SearchChange], position: u64) -> Result<(), SearchFault> {
        let mut state = self.state.write();
        if position < state.cursor {
            return Ok(());
        }
        for change in changes {
            match change {
                SearchChange::Upsert(document) => {
                    let text = DocumentText::of(document);
                    let document = SearchDocument::clone(document);
                    (state.documents).insert(document.id.clone(), Entry { document, text });
                }
                SearchChange::Delete { id } => {
                    state.documents.remove(id);
                }
            }
        }
        state.cursor = position;
        Ok(())
    }

    fn rebuild(&self) -> Result<(), SearchFault> {
        *self.state.write() = State::default();
        Ok(())
    }
}

fn page(
    query: &SearchQuery,
    plan: Plan,
    after: Option<Cursor>,
    found: &[(Rank, &Entry)],
) -> SearchPage {
    let limit = query.limit.min(SEARCH_LIMIT_MAX);
    let start = after.map_or(0, |cursor| {
        found.partition_point(|(rank, entry)| {
            (rank, &entry.document.id) <= (&cursor.rank, &cursor.id)
        })
    });
    let rest = &found[start..];
    let shown = &rest[..limit.min(rest.len())];
    let next_cursor = shown.last().filter(|_| rest.len() > limit).map(|last| {
        let cursor = Cursor {
            plan,
            rank: last.0.clone(),
            id: last.1.document.id.clone(),
        };
        cursor.encode(query)
    });
    SearchPage {
        ids: (shown.iter())
            .map(|(_, entry)| entry.document.id.clone())
            .collect(),
        next_cursor,
        total: found.len() as u64,
        facets: facets(found.iter().map(|(_, entry)| &entry.document)),
    }
}

fn choose_plan(state: &State, text: &QueryText) -> Plan {
    let known = |word: &str| {
        Ok((state.documents.values()).any(|entry| word_score(&entry.text, word, false).is_some()))
    };
    let finds =
        |plan| Ok((state.documents.values()).any(|entry| score(&entry.text, text, plan).is_some()));
    let Ok(plan) = Plan::choose::<std::convert::Infallible>(text, known, finds);
    plan
}

fn rank(query: &SearchQuery, sort: SearchSort, entry: &Entry, score: u32) -> Rank {
    let document = &entry.document;
    match sort {
        SearchSort::Relevance => Rank::Number(relevance_rank(score, entry.text.name.len() as u64)),
        SearchSort::PriceAsc => {
            Rank::Number(price_rank(price_in(document, &query.currency), false))
        }
        SearchSort::PriceDesc => {
            Rank::Number(price_rank(price_in(document, &query.currency), true))
        }
        SearchSort::Name => Rank::Text(name_rank(&document.name)),
        SearchSort::Newest => Rank::Number(newest_rank(document.created_at_ms)),
    }
}

fn passes(query: &SearchQuery, document: &SearchDocument) -> bool {
    let has_option = |(name, _): &(SmolStr, SmolStr)| {
        (query.options.iter()).any(|pair| pair.0 == *name && document.options.contains(pair))
    };
    (query.category.as_ref()).is_none_or(|category| document.categories.contains(category))
        && (query.brand.as_ref()).is_none_or(|brand| document.brand.as_ref() == Some(brand))
        && query
            .in_stock
            .is_none_or(|wanted| document.in_stock == wanted)
        && query.options.iter().all(has_option)
        && price_passes(query, price_in(document, &query.currency))
}

/// What the document is worth for the text; `None` when it does not match.
fn score(document: &DocumentText, text: &QueryText, plan: Plan) -> Option<u32> {
    let mut code = None;
    if document.codes.contains(&text.code) {
        code = Some(u32::from(CODE_EXACT));
    }
    if let Some(prefix) = text.code_prefix()
        && document.codes.iter().any(|code| code.starts_with(prefix))
    {
        code = Some(code.unwrap_or(0) + u32::from(CODE_PREFIX));
    }
    let matched = |(index, word): (usize, &String)| {
        word_score(document, word, plan.forgives(index)).map(u32::from)
    };
    let per_word = text.words.iter().enumerate().map(matched);
    let words = if plan.any_word() {
        per_word.flatten().reduce(|sum, score| sum + score)
    } else if text.words.is_empty() {
        None
    } else {
        per_word.sum()
    };
    match (code, words) {
        (None, None) => None,
        (code, words) => Some(code.unwrap_or(0) + words.unwrap_or(0)),
    }
}

fn word_score(document: &DocumentText, word: &str, forgiving: bool) -> Option<u16> {
    let fields = [
        (&document.name, NAME),
        (&document.labels, LABELS),
        (&document.description, DESCRIPTION),
    ];
    let typos = if forgiving { typos_forgiven(word) } else { 0 };
    let best = |(words, worth): (&Vec<String>, Worth)| {
        let scores = words.iter().map(move |candidate| {
            if candidate == word {
                worth.exact
            } else if candidate.starts_with(word) {
                worth.prefix
            } else if typos > 0 && distance(candidate, word) <= usize::from(typos) {
                worth.fuzzy
            } else {
                0
            }
        });
        scores.max().unwrap_or(0)
    };
    fields
        .into_iter()
        .map(best)
        .max()
        .filter(|score| *score > 0)
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let gap = rows[i - 1][j].min(rows[i][j - 1]) + 1;
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swap = if swapped { rows[i - 2][j - 2] + 1 } else { gap };
                substituted.min(gap).min(swap)
            };
        }
    }
    rows[a.len()][b.len()]
}

fn facets<'a>(documents: impl Iterator<Item = &'a SearchDocument>) -> SearchFacets {
    let mut counts = FacetCounts::default();
    for document in documents {
        counts.count_stock(document.in_stock, 1);
        for category in unique(&document.categories) {
            counts.count_category(category.clone(), 1);
        }
        if let Some(brand) = &document.brand {
            counts.count_brand(brand.clone(), 1);
        }
        for (name, value) in unique(&document.options) {
            counts.count_option(name.clone(), value.clone(), 1);
        }
    }
    counts.finish()
}
