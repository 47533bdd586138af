//! Headers of requests and replies.

use crate::http::endpoint::{Endpoint, Verb};
use serde_json::{Map, Value, json};

/// Headers that requests share.
pub(super) fn parameters() -> Value {
    json!({
        "RequestId": {
            "name": "Request-Id", "in": "header",
            "description": "Names the request in logs; the reply carries it. One that does not fit is replaced.",
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header",
            "description": "1-255 visible ASCII characters, a UUID without credentials. The same request with the same key happens once.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        },
        "IfMatch": {
            "name": "If-Match", "in": "header",
            "description": "The version you read, in quotes; `\"0\"`: it does not exist yet.",
            "schema": {"type": "string", "pattern": "^\"(0|[1-9][0-9]{0,18})\"$"},
        },
    })
}

/// Headers that replies share.
pub(super) fn components() -> Value {
    let text =
        |description: &str| json!({"description": description, "schema": {"type": "string"}});
    let number = |description: &str| json!({"description": description, "schema": {"type": "integer", "minimum": 0}});
    json!({
        "RequestId": text("Names the request in logs."),
        "ETag": text("The version, in quotes."),
        "Location": text("Path of what was created."),
        "Position": number("Position of the log at which the write can be read."),
        "IdempotentReplayed": {
            "description": "`true` on a reply that an earlier request with the same key got.",
            "schema": {"type": "string", "enum": ["true"]},
        },
        "NextCursor": text("`cursor` of the next reply; absent at the end."),
        "RetryAfter": number("Seconds after which to try again."),
        "WWWAuthenticate": text("How to send credentials."),
    })
}

/// The headers of a reply.
pub(super) fn of_reply(endpoint: &Endpoint, status: u16, versioned: bool) -> Value {
    let mut names = vec![("Request-Id", "RequestId")];
    if versioned {
        names.push(("ETag", "ETag"));
    }
    if status == 201 {
        names.push(("Location", "Location"));
    }
    if endpoint.method != Verb::Get {
        names.push(("Position", "Position"));
        names.push(("Idempotent-Replayed", "IdempotentReplayed"));
    }
    if endpoint.name == "centralInventory" {
        names.push(("Next-Cursor", "NextCursor"));
    }
    listed(&names)
}

/// The headers of a refusal.
pub(super) fn of_refusal(status: u16) -> Value {
    let mut names = vec![("Request-Id", "RequestId")];
    match status {
        401 => names.push(("WWW-Authenticate", "WWWAuthenticate")),
        429 | 503 => names.push(("Retry-After", "RetryAfter")),
        _ => {}
    }
    listed(&names)
}

fn listed(names: &[(&str, &str)]) -> Value {
    let references = names.iter().map(|(name, component)| {
        let reference = json!({"$ref": format!("#/components/headers/{component}")});
        ((*name).to_owned(), reference)
    });
    Value::Object(references.collect::<Map<_, _>>())
}
