//! Schemas of bodies and replies, each told once. A type that is read otherwise than it is written gets two names.

use crate::http::endpoint::{BodyKind, Endpoint};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

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

    /// All definitions, and the names that had to change for what is read.
    pub(super) fn finish(mut self) -> (Map<String, Value>, BTreeSet<String>) {
        let read = self.read.take_definitions(true);
        let mut all = self.written.take_definitions(true);
        let renamed = differing(&read, &all);
        for (name, mut schema) in read {
            rename(&mut schema, &renamed);
            let name = if renamed.contains(&name) {
                format!("{name}Input")
            } else {
                name
            };
            all.insert(name, schema);
        }
        all.sort_keys();
        (all, renamed)
    }
}

/// Names that mean one thing read and another written, or lead to one that does.
fn differing(read: &Map<String, Value>, written: &Map<String, Value>) -> BTreeSet<String> {
    let both = || read.iter().filter(|(name, _)| written.contains_key(*name));
    let mut found: BTreeSet<String> = both()
        .filter(|(name, schema)| written[*name] != **schema)
        .map(|(name, _)| name.clone())
        .collect();
    loop {
        let leads = |schema: &Value| {
            let mut copy = schema.clone();
            rename(&mut copy, &found);
            copy != *schema
        };
        let more: Vec<_> = both()
            .filter(|(name, schema)| !found.contains(*name) && leads(schema))
            .map(|(name, _)| name.clone())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Points references to renamed definitions at their new names.
fn rename(value: &mut Value, renamed: &BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref") {
                let name = reference.strip_prefix(PREFIX).unwrap_or_default();
                if renamed.contains(name) {
                    *reference = format!("{PREFIX}{name}Input");
                }
            }
            object.values_mut().for_each(|value| rename(value, renamed));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename(value, renamed)),
        _ => {}
    }
}

/// The definition a schema refers to, or the schema itself.
pub(super) fn resolve<'a>(schema: &'a Value, components: &'a Map<String, Value>) -> &'a Value {
    let name = schema["$ref"]
        .as_str()
        .and_then(|it| it.strip_prefix(PREFIX));
    name.and_then(|name| components.get(name)).unwrap_or(schema)
}

/// A body's schema that knows `expected_version`, which every write takes beside its own fields.
pub(super) fn expecting_version(
    mut schema: Value,
    components: &mut Map<String, Value>,
    renamed: &BTreeSet<String>,
) -> Value {
    rename(&mut schema, renamed);
    let name = schema["$ref"]
        .as_str()
        .and_then(|it| it.strip_prefix(PREFIX));
    let target = match name.map(str::to_owned) {
        Some(name) => components.get_mut(&name),
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
