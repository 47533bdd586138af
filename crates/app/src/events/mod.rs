//! Events to protobuf and back. The only place that knows both sides.

mod api_key;
mod cart;
mod catalog;
mod checkout;
mod dead_letter;
mod inventory;
mod location;
mod order;
mod order_back;
mod payment;
mod saga;
mod wallet;
mod webhook_endpoint;

pub use dead_letter::REPLAYING;

use crate::fault::Fault;
use crate::nouns::{Event, Key};
use cartwright_domain::inventory::{MovementKind, ReservationEvent, State, TransferEvent};
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, ContactId, DeadLetterId, OrderId, PaymentId, ProductId,
    ReservationId, Sku, StoreId, TransferId, WalletEntryId, WebhookEndpointId,
};
use cartwright_domain::{
    cart as carts, catalog as products, checkout as checkouts, inventory::LevelKey, key as keys,
    location as stores, payment as payments,
};
use cartwright_proto::events as proto;
use prost::Message;

/// The stream of a thing, as the log names it.
pub fn stream(key: &Key) -> String {
    match key {
        Key::Product(id) => format!("product:{id}"),
        Key::Store(id) => format!("store:{id}"),
        Key::Level(key) => format!("level:{}@{}", key.sku, key.store),
        Key::Reservation(id) => format!("reservation:{id}"),
        Key::Transfer(id) => format!("transfer:{id}"),
        Key::Cart(id) => format!("cart:{id}"),
        Key::Checkout(id) => format!("checkout:{id}"),
        Key::Contact(id) => format!("contact:{id}"),
        Key::Payment(id) => format!("payment:{id}"),
        Key::Instrument(id) => format!("instrument:{id}"),
        Key::Order(id) => format!("order:{id}"),
        Key::Wallet(customer) => format!("wallet:{customer}"),
        Key::WalletEntry(id) => format!("wallet_entry:{id}"),
        Key::ApiKey(id) => format!("api_key:{id}"),
        Key::WebhookEndpoint(id) => format!("webhook_endpoint:{id}"),
        Key::DeadLetter(id) => format!("dead_letter:{id}"),
        Key::Sku(..)
        | Key::Slug(..)
        | Key::Reference(..)
        | Key::StoresOf(..)
        | Key::KeyHash(..)
        | Key::UserCart(..)
        | Key::CheckoutOf(..)
        | Key::WalletReference(..)
        | Key::Account(..)
        | Key::OrderNumber(..)
        | Key::Invoice(..)
        | Key::CreditNote(..)
        | Key::Return(..)
        | Key::Last(..)
        | Key::DeadLettersOf(..)
        | Key::WebhookEndpoints
        | Key::Cursor(..)
        | Key::OpenHolds(..) => String::new(),
    }
}

/// The key that a stream's name stands for.
pub fn key_of(stream: &str) -> Option<Key> {
    let (noun, id) = stream.split_once(':')?;
    Some(match noun {
        "product" => Key::Product(ProductId::new(id).ok()?),
        "store" => Key::Store(StoreId::new(id).ok()?),
        "level" => {
            let (sku, store) = id.split_once('@')?;
            Key::Level(LevelKey {
                sku: Sku::new(sku).ok()?,
                store: StoreId::new(store).ok()?,
            })
        }
        "reservation" => Key::Reservation(id.parse::<ReservationId>().ok()?),
        "transfer" => Key::Transfer(id.parse::<TransferId>().ok()?),
        "cart" => Key::Cart(id.parse::<CartId>().ok()?),
        "checkout" => Key::Checkout(id.parse::<CheckoutId>().ok()?),
        "contact" => Key::Contact(id.parse::<ContactId>().ok()?),
        "payment" => Key::Payment(id.parse::<PaymentId>().ok()?),
        "instrument" => Key::Instrument(id.parse::<PaymentId>().ok()?),
        "order" => Key::Order(id.parse::<OrderId>().ok()?),
        "wallet" => Key::Wallet(id.into()),
        "wallet_entry" => Key::WalletEntry(id.parse::<WalletEntryId>().ok()?),
        "api_key" => Key::ApiKey(id.parse::<ApiKeyId>().ok()?),
        "webhook_endpoint" => Key::WebhookEndpoint(id.parse::<WebhookEndpointId>().ok()?),
        "dead_letter" => Key::DeadLetter(id.parse::<DeadLetterId>().ok()?),
        _ => return None,
    })
}

