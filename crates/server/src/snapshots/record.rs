//! One thing of a snapshot: a letter for its noun and its state as JSON.

use anyhow::bail;
use cartwright_app::{Key, Record};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Writes a record behind what is in `bytes`.
pub(super) fn encode(record: &Record, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    macro_rules! put {
        ($letter:literal, $value:expr) => {{
            bytes.push($letter);
            serde_json::to_writer(bytes, &**$value)?;
        }};
    }
    match record {
        Record::Product(it) => put!(b'p', it),
        Record::Store(it) => put!(b's', it),
        Record::Level(it) => put!(b'l', it),
        Record::Reservation(it) => put!(b'r', it),
        Record::Transfer(it) => put!(b't', it),
        Record::Cart(it) => put!(b'c', it),
        Record::Checkout(it) => put!(b'o', it),
        Record::Payment(it) => put!(b'y', it),
        Record::Order(it) => put!(b'd', it),
        Record::Wallet(it) => put!(b'w', it),
        Record::WalletEntry(it) => put!(b'e', it),
        Record::ApiKey(it) => put!(b'k', it),
        Record::WebhookEndpoint(it) => put!(b'h', it),
        Record::DeadLetter(it) => put!(b'x', it),
        Record::ProductId(_)
        | Record::ReservationId(_)
        | Record::Stores(_)
        | Record::ApiKeyId(_)
        | Record::CartId(_)
        | Record::CheckoutId(_)
        | Record::OrderId(_)
        | Record::WalletEntryId(_)
        | Record::Amount(_)
        | Record::DeadLetters(_)
        | Record::Count(_) => bail!("an index entry follows from a noun and is not kept"),
        Record::Contact(_) | Record::Instrument(_) => {
            bail!("a person's data is kept in the database alone")
        }
    }
    Ok(())
}

pub(super) fn decode(bytes: &[u8]) -> anyhow::Result<(Key, Record)> {
    fn json<T: DeserializeOwned>(bytes: &[u8]) -> anyhow::Result<Arc<T>> {
        Ok(Arc::new(serde_json::from_slice(bytes)?))
    }
    let Some((letter, body)) = bytes.split_first() else {
        bail!("a record is empty")
    };
    macro_rules! take {
        ($noun:ident, $key:ident) => {{
            let it: Arc<_> = json(body)?;
            let record = Record::$noun(it);
            let Record::$noun(it) = &record else {
                bail!("unreachable")
            };
            (Key::$noun(it.$key.clone()), record)
        }};
    }
    Ok(match letter {
        b'p' => take!(Product, id),
        b's' => take!(Store, id),
        b'l' => take!(Level, key),
        b'r' => take!(Reservation, id),
        b't' => take!(Transfer, id),
        b'c' => take!(Cart, id),
        b'o' => take!(Checkout, id),
        b'y' => take!(Payment, id),
        b'd' => take!(Order, id),
        b'w' => take!(Wallet, customer),
        b'e' => take!(WalletEntry, id),
        b'k' => take!(ApiKey, id),
        b'h' => take!(WebhookEndpoint, id),
        b'x' => take!(DeadLetter, id),
        other => bail!("a record of unknown kind {other}"),
    })
}
