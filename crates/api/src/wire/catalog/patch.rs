//! `PATCH /products/{id}`: a JSON merge patch on the product as a client would write it.

use super::create::CreateProduct;
use crate::wire::merge_patch::merge_object;
use crate::wire::strict::{self, Object};
use cartwright_domain::Refusal;
use cartwright_domain::catalog::{self, Create, Draft};
use cartwright_domain::refusal::FieldError;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// What a patch may change.
const FIELDS: [&str; 10] = [
    "slug",
    "name",
    "description",
    "status",
    "brand",
    "categories",
    "attributes",
    "images",
    "options",
    "variants",
];
/// What a product shows and no patch changes.
const READ_ONLY: [&str; 4] = ["id", "created_at", "updated_at", "version"];
const EXPECTED_VERSION: &str = "expected_version";

/// The body as it came: any object. [`CheckedPatch`] is made from it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct ProductPatch(pub Object);

/// A patch whose fields have the right names and types. Whether the product it leads to is valid shows when it is
/// applied.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedPatch {
    /// The version that the body expects, if it says so.
    pub expected_version: Option<u64>,
    changes: Map<String, Value>,
}

impl TryFrom<ProductPatch> for CheckedPatch {
    type Error = Refusal;

    /// # Errors
    /// [`Refusal::Invalid`]: `unknown_field`, `read_only`, or a value of the wrong type.
    fn try_from(ProductPatch(Object(mut changes)): ProductPatch) -> Result<Self, Refusal> {
        let expected = changes.remove(EXPECTED_VERSION).unwrap_or_default();
        let errors: Vec<_> = changes
            .iter()
            .filter_map(|(name, to)| refuse(name, to))
            .collect();
        if !errors.is_empty() {
            return Err(Refusal::Invalid { errors });
        }
        // The types are those of a creation: try them on a product that is nothing but this patch.
        let mut trial = Map::new();
        for (name, value) in [("name", json!("")), ("variants", json!([]))] {
            trial.insert(name.to_owned(), value);
        }
        merge_object(&mut trial, &changes);
        trial.insert(EXPECTED_VERSION.to_owned(), expected);
        let shape: CreateProduct = strict::parse(Value::Object(trial))?;
        Ok(Self {
            expected_version: shape.expected_version,
            changes,
        })
    }
}

fn refuse(name: &str, to: &Value) -> Option<FieldError> {
    let (code, detail) = if READ_ONLY.contains(&name) {
        ("read_only", "set by the shop".to_owned())
    } else if !FIELDS.contains(&name) {
        (
            "unknown_field",
            format!("expected one of {}", FIELDS.join(", ")),
        )
    } else if name == "slug" && to.is_null() {
        ("required", "a product always has one".to_owned())
    } else {
        return None;
    };
    Some(FieldError {
        field: name.to_owned(),
        code,
        detail,
    })
}

impl CheckedPatch {
    /// What the product shall be. Members of objects are merged, `null` removes, arrays (variants too) replace.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every field of the result that is not allowed.
    pub fn apply(&self, current: &catalog::Product) -> Result<Draft, Refusal> {
        let written = serde_json::to_value(CreateProduct::from(current));
        let Ok(Value::Object(mut product)) = written else {
            unreachable!("a product is an object with text keys")
        };
        merge_object(&mut product, &self.changes);
        let product: CreateProduct = strict::parse(Value::Object(product))?;
        Create::try_from(product).map(|create| create.draft)
    }
}

