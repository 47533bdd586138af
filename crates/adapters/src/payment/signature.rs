//! Signed webhooks, both ways: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`.
//!
//! The scheme is Stripe's (docs.stripe.com/webhooks/signature); ours go out under `Cartwright-Signature` with the same
//! value.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write as _;

/// How far a signature's time may be from ours, in seconds, either way.
pub const TOLERANCE_SECONDS: i64 = 300;
/// More `v1` parts than this are not looked at. Several are sent while a secret is being changed.
const SIGNATURES_MAX: usize = 8;

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// Not of the form `t=...,v1=...`.
    #[error("the signature header is not of the form t=...,v1=...")]
    Malformed,
    /// Signed too long ago, or in the future: perhaps an old message sent again.
    #[error("the signature is more than {TOLERANCE_SECONDS} seconds from now")]
    Stale,
    /// Made with another secret, or for another body.
    #[error("the signature does not belong to this body and secret")]
    Wrong,
}

fn mac(secret: &[u8], at: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret)
        .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

/// The header's value for a body sent at `now_seconds` (since 1970).
pub fn sign(secret: &[u8], now_seconds: i64, body: &[u8]) -> String {
    let at = now_seconds.to_string();
    let mut value = format!("t={at},v1=");
    for byte in mac(secret, &at, body).finalize().into_bytes() {
        // Writing to a String cannot fail.
        let _ = write!(value, "{byte:02x}");
    }
    value
}

/// Whether `header` was made for exactly this body by somebody who knows the secret, within
/// [`TOLERANCE_SECONDS`] of `now_seconds`. Compares in constant time.
///
/// # Errors
/// [`BadSignature`]; the caller answers 401 to each.
pub fn verify(
    secret: &[u8],
    now_seconds: i64,
    header: &str,
    body: &[u8],
) -> Result<(), BadSignature> {
    let mut at = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) if at.is_none() => at = Some(value),
            Some(("t", _)) => return Err(BadSignature::Malformed),
            Some(("v1", value)) if signatures.len() < SIGNATURES_MAX => {
                signatures.push(unhex(value).ok_or(BadSignature::Malformed)?);
            }
            // Other schemes are for other readers.
            _ => {}
        }
    }
    let at = at.ok_or(BadSignature::Malformed)?;
    if signatures.is_empty() || !at.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadSignature::Malformed);
    }
    let seconds: i64 = at.parse().map_err(|_| BadSignature::Malformed)?;
    let mac = mac(secret, at, body);
    if !signatures
        .iter()
        .any(|signature| mac.clone().verify_slice(signature).is_ok())
    {
        return Err(BadSignature::Wrong);
    }
    if now_seconds.saturating_sub(seconds).saturating_abs() > TOLERANCE_SECONDS {
        return Err(BadSignature::Stale);
    }
    Ok(())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"whsec_test";
    const NOW: i64 = 1_795_255_200;
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    /// Computed with `printf '1795255200.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test`.
    const KNOWN: &str =
        "t=1795255200,v1=017aad8a34a67744d51d2d70d700a8437653eb359a440b996db8cea76979b078";

    #[test]
    fn signs_as_openssl_does() {
        assert_eq!(sign(SECRET, NOW, BODY), KNOWN);
        assert_eq!(verify(SECRET, NOW, KNOWN, BODY), Ok(()));
    }

    #[test]
    fn believes_only_the_body_the_secret_and_the_time_that_were_signed() {
        let known = |from: &str, to: &str| KNOWN.replace(from, to);
        let wrong = "00".repeat(32);
        let good = KNOWN.split_once("v1=").map_or("", |(_, hex)| hex);
        let rows = [
            (NOW, KNOWN.to_owned(), Ok(())),
            (NOW + 300, KNOWN.to_owned(), Ok(())),
            (NOW - 300, KNOWN.to_owned(), Ok(())),
            (NOW + 301, KNOWN.to_owned(), Err(BadSignature::Stale)),
            (NOW - 301, KNOWN.to_owned(), Err(BadSignature::Stale)),
            (
                NOW,
                known("t=1795255200", "t=1795255201"),
                Err(BadSignature::Wrong),
            ),
            (NOW, format!("t={NOW},v1={wrong}"), Err(BadSignature::Wrong)),
            (NOW, format!("t={NOW},v1={wrong},v1={good}"), Ok(())),
            (NOW, format!("t={NOW}, v0=zz, v1={good}"), Ok(())),
            (
                NOW,
                format!("t={NOW},v1={}", &good[..62]),
                Err(BadSignature::Wrong),
            ),
            (NOW, format!("t={NOW},v1="), Err(BadSignature::Wrong)),
            (NOW, format!("t={NOW}"), Err(BadSignature::Malformed)),
            (NOW, format!("v1={good}"), Err(BadSignature::Malformed)),
            (
                NOW,
                format!("t={NOW},t={NOW},v1={good}"),
                Err(BadSignature::Malformed),
            ),
            (NOW, format!("t=-5,v1={good}"), Err(BadSignature::Malformed)),
            (
                NOW,
                format!("t={NOW},v1=x{good}"),
                Err(BadSignature::Malformed),
            ),
            (
                NOW,
                format!("t={NOW},v1=é{good}"),
                Err(BadSignature::Malformed),
            ),
            (NOW, String::new(), Err(BadSignature::Malformed)),
        ];
        for (now, header, expected) in rows {
            assert_eq!(
                verify(SECRET, now, &header, BODY),
                expected,
                "{header} at {now}"
            );
        }
        assert_eq!(verify(b"other", NOW, KNOWN, BODY), Err(BadSignature::Wrong));
        assert_eq!(verify(SECRET, NOW, KNOWN, b"{}"), Err(BadSignature::Wrong));
    }
}
