//! The columns of CSV and what their cells say of a product or a variant.

use super::decimal::minor_from_text;
use super::strict_json;
use cartwright_domain::Currency;
use serde_json::{Map, Value, json};

/// What a column says.
pub(super) enum Column {
    Product(&'static str),
    ProductList(&'static str),
    ProductJson(&'static str),
    Attribute(String),
    Sku,
    Weight,
    Dimension(&'static str),
    Limit(&'static str),
    DeniedCountries,
    Option(String),
    Stock(String),
    Price {
        field: &'static str,
        currency: Currency,
        decimal: bool,
    },
}

impl Column {
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let unknown = || format!("unknown column `{name}`");
        let column = match name {
            "id" => Self::Product("id"),
            "slug" => Self::Product("slug"),
            "name" => Self::Product("name"),
            "description" => Self::Product("description"),
            "status" => Self::Product("status"),
            "brand" => Self::Product("brand"),
            "categories" => Self::ProductList("categories"),
            "images" => Self::ProductList("images"),
            "options" => Self::ProductJson("options"),
            "attributes" => Self::ProductJson("attributes"),
            "sku" => Self::Sku,
            "weight_grams" => Self::Weight,
            "length_mm" => Self::Dimension("length"),
            "width_mm" => Self::Dimension("width"),
            "height_mm" => Self::Dimension("height"),
            "min" => Self::Limit("min"),
            "max" => Self::Limit("max"),
            "multiple" => Self::Limit("multiple"),
            "denied_countries" => Self::DeniedCountries,
            _ => {
                let (family, of) = name
                    .split_once(':')
                    .filter(|(_, of)| !of.is_empty())
                    .ok_or_else(unknown)?;
                let price = |field, decimal| {
                    let currency = Currency::new(of).map_err(|_| {
                        format!("column `{name}`: {of} is not an ISO 4217 currency")
                    })?;
                    Ok::<_, String>(Self::Price {
                        field,
                        currency,
                        decimal,
                    })
                };
                match family {
                    "attribute" => Self::Attribute(of.to_owned()),
                    "option" => Self::Option(of.to_owned()),
                    "stock" => Self::Stock(of.to_owned()),
                    "price" => price("prices", false)?,
                    "price_decimal" => price("prices", true)?,
                    "compare_at" => price("compare_at", false)?,
                    "compare_at_decimal" => price("compare_at", true)?,
                    _ => return Err(unknown()),
                }
            }
        };
        Ok(column)
    }

    pub(super) fn is_price(&self) -> bool {
        matches!(self, Self::Price { field, .. } if *field == "prices")
    }

    pub(super) fn is_of_product(&self) -> bool {
        matches!(
            self,
            Self::Product(_) | Self::ProductList(_) | Self::ProductJson(_) | Self::Attribute(_)
        )
    }
}

pub(super) fn add_to_product(
    product: &mut Map<String, Value>,
    column: &Column,
    cell: &str,
) -> Result<(), String> {
    match column {
        Column::ProductList(field) => product.insert((*field).to_owned(), json!(split_list(cell))),
        Column::ProductJson(field) => {
            let value = strict_json::parse(cell).map_err(|error| format!("not JSON: {error}"))?;
            if let (Value::Object(fields), Some(Value::Object(known))) =
                (&value, product.get_mut(*field))
            {
                known.extend(fields.clone());
                return Ok(());
            }
            product.insert((*field).to_owned(), value)
        }
        Column::Attribute(name) => nested(product, "attributes").insert(name.clone(), json!(cell)),
        Column::Product(field) => product.insert((*field).to_owned(), json!(cell)),
        _ => None,
    };
    Ok(())
}

pub(super) fn add_to_variant(
    variant: &mut Map<String, Value>,
    column: &Column,
    cell: &str,
) -> Result<(), String> {
    match column {
        Column::Sku => variant.insert("sku".to_owned(), json!(cell)),
        Column::Weight => variant.insert("weight_grams".to_owned(), integer(cell)?),
        Column::Dimension(side) => {
            nested(variant, "dimensions_mm").insert((*side).to_owned(), integer(cell)?)
        }
        Column::Limit(limit) => {
            nested(variant, "limits").insert((*limit).to_owned(), integer(cell)?)
        }
        Column::DeniedCountries => {
            variant.insert("denied_countries".to_owned(), json!(split_list(cell)))
        }
        Column::Option(name) => nested(variant, "options").insert(name.clone(), json!(cell)),
        Column::Stock(store) => nested(variant, "stock").insert(store.clone(), integer(cell)?),
        Column::Price {
            field,
            currency,
            decimal,
        } => {
            let amount = match decimal {
                true => json!(minor_from_text(cell, *currency)?),
                false => integer(cell).map_err(|why| {
                    let hint = if cell.contains('.') {
                        ": decimal prices go to `price_decimal:` columns"
                    } else {
                        ""
                    };
                    format!("{why} of minor units{hint}")
                })?,
            };
            let prices = variant
                .entry((*field).to_owned())
                .or_insert_with(|| json!([]));
            if let Value::Array(prices) = prices {
                prices.push(json!({"amount": amount, "currency": currency.code()}));
            }
            None
        }
        _ => None,
    };
    Ok(())
}

fn nested<'a>(fields: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let entry = fields.entry(name.to_owned()).or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    match entry {
        Value::Object(fields) => fields,
        _ => unreachable!("an object was just put there"),
    }
}

fn integer(cell: &str) -> Result<Value, String> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let number = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| cell.parse::<i64>().ok())
        .flatten();
    number
        .map(Value::from)
        .ok_or_else(|| format!("{cell:?} is not an integer"))
}

fn split_list(cell: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut characters = cell.chars();
    while let Some(character) = characters.next() {
        match character {
            '|' => items.push(String::new()),
            '\\' => items
                .last_mut()
                .into_iter()
                .for_each(|item| item.extend(characters.next())),
            character => items
                .last_mut()
                .into_iter()
                .for_each(|item| item.push(character)),
        }
    }
    items
}

/// The options of a product as its variants have them: values in the order in which they come.
pub(super) fn options_of(variants: &[Value]) -> Vec<Value> {
    let mut options: Vec<(String, Vec<Value>)> = Vec::new();
    for (name, value) in variants
        .iter()
        .filter_map(|variant| variant.get("options")?.as_object())
        .flatten()
    {
        match options.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) if values.contains(value) => {}
            Some((_, values)) => values.push(value.clone()),
            None => options.push((name.clone(), vec![value.clone()])),
        }
    }
    options
        .into_iter()
        .map(|(name, values)| json!({"name": name, "values": values}))
        .collect()
}
