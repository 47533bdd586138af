//! A product in an import: as it is created, with `stock: {store: quantity}` in a variant, or in the product for its
//! only variant.

use super::create::{CreateProduct, CreateVariant};
use crate::wire::strict::{self, Object};
use cartwright_domain::catalog::{Create, Import, MAX_QUANTITY, StockOf};
use cartwright_domain::refusal::FieldError;
use cartwright_domain::{Refusal, Sku, StoreId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

const STOCK: &str = "stock";

/// The row as it came: any object. [`Import`] is made from it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct ImportProduct(pub Object);

impl TryFrom<ImportProduct> for Import {
    type Error = Refusal;

    /// # Errors
    /// [`Refusal::Invalid`]: the shape's first error, else every value of product and stock that is not allowed.
    fn try_from(ImportProduct(Object(mut row)): ImportProduct) -> Result<Self, Refusal> {
        let whole = row.remove(STOCK).unwrap_or_default();
        let of_variants: Vec<_> = match row.get_mut("variants").and_then(Value::as_array_mut) {
            Some(variants) => variants.iter_mut().map(take_stock).collect(),
            None => Vec::new(),
        };
        let product: CreateProduct = strict::parse(Value::Object(row))?;
        let skus: Vec<_> = product
            .variants
            .iter()
            .map(|variant| variant.sku.clone())
            .collect();
        let mut errors = Vec::new();
        let mut stock = Vec::new();
        for (n, (sku, given)) in skus.iter().zip(of_variants).enumerate() {
            read_stock(
                &format!("variants[{n}].{STOCK}"),
                sku,
                given,
                &mut stock,
                &mut errors,
            );
        }
        match skus.as_slice() {
            _ if whole.is_null() => {}
            [only] if stock.is_empty() => read_stock(STOCK, only, whole, &mut stock, &mut errors),
            [_] => errors.push(error(STOCK, "duplicate", "the variant has its own stock")),
            _ => errors.push(error(
                STOCK,
                "ambiguous",
                "several variants: say it in each of them",
            )),
        }
        match Create::try_from(product) {
            Err(Refusal::Invalid { errors: of_product }) => Err(Refusal::Invalid {
                errors: [of_product, errors].concat(),
            }),
            Err(refusal) => Err(refusal),
            Ok(_) if !errors.is_empty() => Err(Refusal::Invalid { errors }),
            Ok(product) => Ok(Self { product, stock }),
        }
    }
}

fn take_stock(variant: &mut Value) -> Value {
    variant
        .as_object_mut()
        .and_then(|variant| variant.remove(STOCK))
        .unwrap_or_default()
}

fn error(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> FieldError {
    FieldError {
        field: field.into(),
        code,
        detail: detail.into(),
    }
}

/// Adds what `given` says of a SKU, or what is wrong with it. `null` says nothing.
fn read_stock(
    at: &str,
    sku: &Sku,
    given: Value,
    stock: &mut Vec<StockOf>,
    errors: &mut Vec<FieldError>,
) {
    let given = match given {
        Value::Null => return,
        Value::Object(given) => given,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            errors.push(error(at, "wrong_type", "expected {store: quantity}"));
            return;
        }
    };
    for (store, quantity) in given {
        let here = format!("{at}.{store}");
        match (StoreId::new(&store), quantity.as_i64()) {
            (Err(_), _) => {
                let detail = "expected a store: 1-64 characters of A-Z, a-z, 0-9, '.', '_' or '-'";
                errors.push(error(here, "malformed", detail));
            }
            (_, None) => errors.push(error(here, "wrong_type", "expected a whole number")),
            (Ok(store), Some(quantity)) if (0..=MAX_QUANTITY).contains(&quantity) => {
                stock.push(StockOf {
                    sku: sku.clone(),
                    store,
                    quantity,
                });
            }
            (Ok(_), Some(_)) => {
                errors.push(error(here, "out_of_range", format!("0 to {MAX_QUANTITY}")));
            }
        }
    }
}

impl JsonSchema for ImportProduct {
    fn schema_name() -> Cow<'static, str> {
        "ImportProduct".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let stock = json!({
            "type": ["object", "null"],
            "description": "Quantity by store.",
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": MAX_QUANTITY},
        });
        let with_stock = |mut schema: Schema| {
            if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert(STOCK.to_owned(), stock.clone());
            }
            schema
        };
        let variant = with_stock(CreateVariant::json_schema(generator));
        let mut product = with_stock(CreateProduct::json_schema(generator));
        if let Some(items) = product.pointer_mut("/properties/variants/items") {
            *items = variant.to_value();
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(row: Value) -> Result<Import, Refusal> {
        strict::parse::<ImportProduct>(row)?.try_into()
    }

    fn stock(row: Value) -> Result<Vec<(String, String, i64)>, Refusal> {
        let entry = |of: StockOf| (of.sku.to_string(), of.store.to_string(), of.quantity);
        import(row).map(|import| import.stock.into_iter().map(entry).collect())
    }

    fn check_refused(row: Value, fields: &[(&str, &str)]) {
        let result = import(row.clone());
        let Err(Refusal::Invalid { errors }) = &result else {
            panic!("{row}: {result:?}")
        };
        let found: Vec<_> = errors
            .iter()
            .map(|error| (error.field.as_str(), error.code))
            .collect();
        assert_eq!(found, fields, "{row}");
    }

    #[test]
    fn reads_stock_of_variants_and_of_the_only_variant() {
        let rows = [
            json!({"name": "Mug", "variants": [{"sku": "M", "prices": []}], "stock": {"main": 5}}),
            json!({"name": "Mug", "variants": [{"sku": "M", "prices": [], "stock": {"main": 5}}]}),
        ];
        for row in rows {
            assert_eq!(stock(row), Ok(vec![("M".to_owned(), "main".to_owned(), 5)]));
        }
        let none = json!({"name": "Mug", "variants": [{"sku": "M", "prices": [], "stock": null}], "stock": null});
        assert_eq!(stock(none), Ok(vec![]));
    }

    #[test]
    fn names_every_error_of_product_and_stock() {
        let variant = |stock: Value| json!({"sku": "M", "prices": [], "stock": stock});
        let row = |variants: Value, stock: Value| json!({"name": "Mug", "variants": variants, "stock": stock});
        let one = || json!([{"sku": "M", "prices": []}]);
        check_refused(row(one(), json!(5)), &[("stock", "wrong_type")]);
        check_refused(
            row(one(), json!({"main": -1})),
            &[("stock.main", "out_of_range")],
        );
        check_refused(
            row(one(), json!({"main": 1.5})),
            &[("stock.main", "wrong_type")],
        );
        check_refused(
            row(one(), json!({"no store": 1})),
            &[("stock.no store", "malformed")],
        );
        check_refused(
            row(json!([variant(json!({"a": 1}))]), json!({"b": 1})),
            &[("stock", "duplicate")],
        );
        let two = json!([{"sku": "M", "prices": []}, {"sku": "N", "prices": []}]);
        check_refused(row(two, json!({"main": 1})), &[("stock", "ambiguous")]);
        let mut bad = row(json!([variant(json!({"a": 1_000_000_001}))]), json!(null));
        bad["name"] = json!("");
        check_refused(
            bad,
            &[
                ("name", "required"),
                ("variants[0].stock.a", "out_of_range"),
            ],
        );
        check_refused(
            json!({"variants": [{"sku": "M", "prices": []}]}),
            &[("name", "required")],
        );
        check_refused(
            row(json!([{"sku": "M", "prices": [], "x": 1}]), json!(null)),
            &[("variants[0].x", "unknown_field")],
        );
    }
}