/// The type of an event, as the log names it.
pub fn type_of(event: &Event) -> &'static str {
    match event {
        Event::Product(_, products::Event::Put { .. }) => "product.put",
        Event::Product(_, products::Event::PriceSet { .. }) => "product.price_set",
        Event::Store(_, stores::Event::Put(_)) => "store.put",
        Event::Level(_, movement) => LEVEL_TYPES[movement.kind as usize],
        Event::Reservation(_, event) => match event {
            ReservationEvent::Held { .. } => "reservation.held",
            ReservationEvent::Extended { .. } => "reservation.extended",
            ReservationEvent::Filled { .. } => "reservation.filled",
            ReservationEvent::Ended(State::Confirmed) => "reservation.confirmed",
            ReservationEvent::Ended(State::Released) => "reservation.released",
            ReservationEvent::Ended(State::Expired | State::Pending) => "reservation.expired",
        },
        Event::Transfer(_, TransferEvent::Started { .. }) => "transfer.started",
        Event::Transfer(_, TransferEvent::Received) => "transfer.received",
        Event::Transfer(_, TransferEvent::Cancelled) => "transfer.cancelled",
        Event::Cart(_, event) => match event {
            carts::Event::Created(_) => "cart.created",
            carts::Event::LinesChanged(_) => "cart.lines_changed",
            carts::Event::Updated(_) => "cart.updated",
            carts::Event::Merged { .. } => "cart.merged",
            carts::Event::CheckingOut => "cart.checking_out",
            carts::Event::Reopened { .. } => "cart.reopened",
            carts::Event::Ordered => "cart.ordered",
            carts::Event::Deleted => "cart.deleted",
            carts::Event::Expired => "cart.expired",
        },
        Event::Checkout(_, event) => match event {
            checkouts::Event::Opened { .. } => "checkout.opened",
            checkouts::Event::Updated(_) => "checkout.updated",
            checkouts::Event::Cancelled => "checkout.cancelled",
            checkouts::Event::Expired => "checkout.expired",
            checkouts::Event::Saga(event) => saga::type_of(event),
        },
        Event::Contact(_, checkouts::ContactEvent::Recorded(_)) => "contact.recorded",
        Event::Payment(_, event) => payment::type_of(event),
        Event::Instrument(_, payments::InstrumentEvent::Recorded(_)) => "instrument.recorded",
        Event::Instrument(_, payments::InstrumentEvent::Erased) => "instrument.erased",
        Event::Order(_, event) => order::type_of(event),
        Event::Wallet(_, event) => wallet::type_of(event),
        Event::WalletEntry(..) => wallet::ENTRY_POSTED,
        Event::ApiKey(_, keys::Event::Created { .. }) => "api_key.created",
        Event::ApiKey(_, keys::Event::Deleted) => "api_key.deleted",
        Event::WebhookEndpoint(_, event) => webhook_endpoint::type_of(event),
        Event::DeadLetter(_, event) => dead_letter::type_of(event),
        Event::Notice(_, notice) => notice.as_str(),
    }
}

/// In the order of [`MovementKind::ALL`].
const LEVEL_TYPES: [&str; MovementKind::ALL.len()] = [
    "level.adjusted",
    "level.counted",
    "level.configured",
    "level.reserved",
    "level.released",
    "level.confirmed",
    "level.expired",
    "level.allocated",
    "level.shipped",
    "level.restocked",
    "level.transfer_out",
    "level.transfer_in",
    "level.granted",
    "level.grant_returned",
];

/// The payload of an event.
pub fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::Product(_, event) => catalog::encode(event),
        Event::Store(_, stores::Event::Put(details)) => location::put(details).encode_to_vec(),
        Event::Level(_, movement) => inventory::moved(movement).encode_to_vec(),
        Event::Reservation(_, event) => inventory::reservation(event),
        Event::Transfer(_, event) => inventory::transfer(event),
        Event::Cart(_, event) => cart::encode(event),
        Event::Checkout(_, event) => checkout::encode(event),
        Event::Contact(_, event) => checkout::encode_contact(event),
        Event::Payment(_, event) => payment::encode(event),
        // Which payment it is for stands in the stream's name, and nothing else may stand in the log.
        Event::Instrument(..) => Vec::new(),
        Event::Order(_, event) => order::encode(event),
        Event::Wallet(_, event) => wallet::encode(event),
        Event::WalletEntry(_, event) => wallet::encode_entry(event),
        Event::ApiKey(_, event) => api_key::encode(event),
        Event::WebhookEndpoint(_, event) => webhook_endpoint::encode(event),
        Event::DeadLetter(_, event) => dead_letter::encode(event),
        Event::Notice(level, _) => proto::StockNotice {
            available: level.available(),
            on_hand: level.on_hand,
            promised: level.promised(),
        }
        .encode_to_vec(),
    }
}

