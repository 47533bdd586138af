//! Examples that work against the sample catalogue.

use serde_json::Value;

/// Bodies by the name of their operation.
pub(super) const BODIES: &[(&str, &str)] = &[
    (
        "createProduct",
        r#"{"name":"Brass Whistle","brand":"Fernwick","categories":["camping"],"options":[{"name":"colour","values":["brass","black"]}],"variants":[{"sku":"WHISTLE-BRASS","options":{"colour":"brass"},"prices":[{"amount":1200,"currency":"USD"}],"weight_grams":20,"limits":{"max":10}}]}"#,
    ),
    (
        "patchProduct",
        r#"{"description":"Now with a longer cord.","expected_version":1}"#,
    ),
    ("setPrice", r#"{"amount":900,"expected_version":1}"#),
    (
        "importProducts",
        r#"[{"id":"pocket-lens","name":"Pocket Lens","variants":[{"sku":"LENS-10X","prices":[{"amount":2400,"currency":"USD"}],"stock":{"main":25}}]}]"#,
    ),
    (
        "createCart",
        r#"{"currency":"USD","country":"US","lines":[{"sku":"SKU123","quantity":2}]}"#,
    ),
    ("updateCart", r#"{"metadata":{"table":"7"}}"#),
    (
        "addLine",
        r#"{"sku":"LANRID-2PER-MOSS","quantity":1,"note":"a gift"}"#,
    ),
    (
        "addLines",
        r#"{"lines":[{"sku":"SKU123","quantity":1},{"sku":"NIGBIV-MOSS","quantity":1}]}"#,
    ),
    (
        "replaceLines",
        r#"{"lines":[{"sku":"SKU123","quantity":3}],"expected_version":2}"#,
    ),
    ("changeLine", r#"{"quantity":3}"#),
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
        "creditWallet",
        r#"{"amount":{"amount":2500,"currency":"USD"},"reason":"welcome gift","reference":"welcome-ada"}"#,
    ),
    (
        "debitWallet",
        r#"{"amount":{"amount":500,"currency":"USD"},"reason":"paid out at the till","reference":"till-7/payout-12"}"#,
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

/// The example of a path's parameter; ids that only a run of the shop makes have none.
pub(super) fn path(path: &str, name: &str) -> Option<&'static str> {
    match name {
        "store" | "storeId" => Some("STORE001"),
        "sku" => Some("SKU123"),
        "id" | "product" if path.contains("/products/") => Some("lantern-ridge-tent"),
        "customer" => Some("ada"),
        "currency" => Some("USD"),
        "code" => Some("insufficient_stock"),
        _ => None,
    }
}
