//! Pages: `limit`, `cursor`, `{items, next_cursor}`.

use serde_json::{Value, json};

use crate::support::{Shop, fresh, shop, text};

fn page(shop: &Shop, path: &str) -> Value {
    let page = shop.get(path).admin().send().ok();
    assert!(page["items"].is_array(), "{path}: {page}");
    let next = page
        .get("next_cursor")
        .expect("next_cursor is always there");
    assert!(next.is_null() || next.is_string(), "{path}: {page}");
    page
}

/// All items of a list, read with this limit.
fn all(shop: &Shop, path: &str, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    let joint = if path.contains('?') { '&' } else { '?' };
    loop {
        let page = page(shop, &format!("{path}{joint}limit={limit}{cursor}"));
        let some = page["items"].as_array().expect("items");
        assert!(some.len() <= limit, "{path}");
        items.extend(some.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => {
                assert!(!some.is_empty(), "{path}: an empty page in the middle");
                cursor = format!("&cursor={next}");
            }
            None => return items,
        }
    }
}

fn branded(shop: &Shop, brand: &str, count: usize) -> Vec<String> {
    let add = |number: usize| {
        let id = fresh("product");
        let body = json!({
            "id": id, "name": format!("P{number}"), "brand": brand,
            "variants": [{"sku": fresh("sku"), "prices": []}]
        });
        shop.post("/v1/products").admin().json(body).send().is(201);
        id
    };
    (0..count).map(add).collect()
}

fn ids(items: &[Value]) -> Vec<String> {
    let mut ids: Vec<_> = items.iter().map(|item| text(&item["id"])).collect();
    ids.sort();
    ids
}

#[test]
fn shows_every_item_once_whatever_the_limit() {
    let shop = shop();
    let brand = fresh("brand");
    let mut expected = branded(&shop, &brand, 7);
    expected.sort();
    let path = format!("/v1/products?brand={brand}");
    for limit in [1, 2, 3, 6, 7, 8, 200] {
        assert_eq!(ids(&all(&shop, &path, limit)), expected, "limit {limit}");
    }
}

#[test]
fn shows_fifty_unless_asked() {
    let shop = shop();
    let brand = fresh("brand");
    branded(&shop, &brand, 51);
    let first = page(&shop, &format!("/v1/products?brand={brand}"));
    assert_eq!(first["items"].as_array().expect("items").len(), 50);
    let next = text(&first["next_cursor"]);
    let last = page(&shop, &format!("/v1/products?brand={brand}&cursor={next}"));
    assert_eq!(last["items"].as_array().expect("items").len(), 1);
    assert!(last["next_cursor"].is_null(), "{last}");
}

#[test]
fn keeps_its_place_while_others_write() {
    let shop = shop();
    let brand = fresh("brand");
    let mut before = branded(&shop, &brand, 6);
    before.sort();
    let path = format!("/v1/products?brand={brand}&limit=2");
    let first = page(&shop, &path);
    branded(&shop, &brand, 5);
    let mut seen = first["items"].as_array().expect("items").clone();
    let mut next = first["next_cursor"].clone();
    while let Some(cursor) = next.as_str() {
        let more = page(&shop, &format!("{path}&cursor={cursor}"));
        seen.extend(more["items"].as_array().expect("items").iter().cloned());
        next = more["next_cursor"].clone();
    }
    let seen = ids(&seen);
    let mut once = seen.clone();
    once.dedup();
    assert_eq!(seen, once, "no item twice");
    for id in &before {
        assert!(seen.contains(id), "{id} was there all the time");
    }
}

#[test]
fn every_list_pages_the_same_way() {
    let shop = shop();
    let level = shop.stocked(5);
    level.adjust(1).is(200);
    shop.level(&level.store, &shop.product().sku, 3);
    shop.api_key(&["carts"]);
    let customer = fresh("customer");
    for _ in 0..2 {
        let body = json!({"customer_id": customer});
        shop.post("/v1/carts").admin().json(body).send().is(201);
    }
    for path in [
        format!("/v1/stores/{}/inventory", level.store),
        format!("{}/movements", level.path()),
        format!("/v1/customers/{customer}/carts"),
    ] {
        let one_by_one = all(&shop, &path, 1);
        assert_eq!(one_by_one.len(), 2, "{path}");
        assert_eq!(one_by_one, all(&shop, &path, 200), "{path}");
    }
    for path in [
        "/v1/products",
        "/v1/stores",
        "/v1/api-keys",
        "/v1/dead-letters",
        "/v1/webhook-endpoints",
    ] {
        page(&shop, path);
    }
    for path in [
        "/v1/products".to_owned(),
        "/v1/stores".to_owned(),
        "/v1/api-keys".to_owned(),
        "/v1/dead-letters".to_owned(),
        "/v1/webhook-endpoints".to_owned(),
        format!("/v1/stores/{}/inventory", level.store),
        format!("{}/movements", level.path()),
        format!("/v1/customers/{customer}/carts"),
        shop.cart().path(""),
    ] {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("limit=5.0", "limit"),
            ("limit=99999999999999999999", "limit"),
            ("cursor=nonsense", "cursor"),
            ("cursor=%00", "cursor"),
        ] {
            shop.get(&format!("{path}?{query}"))
                .admin()
                .send()
                .invalid(field);
        }
        shop.get(&format!("{path}?limit=200"))
            .admin()
            .send()
            .is(200);
    }
}

#[test]
fn takes_no_cursor_of_another_list() {
    let shop = shop();
    let brand = fresh("brand");
    branded(&shop, &brand, 2);
    let first = page(&shop, &format!("/v1/products?brand={brand}&limit=1"));
    let cursor = first["next_cursor"].as_str().expect("a second page");
    page(
        &shop,
        &format!("/v1/products?brand={brand}&cursor={cursor}"),
    );
    let level = shop.stocked(5);
    for path in [
        "/v1/stores".to_owned(),
        "/v1/search".to_owned(),
        "/v1/api-keys".to_owned(),
        "/v1/dead-letters".to_owned(),
        "/v1/webhook-endpoints".to_owned(),
        "/v1/customers/somebody/carts".to_owned(),
        format!("/v1/stores/{}/inventory", level.store),
        format!("{}/movements", level.path()),
        shop.cart().path(""),
    ] {
        let request = shop.get(&format!("{path}?cursor={cursor}")).admin();
        request.send().invalid("cursor");
    }
}

#[test]
fn a_list_that_ends_with_its_page_says_so() {
    let shop = shop();
    let brand = fresh("brand");
    branded(&shop, &brand, 2);
    // Whatever comes later in the catalogue is not of this brand.
    branded(&shop, &format!("{brand}-other"), 2);
    for limit in [2, 3] {
        let whole = page(&shop, &format!("/v1/products?brand={brand}&limit={limit}"));
        assert_eq!(whole["items"].as_array().map(Vec::len), Some(2));
        assert_eq!(whole["next_cursor"], Value::Null, "{limit}");
    }
}
