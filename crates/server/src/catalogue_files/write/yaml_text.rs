//! A product as an item of a YAML list: maps in block style, lists of scalars and small maps on one line.

use serde_json::{Map, Value};
use std::fmt::Write;

/// The item, with its dash and a line end.
pub(super) fn item(product: &Value) -> String {
    let mut text = String::new();
    block_item(&mut text, product, 0);
    text
}

fn block_item(text: &mut String, value: &Value, indent: usize) {
    let _ = write!(text, "{:indent$}- ", "");
    match value {
        Value::Object(fields) if !fields.is_empty() && !fits_a_line(value) => {
            fields_of(text, fields, indent + 2, true)
        }
        value => {
            flow(text, value);
            text.push('\n');
        }
    }
}

fn fields_of(text: &mut String, fields: &Map<String, Value>, indent: usize, mut after_dash: bool) {
    for (name, value) in fields {
        if !std::mem::take(&mut after_dash) {
            let _ = write!(text, "{:indent$}", "");
        }
        scalar(text, name);
        text.push(':');
        match value {
            Value::Object(fields) if !fields.is_empty() && !fits_a_line(value) => {
                text.push('\n');
                fields_of(text, fields, indent + 2, false);
            }
            Value::Array(items) if items.iter().any(is_compound) => {
                text.push('\n');
                items.iter().for_each(|item| block_item(text, item, indent));
            }
            value => {
                text.push(' ');
                flow(text, value);
                text.push('\n');
            }
        }
    }
}

fn is_compound(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

fn fits_a_line(value: &Value) -> bool {
    let small =
        |fields: &Map<String, Value>| fields.len() <= 4 && fields.values().all(Value::is_number);
    is_money(value) || value.as_object().is_some_and(small)
}

fn is_money(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| {
        fields.len() == 2 && fields.contains_key("amount") && fields.contains_key("currency")
    })
}

fn flow(text: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                flow(text, item);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (at, (name, value)) in fields.iter().enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                scalar(text, name);
                text.push_str(": ");
                flow(text, value);
            }
            text.push('}');
        }
        Value::String(string) => scalar(text, string),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = write!(text, "{value}");
        }
    }
}

/// Text without quotes where no reader of YAML could take it for anything else, quoted otherwise.
fn scalar(text: &mut String, string: &str) {
    const TAKEN: [&str; 11] = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan",
    ];
    let starts_plain = string.starts_with(|character: char| character.is_ascii_alphabetic());
    let plain = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.' | '/' | ' ')
    };
    if starts_plain
        && !string.ends_with(' ')
        && string.chars().all(plain)
        && !TAKEN.contains(&string.to_ascii_lowercase().as_str())
    {
        text.push_str(string);
        return;
    }
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            character if is_printable(character) => text.push(character),
            character => {
                let _ = write!(text, "\\U{:08X}", u32::from(character));
            }
        }
    }
    text.push('"');
}

/// Characters that stand for themselves between double quotes; line separators and marks are escaped.
fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}'
        )
}
