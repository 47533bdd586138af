//! What every technology promises.

use cartwright_app::ports::search::SearchFault;

use super::*;

fn check_texts(documents: &[SearchDocument], rows: &[(&str, &[&str])]) {
    check(documents, |technology, search| {
        for (q, expected) in rows {
            let page = search.query(&typed(q)).unwrap();
            assert_eq!(ids(&page), *expected, "{technology}: {q:?}");
            assert_eq!(page.total, expected.len() as u64, "{technology}: {q:?}");
        }
    });
}

#[test]
fn finds_text_in_order_of_worth() {
    check_texts(
        &shop(),
        &[
            // Name, then a longer name with more than the word, then the description.
            ("shirt", &["p1", "p5", "p2"]),
            ("SHIRTS", &["p1", "p5", "p2"]),
            ("shirt acme", &["p1", "p2"]),
            // A start is a weaker match.
            ("every", &["p2", "p1"]),
            // Accents and case.
            ("cafe", &["p3"]),
            ("CAFÉ MÜG", &["p3"]),
            ("cafe\u{301}", &["p3"]),
            ("muller", &["p3"]),
            ("mug", &["p3", "p4"]),
            // Option values and categories.
            ("red shirt", &["p1"]),
            ("kitchen", &["p3", "p4"]),
            // Codes: SKU whole (before products with all its parts), by its start, and slug.
            ("SHIRT-BLUE-L", &["p1", "p2"]),
            ("mug-1", &["p3"]),
            ("TROUSERS-", &["p2"]),
            ("slug-of-p4", &["p4"]),
            ("tee", &["p5"]),
            // All words, else any of them.
            ("mug wall", &["p4"]),
            ("mug spaceship", &["p3", "p4"]),
            ("spaceship", &[]),
            ("!!! ???", &[]),
        ],
    );
}

#[test]
fn an_exact_sku_outweighs_everything() {
    let coded = SearchDocument {
        skus: vec!["x200".into()],
        ..product("b", "A rather long name of something else")
    };
    check_texts(
        &[product("a", "X200 X200"), coded],
        &[("X200", &["b", "a"]), (" x200\n", &["b", "a"])],
    );
}

#[test]
fn exact_outweighs_start_outweighs_typo() {
    let documents = [
        product("swapped", "Lantren"),
        product("start", "Lanternlight"),
        product("exact", "Lantern"),
        product("longer", "Bucket Lantern"),
        product("other", "Bucket"),
    ];
    check_texts(
        &documents,
        &[
            ("lantern", &["exact", "longer", "start"]),
            ("lanternl", &["start"]),
            // No document has this word, so one typo is forgiven.
            ("lanteren", &["exact", "swapped", "longer"]),
            // Both words exist, but not together, so typos are forgiven in both.
            ("lantren bucket", &["longer"]),
        ],
    );
}

#[test]
fn forgives_typos_by_length() {
    let documents = [
        product("1", "Jacket"),
        product("2", "Headphones"),
        product("3", "Mug"),
        product("4", "4711"),
    ];
    check_texts(
        &documents,
        &[
            ("jaket", &["1"]),
            ("jackett", &["1"]),
            ("jakcet", &["1"]),
            ("nacket", &["1"]),
            ("jakett", &[]),
            ("headfones", &["2"]),
            ("haedphnes", &["2"]),
            ("haedfone", &[]),
            ("mgu", &[]),
            ("4712", &[]),
        ],
    );
}

#[test]
fn blank_text_lists_everything_newest_first() {
    let everything = &["p2", "p3", "p4", "p1", "p5"][..];
    check_texts(
        &shop(),
        &[
            ("", everything),
            ("   ", everything),
            ("\t\r\n", everything),
            ("\0\u{1b}", everything),
        ],
    );
}

