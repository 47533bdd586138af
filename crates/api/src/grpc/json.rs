//! Protobuf messages as the contract's JSON and back, by their descriptors.
//!
//! Field names are the same on both surfaces. Enum values lose the prefix of their type
//! (`STORE_KIND_WAREHOUSE` is `warehouse`, an unspecified one is absent), times are RFC 3339, and
//! `google.protobuf.Struct` is an object. What protobuf cannot tell from absent is sent as its
//! default, so that the HTTP checks see it.

use cartwright_domain::Time;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value,
};
use serde_json::{Map, Number, Value as Json};

use crate::wire::parse_time;

/// Lists whose absence means something else than an empty list.
const ABSENT_WHEN_EMPTY: &[&str] = &["ships_to"];
/// The message whose zeros mean unset.
const LIMITS: &str = "cartwright.v1.Limits";
const TIMESTAMP: &str = "google.protobuf.Timestamp";
const STRUCT: &str = "google.protobuf.Struct";
const ANY_JSON: &str = "google.protobuf.Value";
const ANY_LIST: &str = "google.protobuf.ListValue";

/// A message as a JSON object, fields by number and map entries by key, so that equal messages are
/// equal bytes.
///
/// # Errors
/// A sentence that names the field whose enum value nobody knows.
pub fn object(message: &DynamicMessage) -> Result<Map<String, Json>, String> {
    let descriptor = message.descriptor();
    let zero_is_absent = descriptor.full_name() == LIMITS;
    let mut object = Map::new();
    for field in descriptor.fields() {
        let present = message.has_field(&field);
        let skipped = if field.is_list() {
            !present && ABSENT_WHEN_EMPTY.contains(&field.name())
        } else {
            !present
                && !field.is_map()
                && (field.supports_presence()
                    || zero_is_absent
                    || matches!(field.kind(), Kind::Enum(_)))
        };
        if !skipped {
            let value = field_json(&field, &message.get_field(&field))?;
            object.insert(field.name().to_owned(), value);
        }
    }
    Ok(object)
}

fn field_json(field: &FieldDescriptor, value: &Value) -> Result<Json, String> {
    match value {
        Value::List(items) => {
            let items = items.iter().map(|item| one_json(field, item));
            Ok(Json::Array(items.collect::<Result<_, _>>()?))
        }
        Value::Map(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_unstable_by(|a, b| a.0.cmp(b.0));
            let mut object = Map::new();
            for (key, value) in sorted {
                let MapKey::String(key) = key else {
                    return Err(format!("{}: keys are texts", field.name()));
                };
                object.insert(key.clone(), one_json(field, value)?);
            }
            Ok(Json::Object(object))
        }
        one => one_json(field, one),
    }
}

fn one_json(field: &FieldDescriptor, value: &Value) -> Result<Json, String> {
    Ok(match value {
        Value::Bool(it) => (*it).into(),
        Value::I32(it) => (*it).into(),
        Value::I64(it) => (*it).into(),
        Value::U32(it) => (*it).into(),
        Value::U64(it) => (*it).into(),
        Value::F32(it) => number(f64::from(*it)),
        Value::F64(it) => number(*it),
        Value::String(it) => it.clone().into(),
        Value::EnumNumber(it) => enum_json(field, *it)?,
        Value::Message(it) => message_json(it)?,
        Value::Bytes(_) | Value::List(_) | Value::Map(_) => {
            return Err(format!("{}: cannot be spelled in JSON", field.name()));
        }
    })
}

/// Whole numbers stay whole: JSON tells `5` from `5.0`, a double does not.
fn number(value: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        return Json::from(value as i64);
    }
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}

fn enum_json(field: &FieldDescriptor, value: i32) -> Result<Json, String> {
    let Kind::Enum(descriptor) = field.kind() else {
        return Err(format!("{}: not an enum", field.name()));
    };
    let known = descriptor.get_value(value);
    let known = known.ok_or_else(|| format!("{}: {value} is no value of it", field.name()))?;
    if value == 0 {
        return Ok(Json::Null);
    }
    let word = known.name().strip_prefix(&prefix(descriptor.name()));
    Ok(word.unwrap_or(known.name()).to_ascii_lowercase().into())
}

