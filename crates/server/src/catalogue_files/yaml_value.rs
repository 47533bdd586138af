//! A YAML value whose plain scalars are still text, so that `129.90` is a price and `0012` a SKU as written.
//!
//! Anchors and aliases work inside of one row, within a budget, so that a small row cannot unfold into a huge one.
//! Deliberately absent: tags other than `!!str`, merge keys, keys that are no scalars.

use super::DEPTH_LIMIT;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Bytes that a row may take once its aliases are written out.
const UNFOLDED_BYTES_LIMIT: usize = 4 << 20;
/// What each value counts beside its text.
const VALUE_BYTES: usize = 16;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Yaml {
    /// A scalar without quotes, as written.
    Plain(String),
    /// A quoted or block scalar.
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// The JSON value: a plain scalar that is spelled just as JSON would spell a number, `true`, `false` or `null` is
    /// that (`~` and nothing are null too), everything else is text; so the text of a number can be had back.
    pub(super) fn resolve(self) -> Value {
        match self {
            Self::Plain(text) => resolve_plain(text),
            Self::Text(text) => Value::String(text),
            Self::List(items) => items.into_iter().map(Self::resolve).collect(),
            Self::Map(fields) => Value::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| (key, value.resolve()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// Its text, when it is a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(text) | Self::Text(text) => Some(text),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    fn weight(&self) -> usize {
        VALUE_BYTES
            + match self {
                Self::Plain(text) | Self::Text(text) => text.len(),
                Self::List(items) => items.iter().map(Self::weight).sum(),
                Self::Map(fields) => fields
                    .iter()
                    .map(|(key, value)| key.len() + value.weight())
                    .sum(),
            }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Plain(_) | Self::Text(_) => 0,
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Map(fields) => {
                1 + fields
                    .iter()
                    .map(|(_, value)| value.depth())
                    .max()
                    .unwrap_or(0)
            }
        }
    }
}

fn resolve_plain(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" => return Value::Null,
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Number(number)) if number.to_string() == text => Value::Number(number),
        _ => Value::String(text),
    }
}

/// What is wrong with the text of a row: the line inside of it, from 1, and a sentence.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) detail: String,
}

/// The one value that the text spells.
pub(super) fn parse(text: &str) -> Result<Yaml, Wrong> {
    if let Some(at) = text.find('\0') {
        let line = 1 + text[..at].matches('\n').count();
        return Err(Wrong {
            line,
            detail: "a NUL character".to_owned(),
        });
    }
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| Wrong {
            line: error.marker().line(),
            detail: format!("not YAML: {}", error.info()),
        })?;
        builder.take(event).map_err(|detail| Wrong {
            line: span.start.line(),
            detail,
        })?;
    }
    builder.done.ok_or_else(|| Wrong {
        line: 1,
        detail: "nothing there".to_owned(),
    })
}

