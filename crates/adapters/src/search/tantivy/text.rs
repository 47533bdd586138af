//! Text and filters as queries of the index. Every clause has a constant worth, so scores are the
//! sums that the ranking rules say, exactly (small integers in an `f32`).

use cartwright_app::ports::search::SearchQuery;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, EnableScoring,
    FuzzyTermQuery, Occur, Query, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, TERMINATED, Term};

use super::schema::{Fields, option_term};
use crate::search::ranking::{
    CODE_EXACT, CODE_PREFIX, DESCRIPTION, LABELS, NAME, Plan, QueryText, Worth,
};
use crate::search::words::typos_forgiven;

/// Swapped neighbours count as one typo.
const SWAP_IS_ONE_TYPO: bool = true;

/// All that the index itself narrows: text, category, brand and options. Prices and stock are
/// looked up per product while collecting.
pub(super) fn index_query(
    fields: Fields,
    query: &SearchQuery,
    text: Option<&QueryText>,
    plan: Plan,
) -> Box<dyn Query> {
    let mut clauses: Vec<Box<dyn Query>> = Vec::new();
    if let Some(text) = text {
        clauses.push(text_query(fields, text, plan));
    }
    if let Some(category) = &query.category {
        clauses.push(filter(fields.category, category));
    }
    if let Some(brand) = &query.brand {
        clauses.push(filter(fields.brand, brand));
    }
    let mut alternatives: BTreeMap<&SmolStr, Vec<Term>> = BTreeMap::new();
    for (name, value) in &query.options {
        let term = Term::from_field_text(fields.option, &option_term(name, value));
        alternatives.entry(name).or_default().push(term);
    }
    for terms in alternatives.into_values() {
        clauses.push(worth(Box::new(TermSetQuery::new(terms)), 0));
    }
    match clauses.len() {
        0 => Box::new(AllQuery),
        _ => Box::new(BooleanQuery::intersection(clauses)),
    }
}

/// The strictest plan that finds something in this index.
pub(super) fn choose_plan(
    fields: Fields,
    searcher: &Searcher,
    text: &QueryText,
) -> tantivy::Result<Plan> {
    let known = |word: &str| finds_any(searcher, &*word_query(fields, word, false));
    let finds = |plan| finds_any(searcher, &*text_query(fields, text, plan));
    Plan::choose(text, known, finds)
}

fn finds_any(searcher: &Searcher, query: &dyn Query) -> tantivy::Result<bool> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    for segment in searcher.segment_readers() {
        let mut found = weight.scorer(segment, 1.0)?;
        let mut doc = found.doc();
        while doc != TERMINATED {
            if !segment.is_deleted(doc) {
                return Ok(true);
            }
            doc = found.advance();
        }
    }
    Ok(false)
}

fn text_query(fields: Fields, text: &QueryText, plan: Plan) -> Box<dyn Query> {
    let words: Vec<Box<dyn Query>> = (text.words.iter().enumerate())
        .map(|(index, word)| word_query(fields, word, plan.forgives(index)))
        .collect();
    let mut either: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    if !words.is_empty() {
        let words = if plan.any_word() {
            BooleanQuery::union(words)
        } else {
            BooleanQuery::intersection(words)
        };
        either.push((Occur::Should, Box::new(words)));
    }
    if !text.code.is_empty() {
        let exact = term(fields.codes, &text.code);
        either.push((Occur::Should, worth(exact, CODE_EXACT)));
    }
    if let Some(prefix) = text.code_prefix() {
        let start = starts_with(fields.codes, prefix);
        either.push((Occur::Should, worth(start, CODE_PREFIX)));
    }
    if either.is_empty() {
        return Box::new(EmptyQuery);
    }
    Box::new(BooleanQuery::new(either))
}

/// The best match of one word over all fields.
fn word_query(fields: Fields, word: &str, forgiving: bool) -> Box<dyn Query> {
    let typos = if forgiving { typos_forgiven(word) } else { 0 };
    let mut matches: Vec<Box<dyn Query>> = Vec::new();
    for (
        field,
        Worth {
            exact,
            prefix,
            fuzzy,
        },
    ) in [
        (fields.name, NAME),
        (fields.labels, LABELS),
        (fields.description, DESCRIPTION),
    ] {
        matches.push(worth(term(field, word), exact));
        matches.push(worth(starts_with(field, word), prefix));
        if typos > 0 {
            let similar = Term::from_field_text(field, word);
            let similar = FuzzyTermQuery::new(similar, typos, SWAP_IS_ONE_TYPO);
            matches.push(worth(Box::new(similar), fuzzy));
        }
    }
    Box::new(DisjunctionMaxQuery::new(matches))
}

fn filter(field: Field, value: &str) -> Box<dyn Query> {
    worth(term(field, value), 0)
}

fn term(field: Field, text: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

fn starts_with(field: Field, text: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, text);
    Box::new(FuzzyTermQuery::new_prefix(term, 0, SWAP_IS_ONE_TYPO))
}

fn worth(query: Box<dyn Query>, score: u16) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(query, f32::from(score)))
}
