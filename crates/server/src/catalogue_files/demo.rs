//! A product of the OpenTelemetry demo or of Online Boutique, as proto-JSON.
//!
//! The id is also the SKU of the only variant. Both spellings of proto-JSON are read (`priceUsd`, `price_usd`), and
//! 64-bit numbers as numbers or as text. Such a file says nothing of stock.

use super::decimal::minor_from_proto;
use cartwright_domain::Currency;
use serde_json::{Map, Value, json};

/// Whether the row has a field that only this shape has.
pub(super) fn is_it(row: &Map<String, Value>) -> bool {
    ["priceUsd", "price_usd", "picture"]
        .iter()
        .any(|name| row.contains_key(*name))
}

/// The row in our shape.
///
/// # Errors
/// A sentence that names the field.
pub(super) fn product(mut row: Map<String, Value>) -> Result<Value, String> {
    let id = take(&mut row, &["id"])?.ok_or("id: required")?;
    let price = take(&mut row, &["priceUsd", "price_usd"])?.ok_or("priceUsd: required")?;
    let price = money(price).map_err(|why| format!("priceUsd: {why}"))?;
    let mut product = Map::new();
    product.insert("id".to_owned(), id.clone());
    for name in ["name", "description", "categories"] {
        if let Some(value) = take(&mut row, &[name])? {
            product.insert(name.to_owned(), value);
        }
    }
    if let Some(picture) = take(&mut row, &["picture"])?.filter(|picture| picture != "") {
        product.insert("images".to_owned(), json!([picture]));
    }
    product.insert(
        "variants".to_owned(),
        json!([{"sku": id, "prices": [price]}]),
    );
    none_left(&row)?;
    Ok(Value::Object(product))
}

fn money(value: Value) -> Result<Value, String> {
    let Value::Object(mut money) = value else {
        return Err("not an object".to_owned());
    };
    let code =
        take(&mut money, &["currencyCode", "currency_code"])?.ok_or("currencyCode: required")?;
    let currency = code.as_str().and_then(|code| Currency::new(code).ok());
    let currency =
        currency.ok_or_else(|| format!("currencyCode: {code} is not an ISO 4217 currency"))?;
    let units = integer(take(&mut money, &["units"])?, "units")?;
    let nanos = integer(take(&mut money, &["nanos"])?, "nanos")?;
    none_left(&money)?;
    Ok(json!({"amount": minor_from_proto(units, nanos, currency)?, "currency": currency.code()}))
}

/// A 64-bit integer as proto-JSON writes it; absent is 0.
fn integer(value: Option<Value>, name: &str) -> Result<i64, String> {
    let number = match &value {
        None => Some(0),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64(),
    };
    number.ok_or_else(|| format!("{name}: {} is not an integer", value.unwrap_or_default()))
}

/// A field under any of its names; null is absent.
fn take(fields: &mut Map<String, Value>, names: &[&str]) -> Result<Option<Value>, String> {
    let mut found = names.iter().filter_map(|name| fields.remove(*name));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(format!("{}: given twice", names[0])),
        (value, _) => Ok(value.filter(|value| !value.is_null())),
    }
}

fn none_left(fields: &Map<String, Value>) -> Result<(), String> {
    fields
        .keys()
        .next()
        .map_or(Ok(()), |name| Err(format!("{name}: unknown field")))
}
