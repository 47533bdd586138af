//! The contract of search, run on every technology.

mod agreement;
mod contract;
mod on_disk;

use cartwright_adapters::search::{MemorySearch, TantivySearch};
use cartwright_app::ports::search::{
    FacetCount, Search, SearchChange, SearchDocument, SearchPage, SearchQuery, SearchSort,
};
use smol_str::SmolStr;

const SORTS: [SearchSort; 5] = [
    SearchSort::Relevance,
    SearchSort::PriceAsc,
    SearchSort::PriceDesc,
    SearchSort::Name,
    SearchSort::Newest,
];

/// Runs the same expectations on all technologies, with these documents at position 7.
fn check(documents: &[SearchDocument], expect: impl Fn(&str, &dyn Search)) {
    let directory = tempfile::tempdir().unwrap();
    let memory = MemorySearch::new();
    let in_memory = TantivySearch::in_memory().unwrap();
    let on_disk = TantivySearch::open(directory.path()).unwrap();
    let technologies: [(&str, &dyn Search); 3] = [
        ("memory", &memory),
        ("tantivy in memory", &in_memory),
        ("tantivy on disk", &on_disk),
    ];
    for (name, search) in technologies {
        search.apply(&upserts(documents), 7).unwrap();
        expect(name, search);
    }
}

fn upsert(document: SearchDocument) -> SearchChange {
    SearchChange::Upsert(Box::new(document))
}

fn upserts(documents: &[SearchDocument]) -> Vec<SearchChange> {
    documents.iter().cloned().map(upsert).collect()
}

fn delete(id: &str) -> SearchChange {
    SearchChange::Delete { id: id.into() }
}

fn product(id: &str, name: &str) -> SearchDocument {
    SearchDocument {
        id: id.into(),
        slug: format!("slug-of-{id}").into(),
        name: name.to_owned(),
        in_stock: true,
        ..SearchDocument::default()
    }
}

fn all() -> SearchQuery {
    SearchQuery {
        currency: "USD".into(),
        limit: 50,
        ..SearchQuery::default()
    }
}

fn typed(q: &str) -> SearchQuery {
    SearchQuery {
        q: q.to_owned(),
        ..all()
    }
}

fn ids(page: &SearchPage) -> Vec<&str> {
    page.ids.iter().map(SmolStr::as_str).collect()
}

/// All pages, following the cursors.
fn walk(search: &dyn Search, query: &SearchQuery) -> Vec<SmolStr> {
    let mut query = query.clone();
    let mut found = Vec::new();
    loop {
        let page = search.query(&query).unwrap();
        assert!(page.ids.len() <= query.limit);
        found.extend(page.ids);
        let Some(next) = page.next_cursor else {
            return found;
        };
        query.after = Some(next);
    }
}

fn counts(facet: &[FacetCount]) -> Vec<(&str, u64)> {
    facet.iter().map(|f| (f.value.as_str(), f.count)).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(SmolStr, SmolStr)> {
    let owned = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
    pairs.iter().map(owned).collect()
}

fn prices(prices: &[(&str, i64)]) -> Vec<(SmolStr, i64)> {
    prices
        .iter()
        .map(|(c, minor)| ((*c).into(), *minor))
        .collect()
}

/// A small shop; every field matters to some test.
fn shop() -> Vec<SearchDocument> {
    vec![
        SearchDocument {
            description: "Soft cotton, for every day".into(),
            brand: Some("Acme".into()),
            categories: vec!["clothing".into(), "shirts".into()],
            skus: vec!["SHIRT-RED-M".into(), "SHIRT-BLUE-L".into()],
            options: pairs(&[
                ("color", "red"),
                ("color", "blue"),
                ("size", "M"),
                ("size", "L"),
            ]),
            prices: prices(&[("USD", 1999), ("EUR", 1799)]),
            created_at_ms: 1_000,
            ..product("p1", "Shirt")
        },
        SearchDocument {
            description: "Goes with any shirt".into(),
            brand: Some("Acme".into()),
            categories: vec!["clothing".into()],
            skus: vec!["TROUSERS-1".into()],
            options: pairs(&[("color", "blue"), ("size", "L")]),
            prices: prices(&[("USD", 4999)]),
            in_stock: false,
            created_at_ms: 4_000,
            ..product("p2", "Everyday Trousers")
        },
        SearchDocument {
            description: "Porcelain".into(),
            brand: Some("Müller".into()),
            categories: vec!["kitchen".into()],
            skus: vec!["MUG-1".into()],
            options: pairs(&[("color", "white")]),
            prices: prices(&[("USD", 899), ("EUR", 799), ("USD", 950)]),
            created_at_ms: 3_000,
            ..product("p3", "Café Mug")
        },
        SearchDocument {
            categories: vec!["kitchen".into()],
            skus: vec!["HOLDER".into()],
            prices: prices(&[("EUR", 500)]),
            created_at_ms: 2_000,
            ..product("p4", "ébène Mug Holder for the wall")
        },
        SearchDocument {
            brand: Some("Shirtwell".into()),
            categories: vec!["shirts".into()],
            skus: vec!["TEE".into()],
            prices: prices(&[("USD", 1999)]),
            created_at_ms: -5,
            ..product("p5", "Long Sleeve Shirt")
        },
    ]
}
