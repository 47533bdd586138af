//! What a client hangs on a cart or a line: a JSON object that means nothing to the shop.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A JSON object, cheap to clone. Absent, `null` and `{}` are the same, and the order of keys is nothing.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(from = "Option<Map<String, Value>>")]
pub struct Metadata(Option<Arc<Map<String, Value>>>);

impl From<Option<Map<String, Value>>> for Metadata {
    fn from(map: Option<Map<String, Value>>) -> Self {
        map.unwrap_or_default().into()
    }
}

impl Serialize for Metadata {
    /// Always as an object.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_map() {
            Some(map) => map.serialize(serializer),
            None => serializer.collect_map(std::iter::empty::<(&str, &str)>()),
        }
    }
}

impl From<Map<String, Value>> for Metadata {
    fn from(map: Map<String, Value>) -> Self {
        Self((!map.is_empty()).then(|| Arc::new(map)))
    }
}

impl Metadata {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The object; `None` when empty.
    pub fn as_map(&self) -> Option<&Map<String, Value>> {
        self.0.as_deref()
    }

    /// The object after a merge patch (RFC 7396): `null` removes a key, objects merge, all else replaces.
    pub fn patched(&self, patch: &Self) -> Self {
        let Some(patch) = patch.as_map() else {
            return self.clone();
        };
        let mut map = self.as_map().cloned().unwrap_or_default();
        merge(&mut map, patch);
        map.into()
    }

    /// About how many bytes it takes as JSON: enough to hold a limit against.
    pub fn weight(&self) -> usize {
        self.as_map().map_or(0, weigh_object)
    }
}

fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(inner) => {
                let slot = target.entry(key.clone()).or_insert(Value::Null);
                if !slot.is_object() {
                    *slot = Value::Object(Map::new());
                }
                if let Value::Object(object) = slot {
                    merge(object, inner);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

fn weigh_object(map: &Map<String, Value>) -> usize {
    2 + map
        .iter()
        .map(|(key, value)| key.len() + 4 + weigh(value))
        .sum::<usize>()
}

fn weigh(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| weigh(item) + 1).sum::<usize>(),
        Value::Object(map) => weigh_object(map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(value: Value) -> Metadata {
        serde_json::from_value(value).unwrap_or_default()
    }

    #[test]
    fn merges_as_rfc_7396_says() {
        let rows = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [1]}),
                json!({"a": {"x": 1}}),
                json!({"a": {"x": 1}}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ];
        for (target, patch, result) in rows {
            let patched = metadata(target.clone()).patched(&metadata(patch.clone()));
            assert_eq!(patched, metadata(result), "{target} patched by {patch}");
        }
    }

    #[test]
    fn the_order_of_keys_is_nothing() -> Result<(), serde_json::Error> {
        let one: Metadata = serde_json::from_str(r#"{"a":1,"b":{"c":2,"d":3}}"#)?;
        let other: Metadata = serde_json::from_str(r#"{"b":{"d":3,"c":2},"a":1}"#)?;
        assert_eq!(one, other);
        assert!(metadata(json!({})).is_empty() && metadata(Value::Null).is_empty());
        assert_eq!(serde_json::to_string(&Metadata::default())?, "{}");
        Ok(())
    }

    #[test]
    fn it_weighs_about_what_its_json_takes() {
        let rows = [
            (json!({}), 0),
            (json!({"a": null}), 12),
            (json!({"a": true}), 12),
            (json!({"a": 1}), 15),
            (json!({"abc": "text"}), 15),
            (json!({"a": []}), 9),
            (json!({"a": ["b", "c"]}), 17),
            (json!({"a": {"b": "c"}}), 17),
            (json!({"a": null, "b": null}), 22),
        ];
        for (value, weight) in rows {
            assert_eq!(metadata(value.clone()).weight(), weight, "{value}");
        }
    }
}
