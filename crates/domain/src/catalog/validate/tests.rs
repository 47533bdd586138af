//! Each rule broken once, and whatever the values: an answer, never a panic.

use super::super::samples::{data, money, sku, variants};
use super::super::{Dimensions, Limits};
use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn found(data: &ProductData, variants: &[VariantData]) -> Vec<(String, &'static str)> {
    match validate(data, variants) {
        Ok(()) => Vec::new(),
        Err(Refusal::Invalid { errors }) => errors
            .into_iter()
            .map(|error| (error.field, error.code))
            .collect(),
        Err(other) => panic!("another refusal: {other}"),
    }
}

/// Breaks a valid product and expects just this error.
#[track_caller]
fn check(break_it: impl FnOnce(&mut ProductData, &mut Vec<VariantData>), field: &str, code: &str) {
    let (mut data, mut variants) = (data(), variants());
    break_it(&mut data, &mut variants);
    let found = found(&data, &variants);
    let found: Vec<_> = found
        .iter()
        .map(|(field, code)| (field.as_str(), *code))
        .collect();
    assert_eq!(found, [(field, code)]);
}

#[test]
fn the_sample_is_valid() {
    assert_eq!(found(&data(), &variants()), []);
}

#[test]
fn texts_have_limits() {
    check(|d, _| d.name = "".into(), "name", "required");
    check(|d, _| d.name = "  ".into(), "name", "required");
    check(|d, _| d.name = "ä".repeat(201).into(), "name", "too_long");
    check(|d, _| d.name = "a\nb".into(), "name", "control_character");
    check(|d, _| d.brand = Some("".into()), "brand", "required");
    check(
        |d, _| d.description = "ä".repeat(10_001),
        "description",
        "too_long",
    );
    check(
        |d, _| d.description = "a\0".into(),
        "description",
        "control_character",
    );
    let mut longest = data();
    longest.name = "ä".repeat(200).into();
    longest.description = "ä".repeat(10_000);
    assert_eq!(found(&longest, &variants()), []);
}

