//! What rows hold, whichever database keeps them.

pub(super) mod batch;
pub(super) mod hold;
pub(super) mod level;
pub(super) mod packed;
pub(super) mod replies;
pub(super) mod state;

use cartwright_app::Fault;
use cartwright_app::nouns::{Key, Record};
use serde::Serialize;

/// JSON into a buffer that is used again.
pub(super) fn encode<'j, T: Serialize>(json: &'j mut Vec<u8>, value: &T) -> Result<&'j str, Fault> {
    json.clear();
    serde_json::to_writer(&mut *json, value).map_err(|error| Fault::Rejected(error.to_string()))?;
    std::str::from_utf8(json).map_err(|error| Fault::Rejected(error.to_string()))
}

/// The key of a noun's record.
pub(super) fn key_of(record: &Record) -> Result<Key, Fault> {
    Ok(match record {
        Record::Product(it) => Key::Product(it.id.clone()),
        Record::Store(it) => Key::Store(it.id.clone()),
        Record::Level(it) => Key::Level(it.key.clone()),
        Record::Reservation(it) => Key::Reservation(it.id),
        Record::Transfer(it) => Key::Transfer(it.id),
        Record::Cart(it) => Key::Cart(it.id),
        Record::Checkout(it) => Key::Checkout(it.id),
        Record::Payment(it) => Key::Payment(it.id),
        Record::Order(it) => Key::Order(it.id),
        Record::Wallet(it) => Key::Wallet(it.customer.clone()),
        Record::WalletEntry(it) => Key::WalletEntry(it.id),
        Record::ApiKey(it) => Key::ApiKey(it.id),
        Record::WebhookEndpoint(it) => Key::WebhookEndpoint(it.id),
        Record::DeadLetter(it) => Key::DeadLetter(it.id),
        Record::ProductId(_)
        | Record::ReservationId(_)
        | Record::Stores(_)
        | Record::ApiKeyId(_)
        | Record::CartId(_)
        | Record::CheckoutId(_)
        | Record::Contact(_)
        | Record::Instrument(_)
        | Record::OrderId(_)
        | Record::WalletEntryId(_)
        | Record::Amount(_)
        | Record::DeadLetters(_)
        | Record::Count(_) => {
            return Err(Fault::corrupt("an index entry stands where a noun should"));
        }
    })
}
