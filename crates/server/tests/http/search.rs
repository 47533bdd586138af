//! `/v1/search`: finding products by words, filters and order; the index follows within a second.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Shop, check, eventually, fresh, shop};

/// Follows within 1 s; the machine of the tests may be busy.
const FRESH: Duration = Duration::from_secs(5);

/// A word that no other test uses, made of letters.
fn word() -> String {
    fresh("")
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|digit| {
            let digit = digit.to_digit(36).expect("a digit");
            char::from_digit(10 + (digit * 7 + 3) % 26, 36).expect("a letter")
        })
        .fold(String::from("zor"), |word, letter| {
            format!("{word}{letter}")
        })
        + "quil"
}

fn add(shop: &Shop, name: &str, brand: &str, category: &str, cents: i64) -> (String, String) {
    let (id, sku) = (fresh("product"), fresh("sku"));
    shop.post("/v1/products")
        .admin()
        .json(json!({
            "id": id, "name": name, "brand": brand, "categories": [category],
            "variants": [{"sku": sku, "prices": [{"amount": cents, "currency": "USD"}]}]
        }))
        .send()
        .is(201);
    (id, sku)
}

fn search(shop: &Shop, query: &str) -> Value {
    shop.get(&format!("/v1/search?{query}")).send().ok()
}

/// Whether an item of the result, in whatever shape it shows a product, is this one.
fn is(item: &Value, id: &str) -> bool {
    item["id"] == id || item["product_id"] == id
}

fn found(page: &Value, ids: &[String]) -> Vec<usize> {
    let items = page["items"].as_array().expect("items");
    items
        .iter()
        .filter_map(|item| ids.iter().position(|id| is(item, id)))
        .collect()
}

/// Three products with the word in their names: brand, category, price.
fn scene(shop: &Shop, word: &str) -> Vec<String> {
    let rows = [
        (format!("Alpha {word}"), "acme", 3000),
        (format!("Gamma {word}"), "acme", 1000),
        (format!("Beta {word}"), "bolt", 2000),
    ];
    let category = format!("{word}-things");
    let ids: Vec<_> = rows
        .iter()
        .map(|(name, brand, cents)| add(shop, name, &format!("{brand}{word}"), &category, *cents).0)
        .collect();
    // Until the word is known, a search forgives typos and finds what other tests have made.
    eventually(FRESH, "all three are found", || {
        let page = search(shop, &format!("q={word}"));
        (page["total"] == 3 && found(&page, &ids).len() == 3).then_some(())
    });
    ids
}

#[test]
fn finds_by_words_filters_and_order() {
    let shop = shop();
    let word = word();
    let ids = scene(&shop, &word);
    let rows = [
        (format!("q={word}&sort=name"), vec![0, 2, 1]),
        (format!("q={word}&sort=price&currency=USD"), vec![1, 2, 0]),
        (format!("q={word}&sort=-price&currency=USD"), vec![0, 2, 1]),
        (format!("q={word}&sort=newest"), vec![2, 1, 0]),
        (format!("q={word}&brand=acme{word}&sort=name"), vec![0, 1]),
        (format!("category={word}-things&sort=name"), vec![0, 2, 1]),
        (
            format!("q={word}&price_min=2000&currency=USD&sort=name"),
            vec![0, 2],
        ),
        (
            format!("q={word}&price_max=2000&currency=USD&sort=name"),
            vec![2, 1],
        ),
        (
            format!("q={word}&price_min=1500&price_max=2500&currency=USD"),
            vec![2],
        ),
        (format!("q={word}&in_stock=true"), vec![]),
    ];
    for (query, expected) in rows {
        let page = search(&shop, &query);
        assert_eq!(found(&page, &ids), expected, "{query}: {page}");
        assert_eq!(page["total"], expected.len(), "{query}");
        assert!(page["facets"].is_object(), "{query}: {page}");
    }
}