fn check_filter(narrow: impl Fn(&mut SearchQuery), expected: &[&str]) {
    check(&shop(), |technology, search| {
        let mut query = all();
        narrow(&mut query);
        let page = search.query(&query).unwrap();
        let mut found = ids(&page);
        found.sort_unstable();
        assert_eq!(found, expected, "{technology}: {query:?}");
        assert_eq!(page.total, expected.len() as u64, "{technology}: {query:?}");
    });
}

#[test]
fn filters_by_category_brand_and_stock() {
    check_filter(|q| q.category = Some("shirts".into()), &["p1", "p5"]);
    check_filter(|q| q.category = Some("shirt".into()), &[]);
    check_filter(|q| q.brand = Some("Acme".into()), &["p1", "p2"]);
    check_filter(|q| q.brand = Some("Müller".into()), &["p3"]);
    check_filter(|q| q.in_stock = Some(true), &["p1", "p3", "p4", "p5"]);
    check_filter(|q| q.in_stock = Some(false), &["p2"]);
}

#[test]
fn filters_by_price() {
    let range = |min, max, currency: &'static str| {
        move |q: &mut SearchQuery| {
            (q.price_min, q.price_max, q.currency) = (min, max, currency.into());
        }
    };
    check_filter(range(Some(899), None, "USD"), &["p1", "p2", "p3", "p5"]);
    check_filter(range(Some(900), None, "USD"), &["p1", "p2", "p5"]);
    check_filter(range(None, Some(1999), "USD"), &["p1", "p3", "p5"]);
    check_filter(range(Some(900), Some(1998), "USD"), &[]);
    check_filter(range(None, Some(800), "EUR"), &["p3", "p4"]);
    for currency in ["CHF", "", "usd", "U.D\0", "ÄÖÜ"] {
        check_filter(range(Some(0), None, currency), &[]);
    }
}

#[test]
fn filters_by_options_and_together() {
    let options =
        |wanted: &'static [(&str, &str)]| move |q: &mut SearchQuery| q.options = pairs(wanted);
    check_filter(options(&[("color", "red")]), &["p1"]);
    check_filter(
        options(&[("color", "red"), ("color", "white")]),
        &["p1", "p3"],
    );
    check_filter(options(&[("color", "blue"), ("size", "L")]), &["p1", "p2"]);
    check_filter(options(&[("color", "blue"), ("size", "M")]), &["p1"]);
    check_filter(options(&[("colo", "rred")]), &[]);
    check_filter(
        |q| (q.q, q.category, q.in_stock) = ("shirt".into(), Some("clothing".into()), Some(true)),
        &["p1"],
    );
    // The filter has no say in how the words are taken: no typos are forgiven here.
    check_filter(
        |q| (q.q, q.category) = ("shirt".into(), Some("kitchen".into())),
        &[],
    );
}

#[test]
fn sorts_with_missing_prices_last() {
    let sorted = |sort, currency: &str| SearchQuery {
        sort,
        currency: currency.into(),
        ..all()
    };
    let rows = [
        (sorted(SearchSort::PriceAsc, "USD"), "p3 p1 p5 p2 p4"),
        (sorted(SearchSort::PriceDesc, "USD"), "p2 p1 p5 p3 p4"),
        (sorted(SearchSort::PriceAsc, "EUR"), "p4 p3 p1 p2 p5"),
        (sorted(SearchSort::PriceDesc, "EUR"), "p1 p3 p4 p2 p5"),
        (sorted(SearchSort::Name, "USD"), "p3 p4 p2 p5 p1"),
        (sorted(SearchSort::Newest, "USD"), "p2 p3 p4 p1 p5"),
    ];
    check(&shop(), |technology, search| {
        for (query, expected) in &rows {
            let page = search.query(query).unwrap();
            assert_eq!(ids(&page).join(" "), *expected, "{technology}: {query:?}");
        }
    });
}

