//! Examples that work against the sample catalogue.

use serde_json::Value;

/// Bodies by the name of their operation.
pub(super) const BODIES: &[(&str, &str)] = &[
    (
        "putStore",
        r#"{"name":"Berlin, Bergmannstrasse","kind":"store","country":"DE","ships_to":["DE","AT"],"priority":20}"#,
    ),
    ("configureLevel", r#"{"safety_stock":2,"low_stock":5}"#),
    ("adjustLevel", r#"{"delta":10,"reason":"delivery 4711"}"#),
    ("countLevel", r#"{"quantity":98,"expected_version":1}"#),
    (
        "reserveHere",
        r#"{"quantity":2,"reference":"till-7/receipt-1001","ttl_seconds":900}"#,
    ),
    (
        "reserve",
        r#"{"lines":[{"sku":"SKU123","quantity":1},{"sku":"LANRID-2PER-MOSS","quantity":1,"store":"main"}],"reference":"order-1001","ttl_seconds":900,"country":"US"}"#,
    ),
    ("extendReservation", r#"{"ttl_seconds":1800}"#),
    (
        "startTransfer",
        r#"{"sku":"LANRID-2PER-MOSS","from":"main","to":"london","quantity":4}"#,
    ),
    (
        "createApiKey",
        r#"{"name":"Till 7","scopes":["inventory:read","reservations"],"limits":{"rate_rps":200}}"#,
    ),
    ("legacyAdjustLevel", r#"{"delta":10}"#),
    ("legacyReserveLevel", r#"{"qty":5}"#),
    ("legacyApiAdjustLevel", r#"{"delta":10}"#),
    ("legacyApiReserveLevel", r#"{"qty":5}"#),
    ("legacyInventoryAdjustLevel", r#"{"delta":10}"#),
    ("legacyInventoryReserveLevel", r#"{"qty":5}"#),
];

/// The example of an operation's body.
pub(super) fn body(name: &str) -> Option<Value> {
    let (_, text) = BODIES.iter().find(|(known, _)| *known == name)?;
    serde_json::from_str(text).ok()
}

/// The example of a path's parameter.
pub(super) fn path(name: &str) -> Option<&'static str> {
    match name {
        "store" | "storeId" => Some("STORE001"),
        "sku" => Some("SKU123"),
        "currency" => Some("USD"),
        "code" => Some("insufficient_stock"),
        _ => None,
    }
}