impl JsonSchema for ProductPatch {
    fn schema_name() -> Cow<'static, str> {
        "ProductPatch".into()
    }

    /// That of a creation without `id`, nothing required; whatever may be left out there may be `null` here.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = CreateProduct::json_schema(generator);
        schema.remove("required");
        schema.insert(
            "description".to_owned(),
            json!("JSON merge patch (RFC 7386) of a product."),
        );
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties
                .retain(|name, _| name == EXPECTED_VERSION || FIELDS.contains(&name.as_str()));
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::mug;
    use super::*;

    fn patch(changes: Value) -> Result<CheckedPatch, Refusal> {
        strict::parse::<ProductPatch>(changes)?.try_into()
    }

    fn check_refused(changes: Value, field: &str, code: &str) {
        let result = patch(changes.clone()).and_then(|patch| patch.apply(&mug()));
        let Err(Refusal::Invalid { errors }) = &result else {
            panic!("{changes}: {result:?}")
        };
        assert_eq!(
            (errors[0].field.as_str(), errors[0].code),
            (field, code),
            "{changes}"
        );
    }

    #[test]
    fn changes_what_it_names_and_nothing_else() -> Result<(), Refusal> {
        let changes =
            json!({"name": "Cup", "description": null, "attributes": {"a": {"b": null}, "d": 2}});
        let draft = patch(changes)?.apply(&mug())?;
        let mut expected = mug().data;
        (expected.name, expected.description) = ("Cup".into(), String::new());
        expected.attributes =
            Map::from_iter([("a".into(), json!({"c": null})), ("d".into(), json!(2))]);
        assert_eq!(draft.data(), &expected);
        let before: Vec<_> = mug()
            .variants
            .into_iter()
            .map(|variant| variant.data)
            .collect();
        assert_eq!(draft.variants(), before);
        Ok(())
    }

    #[test]
    fn an_empty_patch_or_the_same_values_change_nothing() -> Result<(), Refusal> {
        let mut same = super::super::samples::mug_json();
        // Its attributes hold a null, which removes when it stands in a patch.
        for name in ["id", "attributes"] {
            same.as_object_mut().and_then(|object| object.remove(name));
        }
        for changes in [json!({}), json!({"name": "Mug", "brand": null}), same] {
            assert!(
                patch(changes.clone())?.apply(&mug())?.is(&mug()),
                "{changes}"
            );
        }
        Ok(())
    }

    #[test]
    fn arrays_replace() -> Result<(), Refusal> {
        let changes = json!({"categories": ["a"], "variants": [{"sku": "ONE", "options": {"colour": "red"}, "prices": []}]});
        let draft = patch(changes)?.apply(&mug())?;
        assert_eq!(draft.data().categories, ["a"]);
        assert_eq!(draft.variants().len(), 1);
        Ok(())
    }

    #[test]
    fn takes_the_expected_version_from_the_body() {
        let expected = |changes| patch(changes).map(|patch| patch.expected_version);
        assert_eq!(expected(json!({"expected_version": 3})), Ok(Some(3)));
        assert_eq!(expected(json!({"expected_version": null})), Ok(None));
        assert_eq!(expected(json!({})), Ok(None));
    }

    #[test]
    fn refuses_what_is_read_only_unknown_or_of_the_wrong_type() {
        for field in READ_ONLY {
            check_refused(json!({field: null}), field, "read_only");
        }
        check_refused(json!({"colour": 1}), "colour", "unknown_field");
        check_refused(json!({"slug": null}), "slug", "required");
        check_refused(json!({"name": null}), "name", "required");
        check_refused(json!({"variants": null}), "variants", "required");
        check_refused(json!({"variants": []}), "variants", "required");
        check_refused(json!({"name": 5}), "name", "wrong_type");
        check_refused(json!({"attributes": []}), "attributes", "wrong_type");
        check_refused(
            json!({"expected_version": "1"}),
            "expected_version",
            "wrong_type",
        );
        check_refused(
            json!({"expected_version": -1}),
            "expected_version",
            "malformed",
        );
        check_refused(json!({"name": ""}), "name", "required");
        let variant = json!({"sku": "A", "prices": [], "version": 1});
        check_refused(
            json!({"variants": [variant]}),
            "variants[0].version",
            "unknown_field",
        );
        let size = json!([{"name": "size", "values": ["L"]}]);
        check_refused(
            json!({"options": size}),
            "variants[0].options.colour",
            "unknown_option",
        );
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in [json!([]), json!(1), json!(null)] {
            assert!(patch(body.clone()).is_err(), "{body}");
        }
    }
}
