//! The index and the naive reference agree, on random shops and queries.

use proptest::prelude::*;

use super::*;

const WORDS: &[&str] = &[
    "mug",
    "mugs",
    "shirt",
    "skirt",
    "shirtdress",
    "café",
    "cafe",
    "lantern",
    "lanterns",
    "latern",
    "headphones",
    "headphone",
    "headfone",
    "t-shirt",
    "x1",
    "12345",
    "茶",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 0..4).prop_map(|words| words.join(" "))
}

fn label() -> impl Strategy<Value = SmolStr> {
    prop::sample::select(&["a", "b", "mug", "Shirt"][..]).prop_map(SmolStr::from)
}

fn currency() -> impl Strategy<Value = SmolStr> {
    prop::sample::select(&["USD", "EUR", "xx"][..]).prop_map(SmolStr::from)
}

prop_compose! {
    fn document()(
        id in 0..30_u8,
        (name, description) in (text(), text()),
        brand in prop::option::of(label()),
        categories in prop::collection::vec(label(), 0..3),
        skus in prop::collection::vec(label(), 0..2),
        options in prop::collection::vec((label(), label()), 0..3),
        prices in prop::collection::vec((currency(), -2..6_i64), 0..3),
        in_stock in any::<bool>(),
        created_at_ms in -2..3_i64,
    ) -> SearchDocument {
        let (id, slug) = (format!("{id}").into(), format!("slug{id}").into());
        SearchDocument {
            id, slug, name, description, brand, categories, skus, options, prices, in_stock,
            created_at_ms,
        }
    }
}

prop_compose! {
    fn query()(
        q in text(),
        category in prop::option::weighted(0.2, label()),
        brand in prop::option::weighted(0.2, label()),
        price_min in prop::option::weighted(0.2, -2..6_i64),
        price_max in prop::option::weighted(0.2, -2..6_i64),
        currency in currency(),
        in_stock in prop::option::weighted(0.2, any::<bool>()),
        options in prop::collection::vec((label(), label()), 0..2),
        sort in prop::sample::select(&SORTS[..]),
        limit in 1..9_usize,
    ) -> SearchQuery {
        SearchQuery {
            q, category, brand, price_min, price_max, currency, in_stock, options, sort, limit,
            after: None,
        }
    }
}

fn change() -> impl Strategy<Value = SearchChange> {
    prop_oneof![
        4 => document().prop_map(upsert),
        1 => (0..30_u8).prop_map(|id| delete(&id.to_string())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(48)
    })]

    #[test]
    fn memory_and_tantivy_give_the_same_pages(
        batches in prop::collection::vec(prop::collection::vec(change(), 0..20), 1..5),
        queries in prop::collection::vec(query(), 12),
    ) {
        let memory = MemorySearch::new();
        let tantivy = TantivySearch::in_memory().unwrap();
        for (position, batch) in (1..).zip(&batches) {
            memory.apply(batch, position).unwrap();
            tantivy.apply(batch, position).unwrap();
        }
        prop_assert_eq!(memory.cursor(), tantivy.cursor());
        for query in &queries {
            let expected = memory.query(query).unwrap();
            prop_assert_eq!(expected, tantivy.query(query).unwrap(), "{:?}", query);
            prop_assert_eq!(walk(&memory, query), walk(&tantivy, query), "{:?}", query);
        }
    }
}
