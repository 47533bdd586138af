//! `/v1/products`: what the catalog takes, shows, changes and hides.

use serde_json::{Value, json};

use crate::support::{Item, check, fresh, shop, text};

fn whole_product(id: &str, sku: &str) -> Value {
    json!({
        "id": id,
        "slug": format!("{id}-slug"),
        "name": "Kettle",
        "description": "Boils water.",
        "status": "active",
        "brand": "Brewster",
        "categories": ["kitchen", "kettles"],
        "attributes": {"power": "2 kW", "wireless": true, "parts": {"lid": 1}},
        "images": ["https://example.com/kettle.jpg"],
        "options": [{"name": "colour", "values": ["red", "blue"]}],
        "variants": [
            {
                "sku": format!("{sku}.red"),
                "options": {"colour": "red"},
                "prices": [{"amount": 4999, "currency": "USD"}, {"amount": 4599, "currency": "EUR"}],
                "compare_at": [{"amount": 5999, "currency": "USD"}],
                "weight_grams": 900,
                "dimensions_mm": {"length": 200, "width": 150, "height": 260},
                "limits": {"min": 1, "max": 10, "multiple": 1},
                "denied_countries": ["FR"]
            },
            {"sku": format!("{sku}.blue"), "options": {"colour": "blue"}, "prices": []}
        ]
    })
}

#[test]
fn keeps_everything_that_a_product_says() {
    let shop = shop();
    let (id, sku) = (fresh("product"), fresh("sku"));
    let body = whole_product(&id, &sku);
    let made = shop.post("/v1/products").admin().json(body.clone()).send();
    check(&made.clone().is(201).version(1), body.clone());

    let location = made.header("location").expect("a Location").to_owned();
    for path in [
        location,
        format!("/v1/products/{id}"),
        format!("/v1/products/{id}-slug"),
    ] {
        let found = shop.get(&path).send();
        check(&found.is(200).version(1), body.clone());
    }
}

#[test]
fn gives_an_id_and_an_active_status_when_none_is_chosen() {
    let shop = shop();
    let made = shop
        .post("/v1/products")
        .admin()
        .json(json!({"name": "Plain", "variants": [{"sku": fresh("sku"), "prices": []}]}))
        .send()
        .created();
    assert_eq!(made["status"], "active");
    let id = text(&made["id"]);
    shop.get(&format!("/v1/products/{id}")).send().is(200);
}

#[test]
fn takes_absent_for_null_in_an_optional_field() {
    let shop = shop();
    shop.post("/v1/products")
        .admin()
        .json(json!({
            "id": null, "description": null, "brand": null, "categories": null, "attributes": null,
            "name": "Nulls", "variants": [{"sku": fresh("sku"), "prices": [], "limits": null}]
        }))
        .send()
        .is(201);
}

#[test]
fn refuses_ids_slugs_and_skus_that_are_taken() {
    let shop = shop();
    let (id, sku) = (fresh("product"), fresh("sku"));
    let first = whole_product(&id, &sku);
    shop.post("/v1/products").admin().json(first).send().is(201);
    let other = fresh("product");
    let rows = [
        json!({"id": id, "name": "x", "variants": [{"sku": fresh("sku"), "prices": []}]}),
        json!({"slug": format!("{id}-slug"), "name": "x", "variants": [{"sku": fresh("sku"), "prices": []}]}),
        json!({"id": other, "name": "x", "variants": [{"sku": format!("{sku}.red"), "prices": []}]}),
    ];
    for row in rows {
        let answer = shop.post("/v1/products").admin().json(row).send();
        answer.refused(409, "already_exists");
    }
    shop.get(&format!("/v1/products/{other}"))
        .send()
        .refused(404, "not_found");
}

