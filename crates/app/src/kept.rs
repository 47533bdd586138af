//! Replies kept for retries (API-8): what a key finds, and how secrets and a person's data stay out of what is kept.

use bytes::Bytes;
use cartwright_domain::planted::{Bug, planted};
use cartwright_domain::{ContactId, PaymentId, Time};
use cartwright_proto::events as proto;
use prost::Message;
use sha2::{Digest, Sha256};

/// A reply as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeptReply {
    /// SHA-256 of query and body of the request it answers.
    pub payload_hash: [u8; 32],
    /// HTTP status.
    pub status: u16,
    /// Headers that belong to the reply itself (ETag, Location).
    pub headers: Vec<(&'static str, String)>,
    /// Body, with the secret, the person's data and the signature left out.
    pub body: Bytes,
    /// Where a derived secret belongs into the body, and what it is derived from: secrets are never kept.
    pub secret: Option<(usize, String)>,
    /// Where a person's data belongs into the body, and under which id it stands: it is never kept.
    pub contact: Option<(usize, Option<ContactId>)>,
    /// Payments that are shown in the same place, as they stand when the reply is sent.
    pub payments: Vec<PaymentId>,
    /// Of an order: its total in minor units. What became of its money is shown in that place too, seen from these payments.
    pub order_total: Option<i64>,
    /// Where the signature of a quote belongs into the body: it is made when the reply is sent.
    pub signature: Option<SignaturePlace>,
}

/// Places in the body of a reply as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignaturePlace {
    /// Where the quote begins.
    pub from: usize,
    /// Where its last brace stands; the signature goes before it.
    pub end: usize,
}

/// The headers a kept reply may have.
const HEADERS: [&str; 3] = ["etag", "location", "content-type"];

impl KeptReply {
    /// For the store.
    pub fn encode(&self, hash: &[u8; 16], until: Time) -> Bytes {
        let header = |(name, value): &(&'static str, String)| proto::Header {
            name: (*name).to_owned(),
            value: value.clone(),
        };
        let secret = self.secret.as_ref().map(|(offset, of)| proto::Secret {
            offset: *offset as u32,
            of: of.clone(),
        });
        let message = proto::KeptReply {
            key_hash: hash.to_vec(),
            payload_hash: self.payload_hash.to_vec(),
            status: u32::from(self.status),
            headers: self.headers.iter().map(header).collect(),
            body: self.body.to_vec(),
            secret,
            until_ms: until.0,
            contact: self.contact.map(|(offset, id)| proto::ContactPlace {
                offset: offset as u32,
                contact_id: id.map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
                payments: self
                    .payments
                    .iter()
                    .map(|id| id.to_bytes().to_vec())
                    .collect(),
                order_total: self.order_total,
            }),
            signature: self.signature.map(|place| proto::SignaturePlace {
                from: place.from as u32,
                offset: place.end as u32,
            }),
        };
        message.encode_to_vec().into()
    }

    /// From the store; `None` for what is no kept reply.
    pub fn decode(message: proto::KeptReply) -> Option<Self> {
        let header = |header: proto::Header| {
            let name = HEADERS.iter().find(|known| **known == header.name)?;
            Some((*name, header.value))
        };
        Some(Self {
            payload_hash: message.payload_hash.try_into().ok()?,
            status: u16::try_from(message.status).ok()?,
            headers: message.headers.into_iter().filter_map(header).collect(),
            body: message.body.into(),
            secret: message
                .secret
                .map(|secret| (secret.offset as usize, secret.of)),
            payments: message
                .contact
                .iter()
                .flat_map(|place| &place.payments)
                .filter_map(|bytes| PaymentId::from_slice(bytes))
                .collect(),
            order_total: message.contact.as_ref().and_then(|place| place.order_total),
            contact: message.contact.map(|place| {
                let id = ContactId::from_slice(&place.contact_id);
                (place.offset as usize, id)
            }),
            signature: message.signature.map(|place| SignaturePlace {
                from: place.from as usize,
                end: place.offset as usize,
            }),
        })
    }
}

/// What finds a kept reply: principal, method, path with its ids, and the caller's key.
pub fn key_hash(principal: &str, method: &str, path: &str, key: &str) -> [u8; 16] {
    let mut hasher = Sha256::new();
    let principal = if planted(Bug::KeyOfAnybody) {
        ""
    } else {
        principal
    };
    for part in [principal, method, path, key] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize()[..16]);
    hash
}

/// What tells two payloads apart: query and body bytes.
pub fn payload_hash(query: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update((query.len() as u64).to_le_bytes());
    hasher.update(query);
    hasher.update(body);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_reply_reads_back() {
        let reply = KeptReply {
            payload_hash: [7; 32],
            status: 201,
            headers: vec![("etag", "\"1\"".into()), ("location", "/v1/carts/x".into())],
            body: Bytes::from_static(b"{}"),
            secret: Some((1, "car_x".into())),
            contact: Some((1, Some(ContactId(7)))),
            payments: vec![PaymentId(8)],
            order_total: Some(5),
            signature: Some(SignaturePlace { from: 0, end: 1 }),
        };
        let message = proto::KeptReply::decode(reply.encode(&[1; 16], Time(5))).ok();
        assert_eq!(message.and_then(KeptReply::decode), Some(reply));
    }

    #[test]
    fn parts_of_a_key_cannot_run_into_each_other() {
        assert_ne!(key_hash("a", "bc", "d", "e"), key_hash("ab", "c", "d", "e"));
    }
}