#[test]
fn facets_count_the_whole_result() {
    check(&shop(), |technology, search| {
        let query = SearchQuery { limit: 1, ..all() };
        let facets = search.query(&query).unwrap().facets;
        let categories = [("clothing", 2), ("kitchen", 2), ("shirts", 2)];
        assert_eq!(counts(&facets.categories), categories, "{technology}");
        let brands = [("Acme", 2), ("Müller", 1), ("Shirtwell", 1)];
        assert_eq!(counts(&facets.brands), brands, "{technology}");
        assert_eq!((facets.in_stock, facets.out_of_stock), (4, 1));
        let options: Vec<_> = (facets.options.iter())
            .map(|option| (option.name.as_str(), counts(&option.values)))
            .collect();
        let expected = [
            ("color", vec![("blue", 2), ("red", 1), ("white", 1)]),
            ("size", vec![("L", 2), ("M", 1)]),
        ];
        assert_eq!(options, expected, "{technology}");
    });
}

#[test]
fn a_limit_of_zero_gives_total_and_facets() {
    check(&shop(), |technology, search| {
        let query = SearchQuery {
            brand: Some("Müller".into()),
            limit: 0,
            ..all()
        };
        let page = search.query(&query).unwrap();
        assert!(page.ids.is_empty() && page.next_cursor.is_none());
        assert_eq!(page.total, 1, "{technology}");
        assert_eq!(counts(&page.facets.categories), [("kitchen", 1)]);
    });
}

#[test]
fn pages_cover_everything_once() {
    let documents: Vec<_> = (0..57_u8)
        .map(|i| SearchDocument {
            prices: prices(&[("USD", i64::from(i % 5))]),
            created_at_ms: i64::from(i % 3),
            ..product(
                &format!("id{i:02}"),
                ["Mug", "mug", "Blue mug"][usize::from(i % 3)],
            )
        })
        .collect();
    check(&documents[..20], |technology, search| {
        // Several commits, so that pages span segments.
        search.apply(&upserts(&documents[20..40]), 8).unwrap();
        search.apply(&upserts(&documents[40..]), 9).unwrap();
        for (sort, q) in SORTS
            .iter()
            .flat_map(|s| [(*s, ""), (*s, "mug"), (*s, "blve mug")])
        {
            let whole = SearchQuery {
                sort,
                limit: 100,
                ..typed(q)
            };
            let expected = search.query(&whole).unwrap();
            assert_eq!(expected.total, expected.ids.len() as u64);
            assert!(expected.total >= 19 && expected.next_cursor.is_none());
            for limit in [1, 7, 19, 56, 57] {
                let paged = SearchQuery {
                    limit,
                    ..whole.clone()
                };
                assert_eq!(
                    walk(search, &paged),
                    expected.ids,
                    "{technology}: {paged:?}"
                );
            }
        }
    });
}

#[test]
fn pages_stay_in_place_when_products_change() {
    let names = ["Ash", "Birch", "Cedar", "Elm", "Fir", "Oak"];
    let documents = names.map(|name| product(name, name));
    check(&documents, |technology, search| {
        let mut query = SearchQuery {
            sort: SearchSort::Name,
            limit: 3,
            ..all()
        };
        let page = search.query(&query).unwrap();
        assert_eq!(ids(&page), ["Ash", "Birch", "Cedar"]);
        // The last one seen goes; one comes before the place and one after it.
        let added = [product("Aspen", "Aspen"), product("Dogwood", "Dogwood")];
        search.apply(&[delete("Cedar")], 8).unwrap();
        search.apply(&upserts(&added), 9).unwrap();
        query.after = page.next_cursor;
        let page = search.query(&query).unwrap();
        assert_eq!(ids(&page), ["Dogwood", "Elm", "Fir"], "{technology}");
        query.after = page.next_cursor;
        let page = search.query(&query).unwrap();
        assert_eq!(ids(&page), ["Oak"], "{technology}");
    });
}

