//! Every error code the surfaces answer, with its HTTP status. Each has a page in `docs/errors/`.

/// `(code, status)`.
pub const CODES: &[(&str, u16)] = &[
    ("malformed_json", 400),
    ("malformed_request", 400),
    ("idempotency_key_required", 400),
    ("unauthenticated", 401),
    ("forbidden", 403),
    ("not_found", 404),
    ("method_not_allowed", 405),
    ("not_acceptable", 406),
    ("reservation_limit", 409),
    ("insufficient_stock", 409),
    ("version_conflict", 409),
    ("idempotency_key_reused", 409),
    ("idempotency_in_flight", 409),
    ("reservation_final", 409),
    ("cart_closed", 409),
    ("already_exists", 409),
    ("invalid_state", 409),
    ("checkout_incomplete", 409),
    ("quote_stale", 409),
    ("payment_declined", 409),
    ("exceeds_remaining", 409),
    ("insufficient_funds", 409),
    ("too_large", 413),
    ("uri_too_long", 414),
    ("unsupported_media_type", 415),
    ("invalid", 422),
    ("quantity_limit", 422),
    ("cart_limit", 422),
    ("currency_mismatch", 422),
    ("not_sold_here", 422),
    ("version_required", 428),
    ("rate_limited", 429),
    ("headers_too_large", 431),
    ("internal", 500),
    ("overloaded", 503),
    ("read_only", 503),
    ("dependency_unavailable", 503),
];

/// The status of a code; 500 for one that is not listed.
pub fn status_of(code: &str) -> u16 {
    CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(500, |(_, status)| *status)
}
