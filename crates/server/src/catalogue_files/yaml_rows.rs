//! A YAML list of products, cut into its items by their dashes, so that it streams and one bad item spoils no other.
//!
//! The list stands at the top of the file or under `products:`; its dashes are in the column of the first one, and an
//! anchor holds within its item.

use super::source::{Input, Line, Lines};
use super::yaml_value::{self, Yaml};
use super::{Content, Fault, Found, ROW_BYTES_LIMIT, Raw};

pub(super) fn rows(input: Input) -> impl Iterator<Item = Found> + Send {
    Items {
        lines: Lines::new(input),
        dash_column: None,
        item: None,
        preface_refused: false,
        ended: false,
    }
}

struct Item {
    line: u64,
    bytes: Vec<u8>,
    too_long: bool,
}

struct Items {
    lines: Lines,
    dash_column: Option<usize>,
    item: Option<Item>,
    preface_refused: bool,
    ended: bool,
}

impl Items {
    /// The item that this line ends, if it ends one.
    fn take(&mut self, line: Line) -> Option<Found> {
        if line.bytes.starts_with(b"---") || line.bytes.starts_with(b"...") {
            return self.finish();
        }
        if self.starts_item(&line.bytes) {
            let finished = self.finish();
            self.item = Some(Item {
                line: line.number,
                bytes: Vec::new(),
                too_long: false,
            });
            self.append(&line);
            return finished;
        }
        if self.item.is_some() {
            self.append(&line);
            return None;
        }
        if self.preface_refused || is_preface(&line.bytes) {
            return None;
        }
        self.preface_refused = true;
        Some(Err(Fault::malformed(
            line.number,
            "not an item: products come as a list, each with a dash before it",
        )))
    }

    fn starts_item(&mut self, line: &[u8]) -> bool {
        let column = line.iter().take_while(|byte| **byte == b' ').count();
        let dash = line.get(column) == Some(&b'-')
            && line.get(column + 1).is_none_or(u8::is_ascii_whitespace);
        dash && *self.dash_column.get_or_insert(column) == column
    }

    fn append(&mut self, line: &Line) {
        let Some(item) = &mut self.item else { return };
        item.too_long |= line.too_long || item.bytes.len() + line.bytes.len() >= ROW_BYTES_LIMIT;
        if !item.too_long {
            item.bytes.extend_from_slice(&line.bytes);
            item.bytes.push(b'\n');
        }
    }

    fn finish(&mut self) -> Option<Found> {
        self.item.take().map(parse)
    }
}

impl Iterator for Items {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while !self.ended {
            let found = match self.lines.next() {
                Some(Ok(line)) => self.take(line),
                Some(Err(fault)) => {
                    // What was read of the item before may be incomplete.
                    self.item = None;
                    Some(Err(fault))
                }
                None => {
                    self.ended = true;
                    self.finish()
                }
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// Whether the line may stand before the first item.
fn is_preface(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty()
        || line.starts_with(b"#")
        || line.starts_with(b"%")
        || line
            .strip_prefix(b"products:")
            .is_some_and(|rest| rest.is_empty() || rest.trim_ascii_start().starts_with(b"#"))
        || line == b"[]"
}

fn parse(item: Item) -> Found {
    if item.too_long {
        return Err(Fault::too_large(item.line));
    }
    let text = std::str::from_utf8(&item.bytes)
        .map_err(|error| Fault::malformed(item.line, format!("not UTF-8: {error}")))?;
    let list = yaml_value::parse(text).map_err(|wrong| {
        Fault::malformed(
            item.line,
            format!(
                "line {}: {}",
                item.line + wrong.line as u64 - 1,
                wrong.detail
            ),
        )
    })?;
    match list {
        Yaml::List(mut items) if items.len() == 1 => Ok(Raw {
            line: item.line,
            content: Content::Yaml(items.remove(0)),
        }),
        _ => Err(Fault::malformed(item.line, "not one item of a list")),
    }
}
