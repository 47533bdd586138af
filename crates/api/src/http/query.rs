//! Addresses: path and query, decoded; unknown and repeated parameters refused.

use super::endpoint::{Call, Endpoint};
use crate::problem::Problem;
use cartwright_app::ports::Cursor;
use percent_encoding::percent_decode_str;

/// Most items of a page.
pub const MAX_LIMIT: usize = 200;
/// Items of a page when nothing is said.
pub const DEFAULT_LIMIT: usize = 50;

/// Decodes the query of a route.
pub(super) fn parse(
    endpoint: &Endpoint,
    query: Option<&str>,
) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in query
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty())
    {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        let Some(known) = endpoint.query.iter().find(|param| param.name == name) else {
            return Err(Problem::invalid(
                name,
                "unknown_field",
                "this request takes no such query parameter",
            ));
        };
        if !known.repeated && pairs.iter().any(|(other, _)| *other == name) {
            return Err(Problem::invalid(
                name,
                "duplicate",
                "this query parameter may come once",
            ));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// Percent-decoding with `+` as a space.
fn decode(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|_| Problem::new("malformed_request", "the address is not UTF-8"))
}

/// Percent-decoding of one path segment.
pub(super) fn segment(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

impl Call {
    /// `?limit=` within its bounds.
    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.query("limit") else {
            return Ok(DEFAULT_LIMIT);
        };
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(limit) if plain && (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            _ => Err(Problem::invalid(
                "limit",
                "out_of_range",
                format!("limit is a number from 1 to {MAX_LIMIT}"),
            )),
        }
    }

    /// `?cursor=`, as the page before of the same list gave it.
    pub fn cursor(&self) -> Result<Cursor, Problem> {
        use base64::Engine;
        let Some(text) = self.query("cursor") else {
            return Ok(None);
        };
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .ok();
        let key = bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| {
                let key = text.strip_prefix(self.endpoint.name)?.strip_prefix(':')?;
                Some(key.to_owned())
            });
        key.map(Some).ok_or_else(|| {
            Problem::invalid(
                "cursor",
                "malformed",
                "send next_cursor of the page before, as it was",
            )
        })
    }

    /// How a cursor goes over the wire: with the name of its list, so that no other list takes it.
    pub fn cursor_text(&self, cursor: &Cursor) -> Option<String> {
        use base64::Engine;
        let name = self.endpoint.name;
        let text = cursor.as_ref().map(|key| format!("{name}:{key}"))?;
        Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text))
    }

    /// A query parameter read as a type; 422 naming it when it does not fit.
    pub fn parsed<T: std::str::FromStr>(
        &self,
        name: &str,
        expects: &str,
    ) -> Result<Option<T>, Problem> {
        let value = self.query(name).map(str::parse);
        value
            .transpose()
            .map_err(|_| Problem::invalid(name, "malformed", format!("expected {expects}")))
    }
}
