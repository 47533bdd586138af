//! What stands in the shared cache: a name, and a value that says by itself whose it is, whether it is whole, and at which
//! place of the log it was true.
//!
//! The value: format (1 byte), position of the stamp (8, little-endian), its batch (16), kind (1), the record, and a MAC
//! (HMAC-SHA-256, 16 bytes) over name and all before it, keyed from the shop's own secret. So nothing that others put
//! there, or that was put under another name, is ever taken for an entry.

use super::history::Stamp;
use crate::nouns::{Key, Record};
use bytes::Bytes;
use cartwright_domain::ProductId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;

/// Of the value and of the record in it; rises whenever an older program would read or write a record otherwise.
const FORMAT: u8 = 1;
const STAMP: usize = 25;
const HEADER: usize = STAMP + 1;
const MAC: usize = 16;
const ABSENT: u8 = 0;
const PRODUCT: u8 = 1;
const PRODUCT_ID: u8 = 2;

/// Makes and reads the entries of one shop.
pub(super) struct Entries {
    mac: Hmac<Sha256>,
    prefix: String,
}

impl std::fmt::Debug for Entries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entries({})", self.prefix)
    }
}

fn keyed(secret: &[u8], of: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .unwrap_or_else(|_| unreachable!("any length is a key"));
    mac.update(of);
    mac
}

impl Entries {
    /// Of the shop that has this secret.
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        let key = keyed(secret, b"shared cache: entries")
            .finalize()
            .into_bytes();
        let tag = keyed(secret, b"shared cache: names")
            .finalize()
            .into_bytes();
        let tag = tag.iter().take(8).fold(String::new(), |mut text, byte| {
            text.push_str(&format!("{byte:02x}"));
            text
        });
        Self {
            mac: keyed(&key, b""),
            prefix: format!("cartwright:{tag}:{FORMAT}"),
        }
    }

    /// Something under which nothing is ever put.
    pub(super) fn nothing(&self) -> String {
        format!("{}:", self.prefix)
    }

    /// What a key is called there; `None`: what it finds is not shared.
    pub(super) fn name(&self, key: &Key) -> Option<String> {
        let prefix = &self.prefix;
        match key {
            Key::Product(id) => Some(format!("{prefix}:product:{id}")),
            Key::Sku(sku) => Some(format!("{prefix}:sku:{sku}")),
            Key::Slug(slug) => Some(format!("{prefix}:slug:{slug}")),
            _ => None,
        }
    }

    /// The value for what was found at a stamp; `None` for what is not shared.
    pub(super) fn seal(&self, name: &str, stamp: &Stamp, record: Option<&Record>) -> Option<Bytes> {
        let mut value = Vec::with_capacity(1024);
        value.push(FORMAT);
        value.extend_from_slice(&stamp.position.to_le_bytes());
        value.extend_from_slice(&stamp.batch);
        match record {
            None => value.push(ABSENT),
            Some(Record::Product(product)) => {
                value.push(PRODUCT);
                serde_json::to_writer(&mut value, &**product).ok()?;
            }
            Some(Record::ProductId(id)) => {
                value.push(PRODUCT_ID);
                value.extend_from_slice(id.as_str().as_bytes());
            }
            Some(_) => return None,
        }
        let tag = self.tag(name, &value).finalize().into_bytes();
        value.extend_from_slice(&tag[..MAC]);
        Some(value.into())
    }

    /// What an entry says, and since which stamp; `None` when it is not one of this shop and format, or damaged.
    pub(super) fn open(&self, name: &str, value: &[u8]) -> Option<(Stamp, Option<Record>)> {
        let (body, tag) = value.split_at_checked(value.len().checked_sub(MAC)?)?;
        self.tag(name, body).verify_truncated_left(tag).ok()?;
        let (header, record) = body.split_at_checked(HEADER)?;
        if header[0] != FORMAT {
            return None;
        }
        let stamp = Stamp {
            position: u64::from_le_bytes(header[1..9].try_into().ok()?),
            batch: header[9..STAMP].try_into().ok()?,
        };
        let record = match header[STAMP] {
            ABSENT => None,
            PRODUCT => Some(Record::Product(Arc::new(
                serde_json::from_slice(record).ok()?,
            ))),
            PRODUCT_ID => {
                let id = std::str::from_utf8(record).ok()?;
                Some(Record::ProductId(ProductId::new(id).ok()?))
            }
            _ => return None,
        };
        Some((stamp, record))
    }

    fn tag(&self, name: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(body);
        mac
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