/// `StoreKind` names its values `STORE_KIND_...`.
fn prefix(name: &str) -> String {
    let mut prefix = String::with_capacity(name.len() + 4);
    for (place, letter) in name.char_indices() {
        if place > 0 && letter.is_ascii_uppercase() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix.push('_');
    prefix
}

fn message_json(message: &DynamicMessage) -> Result<Json, String> {
    let descriptor = message.descriptor();
    match descriptor.full_name() {
        TIMESTAMP => {
            let seconds = int(message, "seconds");
            Ok(
                Time(seconds.saturating_mul(1000) + int(message, "nanos") / 1_000_000)
                    .to_string()
                    .into(),
            )
        }
        STRUCT => match message.get_field_by_name("fields").as_deref() {
            Some(Value::Map(entries)) => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_unstable_by(|a, b| a.0.cmp(b.0));
                let mut object = Map::new();
                for (key, value) in sorted {
                    if let (MapKey::String(key), Value::Message(value)) = (key, value) {
                        object.insert(key.clone(), message_json(value)?);
                    }
                }
                Ok(Json::Object(object))
            }
            _ => Ok(Json::Object(Map::new())),
        },
        ANY_LIST => match message.get_field_by_name("values").as_deref() {
            Some(Value::List(items)) => {
                let items = items.iter().filter_map(Value::as_message);
                Ok(Json::Array(
                    items.map(message_json).collect::<Result<_, _>>()?,
                ))
            }
            _ => Ok(Json::Array(Vec::new())),
        },
        ANY_JSON => match message.fields().next() {
            Some((_, Value::Bool(it))) => Ok((*it).into()),
            Some((_, Value::F64(it))) => Ok(number(*it)),
            Some((_, Value::String(it))) => Ok(it.clone().into()),
            Some((_, Value::Message(it))) => message_json(it),
            _ => Ok(Json::Null),
        },
        _ => Ok(Json::Object(object(message)?)),
    }
}

fn int(message: &DynamicMessage, name: &str) -> i64 {
    match message.get_field_by_name(name).as_deref() {
        Some(Value::I64(it)) => *it,
        Some(Value::I32(it)) => i64::from(*it),
        _ => 0,
    }
}

/// The message that a JSON object spells. Names that the message lacks are left out, `null` is
/// absent.
///
/// # Errors
/// A sentence that names the field whose value does not fit: the contract and the descriptors
/// disagree.
pub fn message(
    descriptor: &MessageDescriptor,
    object: &Map<String, Json>,
) -> Result<DynamicMessage, String> {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        match object.get(field.name()) {
            None | Some(Json::Null) => {}
            Some(json) => {
                let value = field_value(&field, json)
                    .ok_or_else(|| format!("{} does not fit: {json}", field.full_name()))?;
                message.set_field(&field, value);
            }
        }
    }
    Ok(message)
}

fn field_value(field: &FieldDescriptor, json: &Json) -> Option<Value> {
    if field.is_list() {
        let items = json.as_array()?.iter();
        let items = items.map(|item| one_value(&field.kind(), item));
        return Some(Value::List(items.collect::<Option<_>>()?));
    }
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else {
            return None;
        };
        let kind = entry.map_entry_value_field().kind();
        let entries = json
            .as_object()?
            .iter()
            .map(|(key, value)| Some((MapKey::String(key.clone()), one_value(&kind, value)?)));
        return Some(Value::Map(entries.collect::<Option<_>>()?));
    }
    one_value(&field.kind(), json)
}

fn one_value(kind: &Kind, json: &Json) -> Option<Value> {
    Some(match kind {
        Kind::Bool => Value::Bool(json.as_bool()?),
        Kind::Int32 => Value::I32(json.as_i64()?.try_into().ok()?),
        Kind::Int64 => Value::I64(json.as_i64()?),
        Kind::Double => Value::F64(json.as_f64()?),
        Kind::String => Value::String(json.as_str()?.to_owned()),
        Kind::Enum(descriptor) => {
            let word = json.as_str()?.to_ascii_uppercase();
            let name = format!("{}{word}", prefix(descriptor.name()));
            Value::EnumNumber(descriptor.get_value_by_name(&name)?.number())
        }
        Kind::Message(descriptor) => Value::Message(message_value(descriptor, json)?),
        Kind::Float
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Fixed32
        | Kind::Fixed64
        | Kind::Sfixed32
        | Kind::Sfixed64
        | Kind::Bytes => return None,
    })
}

