//! Our shape of a row: the fields of `POST /products` and `stock`, as one table.
//!
//! Checked here is what makes a row a row: known fields, their JSON types, required ones. Rules of the shop (formats of
//! ids, options that match, limits in order) are the server's.

use cartwright_domain::Currency;
use serde_json::{Map, Value};
use std::fmt::Display;

/// The largest quantity of stock that a row may set.
const QUANTITY_MAX: i64 = 1_000_000_000;

/// What a field holds.
enum Kind {
    Text,
    /// An ISO 4217 code.
    Currency,
    /// An integer from 0.
    Whole,
    /// An integer from 0 to [`QUANTITY_MAX`].
    Quantity,
    /// Any JSON object.
    Open,
    /// Any names with values of one kind.
    Named(&'static Kind),
    List(&'static Kind),
    Record(&'static [Field]),
}

struct Field {
    name: &'static str,
    kind: Kind,
    required: bool,
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: false,
    }
}

const fn must(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: true,
    }
}

const PRODUCT: Kind = Kind::Record(&[
    may("id", Kind::Text),
    may("slug", Kind::Text),
    must("name", Kind::Text),
    may("description", Kind::Text),
    may("status", Kind::Text),
    may("brand", Kind::Text),
    may("categories", Kind::List(&Kind::Text)),
    may("attributes", Kind::Open),
    may("images", Kind::List(&Kind::Text)),
    may("options", Kind::List(&OPTION)),
    must("variants", Kind::List(&VARIANT)),
    may("stock", STOCK),
]);
const OPTION: Kind = Kind::Record(&[
    must("name", Kind::Text),
    must("values", Kind::List(&Kind::Text)),
]);
const VARIANT: Kind = Kind::Record(&[
    must("sku", Kind::Text),
    may("options", Kind::Named(&Kind::Text)),
    must("prices", Kind::List(&MONEY)),
    may("compare_at", Kind::List(&MONEY)),
    may("weight_grams", Kind::Whole),
    may("dimensions_mm", DIMENSIONS),
    may("limits", LIMITS),
    may("denied_countries", Kind::List(&Kind::Text)),
    may("stock", STOCK),
]);
const MONEY: Kind = Kind::Record(&[
    must("amount", Kind::Whole),
    must("currency", Kind::Currency),
]);
const DIMENSIONS: Kind = Kind::Record(&[
    must("length", Kind::Whole),
    must("width", Kind::Whole),
    must("height", Kind::Whole),
]);
const LIMITS: Kind = Kind::Record(&[
    may("min", Kind::Whole),
    may("max", Kind::Whole),
    may("multiple", Kind::Whole),
]);
const STOCK: Kind = Kind::Named(&Kind::Quantity);

/// Whether scalars were written without types, so that a number in place of a text is that text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalars {
    Typed,
    Untyped,
}

/// The row in normal form: nulls left out, stock in its variants.
///
/// # Errors
/// A sentence that names every field that is wrong.
pub(super) fn check(value: Value, scalars: Scalars) -> Result<Value, String> {
    if !value.is_object() {
        return Err("not an object with the fields of a product".to_owned());
    }
    let mut check = Check {
        scalars,
        wrong: Vec::new(),
    };
    let mut product = check.value(value, &PRODUCT, "");
    check.move_stock(&mut product);
    match check.wrong.is_empty() {
        true => Ok(product),
        false => Err(check.wrong.join("; ")),
    }
}

struct Check {
    scalars: Scalars,
    wrong: Vec<String>,
}

impl Check {
    fn refuse(&mut self, path: &str, why: impl Display) {
        // A row with a thousand wrong fields is told of the first few.
        if self.wrong.len() < 10 {
            self.wrong.push(format!("{path}: {why}"));
        }
    }

    fn value(&mut self, value: Value, kind: &Kind, path: &str) -> Value {
        match (kind, value) {
            (Kind::Text, value) => self.text(value, path),
            (Kind::Currency, value) => self.currency(value, path),
            (Kind::Whole, value) => self.whole(value, i64::MAX, path),
            (Kind::Quantity, value) => self.whole(value, QUANTITY_MAX, path),
            (Kind::Open, value @ Value::Object(_)) => value,
            (Kind::List(kind), Value::Array(items)) => {
                let items = items.into_iter().enumerate();
                items
                    .map(|(at, item)| self.value(item, kind, &format!("{path}[{at}]")))
                    .collect()
            }
            (Kind::Named(kind), Value::Object(fields)) => {
                let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
                let fields = fields.map(|(name, value)| {
                    let value = self.value(value, kind, &join(path, &name));
                    (name, value)
                });
                Value::Object(fields.collect())
            }
            (Kind::Record(fields), Value::Object(given)) => self.record(given, fields, path),
            (Kind::List(_), value) => self.wrong_type(value, "a list", path),
            (Kind::Open | Kind::Named(_) | Kind::Record(_), value) => {
                self.wrong_type(value, "an object", path)
            }
        }
    }

