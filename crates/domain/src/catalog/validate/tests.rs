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
