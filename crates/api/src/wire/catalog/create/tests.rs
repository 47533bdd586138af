//! What a creation may say, and that it reads back.

use super::super::samples::{mug, mug_json};
use super::*;
use crate::wire::strict;
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(text: &str) -> Result<CreateProduct, Refusal> {
    let reader = &mut serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(reader)
        .map_err(|error| strict::shape_error(&error.path().to_string(), &error.inner().to_string()))
}

#[track_caller]
fn check_refused(text: &str, field: &str, code: &str) {
    let result = read(text).and_then(Create::try_from);
    let Err(Refusal::Invalid { errors }) = &result else {
        panic!("{text}: {result:?}")
    };
    assert_eq!(
        (errors[0].field.as_str(), errors[0].code),
        (field, code),
        "{text}: {errors:?}"
    );
}

#[test]
fn a_product_reads_back_as_it_was_written() {
    let written = serde_json::to_value(CreateProduct::from(&mug()));
    assert_eq!(written.ok(), Some(mug_json()));
}

#[test]
fn null_is_absent() {
    let short = json!({"name": "Mug", "variants": [{"sku": "M", "prices": []}]});
    let long = json!({
        "id": null, "slug": null, "name": "Mug", "description": null, "status": null, "brand": null, "categories": null,
        "attributes": null, "images": null, "options": null, "expected_version": null,
        "variants": [{
            "sku": "M", "options": null, "prices": [], "compare_at": null, "weight_grams": null, "dimensions_mm": null,
            "limits": null, "denied_countries": null,
        }],
    });
    let create = |value: Value| read(&value.to_string()).and_then(Create::try_from);
    assert_eq!(create(short.clone()), create(long));
    let made = create(short);
    assert!(
        matches!(&made, Ok(create) if create.slug.is_none() && create.draft.data().slug.as_str() == "mug"),
        "{made:?}"
    );
    assert!(
        matches!(&made, Ok(create) if create.draft.data().status == Status::Active),
        "{made:?}"
    );
}

#[test]
fn every_shape_error_names_its_field() {
    let variant = |fields: &str| format!(r#"{{"name":"M","variants":[{{{fields}}}]}}"#);
    let top = |fields: &str| format!(r#"{{"name":"M","variants":[],{fields}}}"#);
    check_refused(r#"{"variants":[]}"#, "name", "required");
    check_refused(r#"{"name":"M"}"#, "variants", "required");
    check_refused(r#"{"name":null,"variants":[]}"#, "name", "wrong_type");
    check_refused(&top(r#""x":1"#), "x", "unknown_field");
    check_refused(&top(r#""stock":{}"#), "stock", "unknown_field");
    check_refused(&top(r#""name":"N""#), "name", "duplicate");
    check_refused(&top(r#""id":"a b""#), "id", "malformed");
    check_refused(&top(r#""status":"gone""#), "status", "malformed");
    check_refused(
        &top(r#""attributes":{"a":{"b":1,"b":2}}"#),
        "attributes.a.b",
        "duplicate",
    );
    check_refused(&variant(r#""prices":[]"#), "variants[0].sku", "required");
    check_refused(&variant(r#""sku":"M""#), "variants[0].prices", "required");
    check_refused(
        &variant(r#""sku":"ä","prices":[]"#),
        "variants[0].sku",
        "malformed",
    );
    check_refused(
        &variant(r#""sku":"M","prices":[],"options":{"a":"1","a":"2"}"#),
        "variants[0].options.a",
        "duplicate",
    );
    check_refused(
        &variant(r#""sku":"M","prices":[],"limits":{"least":1}"#),
        "variants[0].limits.least",
        "unknown_field",
    );
    check_refused(
        &variant(r#""sku":"M","prices":[],"denied_countries":["us"]"#),
        "variants[0].denied_countries[0]",
        "malformed",
    );
    for amount in ["5.0", "1e1", "\"5\"", "9223372036854775808"] {
        let text = variant(&format!(
            r#""sku":"M","prices":[{{"amount":{amount},"currency":"USD"}}]"#
        ));
        let Err(Refusal::Invalid { errors }) = read(&text) else {
            panic!("{amount}")
        };
        assert_eq!(errors[0].field, "variants[0].prices[0].amount", "{amount}");
    }
    check_refused(
        &variant(r#""sku":"M","prices":[{"amount":1,"currency":"usd"}]"#),
        "variants[0].prices[0].currency",
        "malformed",
    );
    check_refused(
        &variant(r#""sku":"M","prices":[{"amount":-1,"currency":"USD"}]"#),
        "variants[0].prices[0].amount",
        "out_of_range",
    );
}

#[test]
fn schemas_are_closed_and_name_what_is_required() {
    let schema = schemars::schema_for!(CreateProduct).to_value();
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(schema["required"], json!(["name", "variants"]));
    let patch = schemars::schema_for!(super::super::ProductPatch).to_value();
    assert!(
        patch.get("required").is_none() && patch["properties"].get("id").is_none(),
        "{patch}"
    );
    let import = schemars::schema_for!(super::super::ImportProduct).to_value();
    assert!(
        import["properties"]["variants"]["items"]["properties"]["stock"].is_object(),
        "{import}"
    );
    let replies = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let reply = replies
        .into_generator()
        .into_root_schema_for::<super::super::ProductPage<'static>>()
        .to_value();
    assert_eq!(
        reply["required"],
        json!(["items", "next_cursor"]),
        "{reply}"
    );
    assert_eq!(
        reply["$defs"]["Product"]["required"]
            .as_array()
            .map(Vec::len),
        Some(14),
        "{reply}"
    );
}

proptest! {
    #[test]
    fn any_valid_product_survives_the_wire(
        name in "[A-Za-zäöü茶 ]{0,20}x", minor in 0i64..1_000_000, min in proptest::option::of(1i64..9),
        colours in proptest::collection::btree_set("[a-z]{1,6}", 1..5),
    ) {
        let variants: Vec<_> = colours.iter().enumerate().map(|(n, colour)| json!({
            "sku": format!("S{n}"), "options": {"colour": colour}, "limits": {"min": min},
            "prices": [{"amount": minor, "currency": "USD"}],
        })).collect();
        let options = json!([{"name": "colour", "values": colours}]);
        let body = json!({"name": name, "options": options, "variants": variants}).to_string();
        let create = read(&body).and_then(Create::try_from);
        let Ok(create) = create else { return Err(TestCaseError::fail(format!("{create:?}"))) };
        let product = catalog::Product {
            id: ProductId::new("p").map_err(|e| TestCaseError::fail(e.to_string()))?,
            data: create.draft.data().clone(),
            variants: create.draft.variants().iter().map(|data| catalog::Variant { data: data.clone(), version: 1 }).collect(),
            created_at: cartwright_domain::Time(0), updated_at: cartwright_domain::Time(0), version: 1,
        };
        let text = serde_json::to_string(&CreateProduct::from(&product)).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let again = read(&text).and_then(Create::try_from);
        prop_assert_eq!(again.map(|create| create.draft), Ok(create.draft));
    }
}
