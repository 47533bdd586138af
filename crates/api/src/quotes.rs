//! Signing quotes: a detached JWS (RFC 7515, appendix F) with ES256 over the canonical JSON (RFC 8785) of a quote.
//!
//! The nonce follows from key and message (RFC 6979), so a quote has one signature and a reply that is repeated has the
//! same bytes, though signatures are kept nowhere.

mod canonical;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use canonical::canonical;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use quick_cache::sync::Cache;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Signatures that are not made again while they are asked for.
const REMEMBERED: usize = 16_384;

/// Signs what the shop offers.
pub struct QuoteSigner {
    key: SigningKey,
    /// Encoded protected header and a dot.
    header: String,
    jwks: Bytes,
    made: Cache<[u8; 32], Arc<str>>,
}

impl std::fmt::Debug for QuoteSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("QuoteSigner")
    }
}

/// The bytes are no private key of P-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadKey;

impl std::fmt::Display for BadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the key that quotes are signed with is no private key of P-256")
    }
}

impl std::error::Error for BadKey {}

impl QuoteSigner {
    /// From the private key, big-endian.
    ///
    /// # Errors
    /// [`BadKey`] for zero and for numbers beyond the curve's order.
    pub fn new(private: &[u8; 32]) -> Result<Self, BadKey> {
        let key = SigningKey::from_slice(private).map_err(|_| BadKey)?;
        let point = key.verifying_key().to_sec1_point(false);
        let (x, y) = point.x().zip(point.y()).ok_or(BadKey)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638: the members that make the key, in this order.
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(thumbprint));
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","kid":"{id}"}}"#));
        let jwks = json!({"keys": [
            {"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "use": "sig", "kid": id}
        ]});
        Ok(Self {
            key,
            header: format!("{header}."),
            jwks: jwks.to_string().into(),
            made: Cache::new(REMEMBERED),
        })
    }

    /// The public keys, as a JWK Set (RFC 7517).
    pub fn jwks(&self) -> Bytes {
        self.jwks.clone()
    }

    /// The signature of a quote: `header..signature`. `None` for what is no JSON.
    pub fn sign(&self, quote: &[u8]) -> Option<Arc<str>> {
        let name: [u8; 32] = Sha256::digest(quote).into();
        if let Some(made) = self.made.get(&name) {
            return Some(made);
        }
        let quote: Value = serde_json::from_slice(quote).ok()?;
        let mut input = self.header.clone();
        URL_SAFE_NO_PAD.encode_string(canonical(&quote), &mut input);
        let signature: Signature = self.key.sign(input.as_bytes());
        let mut text = format!("{}.", self.header);
        URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut text);
        let made: Arc<str> = text.into();
        self.made.insert(name, made.clone());
        Some(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6979, A.2.5, P-256 with SHA-256: the key, and the signature of "sample".
    const PRIVATE: [u8; 32] = [
        0xC9, 0xAF, 0xA9, 0xD8, 0x45, 0xBA, 0x75, 0x16, 0x6B, 0x5C, 0x21, 0x57, 0x67, 0xB1, 0xD6,
        0x93, 0x4E, 0x50, 0xC3, 0xDB, 0x36, 0xE8, 0x9B, 0x12, 0x7B, 0x8A, 0x62, 0x2B, 0x12, 0x0F,
        0x67, 0x21,
    ];
    const SAMPLE: [u8; 4] = [0xEF, 0xD4, 0x8B, 0x2A];

    #[test]
    fn signs_as_rfc_6979_says() {
        let signer = QuoteSigner::new(&PRIVATE).unwrap_or_else(|error| panic!("{error}"));
        let signature: Signature = signer.key.sign(b"sample");
        assert_eq!(signature.to_bytes()[..4], SAMPLE);
    }

    #[test]
    fn signs_the_same_quote_the_same_way_however_it_is_spelled() {
        let signer = QuoteSigner::new(&PRIVATE).unwrap_or_else(|error| panic!("{error}"));
        let one = signer.sign(br#"{"b":1,"a":{"d":"x","c":null}}"#);
        let other = signer.sign(br#" {"a":{"c":null,"d":"x"},"b":1} "#);
        assert!(one.is_some());
        assert_eq!(one, other);
        assert_ne!(one, signer.sign(br#"{"b":2,"a":{"d":"x","c":null}}"#));
        let parts: Vec<_> = one.iter().flat_map(|text| text.split('.')).collect();
        assert_eq!((parts.len(), parts[1], parts[2].len()), (3, "", 86));
        let header = URL_SAFE_NO_PAD.decode(parts[0]).unwrap_or_default();
        let header: Value = serde_json::from_slice(&header).unwrap_or_default();
        let keys: Value = serde_json::from_slice(&signer.jwks()).unwrap_or_default();
        assert_eq!(
            (&header["alg"], &header["kid"]),
            (&json!("ES256"), &keys["keys"][0]["kid"])
        );
        assert_eq!(keys["keys"][0].get("d"), None);
    }

    #[test]
    fn takes_no_number_that_is_no_key() {
        assert!(QuoteSigner::new(&[0; 32]).is_err());
        assert!(QuoteSigner::new(&[0xFF; 32]).is_err());
    }
}
