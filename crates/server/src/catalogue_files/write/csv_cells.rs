//! A product as CSV records, one a variant; the columns are those of [`super::super::csv_rows`].

use serde_json::Value;
use std::collections::BTreeSet;
use std::io;

const PRODUCT_COLUMNS: [&str; 10] = [
    "id",
    "slug",
    "name",
    "description",
    "status",
    "brand",
    "categories",
    "images",
    "options",
    "attributes",
];
const VARIANT_COLUMNS: [(&str, &str); 9] = [
    ("sku", "/sku"),
    ("weight_grams", "/weight_grams"),
    ("length_mm", "/dimensions_mm/length"),
    ("width_mm", "/dimensions_mm/width"),
    ("height_mm", "/dimensions_mm/height"),
    ("min", "/limits/min"),
    ("max", "/limits/max"),
    ("multiple", "/limits/multiple"),
    ("denied_countries", "/denied_countries"),
];

/// The columns that a CSV file needs beside the usual ones, gathered from the products it will hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    options: Vec<String>,
    prices: BTreeSet<String>,
    compare_at: BTreeSet<String>,
    stores: BTreeSet<String>,
}

impl Columns {
    /// Notes the options, currencies and stores of a product.
    pub fn observe(&mut self, product: &Value) {
        for variant in variants(product) {
            for name in keys(variant, "options") {
                if !self.options.contains(name) {
                    self.options.push(name.clone());
                }
            }
            self.stores.extend(keys(variant, "stock").cloned());
            self.prices.extend(currencies(variant, "prices"));
            self.compare_at.extend(currencies(variant, "compare_at"));
        }
    }

    /// Currencies of the price columns; one at least, or nothing would tell that a variant has no price.
    fn price_currencies(&self) -> impl Iterator<Item = &str> {
        let none = self.prices.is_empty().then_some("USD");
        self.prices.iter().map(String::as_str).chain(none)
    }

    pub(super) fn header(&self) -> Vec<String> {
        let own = PRODUCT_COLUMNS
            .into_iter()
            .chain(VARIANT_COLUMNS.into_iter().map(|(name, _)| name));
        let mut header: Vec<String> = own.map(str::to_owned).collect();
        header.extend(self.options.iter().map(|name| format!("option:{name}")));
        header.extend(
            self.price_currencies()
                .map(|currency| format!("price:{currency}")),
        );
        header.extend(
            self.compare_at
                .iter()
                .map(|currency| format!("compare_at:{currency}")),
        );
        header.extend(self.stores.iter().map(|store| format!("stock:{store}")));
        header
    }

    /// The records of a product; its own cells stand in the first one, its id in each.
    pub(super) fn records(&self, product: &Value) -> io::Result<Vec<Vec<String>>> {
        let mut needed = self.clone();
        needed.observe(product);
        if needed != *self {
            return Err(refused(
                "the product has an option, currency or store that no column was made for",
            ));
        }
        if product
            .get("id")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            return Err(refused(
                "CSV keeps the records of a product together by its id: it needs one",
            ));
        }
        let records = variants(product).iter().enumerate().map(|(at, variant)| {
            let own = PRODUCT_COLUMNS.into_iter().map(|name| match (at, name) {
                (0, _) | (_, "id") => own_cell(product, name),
                _ => String::new(),
            });
            let of_variant = VARIANT_COLUMNS
                .into_iter()
                .map(|(_, path)| cell(variant.pointer(path)));
            let mut record: Vec<String> = own.chain(of_variant).collect();
            record.extend(
                self.options
                    .iter()
                    .map(|name| cell(get(variant, "options", name))),
            );
            record.extend(
                self.price_currencies()
                    .map(|currency| amount(variant, "prices", currency)),
            );
            record.extend(
                self.compare_at
                    .iter()
                    .map(|currency| amount(variant, "compare_at", currency)),
            );
            record.extend(
                self.stores
                    .iter()
                    .map(|store| cell(get(variant, "stock", store))),
            );
            record
        });
        Ok(records.collect())
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn variants(product: &Value) -> &[Value] {
    product
        .get("variants")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn keys<'a>(variant: &'a Value, field: &str) -> impl Iterator<Item = &'a String> {
    variant
        .get(field)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|fields| fields.keys())
}

fn prices<'a>(variant: &'a Value, field: &str) -> &'a [Value] {
    variant
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn currencies(variant: &Value, field: &str) -> impl Iterator<Item = String> {
    prices(variant, field)
        .iter()
        .filter_map(|price| Some(price.get("currency")?.as_str()?.to_owned()))
}

fn get<'a>(variant: &'a Value, field: &str, name: &str) -> Option<&'a Value> {
    variant.get(field)?.get(name)
}

fn amount(variant: &Value, field: &str, currency: &str) -> String {
    cell(
        prices(variant, field)
            .iter()
            .find(|price| price["currency"] == currency)
            .and_then(|price| price.get("amount")),
    )
}

fn own_cell(product: &Value, name: &str) -> String {
    match (name, product.get(name)) {
        ("options" | "attributes", Some(value)) => value.to_string(),
        (_, value) => cell(value),
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| escape(&cell(Some(item))))
            .collect::<Vec<_>>()
            .join("|"),
        Some(other) => other.to_string(),
    }
}

fn escape(item: &str) -> String {
    item.replace('\\', "\\\\").replace('|', "\\|")
}
