//! Entries come back as they were, or not at all.

use super::*;
use cartwright_domain::catalog::{Product, ProductData, Status, Variant, VariantData};
use cartwright_domain::{Currency, Money, Sku, Slug, Time};

const STAMP: Stamp = Stamp {
    position: 77,
    batch: [5; 16],
};

fn product() -> Record {
    let data = VariantData {
        sku: Sku::new("k").expect("a SKU"),
        options: vec![("size".into(), "M".into())],
        prices: vec![Money::new(1, Currency::new("USD").expect("a currency"))],
        compare_at: Vec::new(),
        weight_grams: Some(5),
        dimensions: None,
        limits: Default::default(),
        denied_countries: Vec::new(),
    };
    // In the order of their names: whether another is kept depends on how the program is built.
    let attributes = serde_json::json!({"deep": [{"a": 1e300}], "f": 0.1, "n": null});
    Record::Product(Arc::new(Product {
        id: ProductId::new("p").expect("an id"),
        data: ProductData {
            slug: Slug::new("s").expect("a slug"),
            name: "Näme".into(),
            description: "d".into(),
            status: Status::Active,
            brand: Some("b".into()),
            categories: vec!["c".into()],
            attributes: attributes.as_object().expect("an object").clone(),
            images: vec!["i".into()],
            options: Vec::new(),
        },
        variants: vec![Variant { data, version: 3 }],
        created_at: Time(1),
        updated_at: Time(2),
        version: 4,
    }))
}

fn entries() -> Entries {
    Entries::new(&[1; 32])
}

#[test]
fn everything_that_is_shared_comes_back_as_it_was() {
    let id = Record::ProductId(ProductId::new("p").expect("an id"));
    for record in [None, Some(product()), Some(id)] {
        let value = entries()
            .seal("n", &STAMP, record.as_ref())
            .expect("a value");
        assert_eq!(entries().open("n", &value), Some((STAMP, record)));
    }
}

#[test]
fn a_damaged_moved_or_foreign_entry_is_none() {
    let value = entries()
        .seal("n", &STAMP, Some(&product()))
        .expect("a value");
    for place in 0..value.len() {
        let mut other = value.to_vec();
        other[place] ^= 1 << (place % 8);
        assert_eq!(entries().open("n", &other), None, "bit of byte {place}");
        assert_eq!(entries().open("n", &value[..place]), None, "cut at {place}");
    }
    assert_eq!(entries().open("m", &value), None, "under another name");
    assert_eq!(
        Entries::new(&[2; 32]).open("n", &value),
        None,
        "of another shop"
    );
    assert_eq!(entries().open("n", b""), None);
}

#[test]
fn shops_do_not_use_each_others_names() {
    let key = Key::Product(ProductId::new("p").expect("an id"));
    assert_ne!(entries().name(&key), Entries::new(&[2; 32]).name(&key));
    assert_eq!(entries().name(&Key::WebhookEndpoints), None);
}

/// If this fails, the form of a product has changed: raise `FORMAT`, or an older program beside this one is understood wrongly.
#[test]
fn the_form_of_a_product_belongs_to_the_format() {
    let Record::Product(product) = product() else {
        unreachable!("it is one");
    };
    let form = serde_json::to_string(&*product).expect("JSON");
    assert_eq!((FORMAT, form.as_str()), (1, FORM));
}

const FORM: &str = r#"{"id":"p","data":{"slug":"s","name":"Näme","description":"d","status":"active","brand":"b","categories":["c"],"attributes":{"deep":[{"a":1e+300}],"f":0.1,"n":null},"images":["i"],"options":[]},"variants":[{"sku":"k","options":[["size","M"]],"prices":[{"amount":1,"currency":"USD"}],"compare_at":[],"weight_grams":5,"dimensions":null,"limits":{},"denied_countries":[],"version":3}],"created_at":1,"updated_at":2,"version":4}"#;
