//! Rules that every store keeps in the same way.

use crate::nouns::Record;
use cartwright_domain::Time;
use cartwright_proto::events as proto;

/// What a list goes on after; empty for what no list has.
pub fn place(record: &Record) -> String {
    match record {
        Record::Product(it) => it.id.to_string(),
        Record::Store(it) => it.id.to_string(),
        Record::Level(it) => it.key.sku.to_string(),
        Record::Cart(it) => it.id.to_string(),
        Record::Checkout(it) => it.id.to_string(),
        Record::Payment(it) => it.id.to_string(),
        Record::Order(it) => it.id.to_string(),
        Record::Wallet(it) => it.customer.to_string(),
        Record::WalletEntry(it) => it.id.to_string(),
        Record::ApiKey(it) => it.id.to_string(),
        Record::WebhookEndpoint(it) => it.id.to_string(),
        Record::DeadLetter(it) => it.id.to_string(),
        Record::Reservation(it) => it.id.to_string(),
        Record::Transfer(it) => it.id.to_string(),
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
        | Record::Count(_) => String::new(),
    }
}

/// Position of a batch's last entry; 0 for an empty one at the log's beginning.
pub fn last_position(batch: &proto::Batch) -> u64 {
    (batch.first_position + batch.entries.len() as u64).saturating_sub(1)
}

/// Takes from a batch the movements of one level (`stream`) after a version of it, up to `limit` of `found`: position, time, entry.
pub fn take_movements(
    batch: proto::Batch,
    stream: &str,
    after: u64,
    limit: usize,
    found: &mut Vec<(u64, Time, proto::Entry)>,
) {
    let time = Time(batch.time_ms);
    let entries = (batch.first_position..).zip(batch.entries);
    let wanted = entries.filter(|(_, entry)| {
        entry.stream_version > after && entry.stream == stream && is_movement(entry)
    });
    let room = limit.saturating_sub(found.len());
    found.extend(
        wanted
            .take(room)
            .map(|(position, entry)| (position, time, entry)),
    );
}

/// Whether an entry of a level's stream moves units: notices stand there too.
pub fn is_movement(entry: &proto::Entry) -> bool {
    entry.r#type.starts_with("level.")
}
