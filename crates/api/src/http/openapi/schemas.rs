//! Schemas of bodies and replies, each told once. A type that is read otherwise than it is written gets two names.

use crate::http::endpoint::{BodyKind, Endpoint};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PREFIX: &str = "#/components/schemas/";

/// Collects schemas: one generator for what is read, one for what is written.
#[derive(Debug)]
pub(super) struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Self {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
        }
    }
}

impl Schemas {
    /// The schema of a route's body; `None` when it takes none.
    pub(super) fn request(&mut self, endpoint: &Endpoint) -> Option<Value> {
        match (endpoint.request, endpoint.body) {
            (Some(schema), _) => Some(schema(&mut self.read).to_value()),
            (None, _) if !endpoint.writes() => None,
            (None, BodyKind::Import) => Some(json!({})),
            // Nothing but `expected_version` may come.
            (None, BodyKind::None | BodyKind::Json | BodyKind::Patch) => Some(json!({
                "type": "object", "properties": {}, "additionalProperties": false,
            })),
        }
    }

    /// The statuses of a route's success with their schemas.
    pub(super) fn replies(&mut self, endpoint: &Endpoint) -> Vec<(u16, Option<Value>)> {
        let replies = endpoint.replies.iter();
        replies
            .map(|(status, schema)| {
                let schema = schema.map(|schema| schema(&mut self.written).to_value());
                (*status, schema)
            })
            .collect()
    }

    /// All definitions, and what each name has become for what is read and for what is written.
    pub(super) fn finish(mut self) -> Named {
        let read = self.read.take_definitions(true);
        let written = self.written.take_definitions(true);
        let inputs = differing(&read, &written);
        let inputs = inputs.into_iter().map(|name| {
            let input = format!("{name}Input");
            (name, input)
        });
        let named = Named {
            read: inputs.collect(),
            written: pages(&written),
            components: Map::new(),
        };
        let mut components = Map::new();
        for (list, names) in [(written, &named.written), (read, &named.read)] {
            for (name, mut schema) in list {
                rename(&mut schema, names);
                let name = names.get(&name).cloned().unwrap_or(name);
                components.insert(name, schema);
            }
        }
        components.sort_keys();
        Named {
            components,
            ..named
        }
    }
}

/// New names by old ones.
pub(super) type Names = BTreeMap<String, String>;

/// Definitions under their last names.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) components: Map<String, Value>,
    read: Names,
    written: Names,
}

impl Named {
    /// A body's schema under the last names; it knows `expected_version`, which every write takes beside its own fields.
    pub(super) fn body(&mut self, mut schema: Value) -> Value {
        rename(&mut schema, &self.read);
        let name = schema["$ref"]
            .as_str()
            .and_then(|it| it.strip_prefix(PREFIX));
        let target = match name.map(str::to_owned) {
            Some(name) => self.components.get_mut(&name),
            None => Some(&mut schema),
        };
        if let Some(Value::Object(properties)) = target.and_then(|it| it.get_mut("properties")) {
            properties.entry("expected_version").or_insert_with(|| {
                json!({
                    "type": ["integer", "null"], "minimum": 0,
                    "description": "The version it must have, as `If-Match` would say.",
                })
            });
        }
        schema
    }

    /// A reply's schema under the last names.
    pub(super) fn reply(&self, mut schema: Value) -> Value {
        rename(&mut schema, &self.written);
        schema
    }
}

/// A page is named for what is on it.
fn pages(written: &Map<String, Value>) -> Names {
    let named = written
        .iter()
        .filter(|(name, _)| name.starts_with("PageOf"));
    named
        .filter_map(|(name, schema)| {
            let item = schema["properties"]["items"]["items"]["$ref"].as_str()?;
            Some((name.clone(), format!("{}Page", item.strip_prefix(PREFIX)?)))
        })
        .collect()
}

/// Names that mean one thing read and another written, or lead to one that does.
fn differing(read: &Map<String, Value>, written: &Map<String, Value>) -> BTreeSet<String> {
    let both = || read.iter().filter(|(name, _)| written.contains_key(*name));
    let mut found: BTreeSet<String> = both()
        .filter(|(name, schema)| written[*name] != **schema)
        .map(|(name, _)| name.clone())
        .collect();
    loop {
        let more: Vec<_> = both()
            .filter(|(name, schema)| !found.contains(*name) && leads_to(schema, &found))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Points references to renamed definitions at their new names.
fn rename(value: &mut Value, names: &Names) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref") {
                let name = reference.strip_prefix(PREFIX).unwrap_or_default();
                if let Some(new) = names.get(name) {
                    *reference = format!("{PREFIX}{new}");
                }
            }
            object.values_mut().for_each(|value| rename(value, names));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename(value, names)),
        _ => {}
    }
}

/// Whether a schema refers to one of these.
fn leads_to(value: &Value, names: &BTreeSet<String>) -> bool {
    match value {
        Value::Object(object) => {
            let name = object.get("$ref").and_then(Value::as_str);
            let name = name.and_then(|it| it.strip_prefix(PREFIX));
            name.is_some_and(|it| names.contains(it))
                || object.values().any(|it| leads_to(it, names))
        }
        Value::Array(list) => list.iter().any(|it| leads_to(it, names)),
        _ => false,
    }
}

/// The definition a schema refers to, or the schema itself.
pub(super) fn resolve<'a>(schema: &'a Value, components: &'a Map<String, Value>) -> &'a Value {
    let name = schema["$ref"]
        .as_str()
        .and_then(|it| it.strip_prefix(PREFIX));
    name.and_then(|name| components.get(name)).unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_type_that_leads_to_another_one_gets_two_names() {
        let read = map(json!({
            "Inner": {"type": "string"}, "Outer": {"items": {"$ref": "#/components/schemas/Inner"}}, "Same": {},
        }));
        let mut written = read.clone();
        written["Inner"] = json!({"type": "integer"});
        let names: Vec<_> = differing(&read, &written).into_iter().collect();
        assert_eq!(names, ["Inner", "Outer"]);
    }
}