#[test]
fn names_the_field_that_is_wrong() {
    let shop = shop();
    let with = |field: &str, value: Value| {
        let mut body = json!({"name": "x", "variants": [{"sku": fresh("sku"), "prices": []}]});
        body[field] = value;
        body
    };
    let variant = |field: &str, value: Value| {
        let mut one = json!({"sku": fresh("sku"), "prices": []});
        one[field] = value;
        json!({"name": "x", "variants": [one]})
    };
    let price = |amount: Value, currency: Value| {
        variant("prices", json!([{"amount": amount, "currency": currency}]))
    };
    let rows = [
        (
            json!({"variants": [{"sku": fresh("sku"), "prices": []}]}),
            "name",
        ),
        (json!({"name": "x"}), "variants"),
        (json!({"name": "x", "variants": [{"prices": []}]}), "sku"),
        (with("name", json!(7)), "name"),
        (with("name", json!("n".repeat(201))), "name"),
        (
            with("description", json!("d".repeat(10_001))),
            "description",
        ),
        (with("status", json!("sold")), "status"),
        (with("id", json!("no spaces")), "id"),
        (with("id", json!("i".repeat(65))), "id"),
        (with("categories", json!("kitchen")), "categories"),
        (with("attributes", json!([])), "attributes"),
        (with("colour", json!("red")), "colour"),
        (variant("sku", json!("")), "sku"),
        (variant("sku", json!("a/b")), "sku"),
        (variant("sku", json!("s".repeat(65))), "sku"),
        (variant("weight_grams", json!(-1)), "weight_grams"),
        (
            variant("denied_countries", json!(["France"])),
            "denied_countries",
        ),
        (variant("limits", json!({"max": 1, "most": 2})), "most"),
        (variant("limits", json!({"max": "1"})), "max"),
        (variant("stok", json!({})), "stok"),
        (price(json!(-1), json!("USD")), "amount"),
        (price(json!(9.99), json!("USD")), "amount"),
        (price(json!("999"), json!("USD")), "amount"),
        (price(json!(1), json!("DOLLARS")), "currency"),
        (price(json!(1), json!("ZZZ")), "currency"),
    ];
    for (body, field) in rows {
        let answer = shop.post("/v1/products").admin().json(body).send();
        answer.invalid(field);
    }
}

#[test]
fn counts_characters_and_not_bytes() {
    let shop = shop();
    let sku = "s".repeat(40) + &fresh("long");
    let sku = format!("{sku}{}", "-".repeat(64 - sku.len()));
    shop.post("/v1/products")
        .admin()
        .json(json!({
            "name": "é".repeat(200), "description": "ü".repeat(10_000),
            "variants": [{"sku": sku, "prices": []}]
        }))
        .send()
        .is(201);
    shop.get(&format!("/v1/variants/{sku}")).send().is(200);
}

#[test]
fn changes_only_what_a_merge_patch_names() {
    let shop = shop();
    let (id, sku) = (fresh("product"), fresh("sku"));
    let mut expected = whole_product(&id, &sku);
    shop.post("/v1/products")
        .admin()
        .json(expected.clone())
        .send()
        .is(201);
    let path = format!("/v1/products/{id}");
    let changed = shop
        .patch(&path)
        .admin()
        .if_match(1)
        .text(
            "application/merge-patch+json",
            &json!({
                "description": null, "name": "Big kettle", "categories": ["kitchen"],
                "attributes": {"power": "3 kW", "wireless": null, "parts": {"base": 2}}
            })
            .to_string(),
        )
        .send();
    expected["name"] = json!("Big kettle");
    expected["categories"] = json!(["kitchen"]);
    let fields = expected.as_object_mut().expect("an object");
    fields.remove("description");
    fields.remove("attributes");
    let body = changed.is(200).version(2);
    check(&body, expected.clone());
    assert!(
        body["description"].as_str().unwrap_or_default().is_empty(),
        "{body}"
    );
    assert_eq!(
        body["attributes"],
        json!({"power": "3 kW", "parts": {"lid": 1, "base": 2}})
    );
    shop.get(&path).send().is(200).version(2);
}

#[test]
fn patches_only_with_the_version_it_was_read_at() {
    let shop = shop();
    let Item { id, .. } = shop.product();
    let path = format!("/v1/products/{id}");
    let patch = |name: &str| shop.patch(&path).admin().json(json!({"name": name}));
    patch("none").send().refused(428, "version_required");
    patch("first").if_match(1).send().version(2);
    let problem = patch("stale")
        .if_match(1)
        .send()
        .refused(409, "version_conflict");
    assert_eq!(problem["current_version"], 2);
    shop.patch(&path)
        .admin()
        .json(json!({"name": "second", "expected_version": 2}))
        .send()
        .version(3);
    let same = patch("second").if_match(3).send().is(200);
    assert_eq!(same.version(3)["name"], "second");
}