fn message_value(descriptor: &MessageDescriptor, json: &Json) -> Option<DynamicMessage> {
    let mut made = DynamicMessage::new(descriptor.clone());
    match descriptor.full_name() {
        TIMESTAMP => {
            let Time(millis) = parse_time(json.as_str()?)?;
            let nanos = i32::try_from(millis.rem_euclid(1000) * 1_000_000).ok()?;
            made.set_field_by_name("seconds", Value::I64(millis.div_euclid(1000)));
            made.set_field_by_name("nanos", Value::I32(nanos));
        }
        STRUCT => {
            let any = descriptor.parent_pool().get_message_by_name(ANY_JSON)?;
            let entries = json.as_object()?.iter().map(|(key, value)| {
                let value = Value::Message(message_value(&any, value)?);
                Some((MapKey::String(key.clone()), value))
            });
            made.set_field_by_name("fields", Value::Map(entries.collect::<Option<_>>()?));
        }
        ANY_LIST => {
            let any = descriptor.parent_pool().get_message_by_name(ANY_JSON)?;
            let items = json.as_array()?.iter();
            let items = items.map(|item| message_value(&any, item).map(Value::Message));
            made.set_field_by_name("values", Value::List(items.collect::<Option<_>>()?));
        }
        ANY_JSON => set_any(&mut made, json)?,
        _ => return message(descriptor, json.as_object()?).ok(),
    }
    Some(made)
}

/// Sets the one field of a `google.protobuf.Value`.
fn set_any(made: &mut DynamicMessage, json: &Json) -> Option<()> {
    let pool = made.descriptor().parent_pool().clone();
    let nested = |name| message_value(&pool.get_message_by_name(name)?, json);
    let (name, value) = match json {
        Json::Null => ("null_value", Value::EnumNumber(0)),
        Json::Bool(it) => ("bool_value", Value::Bool(*it)),
        Json::Number(it) => ("number_value", Value::F64(it.as_f64()?)),
        Json::String(it) => ("string_value", Value::String(it.clone())),
        Json::Array(_) => ("list_value", Value::Message(nested(ANY_LIST)?)),
        Json::Object(_) => ("struct_value", Value::Message(nested(STRUCT)?)),
    };
    made.set_field_by_name(name, value);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_reflect::DescriptorPool;
    use serde_json::json;

    fn descriptor(name: &str) -> MessageDescriptor {
        let pool = DescriptorPool::decode(cartwright_proto::FILE_DESCRIPTOR_SET);
        let pool = pool.expect("the committed descriptors are whole");
        let name = format!("cartwright.v1.{name}");
        pool.get_message_by_name(&name).expect("the message exists")
    }

    /// `json` written as a message and read again is `back`.
    #[track_caller]
    fn check(name: &str, json: Json, back: Json) {
        let object_in = json.as_object().expect("rows are objects");
        let message = message(&descriptor(name), object_in).expect("fits");
        let read = object(&message).expect("every value is known");
        assert_eq!(Json::Object(read), back, "{name}");
    }

    #[test]
    fn spells_words_times_and_objects_as_the_contract() {
        let store = json!({
            "id": "x", "name": "", "kind": "warehouse", "country": "", "ships_to": ["*"],
            "priority": 0, "position": {"lat": 1, "lon": -0.5}, "version": 3,
        });
        check("Store", store.clone(), store);
        let hold = json!({
            "id": "r", "reference": "a", "state": "pending", "lines": [],
            "expires_at": "2026-11-21T10:00:00.123Z", "version": 1,
        });
        check("Reservation", hold.clone(), hold);
        let metadata = json!({"a": [1, 2.5, null, {"b": true}], "z": "text"});
        let update = json!({"id": "c", "metadata": metadata, "expected_version": 0});
        check("UpdateCartRequest", update.clone(), update);
    }

    #[test]
    fn tells_absent_from_zero_where_protobuf_can() {
        let shown = json!({"store": "", "sku": "", "delta": 0, "reason": ""});
        check("AdjustRequest", json!({}), shown);
        check("Limits", json!({"max": 5, "min": null}), json!({"max": 5}));
        let put = json!({"id": "", "name": "", "country": ""});
        check("PutStoreRequest", json!({}), put);
    }

    #[test]
    fn equal_maps_are_equal_bytes() {
        let one = json!({"sku": "A", "options": {"b": "1", "a": "2", "c": "3"}});
        let read = message(&descriptor("Variant"), one.as_object().expect("an object"));
        let read = object(&read.expect("fits")).expect("known");
        let keys: Vec<_> = read["options"].as_object().expect("a map").keys().collect();
        assert_eq!(keys, ["a", "b", "c"]);
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let wrong = json!({"version": "one"});
        let refusal = message(&descriptor("Store"), wrong.as_object().expect("an object"));
        assert!(refusal.expect_err("no number").contains("Store.version"));
    }
}
