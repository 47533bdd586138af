//! A product of the Retail Demo Store's YAML.
//!
//! The id is also the SKU of the only variant, `price` is read as decimal text, `current_stock` lies in the store of the
//! options; category and image find their fields, and all that is not known here goes to the attributes.

use super::ReadOptions;
use super::decimal::minor_from_text;
use super::yaml_value::Yaml;
use serde_json::{Map, Value, json};

/// Whether the row has the fields that only this shape has.
pub(super) fn is_it(fields: &[(String, Yaml)]) -> bool {
    let has = |wanted: &str| fields.iter().any(|(name, _)| name == wanted);
    has("price") && !has("variants")
}

/// The row in our shape.
///
/// # Errors
/// A sentence that names the field.
pub(super) fn product(fields: Vec<(String, Yaml)>, options: &ReadOptions) -> Result<Value, String> {
    let mut product = Map::new();
    let mut attributes = Map::new();
    let mut variant = Map::new();
    for (name, value) in fields {
        match name.as_str() {
            "id" => {
                let id = text(&name, &value)?;
                variant.insert("sku".to_owned(), json!(id));
                product.insert(name, json!(id));
            }
            "name" | "description" => {
                let text = text(&name, &value)?.to_owned();
                product.insert(name, Value::String(text));
            }
            "category" => {
                let category = text(&name, &value)?;
                let slug = slug(category);
                if slug != category {
                    attributes.insert(name, json!(category));
                }
                product.insert("categories".to_owned(), json!([slug]));
            }
            "image" => {
                product.insert("images".to_owned(), json!([text(&name, &value)?]));
            }
            "price" => {
                let amount = minor_from_text(text(&name, &value)?, options.currency)
                    .map_err(|why| format!("price: {why}"))?;
                variant.insert(
                    "prices".to_owned(),
                    json!([{"amount": amount, "currency": options.currency.code()}]),
                );
            }
            "current_stock" => {
                let quantity = match value {
                    Yaml::Plain(_) => value.resolve(),
                    other => {
                        return Err(format!(
                            "current_stock: {} is not an integer",
                            other.resolve()
                        ));
                    }
                };
                variant.insert(
                    "stock".to_owned(),
                    json!({ options.store.as_str(): quantity }),
                );
            }
            _ => match value.resolve() {
                Value::Null => {}
                value => {
                    attributes.insert(name, value);
                }
            },
        }
    }
    if !product.contains_key("id") {
        return Err("id: required".to_owned());
    }
    if !attributes.is_empty() {
        product.insert("attributes".to_owned(), Value::Object(attributes));
    }
    product.insert("variants".to_owned(), json!([variant]));
    Ok(Value::Object(product))
}

fn text<'a>(name: &str, value: &'a Yaml) -> Result<&'a str, String> {
    value.text().ok_or_else(|| format!("{name}: not text"))
}

/// Lower case, everything but letters and digits as single hyphens.
fn slug(text: &str) -> String {
    let words = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}
