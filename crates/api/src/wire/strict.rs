//! Reading JSON strictly: a key that stands twice is an error everywhere, and every error names its field.

use cartwright_domain::Refusal;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Number, Value};
use smol_str::SmolStr;
use std::fmt;

/// Any JSON value without duplicate keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Strict(pub Value);

/// A JSON object without duplicate keys at any depth.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Object(pub Map<String, Value>);

/// An object of texts in the client's order, without duplicate keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairs(pub Vec<(SmolStr, SmolStr)>);

/// Reads a value that is parsed already.
///
/// # Errors
/// [`Refusal::Invalid`] with the path of the first field that does not fit.
pub fn parse<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| shape_error(&error.path().to_string(), &error.inner().to_string()))
}

/// The refusal for what serde says of a body: `path` is where it stood (`variants[0]`, `.` at the top), `message` its
/// own words. The code is `required`, `unknown_field`, `duplicate`, `wrong_type` or `malformed`.
pub fn shape_error(path: &str, message: &str) -> Refusal {
    let message = message.split(" at line ").next().unwrap_or(message);
    let named = message.split('`').nth(1).unwrap_or_default();
    let kinds = [
        ("missing field", "required", true),
        ("unknown field", "unknown_field", true),
        ("duplicate field", "duplicate", true),
        ("invalid type", "wrong_type", false),
        ("", "malformed", false),
    ];
    let kind = kinds.iter().find(|(start, ..)| message.starts_with(start));
    let (code, names_field) = kind.map_or(("malformed", false), |(_, code, names)| (*code, *names));
    let path = path.trim_start_matches('.');
    let last = path.rsplit('.').next().unwrap_or(path);
    let field = match (names_field, path) {
        (true, "") => named.to_owned(),
        (true, path) if last != named => format!("{path}.{named}"),
        (_, path) => path.to_owned(),
    };
    Refusal::invalid(field, code, message)
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a finite number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Value, A::Error> {
        AnyObject.visit_map(fields).map(Value::Object)
    }
}

struct AnyObject;

impl<'de> Visitor<'de> for AnyObject {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(Error::custom(format_args!("duplicate field `{name}`")));
            }
            let Strict(value) = fields.next_value()?;
            object.insert(name, value);
        }
        Ok(object)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyObject).map(Self)
    }
}

struct TextObject;

impl<'de> Visitor<'de> for TextObject {
    type Value = Vec<(SmolStr, SmolStr)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut pairs: Self::Value = Vec::new();
        while let Some((name, value)) = fields.next_entry::<SmolStr, SmolStr>()? {
            pairs.push((name, value));
        }
        let mut names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        match names.windows(2).find(|two| two[0] == two[1]) {
            Some(two) => Err(Error::custom(format_args!("duplicate field `{}`", two[0]))),
            None => Ok(pairs),
        }
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TextObject).map(Self)
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_pairs(&self.0, serializer)
    }
}

/// Writes pairs as an object in their order.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_pairs<S: Serializer>(
    pairs: &[(SmolStr, SmolStr)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_an_error_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"a":2}}]"#] {
            let error = serde_json::from_str::<Strict>(text).map_err(|e| e.to_string());
            assert!(
                matches!(&error, Err(text) if text.starts_with("duplicate field `a`")),
                "{error:?}"
            );
        }
        let error = serde_json::from_str::<Pairs>(r#"{"a":"1","b":"2","a":"1"}"#);
        assert!(error.is_err(), "{error:?}");
    }

    #[test]
    fn reads_what_serde_json_reads() -> serde_json::Result<()> {
        let text = r#"{"z":[1,-1,1.5,18446744073709551615,null,true,"x"],"a":{}}"#;
        let Strict(value) = serde_json::from_str(text)?;
        assert_eq!(value, serde_json::from_str::<Value>(text)?);
        Ok(())
    }

    #[test]
    fn names_the_field_and_the_kind_of_error() {
        let rows = [
            (
                ".",
                "missing field `name` at line 1 column 2",
                "name",
                "required",
            ),
            (
                "variants[0]",
                "missing field `sku`",
                "variants[0].sku",
                "required",
            ),
            (
                "variants[0].x",
                "unknown field `x`, expected `sku`",
                "variants[0].x",
                "unknown_field",
            ),
            (
                "x",
                "unknown field `x`, expected one of `a`, `b`",
                "x",
                "unknown_field",
            ),
            (
                "attributes",
                "duplicate field `a`",
                "attributes.a",
                "duplicate",
            ),
            (
                "a[1].b",
                "invalid type: string \"x\", expected i64",
                "a[1].b",
                "wrong_type",
            ),
            ("a", "not an ISO 4217 currency code", "a", "malformed"),
        ];
        for (path, message, field, code) in rows {
            let Refusal::Invalid { errors } = shape_error(path, message) else {
                continue;
            };
            assert_eq!(
                (errors[0].field.as_str(), errors[0].code),
                (field, code),
                "{message}"
            );
        }
    }
}
