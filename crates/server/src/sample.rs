//! The sample shop: an outdoor and home catalogue of invented brands and the four locations its stock lies in.

use crate::catalogue_files::{ImportRow, ReadOptions, RowError, read, yaml_value};
use cartwright_domain::Currency;
use serde_json::Value;
use std::io::{self, Cursor};

/// The products with their stock, as a catalogue file that `cartwright import` takes too.
pub const CATALOGUE: &str = include_str!("../sample/catalogue.yaml");
/// The locations: a YAML list, each item the body of `PUT /stores/{id}` and its `id`.
pub const STORES: &str = include_str!("../sample/stores.yaml");

/// The products of the sample, in the order of the file.
///
/// # Errors
/// None as long as the file is the one that the tests have seen.
pub fn products() -> io::Result<Vec<Result<ImportRow, RowError>>> {
    let currency = Currency::new("USD").map_err(io::Error::other)?;
    Ok(read(Cursor::new(CATALOGUE), None, ReadOptions::new(currency))?.collect())
}

/// The locations of the sample: id and body of `PUT /stores/{id}`.
///
/// # Errors
/// None as long as the file is the one that the tests have seen.
pub fn stores() -> io::Result<Vec<(String, Value)>> {
    let stores = yaml_value(STORES).map_err(io::Error::other)?;
    let Value::Array(stores) = stores else {
        return Err(io::Error::other("the stores are not a list"));
    };
    let store =
        |mut store: Value| match store.as_object_mut().and_then(|fields| fields.remove("id")) {
            Some(Value::String(id)) => Ok((id, store)),
            _ => Err(io::Error::other("a store without id")),
        };
    stores.into_iter().map(store).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashSet};

    fn all() -> Vec<Value> {
        let rows = products().expect("sample").into_iter();
        rows.map(|row| row.expect("a row of the sample").product)
            .collect()
    }

    fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
        value
            .get(field)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    #[test]
    fn it_is_as_large_as_promised() {
        let products = all();
        let variants: Vec<_> = products
            .iter()
            .flat_map(|product| list(product, "variants"))
            .collect();
        let with = |status: &str| {
            products
                .iter()
                .filter(|product| product["status"] == status)
                .count()
        };
        assert_eq!(
            (
                products.len(),
                variants.len(),
                with("draft"),
                with("archived")
            ),
            (63, 224, 1, 1)
        );
        let limited = variants
            .iter()
            .filter(|variant| variant.get("limits").is_some())
            .count();
        let denied = products
            .iter()
            .filter(|product| product["variants"][0].get("denied_countries").is_some())
            .count();
        assert!(limited > 20 && denied == 2, "{limited} {denied}");
    }

    #[test]
    fn ids_slugs_and_skus_are_unique_and_short() {
        let products = all();
        let variants = products
            .iter()
            .flat_map(|product| list(product, "variants"));
        let names = [
            products
                .iter()
                .map(|product| &product["id"])
                .collect::<Vec<_>>(),
            products.iter().map(|product| &product["slug"]).collect(),
            variants.map(|variant| &variant["sku"]).collect(),
        ];
        for names in names {
            let mut seen = HashSet::new();
            for name in names {
                let name = name.as_str().expect("a text");
                assert!(seen.insert(name), "{name} twice");
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                assert!(
                    (1..=64).contains(&name.len()) && name.bytes().all(allowed),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn every_variant_has_three_prices_and_a_value_for_each_option() {
        for product in all() {
            let mut seen = HashSet::new();
            for variant in list(&product, "variants") {
                let sku = &variant["sku"];
                let currencies: Vec<_> = list(variant, "prices")
                    .iter()
                    .map(|price| price["currency"].as_str())
                    .collect();
                assert_eq!(currencies, [Some("USD"), Some("EUR"), Some("GBP")], "{sku}");
                assert!(
                    list(variant, "prices")
                        .iter()
                        .all(|price| price["amount"].as_i64() > Some(0)),
                    "{sku}"
                );
                for (was, is) in list(variant, "compare_at")
                    .iter()
                    .zip(list(variant, "prices"))
                {
                    assert!(
                        was["amount"].as_i64() > is["amount"].as_i64()
                            && was["currency"] == is["currency"],
                        "{sku}"
                    );
                }
                let values: Vec<_> = list(&product, "options")
                    .iter()
                    .map(|option| {
                        let value = &variant["options"][option["name"].as_str().expect("a name")];
                        assert!(list(option, "values").contains(value), "{sku}: {value}");
                        value.to_string()
                    })
                    .collect();
                let named = variant
                    .get("options")
                    .and_then(Value::as_object)
                    .map_or(0, serde_json::Map::len);
                assert_eq!(named, values.len(), "{sku}");
                assert!(seen.insert(values), "{sku} is like another variant");
            }
        }
    }

    #[test]
    fn stock_lies_in_the_four_locations() {
        let stores = stores().expect("stores");
        let ids: Vec<_> = stores
            .iter()
            .map(|(id, body)| (id.as_str(), body["kind"].as_str(), body["country"].as_str()))
            .collect();
        let expected = [
            ("main", Some("warehouse"), Some("US")),
            ("eu-hub", Some("warehouse"), Some("DE")),
            ("london", Some("store"), Some("GB")),
            ("STORE001", Some("store"), Some("US")),
        ];
        assert_eq!(ids, expected);
        let europe = list(&stores[1].1, "ships_to");
        assert!(
            europe.contains(&Value::from("NO"))
                && stores
                    .iter()
                    .all(|(_, body)| body["position"]["lat"].is_f64())
        );

        let mut levels: BTreeMap<String, u64> = BTreeMap::new();
        for product in all() {
            for (store, _) in list(&product, "variants")
                .iter()
                .filter_map(|variant| variant["stock"].as_object())
                .flatten()
            {
                *levels.entry(store.clone()).or_default() += 1;
            }
        }
        let known: Vec<_> = levels.keys().map(String::as_str).collect();
        assert_eq!(known, ["STORE001", "eu-hub", "london", "main"]);
        assert!(levels.values().all(|count| *count > 50), "{levels:?}");
    }

    #[test]
    fn the_inventory_runbook_finds_its_sku() {
        let products = all();
        let mut variants = products
            .iter()
            .flat_map(|product| list(product, "variants"));
        let variant = variants
            .find(|variant| variant["sku"] == "SKU123")
            .expect("SKU123");
        assert_eq!(variant["stock"], serde_json::json!({"STORE001": 100}));
    }
}