#[test]
fn lets_no_sku_vanish_that_has_stock() {
    let shop = shop();
    let item = shop.product();
    let path = format!("/v1/products/{}", item.id);
    let replace = |version: i64| {
        shop.patch(&path)
            .admin()
            .if_match(version)
            .json(json!({"variants": [{"sku": format!("{}.new", item.sku), "prices": []}]}))
            .send()
    };
    let level = shop.level(&shop.warehouse(), &item.sku, 1);
    replace(1).refused(409, "invalid_state");
    shop.get(&format!("/v1/variants/{}", item.sku))
        .send()
        .is(200);
    level.adjust(-1).is(200);
    replace(1).version(2);
    shop.get(&format!("/v1/variants/{}", item.sku))
        .send()
        .refused(404, "not_found");
    shop.get(&format!("/v1/variants/{}.new", item.sku))
        .send()
        .is(200);
}

#[test]
fn archives_what_is_deleted() {
    let shop = shop();
    let item = shop.product();
    let path = format!("/v1/products/{}", item.id);
    shop.delete(&path).admin().send().succeeded();
    shop.get(&path).send().refused(404, "not_found");
    shop.get(&format!("/v1/variants/{}", item.sku))
        .send()
        .refused(404, "not_found");
    let kept = shop.get(&path).admin().send().is(200);
    assert_eq!(kept.version(2)["status"], "archived");
}

#[test]
fn hides_drafts_from_the_public() {
    let shop = shop();
    let (id, sku, brand) = (fresh("product"), fresh("sku"), fresh("brand"));
    shop.post("/v1/products")
        .admin()
        .json(json!({
            "id": id, "name": "Soon", "status": "draft", "brand": brand,
            "variants": [{"sku": sku, "prices": [{"amount": 1, "currency": "USD"}]}]
        }))
        .send()
        .is(201);
    let path = format!("/v1/products/{id}");
    shop.get(&path).send().refused(404, "not_found");
    shop.get(&format!("/v1/variants/{sku}"))
        .send()
        .refused(404, "not_found");
    let listed = shop.get(&format!("/v1/products?brand={brand}")).send().ok();
    assert_eq!(listed["items"], json!([]));
    shop.get(&path).admin().send().is(200);
    shop.patch(&path)
        .admin()
        .if_match(1)
        .json(json!({"status": "active"}))
        .send()
        .version(2);
    shop.get(&path).send().is(200);
}

#[test]
fn lists_by_category_brand_and_status() {
    let shop = shop();
    let (category, brand) = (fresh("category"), fresh("brand"));
    let mut ids = Vec::new();
    for (name, status) in [("one", "active"), ("two", "active"), ("three", "draft")] {
        let id = fresh(name);
        shop.post("/v1/products")
            .admin()
            .json(json!({
                "id": id, "name": name, "status": status, "brand": brand,
                "categories": [if name == "two" { "other" } else { category.as_str() }],
                "variants": [{"sku": fresh("sku"), "prices": []}]
            }))
            .send()
            .is(201);
        ids.push(id);
    }
    let rows = [
        (
            format!("brand={brand}&status=active"),
            vec![&ids[0], &ids[1]],
        ),
        (format!("category={category}&status=active"), vec![&ids[0]]),
        (format!("category={category}&brand=nobody"), vec![]),
        (format!("brand={brand}&status=draft"), vec![&ids[2]]),
    ];
    for (query, expected) in rows {
        let path = format!("/v1/products?{query}");
        let page = shop.get(&path).admin().send().ok();
        let mut found: Vec<_> = page["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| text(&item["id"]))
            .collect();
        found.sort_by_key(|id| ids.iter().position(|known| known == id));
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    shop.get("/v1/products?status=sold")
        .send()
        .invalid("status");
}

#[test]
fn shows_a_writer_its_own_write_at_once() {
    let shop = shop();
    let item = shop.product();
    let path = format!("/v1/products/{}", item.id);
    for version in 1..20 {
        shop.get(&path).send().is(200).version(version);
        let name = format!("Name {version}");
        shop.patch(&path)
            .admin()
            .if_match(version)
            .json(json!({"name": name}))
            .send()
            .version(version + 1);
        let seen = shop.get(&path).send().is(200).version(version + 1);
        assert_eq!(seen["name"], name.as_str());
        let variant = shop.get(&format!("/v1/variants/{}", item.sku)).send().ok();
        assert_eq!(variant["name"], name.as_str());
    }
}
