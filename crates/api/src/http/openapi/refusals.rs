//! Which refusals a route can answer: its own, and those that follow from what it takes and who may call it.

use super::headers;
use crate::codes::status_of;
use crate::http::endpoint::{Access, Endpoint};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Codes that every route can answer: each request is measured, identified, counted and read by the same edge.
const EVERYWHERE: [&str; 10] = [
    "malformed_request",
    "unauthenticated",
    "not_acceptable",
    "too_large",
    "uri_too_long",
    "invalid",
    "rate_limited",
    "headers_too_large",
    "internal",
    "dependency_unavailable",
];
/// What every write can answer besides.
const WRITES: [&str; 6] = [
    "malformed_json",
    "unsupported_media_type",
    "idempotency_key_reused",
    "idempotency_in_flight",
    "overloaded",
    "read_only",
];

/// Codes of a route by status, in the order of their list.
pub(super) fn by_status(endpoint: &Endpoint) -> BTreeMap<u16, Vec<&'static str>> {
    let mut codes: Vec<&'static str> = EVERYWHERE.to_vec();
    codes.extend(endpoint.refusals);
    if endpoint.writes() {
        codes.extend(WRITES);
    }
    // What cannot be an id does not exist.
    if endpoint.path.contains('{') || matches!(endpoint.access, Access::Cart | Access::Checkout) {
        codes.push("not_found");
    }
    match endpoint.access {
        Access::Scope(_) | Access::AnyScope(_) | Access::Legacy(_) => codes.push("forbidden"),
        Access::Public
        | Access::Cart
        | Access::CartOfBody
        | Access::Checkout
        | Access::Order(_) => {}
    }
    let mut by_status: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for code in codes {
        by_status.entry(status_of(code)).or_default().push(code);
    }
    for codes in by_status.values_mut() {
        codes.sort_unstable();
        codes.dedup();
    }
    by_status
}

/// Every combination of codes that some route answers, told once.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<String, Value>);

/// What hyper itself refuses comes without a body: addresses and headers far beyond our own limits.
const BARE_BEYOND_LIMITS: [u16; 2] = [414, 431];

impl Refusals {
    /// A reference to the response of these codes.
    pub(super) fn reference(&mut self, status: u16, codes: Vec<&'static str>) -> Value {
        let name = codes.join(".");
        let links = codes
            .iter()
            .map(|code| format!("[`{code}`](/docs/errors/{code})"));
        let links: Vec<_> = links.collect();
        self.0.entry(name.clone()).or_insert_with(|| {
            let mut response = json!({
                "description": links.join(", "),
                "headers": headers::of_refusal(status),
                "content": {"application/problem+json": content(&codes)},
            });
            if BARE_BEYOND_LIMITS.contains(&status) {
                response["description"] =
                    format!("{}; without a body beyond 64 KiB", links.join(", ")).into();
                response
                    .as_object_mut()
                    .map(|response| response.remove("content"));
            }
            response
        });
        json!({"$ref": format!("#/components/responses/{name}")})
    }

    pub(super) fn components(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }
}

/// The media type of problems with these codes.
pub(super) fn content(codes: &[&str]) -> Value {
    json!({"schema": {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"code": {"enum": codes}},
    }})
}

/// What all problems look like; each code adds fields of its own.
pub(super) fn problem_schema() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    json!({
        "type": "object",
        "description": "Why a request was refused (RFC 9457). A code may add fields; its page tells them.",
        "properties": {
            "type": text("Path of the page that explains the code."),
            "title": text("The code as words."),
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status."},
            "detail": text("What to do about it."),
            "code": text("Stable code."),
            "docs": text("Path of the page that explains the code."),
            "errors": {
                "type": "array",
                "description": "The fields that do not fit (422 `invalid`).",
                "items": {
                    "type": "object",
                    "properties": {
                        "field": text("Path of the field."),
                        "code": text("What is wrong with it."),
                        "detail": text("What would be right."),
                    },
                    "required": ["field", "code", "detail"],
                },
            },
        },
        "required": ["type", "title", "status", "detail", "code", "docs"],
    })
}
