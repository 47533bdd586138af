//! One JSON document: `{"products": [...]}`, a list, or a single product.
//!
//! It is read whole (bounded) and cut at the elements of the list by brackets alone, so that an element that is no
//! valid product does not hide the ones after it, and each knows its line.

use super::source::Input;
use super::{Content, DOCUMENT_BYTES_LIMIT, Fault, Found, ROW_BYTES_LIMIT, Raw, strict_json};
use std::io::Read;
use std::ops::Range;

pub(super) fn rows(input: Input) -> impl Iterator<Item = Found> + Send {
    let mut bytes = Vec::new();
    match input
        .take(DOCUMENT_BYTES_LIMIT as u64 + 1)
        .read_to_end(&mut bytes)
    {
        Err(error) => Elements::refused(Fault::unreadable(1, &error)),
        Ok(length) if length > DOCUMENT_BYTES_LIMIT => {
            let detail = format!(
                "a JSON document may have {DOCUMENT_BYTES_LIMIT} bytes: bring larger ones as JSON lines"
            );
            Elements::refused(Fault {
                line: 1,
                id: None,
                code: "too_large",
                detail,
            })
        }
        Ok(_) => Elements::new(bytes),
    }
}

enum State {
    /// Something to say, then the elements follow.
    Faults(Vec<Fault>),
    /// Before an element, or the end of the list.
    Element,
    /// The one product that the document is.
    Single,
    End,
}

struct Elements {
    bytes: Vec<u8>,
    at: usize,
    line: u64,
    counted_to: usize,
    state: State,
}

impl Elements {
    fn refused(fault: Fault) -> Self {
        Self {
            bytes: Vec::new(),
            at: 0,
            line: 1,
            counted_to: 0,
            state: State::Faults(vec![fault]),
        }
    }

    fn new(bytes: Vec<u8>) -> Self {
        let mut this = Self {
            at: skip_space(&bytes, 0),
            bytes,
            line: 1,
            counted_to: 0,
            state: State::End,
        };
        this.state = match this.bytes.get(this.at) {
            None => State::End,
            Some(b'[') => {
                this.at += 1;
                State::Element
            }
            Some(b'{') => this.enter_object(),
            Some(_) => State::Single,
        };
        this
    }

    /// Looks for `products` among the keys of the document.
    fn enter_object(&mut self) -> State {
        let (mut at, mut faults, mut list) = (self.at + 1, Vec::new(), None);
        while let Some((key, value)) = member(&self.bytes, at) {
            at = value.end;
            if self.bytes[key.clone()] == *b"\"products\""
                && self.bytes.get(value.start) == Some(&b'[')
            {
                list = Some(value.start + 1);
                if self.bytes.get(value.end - 1) != Some(&b']') {
                    break;
                }
            } else {
                let line = 1 + self.bytes[..key.start]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count() as u64;
                let name = String::from_utf8_lossy(&self.bytes[key]).into_owned();
                faults.push(Fault::invalid(
                    line,
                    None,
                    format!("{name}: unknown field beside the products"),
                ));
            }
        }
        let Some(list) = list else {
            return State::Single;
        };
        self.at = list;
        State::Faults(faults)
    }

    fn line_at(&mut self, at: usize) -> u64 {
        self.line += self.bytes[self.counted_to..at]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64;
        self.counted_to = at;
        self.line
    }

    fn parse(&mut self, range: Range<usize>) -> Found {
        let line = self.line_at(range.start);
        if range.len() > ROW_BYTES_LIMIT {
            return Err(Fault::too_large(line));
        }
        let text = std::str::from_utf8(&self.bytes[range])
            .map_err(|error| Fault::malformed(line, format!("not UTF-8: {error}")))?;
        let value = strict_json::parse(text)
            .map_err(|error| Fault::malformed(line, format!("not JSON: {error}")))?;
        Ok(Raw {
            line,
            content: Content::Json(value),
        })
    }

    fn element(&mut self) -> Option<Found> {
        let start = skip_space(&self.bytes, self.at);
        if self.bytes.get(start) == Some(&b']') {
            self.state = State::End;
            return None;
        }
        let end = skip_value(&self.bytes, start);
        let after = skip_space(&self.bytes, end);
        match self.bytes.get(after) {
            Some(b',') if end > start => self.at = after + 1,
            Some(b']') if end > start => self.at = after,
            _ => {
                self.state = State::End;
                let line = self.line_at(start);
                return Some(Err(Fault::malformed(
                    line,
                    "not JSON: the list is broken off or lacks a comma here",
                )));
            }
        }
        Some(self.parse(start..end))
    }
}

impl Iterator for Elements {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            match &mut self.state {
                State::Faults(faults) if faults.is_empty() => self.state = State::Element,
                State::Faults(faults) => return Some(Err(faults.remove(0))),
                State::Element if self.bytes.is_empty() => self.state = State::End,
                State::Element => {
                    let found = self.element();
                    if found.is_some() {
                        return found;
                    }
                }
                State::Single => {
                    self.state = State::End;
                    return Some(self.parse(self.at..self.bytes.len()));
                }
                State::End => return None,
            }
        }
    }
}

/// The key and the value of the member that starts here, if one does.
fn member(bytes: &[u8], at: usize) -> Option<(Range<usize>, Range<usize>)> {
    let mut start = skip_space(bytes, at);
    if bytes.get(start) == Some(&b',') {
        start = skip_space(bytes, start + 1);
    }
    if bytes.get(start) != Some(&b'"') {
        return None;
    }
    let end = skip_value(bytes, start);
    let colon = skip_space(bytes, end);
    if bytes.get(colon) != Some(&b':') {
        return None;
    }
    let value = skip_space(bytes, colon + 1);
    let value_end = skip_value(bytes, value);
    (value_end > value).then_some((start..end, value..value_end))
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at.min(bytes.len())..]
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count()
}

/// The end of the value that starts here, judged by quotes and brackets alone; the start if there is none.
pub(super) fn skip_value(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = skip_string(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b':' if depth == 0 => return at,
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

fn skip_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}
