//! JSON lines: one product a line; blank lines are nothing.

use super::source::{Input, Line, Lines};
use super::{Content, Fault, Found, Raw, strict_json};

pub(super) fn rows(input: Input) -> impl Iterator<Item = Found> + Send {
    Lines::new(input).filter_map(|line| match line {
        Ok(line) => row(&line),
        Err(fault) => Some(Err(fault)),
    })
}

fn row(line: &Line) -> Option<Found> {
    if line.too_long {
        return Some(Err(Fault::too_large(line.number)));
    }
    let text = match std::str::from_utf8(&line.bytes) {
        Ok(text) => text.trim(),
        Err(error) => {
            return Some(Err(Fault::malformed(
                line.number,
                format!("not UTF-8: {error}"),
            )));
        }
    };
    if text.is_empty() {
        return None;
    }
    Some(match strict_json::parse(text) {
        Ok(value) => Ok(Raw {
            line: line.number,
            content: Content::Json(value),
        }),
        Err(error) => Err(Fault::malformed(line.number, format!("not JSON: {error}"))),
    })
}
