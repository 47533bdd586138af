//! The reference of all routes, rendered from the OpenAPI document.

use super::html::{self, escape, prose};
use serde_json::{Map, Value};
use std::fmt::Write;

/// The page.
pub(super) fn page(document: &Value) -> String {
    let mut out = String::with_capacity(256 * 1024);
    write_page(document, &mut out)
        .unwrap_or_else(|error| unreachable!("writing to memory: {error}"));
    html::page("Routes - Cartwright", &out)
}

fn write_page(document: &Value, out: &mut String) -> std::fmt::Result {
    write!(
        out,
        "<h1>Routes</h1><p>{}</p><input id=\"search-box\" type=\"search\" placeholder=\"Search (press /)\" aria-label=\"Search routes and schemas\" \
         autocomplete=\"off\"><p id=\"none-found\" class=\"soft\" hidden>Nothing matches.</p>",
        text(&document["info"]["description"])
            .split("\n\n")
            .map(prose)
            .collect::<Vec<_>>()
            .join("</p><p>")
    )?;
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        write!(
            out,
            "<section data-group><h2 id=\"tag-{0}\"><a href=\"#tag-{0}\">{1}</a></h2>",
            name.replace(' ', "-"),
            escape(&title(name))
        )?;
        for (path, item) in object(&document["paths"]) {
            for (verb, operation) in object(item) {
                if text(&operation["tags"][0]) == name {
                    write_operation(document, (path, verb), operation, out)?;
                }
            }
        }
        out.push_str("</section>");
    }
    out.push_str("<section data-group><h2 id=\"schemas\"><a href=\"#schemas\">Schemas</a></h2>");
    for (name, schema) in object(&document["components"]["schemas"]) {
        write_schema(name, schema, out)?;
    }
    out.push_str("</section>");
    Ok(())
}

fn title(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

fn write_operation(
    document: &Value,
    (path, verb): (&str, &str),
    operation: &Value,
    out: &mut String,
) -> std::fmt::Result {
    let (name, summary) = (text(&operation["operationId"]), text(&operation["summary"]));
    let words = format!("{verb} {path} {name} {summary}").to_lowercase();
    write!(
        out,
        "<details id=\"{name}\" data-words=\"{}\"><summary><span class=\"verb {verb}\">{}</span><code class=\"path\">{}</code>\
         <span class=\"what\">{}</span></summary><div class=\"inside\"><p>{}</p><p class=\"soft\"><a href=\"#{name}\">{name}</a></p>",
        escape(&words),
        verb.to_uppercase(),
        escape(path),
        prose(summary),
        prose(text(&operation["description"])),
    )?;
    write_parameters(document, operation, out)?;
    write_body(operation, out)?;
    write_replies(document, operation, out)?;
    out.push_str("</div></details>");
    Ok(())
}

/// Follows a reference.
fn seen<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
    pointer.and_then(|it| document.pointer(it)).unwrap_or(value)
}

fn write_parameters(document: &Value, operation: &Value, out: &mut String) -> std::fmt::Result {
    out.push_str(
        "<h3>Parameters</h3><div class=\"wide\"><table><thead><tr><th>name</th><th>in</th><th>type</th><th>meaning</th></tr></thead><tbody>",
    );
    for parameter in list(&operation["parameters"]) {
        let parameter = seen(document, parameter);
        let needed = if parameter["required"] == true {
            " (required)"
        } else {
            ""
        };
        write!(
            out,
            "<tr><td><code>{}</code></td><td>{}{needed}</td><td>{}</td><td>{}</td></tr>",
            escape(text(&parameter["name"])),
            escape(text(&parameter["in"])),
            kind(&parameter["schema"]),
            prose(text(&parameter["description"])),
        )?;
    }
    out.push_str("</tbody></table></div>");
    Ok(())
}

fn write_body(operation: &Value, out: &mut String) -> std::fmt::Result {
    let Some(media) = operation["requestBody"]["content"].get("application/json") else {
        return Ok(());
    };
    let needed = if operation["requestBody"]["required"] == true {
        ""
    } else {
        " (may be left out)"
    };
    write!(
        out,
        "<h3>Body{needed}</h3><p>{}</p>",
        kind(&media["schema"])
    )?;
    if media["schema"]["$ref"].is_null() {
        write_fields(&media["schema"], out)?;
    }
    if let Some(example) = media.get("example") {
        let shown = serde_json::to_string_pretty(example).unwrap_or_default();
        write!(out, "<pre>{}</pre>", escape(&shown))?;
    }
    Ok(())
}

fn write_replies(document: &Value, operation: &Value, out: &mut String) -> std::fmt::Result {
    out.push_str("<h3>Replies</h3><div class=\"wide\"><table><tbody>");
    for (status, response) in object(&operation["responses"]) {
        let response = seen(document, response);
        let mut told = String::new();
        for (media, content) in object(&response["content"]) {
            if media == "application/problem+json" {
                write_codes(content, &mut told)?;
            } else {
                write!(
                    told,
                    "<div>{} <span class=\"soft\">{}</span></div>",
                    kind(&content["schema"]),
                    escape(media)
                )?;
            }
        }
        if told.is_empty() {
            told = prose(text(&response["description"]));
        }
        write!(
            out,
            "<tr><td><strong>{status}</strong></td><td>{told}</td></tr>"
        )?;
    }
    out.push_str("</tbody></table></div>");
    Ok(())
}