#[test]
fn categories_and_images_have_a_shape() {
    check(
        |d, _| d.categories.push("Living Room".into()),
        "categories[1]",
        "malformed",
    );
    check(
        |d, _| d.categories.push("kitchen".into()),
        "categories[1]",
        "duplicate",
    );
    check(
        |d, _| d.images = vec!["/a.jpg".into(); 101],
        "images",
        "too_many",
    );
    check(
        |d, _| d.images.push(format!("/{}", "x".repeat(2_000))),
        "images[1]",
        "too_long",
    );
    let bad = [
        "",
        "javascript:alert(1)",
        " javascript:x",
        "data:,x",
        "//host/x",
        "a b.jpg",
        "http://",
        "https:///x",
        "\\\\host\\x",
        "ftp://host/x",
    ];
    for image in bad {
        check(|d, _| d.images[0] = image.into(), "images[0]", "malformed");
    }
    let mut good = data();
    good.images = [
        "http://h/x",
        "HTTPS://h",
        "x.jpg",
        "/a/b.png?v=1:2",
        "a/b:c.jpg",
        "ü.jpg",
    ]
    .map(Into::into)
    .into();
    assert_eq!(found(&good, &variants()), []);
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn attributes_have_a_size_and_a_depth() {
    let set = |name: &str, value: Value| {
        let name = name.to_owned();
        move |d: &mut ProductData, _: &mut Vec<VariantData>| {
            d.attributes.insert(name, value);
        }
    };
    check(set("deep", nested(64)), "attributes.deep", "too_deep");
    check(set("deep", nested(100)), "attributes.deep", "too_deep");
    check(
        set("text", json!("x".repeat(65_536))),
        "attributes",
        "too_large",
    );
    check(
        set("text", json!("\u{7}")),
        "attributes.text",
        "control_character",
    );
    check(
        set("inner", json!({"": 1})),
        "attributes.inner",
        "malformed",
    );
    check(set("", json!(1)), "attributes", "malformed");
    let mut deepest = data();
    deepest.attributes.insert("deep".to_owned(), nested(15));
    deepest
        .attributes
        .insert("note".to_owned(), json!("two\nlines"));
    assert_eq!(found(&deepest, &variants()), []);
}

#[test]
fn variants_choose_from_the_options() {
    check(
        |_, v| v[1].options[0].1 = "green".into(),
        "variants[1].options.colour",
        "unknown_value",
    );
    check(
        |_, v| v[1].options.push(("fit".into(), "x".into())),
        "variants[1].options.fit",
        "unknown_option",
    );
    check(
        |_, v| v[1].options.truncate(1),
        "variants[1].options.size",
        "required",
    );
    check(
        |_, v| v[1].options[0].1 = "red".into(),
        "variants[1].options",
        "duplicate",
    );
    check(
        |d, _| d.options[0].values.push("red".into()),
        "options[0].values[2]",
        "duplicate",
    );
    check(
        |d, v| {
            d.options[1].values.clear();
            v.iter_mut().for_each(|v| v.options.truncate(1));
            v.truncate(1);
            d.options[1].values.push(" ".into());
            v[0].options.push(("size".into(), " ".into()));
        },
        "options[1].values[0]",
        "required",
    );
    let mut free = data();
    free.options.clear();
    assert_eq!(found(&free, &variants()), []);
}

#[test]
fn variants_are_there_and_have_their_own_sku() {
    check(|_, v| v.clear(), "variants", "required");
    check(
        |_, v| v[1].sku = sku("MUG-RED"),
        "variants[1].sku",
        "duplicate",
    );
    check(
        |d, v| {
            d.options.clear();
            *v = (0..201)
                .map(|n| VariantData {
                    sku: sku(&format!("S{n}")),
                    ..v[0].clone()
                })
                .collect();
        },
        "variants",
        "too_many",
    );
}

#[test]
fn prices_weights_and_sizes_are_sane() {
    check(
        |_, v| v[1].prices[0].minor = -1,
        "variants[1].prices[0].amount",
        "out_of_range",
    );
    check(
        |_, v| v[1].prices[1].minor = MAX_AMOUNT + 1,
        "variants[1].prices[1].amount",
        "out_of_range",
    );
    check(
        |_, v| v[0].prices.push(money(1, "USD")),
        "variants[0].prices[2].currency",
        "duplicate",
    );
    check(
        |_, v| v[0].compare_at.push(money(-1, "USD")),
        "variants[0].compare_at[0].amount",
        "out_of_range",
    );
    check(
        |_, v| v[0].weight_grams = Some(-1),
        "variants[0].weight_grams",
        "out_of_range",
    );
    let size = Dimensions {
        length: 1,
        width: -1,
        height: 0,
    };
    check(
        |_, v| v[0].dimensions = Some(size),
        "variants[0].dimensions_mm.width",
        "out_of_range",
    );
    let us = crate::Country::new("US").expect("a country");
    check(
        |_, v| v[0].denied_countries = vec![us, us],
        "variants[0].denied_countries[1]",
        "duplicate",
    );
}

#[test]
fn limits_leave_a_quantity_that_can_be_bought() {
    let rows = [
        ((Some(0), None, None), Some(("min", "out_of_range"))),
        ((None, Some(0), None), Some(("max", "out_of_range"))),
        ((None, None, Some(0)), Some(("multiple", "out_of_range"))),
        (
            (None, None, Some(i64::MAX)),
            Some(("multiple", "out_of_range")),
        ),
        ((Some(5), Some(4), None), Some(("max", "inconsistent"))),
        (
            (Some(5), Some(9), Some(10)),
            Some(("multiple", "inconsistent")),
        ),
        ((None, Some(5), Some(6)), Some(("multiple", "inconsistent"))),
        ((Some(5), Some(10), Some(10)), None),
        ((Some(5), None, Some(3)), None),
        ((None, None, None), None),
    ];
    for ((min, max, multiple), expected) in rows {
        let mut variants = variants();
        variants[0].limits = Limits { min, max, multiple };
        let expected: Vec<_> = expected
            .map(|(name, code)| (format!("variants[0].limits.{name}"), code))
            .into_iter()
            .collect();
        assert_eq!(
            found(&data(), &variants),
            expected,
            "{min:?} {max:?} {multiple:?}"
        );
    }
}

#[test]
fn names_all_errors_up_to_a_hundred() {
    let (mut data, mut variants) = (data(), variants());
    data.name = "".into();
    variants[0].weight_grams = Some(-1);
    variants[1].prices[0].minor = -1;
    let fields: Vec<_> = found(&data, &variants)
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(
        fields,
        [
            "name",
            "variants[0].weight_grams",
            "variants[1].prices[0].amount"
        ]
    );
    data.categories = (0..300).map(|_| " ".into()).collect();
    assert_eq!(found(&data, &variants).len(), 100);
}

fn errors(data: &ProductData) -> usize {
    found(data, &variants()).len()
}

#[test]
fn texts_of_one_line_may_be_as_long_as_said() {
    for (name, expected) in [
        ("x".repeat(200), 0),
        ("x".repeat(201), 1),
        ("ä".repeat(200), 0),
    ] {
        let mut product = data();
        product.name = name.as_str().into();
        assert_eq!(errors(&product), expected, "{} bytes", name.len());
    }
    let mut product = data();
    product.description = "one\ntwo\r\nthree".to_owned();
    assert_eq!(errors(&product), 0);
    product.description = "a\tb".to_owned();
    assert_eq!(errors(&product), 1);
}

#[test]
fn there_may_be_as_many_as_said() {
    let mut product = data();
    product.categories = (0..100).map(|n| format!("c{n}").into()).collect();
    product.images = vec!["/a.jpg".to_owned(); 100];
    product.images[0] = format!("/{}", "x".repeat(1_999));
    assert_eq!(errors(&product), 0);
    product.categories.push("c100".into());
    product.images.push("/a.jpg".to_owned());
    let expected = [("categories", "too_many"), ("images", "too_many")];
    let expected = expected.map(|(field, code)| (field.to_owned(), code));
    assert_eq!(found(&product, &variants()), expected);
}

#[test]
fn attributes_may_be_as_big_and_as_deep_as_said() {
    let with = |value: Value| {
        let mut product = data();
        product.attributes = serde_json::Map::from_iter([("a".to_owned(), value)]);
        errors(&product)
    };
    // The name has one byte, a text two beside its own.
    assert_eq!(with(json!("x".repeat(65_533))), 0);
    assert_eq!(with(json!("x".repeat(65_534))), 1);
    // A list has two, each item its own; a number has eight.
    assert_eq!(with(json!(["x".repeat(65_523), 1])), 0);
    assert_eq!(with(json!(["x".repeat(65_524), 1])), 1);
    assert_eq!(with(json!(["x".repeat(65_531)])), 0);
    assert_eq!(with(json!(["x".repeat(65_532)])), 1);
    // An object has two, each name and value its own.
    assert_eq!(with(json!({"bb": "x".repeat(65_529)})), 0);
    assert_eq!(with(json!({"bb": "x".repeat(65_530)})), 1);
    assert_eq!(with(json!({"b": "x".repeat(65_521), "c": 1})), 0);
    assert_eq!(with(json!({"b": "x".repeat(65_522), "c": 1})), 1);
    // The attributes are the first level.
    assert_eq!((with(nested(63)), with(nested(64))), (0, 1));
    let objects = |levels| (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
    assert_eq!((with(objects(63)), with(objects(64))), (0, 1));
    assert_eq!(with(json!("a\tb\nc\rd")), 0);
}

#[test]
fn names_of_attributes_are_texts_of_one_line() {
    for (name, expected) in [
        ("x".repeat(200), 0),
        ("ä".repeat(200), 0),
        ("x".repeat(201), 1),
        ("a\nb".to_owned(), 1),
        (String::new(), 1),
    ] {
        let mut product = data();
        product.attributes.insert(name.clone(), json!(1));
        assert_eq!(errors(&product), expected, "{name}");
        let mut product = data();
        product
            .attributes
            .insert("inner".to_owned(), json!({ name.clone(): 1 }));
        assert_eq!(errors(&product), expected, "inner {name}");
    }
}

#[test]
fn images_are_addresses_with_a_host_or_paths() {
    let rows = [
        ("https://h", true),
        ("https://?x", false),
        ("https://#x", false),
        ("https://:80", false),
        ("http:/x", false),
        ("a#b:c", true),
        ("a:b", false),
        ("a\u{7}b", false),
        ("//", false),
        ("/", true),
    ];
    for (image, fits) in rows {
        assert_eq!(is_image(image), fits, "{image}");
    }
}

#[test]
fn sides_of_a_variant_are_each_named() {
    let size = |length, width, height| Dimensions {
        length,
        width,
        height,
    };
    let most = MAX_QUANTITY;
    let rows = [
        (size(-1, 0, 0), Some("length")),
        (size(0, -1, 0), Some("width")),
        (size(0, 0, -1), Some("height")),
        (size(0, 0, most + 1), Some("height")),
        (size(most, most, most), None),
    ];
    for (dimensions, side) in rows {
        let mut variants = variants();
        variants[0].dimensions = Some(dimensions);
        let fields: Vec<_> = found(&data(), &variants)
            .into_iter()
            .map(|it| it.0)
            .collect();
        let side = side.map(|side| format!("variants[0].dimensions_mm.{side}"));
        assert_eq!(fields, Vec::from_iter(side));
    }
}

#[test]
fn a_product_without_options_takes_any_that_say_something() {
    let free = || {
        let mut free = data();
        free.options.clear();
        free
    };
    let with = |name: &str, value: &str| {
        let mut variants = variants();
        variants[0].options = vec![(name.into(), value.into())];
        found(&free(), &variants)
    };
    assert_eq!(with("fit", "wide"), []);
    let wrong = |field: &str| vec![(field.to_owned(), "required")];
    assert_eq!(with("", "wide"), wrong("variants[0].options"));
    assert_eq!(with("fit", ""), wrong("variants[0].options.fit"));
    // Nothing sets two variants apart there, and nothing has to.
    let mut same = variants();
    same[1].options = same[0].options.clone();
    assert_eq!(found(&free(), &same), []);
    let twice = |v: &mut Vec<VariantData>| {
        let first = v[0].options[0].clone();
        v[0].options.push(first);
    };
    check(|_, v| twice(v), "variants[0].options.colour", "duplicate");
}

#[test]
fn limits_may_be_as_high_as_said() {
    for (value, expected) in [(1, 0), (MAX_QUANTITY, 0), (MAX_QUANTITY + 1, 1)] {
        let mut variants = variants();
        variants[0].limits.min = Some(value);
        assert_eq!(found(&data(), &variants).len(), expected, "{value}");
    }
    let mut even = variants();
    even[0].limits = Limits {
        min: Some(7),
        max: Some(7),
        multiple: Some(7),
    };
    assert_eq!(found(&data(), &even), []);
}

proptest! {
    #[test]
    fn accepted_limits_always_leave_a_quantity(
        min in proptest::option::of(-2i64..40), max in proptest::option::of(-2i64..40), multiple in proptest::option::of(-2i64..40),
    ) {
        let mut variants = variants();
        variants[0].limits = Limits { min, max, multiple };
        let buyable = (1..=2_000i64).any(|quantity| {
            quantity >= min.unwrap_or(1) && quantity <= max.unwrap_or(i64::MAX) && multiple.is_none_or(|m| m > 0 && quantity % m == 0)
        });
        let positive = [min, max, multiple].iter().flatten().all(|value| *value >= 1);
        prop_assert_eq!(validate(&data(), &variants).is_ok(), buyable && positive);
    }

    #[test]
    fn any_text_and_number_is_answered(name in ".{0,300}", image in ".{0,40}", amount: i64, grams: i64) {
        let (mut data, mut variants) = (data(), variants());
        data.name = name.as_str().into();
        data.images[0] = image;
        variants[0].prices[0].minor = amount;
        variants[0].weight_grams = Some(grams);
        if validate(&data, &variants).is_ok() {
            prop_assert!(!name.chars().any(char::is_control) && name.chars().count() <= 200);
            prop_assert!((0..=MAX_AMOUNT).contains(&amount) && (0..=MAX_QUANTITY).contains(&grams));
        }
    }
}
