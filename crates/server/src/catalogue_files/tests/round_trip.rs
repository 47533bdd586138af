//! What is exported is read again as it was.

use super::super::{Columns, Format, Writer, keep_known};
use super::{products, rows};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn write(format: Format, products: &[Value]) -> Vec<u8> {
    let mut columns = Columns::default();
    products.iter().for_each(|product| columns.observe(product));
    let mut writer = Writer::new(Vec::new(), format, columns).expect("memory");
    products
        .iter()
        .for_each(|product| writer.write(product).expect("memory"));
    writer.finish().expect("memory")
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-zA-Z][a-z ]{0,12}",
        1 => Just("null".to_owned()),
        1 => Just("12.50".to_owned()),
        1 => Just("- a: b # c".to_owned()),
        1 => Just(" a|b\\c|, \"d\"; e\tf".to_owned()),
        1 => Just("line\nnext\r\n\u{2028}\u{85}\u{FEFF}\u{1F6B2}".to_owned()),
        2 => "\\PC{1,20}",
    ]
    .prop_map(|text| {
        text.chars()
            .filter(|character| !character.is_control() || matches!(character, '\n' | '\r' | '\t'))
            .collect()
    })
    .prop_filter("empty is absent", |text: &String| !text.is_empty())
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9][A-Za-z0-9._-]{0,8}"
}

fn prices() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(
        prop::sample::select(vec!["USD", "EUR", "JPY"]),
        0..i64::MAX,
        0..3,
    )
    .prop_map(|prices| {
        prices
            .into_iter()
            .map(|(currency, amount)| json!({"amount": amount, "currency": currency}))
            .collect()
    })
}

fn open() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1_000_000..1_000_000_i64).prop_map(|number| json!(number as f64 / 64.0)),
        text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop::collection::btree_map(text(), value, 1..4)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn variant() -> impl Strategy<Value = Value> {
    let whole = || prop::option::of(0..i64::MAX);
    (
        (name(), text(), text(), prices(), prices()),
        (whole(), prop::option::of((0..9_i64, 0..9_i64, 0..9_i64)), whole(), whole()),
        prop::collection::vec(text(), 0..3),
        prop::collection::btree_map(name(), 0..1_000_000_000_i64, 0..3),
    )
        .prop_map(|((sku, size, colour, prices, compare_at), (weight, dimensions, min, max), denied, stock)| {
            let dimensions = dimensions.map(|(length, width, height)| json!({"length": length, "width": width, "height": height}));
            keep_absent(json!({
                "sku": sku, "options": {"size": size, "colour": colour}, "prices": prices, "compare_at": compare_at,
                "weight_grams": weight, "dimensions_mm": dimensions, "limits": keep_absent_all(json!({"min": min, "max": max})),
                "denied_countries": denied, "stock": stock,
            }), "prices")
        })
}

fn keep_absent_all(value: Value) -> Value {
    keep_absent(value, "")
}

/// Leaves out what is null or empty, which CSV cannot tell from absent.
fn keep_absent(value: Value, except: &str) -> Value {
    let Value::Object(fields) = value else {
        return value;
    };
    let empty = json!([]);
    let kept = fields.into_iter().filter(|(name, value)| {
        name == except || !(value.is_null() || *value == empty || *value == json!({}))
    });
    Value::Object(kept.collect::<Map<_, _>>())
}

fn product() -> impl Strategy<Value = Value> {
    (
        (name(), prop::option::of(name()), text(), prop::option::of(text()), prop::option::of(text())),
        (prop::collection::vec(text(), 0..3), prop::collection::vec(text(), 0..3), prop::option::of(open())),
        prop::collection::vec(variant(), 1..4),
    )
        .prop_map(|((id, slug, name, description, brand), (categories, images, attributes), variants)| {
            keep_absent_all(json!({
                "id": id, "slug": slug, "name": name, "description": description, "status": "draft", "brand": brand,
                "categories": categories, "images": images, "attributes": attributes,
                "options": [{"name": "colour", "values": ["red", "1"]}, {"name": "size", "values": ["L", "M"]}],
                "variants": variants,
            }))
        })
}

/// Prices stand in columns, so CSV orders them by currency.
fn with_sorted_prices(mut product: Value) -> Value {
    for variant in product["variants"].as_array_mut().into_iter().flatten() {
        for field in ["prices", "compare_at"] {
            if let Some(prices) = variant.get_mut(field).and_then(Value::as_array_mut) {
                prices.sort_by_key(|price| price["currency"].as_str().map(str::to_owned));
            }
        }
    }
    product
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_is_written_is_read_again(made in prop::collection::vec(product(), 1..4)) {
        let mut made: Vec<Value> = made.into_iter().map(with_sorted_prices).collect();
        for (at, product) in made.iter_mut().enumerate() {
            // Ids are unique in a catalogue.
            product["id"] = json!(format!("{at}-{}", product["id"].as_str().unwrap_or_default()));
        }
        for format in [Format::JsonLines, Format::Json, Format::Yaml] {
            let file = write(format, &made);
            prop_assert_eq!(&products(&file), &made, "{:?}: {}", format, String::from_utf8_lossy(&file));
        }
        let file = write(Format::Csv, &made);
        prop_assert_eq!(&products(&file), &made, "csv: {}", String::from_utf8_lossy(&file));
    }
}

#[test]
fn nothing_is_written_as_a_file_without_rows() {
    for format in [Format::JsonLines, Format::Json, Format::Yaml, Format::Csv] {
        assert_eq!(rows(write(format, &[]), None), [], "{format:?}");
    }
}

#[test]
fn a_reply_of_the_api_is_cut_to_what_can_be_imported() {
    let reply = json!({
        "id": "a", "name": "A", "version": 3, "created_at": "2026-01-01T00:00:00Z", "brand": null, "categories": [],
        "variants": [{"sku": "a", "version": 1, "prices": [{"amount": 1, "currency": "USD"}], "limits": {"min": null, "max": null}}],
    });
    let kept = json!({"id": "a", "name": "A", "variants": [{"sku": "a", "prices": [{"amount": 1, "currency": "USD"}]}]});
    assert_eq!(keep_known(reply), kept);
    // A row cannot be without them.
    let free =
        json!({"name": "A", "variants": [{"sku": "a", "prices": [], "denied_countries": []}]});
    let kept = json!({"name": "A", "variants": [{"sku": "a", "prices": []}]});
    assert_eq!(keep_known(free), kept);
}

#[test]
fn csv_refuses_what_its_header_cannot_hold() {
    let product = json!({"id": "a", "name": "A", "variants": [{"sku": "a", "prices": [], "stock": {"late": 1}}]});
    let mut writer = Writer::new(Vec::new(), Format::Csv, Columns::default()).expect("memory");
    assert!(writer.write(&product).is_err());
}