#[test]
fn forgives_a_typo() {
    let shop = shop();
    let word = word();
    let ids = scene(&shop, &word);
    let mut typo: Vec<char> = word.chars().collect();
    let last = typo.len() - 2;
    typo[last] = 'e';
    let typo: String = typo.into_iter().collect();
    let page = search(&shop, &format!("q={typo}"));
    assert_eq!(found(&page, &ids).len(), 3, "{typo} for {word}: {page}");
}

#[test]
fn pages_without_losing_or_repeating() {
    let shop = shop();
    let word = word();
    let ids = scene(&shop, &word);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = search(&shop, &format!("q={word}&sort=name&limit=1{cursor}"));
        assert_eq!(page["total"], 3);
        assert_eq!(page["items"].as_array().expect("items").len(), 1);
        seen.extend(found(&page, &ids));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [0, 2, 1]);
}

#[test]
fn follows_stock_prices_and_archiving() {
    let shop = shop();
    let word = word();
    let (id, sku) = add(&shop, &format!("Lamp {word}"), "x", "lamps", 500);
    let ids = [id.clone()];
    let sees = |query: &str, expected: usize| {
        eventually(FRESH, &format!("{query} finds {expected}"), || {
            let page = search(&shop, &format!("q={word}{query}"));
            (found(&page, &ids).len() == expected).then_some(())
        });
    };
    sees("", 1);
    let level = shop.level(&shop.warehouse(), &sku, 1);
    sees("&in_stock=true", 1);
    let held = level.hold(1);
    sees("&in_stock=true", 0);
    level
        .post("release", json!({"reservation_id": held}))
        .is(200);
    sees("&in_stock=true", 1);
    shop.put(&format!("/v1/variants/{sku}/prices/USD"))
        .admin()
        .if_match(1)
        .json(json!({"amount": 700}))
        .send()
        .is(200);
    sees("&price_min=600&currency=USD", 1);
    sees("&price_max=600&currency=USD", 0);
    level.adjust(-1).is(200);
    shop.delete(&format!("/v1/products/{id}"))
        .admin()
        .send()
        .succeeded();
    sees("", 0);
}

#[test]
fn shows_no_drafts() {
    let shop = shop();
    let word = word();
    let draft = fresh("product");
    shop.post("/v1/products")
        .admin()
        .json(json!({
            "id": draft, "name": format!("Draft {word}"), "status": "draft",
            "variants": [{"sku": fresh("sku"), "prices": []}]
        }))
        .send()
        .is(201);
    let (shown, _) = add(&shop, &format!("Shown {word}"), "x", "y", 1);
    let ids = [draft, shown];
    eventually(FRESH, "the later one is found", || {
        (found(&search(&shop, &format!("q={word}")), &ids) == [1]).then_some(())
    });
}

#[test]
fn refuses_a_question_it_does_not_understand() {
    let shop = shop();
    for (query, field) in [
        ("sort=cheapest", "sort"),
        ("price_min=cheap", "price_min"),
        ("price_max=1.5", "price_max"),
        ("currency=DOLLARS", "currency"),
        ("in_stock=perhaps", "in_stock"),
        ("limit=201", "limit"),
        ("limit=0", "limit"),
        ("cursor=nonsense", "cursor"),
        ("colour=red", "colour"),
    ] {
        shop.get(&format!("/v1/search?{query}"))
            .send()
            .invalid(field);
    }
}

#[test]
fn answers_any_text_without_breaking() {
    let shop = shop();
    for query in [
        "q=%22",
        "q=AND",
        "q=a+AND+OR+NOT",
        "q=%28%28%28",
        "q=name%3A",
        "q=*%3A*",
        "q=%5B1+TO",
        "q=",
        "q=%F0%9F%8D%95",
        "q=-",
        "q=%2B-%26%26%7C%7C%21%28%29%7B%7D%5B%5D%5E%22~*%3F%3A%5C%2F",
    ] {
        let page = search(&shop, query);
        check(
            &page,
            json!({"total": page["total"].as_i64().expect(query)}),
        );
        assert!(page["items"].is_array(), "{query}: {page}");
    }
    let long = format!("q={}", "word+".repeat(30));
    search(&shop, &long);
}