/// The event of an entry; `None` for one that changes no state (a notice), or whose state is not in the log (a person's
/// data).
///
/// Errors: [`Fault::Corrupt`] naming the entry's stream and type.
pub fn decode(entry: &proto::Entry) -> Result<Option<Event>, Fault> {
    let bad = |why: &dyn std::fmt::Display| {
        Fault::Corrupt(format!(
            "{} of {} version {}: {why}",
            entry.r#type, entry.stream, entry.stream_version
        ))
    };
    if entry.r#type.starts_with("stock.") {
        return Ok(None);
    }
    let key = key_of(&entry.stream).ok_or_else(|| bad(&"unknown stream"))?;
    if matches!(key, Key::Contact(_) | Key::Instrument(_)) {
        return Ok(None);
    }
    let (kind, payload) = (entry.r#type.as_str(), entry.payload.as_slice());
    let event = match key {
        Key::Product(id) => catalog::decode(kind, payload).map(|event| Event::Product(id, event)),
        Key::Store(id) => {
            location::decode(payload).map(|details| Event::Store(id, stores::Event::Put(details)))
        }
        Key::Level(key) => {
            inventory::decode_moved(kind, payload).map(|movement| Event::Level(key, movement))
        }
        Key::Reservation(id) => {
            inventory::decode_reservation(kind, payload).map(|event| Event::Reservation(id, event))
        }
        Key::Transfer(id) => {
            inventory::decode_transfer(kind, payload).map(|event| Event::Transfer(id, event))
        }
        Key::Cart(id) => cart::decode(kind, payload).map(|event| Event::Cart(id, event)),
        Key::Checkout(id) => {
            checkout::decode(kind, payload).map(|event| Event::Checkout(id, event))
        }
        Key::Payment(id) => payment::decode(kind, payload).map(|event| Event::Payment(id, event)),
        Key::Order(id) => order::decode(kind, payload).map(|event| Event::Order(id, event)),
        Key::Wallet(id) => wallet::decode(kind, payload).map(|event| Event::Wallet(id, event)),
        Key::WalletEntry(id) => {
            wallet::decode_entry(kind, payload).map(|event| Event::WalletEntry(id, event))
        }
        Key::ApiKey(id) => api_key::decode(kind, payload).map(|event| Event::ApiKey(id, event)),
        Key::WebhookEndpoint(id) => {
            webhook_endpoint::decode(kind, payload).map(|event| Event::WebhookEndpoint(id, event))
        }
        Key::DeadLetter(id) => {
            dead_letter::decode(kind, payload).map(|event| Event::DeadLetter(id, event))
        }
        Key::Sku(..)
        | Key::Slug(..)
        | Key::Reference(..)
        | Key::StoresOf(..)
        | Key::KeyHash(..)
        | Key::UserCart(..)
        | Key::CheckoutOf(..)
        | Key::Contact(..)
        | Key::Instrument(..)
        | Key::WalletReference(..)
        | Key::Account(..)
        | Key::OrderNumber(..)
        | Key::Invoice(..)
        | Key::CreditNote(..)
        | Key::Return(..)
        | Key::Last(..)
        | Key::DeadLettersOf(..)
        | Key::WebhookEndpoints
        | Key::Cursor(..)
        | Key::OpenHolds(..) => Err(Bad("an index has no events".into())),
    };
    event.map(Some).map_err(|error| bad(&error.0))
}

/// Why a payload is not an event.
#[derive(Debug)]
struct Bad(String);

impl<E: std::error::Error> From<E> for Bad {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// An identifier of ours.
fn id<T>(bytes: &[u8], read: impl Fn(&[u8]) -> Option<T>, what: &str) -> Result<T, Bad> {
    read(bytes).ok_or_else(|| missing(what))
}

fn missing(what: &str) -> Bad {
    Bad(format!("{what} is missing"))
}

fn unknown_type(kind: &str) -> Bad {
    Bad(format!(
        "unknown type {kind}; was it written by a newer version?"
    ))
}