fn write_codes(content: &Value, out: &mut String) -> std::fmt::Result {
    out.push_str("<div class=\"codes\">");
    for code in list(&content["schema"]["properties"]["code"]["enum"]) {
        let code = escape(text(code));
        write!(out, "<a href=\"/docs/errors/{code}\">{code}</a>")?;
    }
    out.push_str("</div>");
    Ok(())
}

fn write_schema(name: &str, schema: &Value, out: &mut String) -> std::fmt::Result {
    write!(
        out,
        "<details id=\"schema-{0}\" data-words=\"{1}\"><summary><span class=\"verb\">TYPE</span><code class=\"path\">{0}</code>\
         <span class=\"what\">{2}</span></summary><div class=\"inside\">",
        escape(name),
        escape(&name.to_lowercase()),
        prose(text(&schema["description"])),
    )?;
    write_fields(schema, out)?;
    if schema["properties"].is_null() {
        write!(out, "<p>{}</p>", kind(schema))?;
    }
    out.push_str("</div></details>");
    Ok(())
}

fn write_fields(schema: &Value, out: &mut String) -> std::fmt::Result {
    let fields = object(&schema["properties"]);
    if fields.clone().next().is_none() {
        return Ok(());
    }
    let required: Vec<_> = list(&schema["required"]).map(text).collect();
    out.push_str("<div class=\"wide\"><table><thead><tr><th>field</th><th>type</th><th>meaning</th></tr></thead><tbody>");
    for (name, field) in fields {
        let needed = if required.contains(&name) {
            ""
        } else {
            ", may be absent"
        };
        write!(
            out,
            "<tr><td><code>{}</code></td><td>{}<span class=\"soft\">{needed}</span></td><td>{}</td></tr>",
            escape(name),
            kind(field),
            prose(text(&field["description"])),
        )?;
    }
    out.push_str("</tbody></table></div>");
    Ok(())
}

/// What a schema takes, in words, with links to those that have a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(several) = schema[key].as_array() {
            let several: Vec<_> = several.iter().map(kind).collect();
            return several.join(" or ");
        }
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", escape(&value.to_string()));
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values
            .iter()
            .map(|value| format!("<code>{}</code>", escape(&value.to_string())));
        return values.collect::<Vec<_>>().join(", ");
    }
    let mut names = match &schema["type"] {
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::String(name) => name.clone(),
        _ => "anything".to_owned(),
    };
    if names.contains("array") && schema["items"].is_object() {
        names = format!("{names} of {}", kind(&schema["items"]));
    } else if schema["additionalProperties"].is_object() {
        names = format!("{names} of {}", kind(&schema["additionalProperties"]));
    }
    names + &limits(schema)
}

fn limits(schema: &Value) -> String {
    let figure = |name: &str| {
        schema
            .get(name)
            .filter(|it| it.is_number())
            .map(ToString::to_string)
    };
    let mut told = String::new();
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ] {
        told += &match (figure(least), figure(most)) {
            (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
            (Some(least), None) => format!(", {least}{unit} or more"),
            (None, Some(most)) => format!(", up to {most}{unit}"),
            (None, None) => String::new(),
        };
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        write!(told, " <code>{}</code>", escape(pattern))
            .unwrap_or_else(|error| unreachable!("{error}"));
    }
    told
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn object(value: &Value) -> impl Iterator<Item = (&str, &Value)> + Clone {
    let fields = value.as_object().map(Map::iter);
    fields
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{openapi, routes};

    #[test]
    fn every_route_and_schema_has_its_place_and_every_anchor_a_target() {
        let document = openapi::document();
        let page = page(&document);
        for endpoint in routes() {
            assert!(
                page.contains(&format!("<details id=\"{}\"", endpoint.name)),
                "{}",
                endpoint.name
            );
        }
        let anchors = page
            .split("href=\"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        for anchor in anchors {
            assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
        }
        let mut ids: Vec<_> = page
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "an id stands twice");
        assert!(!page.contains("src=") && !page.contains("href=\"http"));
        // The policy allows no inline styles or handlers.
        assert!(!page.contains(" style=\"") && !page.contains(" onclick"));
    }

    #[test]
    fn tells_types_in_words() {
        let rows = [
            (
                r#"{"type":"integer","minimum":1,"maximum":200}"#,
                "integer, 1 to 200",
            ),
            (r#"{"type":["string","null"]}"#, "string or null"),
            (
                r##"{"type":"array","items":{"$ref":"#/components/schemas/Line"}}"##,
                "array of <a href=\"#schema-Line\">Line</a>",
            ),
            (r#"{"enum":["a"]}"#, "<code>&quot;a&quot;</code>"),
        ];
        for (schema, words) in rows {
            assert_eq!(kind(&serde_json::from_str(schema).expect(schema)), words);
        }
    }
}
