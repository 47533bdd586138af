//! Attributes: any JSON object of sane size and depth.

use super::findings::{Findings, is_plain};
use super::{MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTE_DEPTH, MAX_TEXT};
use serde_json::{Map, Value};

pub(super) fn check(found: &mut Findings, attributes: &Map<String, Value>) {
    let mut bytes = 0usize;
    for (name, value) in attributes {
        match measure(value, 2) {
            Ok(size) => bytes = bytes.saturating_add(name.len()).saturating_add(size),
            Err((code, detail)) => found.add(format_args!("attributes.{name}"), code, detail),
        }
        if let Err((code, detail)) = check_name(name) {
            found.add(format_args!("attributes"), code, detail);
        }
    }
    if bytes > MAX_ATTRIBUTE_BYTES {
        let detail = format!("at most {MAX_ATTRIBUTE_BYTES} bytes in all");
        found.add(format_args!("attributes"), "too_large", detail);
    }
}

type Problem = (&'static str, String);

fn check_name(name: &str) -> Result<(), Problem> {
    let fits = !name.is_empty() && name.chars().count() <= MAX_TEXT && name.chars().all(is_plain);
    let detail = || format!("names have 1-{MAX_TEXT} characters, no control characters");
    if fits {
        Ok(())
    } else {
        Err(("malformed", detail()))
    }
}

/// Bytes of names, texts and values, or what is wrong. `depth` is that of the value itself, were it a container.
fn measure(value: &Value, depth: usize) -> Result<usize, Problem> {
    if depth > MAX_ATTRIBUTE_DEPTH && (value.is_array() || value.is_object()) {
        return Err(("too_deep", format!("at most {MAX_ATTRIBUTE_DEPTH} levels")));
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(8),
        Value::String(text) => {
            let fits = text
                .chars()
                .all(|c| is_plain(c) || matches!(c, '\n' | '\r' | '\t'));
            let detail = || "no control characters but line breaks and tabs".to_owned();
            if fits {
                Ok(text.len() + 2)
            } else {
                Err(("control_character", detail()))
            }
        }
        Value::Array(items) => items.iter().try_fold(2, |sum, item| {
            measure(item, depth + 1).map(|size| sum + size)
        }),
        Value::Object(fields) => fields.iter().try_fold(2, |sum, (name, item)| {
            check_name(name)?;
            measure(item, depth + 1).map(|size| sum + name.len() + size)
        }),
    }
}