    fn record(&mut self, mut given: Map<String, Value>, fields: &[Field], path: &str) -> Value {
        let mut record = Map::new();
        for field in fields {
            match given.remove(field.name).filter(|value| !value.is_null()) {
                Some(value) => {
                    let value = self.value(value, &field.kind, &join(path, field.name));
                    record.insert(field.name.to_owned(), value);
                }
                None if field.required => self.refuse(&join(path, field.name), "required"),
                None => {}
            }
        }
        for name in given.keys() {
            self.refuse(&join(path, name), "unknown field");
        }
        Value::Object(record)
    }

    fn text(&mut self, value: Value, path: &str) -> Value {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) if self.scalars == Scalars::Untyped => number.to_string(),
            Value::Bool(truth) if self.scalars == Scalars::Untyped => truth.to_string(),
            other => return self.wrong_type(other, "text", path),
        };
        if text
            .chars()
            .any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
        {
            self.refuse(path, "has a control character");
        }
        Value::String(text)
    }

    fn currency(&mut self, value: Value, path: &str) -> Value {
        if value
            .as_str()
            .is_none_or(|code| Currency::new(code).is_err())
        {
            self.refuse(path, format_args!("{value} is not an ISO 4217 currency"));
        }
        value
    }

    fn whole(&mut self, value: Value, max: i64, path: &str) -> Value {
        match value.as_i64() {
            Some(number) if (0..=max).contains(&number) => value,
            Some(number) => {
                self.refuse(path, format_args!("{number} is not from 0 to {max}"));
                value
            }
            None => self.wrong_type(value, "an integer", path),
        }
    }

    fn wrong_type(&mut self, value: Value, expected: &str, path: &str) -> Value {
        let mut shown = value.to_string();
        if let Some((cut, _)) = shown.char_indices().nth(40) {
            shown.truncate(cut);
            shown.push_str("...");
        }
        self.refuse(path, format_args!("{shown} is not {expected}"));
        value
    }

    /// Stock beside the variants is that of the only one.
    fn move_stock(&mut self, product: &mut Value) {
        let Some(stock) = product
            .as_object_mut()
            .and_then(|fields| fields.remove("stock"))
        else {
            return;
        };
        match product
            .get_mut("variants")
            .and_then(Value::as_array_mut)
            .map(Vec::as_mut_slice)
        {
            Some([Value::Object(variant)]) if !variant.contains_key("stock") => {
                variant.insert("stock".to_owned(), stock);
            }
            Some([_]) => self.refuse("stock", "said of the product and of its variant"),
            _ => self.refuse(
                "stock",
                "say it in each variant, the product has not just one",
            ),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The fields of a product that a catalogue file has, of one that has more (a reply of the API): versions, times and
/// whatever else cannot be imported is left out, and so are nulls and empty lists, objects and limits that need not be there.
pub fn keep_known(product: Value) -> Value {
    keep(product, &PRODUCT)
}

fn keep(value: Value, kind: &Kind) -> Value {
    match (kind, value) {
        (Kind::Record(fields), Value::Object(mut given)) => {
            let kept = fields.iter().filter_map(|field| {
                let value = keep(given.remove(field.name)?, &field.kind);
                (field.required || !is_nothing(&value)).then(|| (field.name.to_owned(), value))
            });
            Value::Object(kept.collect())
        }
        (Kind::List(kind), Value::Array(items)) => {
            items.into_iter().map(|item| keep(item, kind)).collect()
        }
        (_, value) => value,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Puts a prefix before the id, the slug and every SKU.
pub(super) fn prefix(product: &mut Value, prefix: &str) {
    if prefix.is_empty() {
        return;
    }
    let put = |field: Option<&mut Value>| {
        if let Some(Value::String(text)) = field {
            text.insert_str(0, prefix);
        }
    };
    put(product.get_mut("id"));
    put(product.get_mut("slug"));
    for variant in product
        .get_mut("variants")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        put(variant.get_mut("sku"));
    }
}