#[test]
fn later_pages_take_the_words_as_the_first_one_did() {
    let documents = ["a", "b", "c"].map(|id| product(id, "Lantern"));
    check(&documents, |technology, search| {
        let mut query = SearchQuery {
            limit: 2,
            ..typed("lanterm")
        };
        query.after = search.query(&query).unwrap().next_cursor;
        // Now a product has the word as typed, but the result under way is still the same.
        let exact = product("exact", "Lanterm");
        search.apply(&[upsert(exact)], 8).unwrap();
        assert_eq!(ids(&search.query(&query).unwrap()), ["c"], "{technology}");
        query.after = None;
        assert_eq!(
            ids(&search.query(&query).unwrap()),
            ["exact"],
            "{technology}"
        );
    });
}

#[test]
fn refuses_cursors_of_other_queries() {
    check(&shop(), |technology, search| {
        let query = SearchQuery {
            limit: 2,
            ..typed("shirt")
        };
        let cursor = search.query(&query).unwrap().next_cursor.unwrap();
        let with = |q: &str, sort, cursor: &str| SearchQuery {
            sort,
            after: Some(cursor.to_owned()),
            limit: 2,
            ..typed(q)
        };
        for other in [
            with("mug", SearchSort::Relevance, &cursor),
            with("shirt", SearchSort::Name, &cursor),
            with("shirt", SearchSort::Relevance, &format!("{cursor}x")),
            with("shirt", SearchSort::Relevance, "%%%"),
            with("shirt", SearchSort::Relevance, ""),
        ] {
            let refused = search.query(&other);
            assert_eq!(
                refused,
                Err(SearchFault::BadCursor),
                "{technology}: {other:?}"
            );
        }
        let mut larger = with("shirt", SearchSort::Relevance, &cursor);
        larger.limit = 9;
        assert_eq!(ids(&search.query(&larger).unwrap()), ["p2"], "{technology}");
    });
}

#[test]
fn changes_are_seen_at_once_and_the_last_of_a_batch_counts() {
    check(&shop(), |technology, search| {
        let renamed = SearchDocument {
            in_stock: false,
            ..product("p3", "Teacup")
        };
        let changes = [
            upsert(product("p8", "Teacup")),
            delete("p8"),
            delete("p4"),
            upsert(product("p9", "Wrong")),
            upsert(product("p9", "Teacup Saucer")),
            delete("unknown"),
            upsert(renamed),
        ];
        search.apply(&changes, 12).unwrap();
        assert_eq!(search.cursor(), 12, "{technology}");
        for (q, expected) in [
            ("teacup", &["p3", "p9"][..]),
            ("cafe mug", &[]),
            ("wrong", &[]),
        ] {
            let page = search.query(&typed(q)).unwrap();
            assert_eq!(ids(&page), expected, "{technology}: {q}");
        }
        let page = search.query(&all()).unwrap();
        assert_eq!(
            (page.total, page.facets.out_of_stock),
            (5, 2),
            "{technology}"
        );
    });
}

#[test]
fn applying_again_changes_nothing() {
    check(&shop(), |technology, search| {
        let before = search.query(&all()).unwrap();
        search.apply(&upserts(&shop()), 7).unwrap();
        assert_eq!(search.query(&all()).unwrap(), before, "{technology}");
        // Older than the cursor: already part of the index.
        search.apply(&[delete("p1")], 6).unwrap();
        assert_eq!(search.query(&all()).unwrap(), before, "{technology}");
        assert_eq!(search.cursor(), 7, "{technology}");
        search.apply(&[], 20).unwrap();
        assert_eq!(search.query(&all()).unwrap(), before, "{technology}");
        assert_eq!(search.cursor(), 20, "{technology}");
    });
}

