//! Media types: what a request may send, and what it may ask for.

use super::endpoint::{BodyKind, Endpoint};
use crate::problem::Problem;
use http::{HeaderMap, HeaderValue, header};

/// What an import may call itself.
const IMPORTED: [&str; 5] = [
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/octet-stream",
];

/// Refuses what the route does not read, and what it does not answer.
pub(super) fn check_media(
    endpoint: &Endpoint,
    headers: &HeaderMap,
    has_body: bool,
) -> Result<(), Problem> {
    let media = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    let encoded = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if has_body && encoded && endpoint.writes() {
        let detail = "send the body as it is, without Content-Encoding";
        return Err(Problem::new("unsupported_media_type", detail));
    }
    if has_body && endpoint.body != BodyKind::Import && endpoint.writes() {
        let sent = headers.get(header::CONTENT_TYPE).map(media);
        let patch = endpoint.body == BodyKind::Patch;
        let fits = sent.as_deref().is_none_or(|sent| {
            sent == "application/json" || (patch && sent == "application/merge-patch+json")
        });
        if !fits {
            let detail = "send the body as application/json";
            return Err(Problem::new("unsupported_media_type", detail));
        }
    }
    if has_body && endpoint.body == BodyKind::Import {
        let sent = headers.get(header::CONTENT_TYPE).map(media);
        if !sent.as_deref().is_none_or(|sent| IMPORTED.contains(&sent)) {
            let detail = "send a JSON array as application/json or JSON lines as application/x-ndjson; `cartwright import` reads CSV and YAML";
            return Err(Problem::new("unsupported_media_type", detail));
        }
    }
    let Some(accept) = headers.get(header::ACCEPT) else {
        return Ok(());
    };
    let text = accept.to_str().unwrap_or_default().to_ascii_lowercase();
    let produced: Vec<&str> = endpoint.produces.split(", ").collect();
    let fits = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        if parts.any(is_refusal) {
            return false;
        }
        let family = |produced: &&str| {
            range
                .strip_suffix("/*")
                .is_some_and(|family| produced.starts_with(family))
        };
        range == "*/*"
            || produced.contains(&range)
            || produced.iter().any(family)
            || range == "application/problem+json"
    };
    if text.trim().is_empty() || text.split(',').any(fits) {
        return Ok(());
    }
    Err(Problem::new(
        "not_acceptable",
        format!("this is answered as {}", endpoint.produces),
    ))
}

/// Whether a parameter of a media range says that it is not wanted: `q=0`.
fn is_refusal(parameter: &str) -> bool {
    parameter
        .strip_prefix("q=")
        .and_then(|weight| weight.trim().parse::<f32>().ok())
        .is_some_and(|weight| weight <= 0.0)
}
