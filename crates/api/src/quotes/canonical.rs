//! Canonical JSON (RFC 8785): no white space, members sorted by their UTF-16 code units, one spelling of each text.

use serde_json::Value;

/// A value in its one spelling. Numbers are whole: quotes have no others, and none beyond 2^53.
pub(super) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                text(name, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::String(letters) => text(letters, out),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

/// `serde_json` escapes what RFC 8785 says and in its way: quotes, backslashes, and control characters, in short where
/// there is a short spelling, else as `\u00` and two lower-case digits.
fn text(letters: &str, out: &mut String) {
    out.push_str(&Value::from(letters).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_as_rfc_8785_does() {
        let rows = [
            (
                r#"{ "b" : [1, true , null], "a" : {} }"#,
                r#"{"a":{},"b":[1,true,null]}"#,
            ),
            // RFC 8785, 3.2.3: sorted by UTF-16 code units, so that a surrogate pair comes before U+FB33.
            (
                r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
                "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}",
            ),
            // 3.2.2.2
            (
                r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#,
                "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"",
            ),
            ("9007199254740991", "9007199254740991"),
        ];
        for (given, expected) in rows {
            let value: Value = serde_json::from_str(given).unwrap_or_default();
            assert_eq!(canonical(&value), expected);
        }
    }
}
