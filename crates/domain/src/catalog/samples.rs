//! A product to test with: a mug in two colours and one size, in two currencies.

use super::{Draft, Limits, OptionValues, Product, ProductData, Status, Variant, VariantData};
use crate::{Currency, Money, ProductId, Sku, Slug, Time};

pub(super) fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a sku")
}

pub(super) fn id(text: &str) -> ProductId {
    ProductId::new(text).expect("a product id")
}

pub(super) fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, Currency::new(currency).expect("a currency"))
}

pub(super) fn data() -> ProductData {
    let option = |name: &str, values: &[&str]| OptionValues {
        name: name.into(),
        values: values.iter().map(|value| (*value).into()).collect(),
    };
    ProductData {
        slug: Slug::new("mug").expect("a slug"),
        name: "Mug".into(),
        description: "Holds tea.\nAnd coffee.".to_owned(),
        status: Status::Active,
        brand: Some("Potter".into()),
        categories: vec!["kitchen".into()],
        attributes: serde_json::Map::from_iter([("dishwasher".to_owned(), true.into())]),
        images: vec!["/images/mug.jpg".to_owned()],
        options: vec![option("colour", &["red", "blue"]), option("size", &["L"])],
    }
}

pub(super) fn variant(name: &str, colour: &str) -> VariantData {
    VariantData {
        sku: sku(name),
        options: vec![
            ("colour".into(), colour.into()),
            ("size".into(), "L".into()),
        ],
        prices: vec![money(1290, "USD"), money(1190, "EUR")],
        compare_at: Vec::new(),
        weight_grams: Some(350),
        dimensions: None,
        limits: Limits::default(),
        denied_countries: Vec::new(),
    }
}

pub(super) fn variants() -> Vec<VariantData> {
    vec![variant("MUG-RED", "red"), variant("MUG-BLUE", "blue")]
}

pub(super) fn draft() -> Draft {
    Draft::new(data(), variants()).expect("a valid draft")
}

pub(super) fn product() -> Product {
    let variants = variants()
        .into_iter()
        .map(|data| Variant { data, version: 1 })
        .collect();
    let (created_at, updated_at) = (Time(1), Time(1));
    Product {
        id: id("mug"),
        data: data(),
        variants,
        created_at,
        updated_at,
        version: 1,
    }
}