/// A list or map whose end has not come yet.
enum Open {
    List {
        anchor: usize,
        items: Vec<Yaml>,
    },
    Map {
        anchor: usize,
        fields: Vec<(String, Yaml)>,
        key: Option<String>,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Yaml>,
    bytes: usize,
    documents: usize,
    done: Option<Yaml>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    Err("a second document inside of a row".to_owned())
                } else {
                    Ok(())
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text = text.into_owned();
                let is_text = match tag {
                    None => style != ScalarStyle::Plain,
                    Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => true,
                    Some(tag) => return Err(format!("tag {tag} is not understood: leave it out")),
                };
                self.put(
                    if is_text {
                        Yaml::Text(text)
                    } else {
                        Yaml::Plain(text)
                    },
                    anchor,
                )
            }
            Event::SequenceStart(_, Some(tag)) | Event::MappingStart(_, Some(tag)) => {
                Err(format!("tag {tag} is not understood: leave it out"))
            }
            Event::SequenceStart(anchor, None) => self.enter(Open::List {
                anchor,
                items: Vec::new(),
            }),
            Event::MappingStart(anchor, None) => self.enter(Open::Map {
                anchor,
                fields: Vec::new(),
                key: None,
            }),
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Alias(anchor) => {
                let Some(value) = self.anchors.get(&anchor) else {
                    return Err("an alias to what is not finished before it".to_owned());
                };
                self.charge(value.weight())?;
                let value = self.anchors[&anchor].clone();
                if self.open.len() + value.depth() > DEPTH_LIMIT {
                    return Err(format!("nested deeper than {DEPTH_LIMIT} levels"));
                }
                self.put(value, 0)
            }
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), String> {
        self.bytes += bytes;
        match self.bytes > UNFOLDED_BYTES_LIMIT {
            true => Err(format!(
                "larger than {UNFOLDED_BYTES_LIMIT} bytes with its aliases written out"
            )),
            false => Ok(()),
        }
    }

    fn enter(&mut self, open: Open) -> Result<(), String> {
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err("a key that is a list or a map".to_owned());
        }
        if self.open.len() > DEPTH_LIMIT {
            return Err(format!("nested deeper than {DEPTH_LIMIT} levels"));
        }
        self.open.push(open);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), String> {
        match self.open.pop() {
            None => Err("an end without a beginning".to_owned()),
            Some(Open::List { anchor, items }) => self.put(Yaml::List(items), anchor),
            Some(Open::Map { anchor, fields, .. }) => {
                let mut seen = HashSet::with_capacity(fields.len());
                if let Some((key, _)) = fields.iter().find(|(key, _)| !seen.insert(key.as_str())) {
                    return Err(format!("duplicate key `{key}`"));
                }
                self.put(Yaml::Map(fields), anchor)
            }
        }
    }

    fn put(&mut self, value: Yaml, anchor: usize) -> Result<(), String> {
        if anchor > 0 {
            self.charge(value.weight())?;
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => self.done = Some(value),
            Some(Open::List { items, .. }) => items.push(value),
            Some(Open::Map { fields, key, .. }) => match key.take() {
                Some(key) => fields.push((key, value)),
                None => {
                    *key = Some(
                        value
                            .text()
                            .ok_or("a key that is a list or a map")?
                            .to_owned(),
                    )
                }
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_scalars_become_numbers_only_when_their_text_can_be_had_back() {
        let rows = [
            ("129.99", json!(129.99)),
            ("129.90", json!("129.90")),
            ("0012", json!("0012")),
            ("1e3", json!("1e3")),
            ("0x10", json!("0x10")),
            ("-5", json!(-5)),
            ("NO", json!("NO")),
            ("yes", json!("yes")),
            ("true", json!(true)),
            ("~", json!(null)),
            ("'true'", json!("true")),
            ("!!str 12", json!("12")),
            ("99999999999999999999999", json!("99999999999999999999999")),
        ];
        for (text, value) in rows {
            assert_eq!(parse(text).expect(text).resolve(), value, "{text}");
        }
    }

    #[test]
    fn an_alias_is_its_anchor_written_out() {
        let value = parse("{a: &x [1, two], b: *x}").expect("yaml").resolve();
        assert_eq!(value, json!({"a": [1, "two"], "b": [1, "two"]}));
    }

    #[test]
    fn bombs_do_not_unfold() {
        let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for level in 1..30 {
            let refs = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{refs}]\n"));
        }
        assert!(parse(&bomb).expect_err("bomb").detail.contains("aliases"));
        for text in [
            "&a [*a]",
            "a: *nowhere",
            &"[".repeat(100_000),
            &"- ".repeat(5_000),
            &"{a: ".repeat(70),
        ] {
            assert!(parse(text).is_err(), "{:.20}", text);
        }
    }

    #[test]
    fn what_has_no_meaning_here_is_refused() {
        for text in [
            "{a: 1, a: 2}",
            "? [a]\n: b",
            "a: !custom 1",
            "[a]: b",
            "a: 1\n---\nb: 2",
            "a\0b",
            "a: [1",
            "\"abc",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