#[test]
fn rebuild_empties_for_a_snapshot_in_batches() {
    check(&shop(), |technology, search| {
        search.rebuild().unwrap();
        assert_eq!(search.cursor(), 0, "{technology}");
        for q in ["", "mug"] {
            let page = search.query(&typed(q)).unwrap();
            assert_eq!(page, SearchPage::default(), "{technology}: {q:?}");
        }
        search.apply(&upserts(&shop()[..2]), 0).unwrap();
        search.apply(&upserts(&shop()[2..]), 0).unwrap();
        assert_eq!(search.cursor(), 0, "{technology}");
        search.apply(&[], 30).unwrap();
        assert_eq!(search.cursor(), 30, "{technology}");
        assert_eq!(search.query(&all()).unwrap().total, 5, "{technology}");
    });
}

#[test]
fn rests_between_changes() {
    check(&shop(), |technology, search| {
        for position in 8..11 {
            search.rest();
            let changes = [upsert(product("p1", "Shirt"))];
            search.apply(&changes, position).unwrap();
            assert_eq!(search.query(&all()).unwrap().total, 5, "{technology}");
        }
        search.rest();
        search.rest();
        search.rebuild().unwrap();
        assert_eq!(search.cursor(), 0, "{technology}");
    });
}

#[test]
fn hostile_text_is_only_text() {
    let long_word = "é".repeat(5_000);
    let many_words: String = (0..2_000).map(|i| format!("w{i} ")).collect();
    let long_words = "abcdefghijklmnopqrstuvwxyzabcdefgh ".repeat(300);
    let marks = "a\u{301}\u{302}".repeat(3_000);
    let hostile = [
        "name:shirt AND (",
        "\"unclosed",
        "* OR *",
        "-shirt",
        "+(+(",
        "[a TO b]",
        "shirt~9",
        "^^^",
        "\\",
        "\0\u{7}\u{1b}[31m",
        "'; DROP TABLE products; --",
        "\u{202e}gum",
        "🎉",
        "💥mug",
        "a",
        "%00",
        "{\"q\":1}",
        "İıſẞ",
        "\u{fdfa}\u{fdfa}",
        &long_word,
        &many_words,
        &long_words,
        &marks,
    ];
    check(&shop(), |technology, search| {
        for (q, sort) in hostile.iter().flat_map(|q| SORTS.map(|sort| (q, sort))) {
            let page = search.query(&SearchQuery { sort, ..typed(q) });
            assert!(page.is_ok(), "{technology}: {q:.40}: {page:?}");
        }
        for q in ["+shirt^", "\"shirt\"", "shirt:*", "(shirt)", "\0shirt\0"] {
            let page = search.query(&typed(q)).unwrap();
            assert_eq!(ids(&page), ["p1", "p5", "p2"], "{technology}: {q:?}");
        }
    });
}

#[test]
fn hostile_documents_are_only_documents() {
    let odd = SearchDocument {
        name: "\0\u{202e}".repeat(50_000),
        description: "x".repeat(200_000),
        options: pairs(&[("a:b\u{1f}", "3:c"), ("", "5:"), ("", "5:")]),
        prices: prices(&[
            ("usd", 1),
            ("US.D", 2),
            ("USD", i64::MIN),
            ("EUR", i64::MAX),
        ]),
        created_at_ms: i64::MIN,
        ..product("odd", "")
    };
    check(&[odd], |technology, search| {
        let page = search.query(&all()).unwrap();
        assert_eq!(ids(&page), ["odd"], "{technology}");
        let options: Vec<_> = (page.facets.options.iter())
            .map(|option| (option.name.as_str(), counts(&option.values)))
            .collect();
        let expected = [("", vec![("5:", 1)]), ("a:b\u{1f}", vec![("3:c", 1)])];
        assert_eq!(options, expected, "{technology}");
        for (currency, sort) in ["USD", "EUR"].iter().flat_map(|c| SORTS.map(|s| (*c, s))) {
            let query = SearchQuery {
                sort,
                currency: currency.into(),
                price_min: Some(i64::MIN),
                ..all()
            };
            assert_eq!(
                search.query(&query).unwrap().total,
                1,
                "{technology}: {query:?}"
            );
        }
    });
}
