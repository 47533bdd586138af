//! The values that one batch has loaded, as its decisions see them: committed state plus what the batch decided so far.

use crate::nouns::{Event, IndexChange, Key, Record, Series, index_changes};
use cartwright_domain::cart::{Cart, Event as CartEvent};
use cartwright_domain::catalog::Product;
use cartwright_domain::checkout::{Checkout, Contact, Event as CheckoutEvent, SagaEvent};
use cartwright_domain::dead_letter::{DeadLetter, Event as DeadLetterEvent, Listed};
use cartwright_domain::inventory::{
    Level, LevelKey, Notice, Reservation, ReservationEvent, Transfer, TransferEvent,
};
use cartwright_domain::key::ApiKey;
use cartwright_domain::location::Store;
use cartwright_domain::order::{Event as OrderEvent, Order};
use cartwright_domain::payment::{Event as PaymentEvent, Instrument, Payment};
use cartwright_domain::wallet::{Entry as WalletEntry, EntryEvent, Wallet};
use cartwright_domain::webhook::WebhookEndpoint;
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, ContactId, DeadLetterId, OrderId, PaymentId, ProductId, Refusal,
    ReservationId, ReturnId, Sku, Slug, StoreId, Time, TransferId, WalletEntryId,
    WebhookEndpointId,
};
use hashbrown::HashMap;
use smol_str::SmolStr;
use std::sync::Arc;

/// Why a decision did not come to events.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// These must be loaded first; then it is asked again. Nothing happened.
    Need(Vec<Key>),
    /// The business says no. Nothing happened.
    Refuse(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

#[derive(Debug)]
struct Slot {
    now: Option<Record>,
    changed: bool,
    /// Not from memory: it was read for this batch.
    fresh: bool,
}

impl Slot {
    /// What an event or an index makes: nothing yet.
    fn empty() -> Self {
        Self {
            now: None,
            changed: true,
            fresh: false,
        }
    }
}

/// Values under their keys; `None`: nothing is there.
pub(crate) type Values = Vec<(Key, Option<Record>)>;

/// Loaded values. Reading what is not loaded asks for it.
#[derive(Debug, Default)]
pub struct Work {
    slots: HashMap<Key, Slot>,
}

macro_rules! key {
    ($key:ident) => { Key::$key };
    ($key:ident $($arg:ident)+) => { Key::$key($($arg.clone()),+) };
}

macro_rules! reader {
    ($(#[$doc:meta])* $name:ident, $key:ident($($arg:ident: $type:ty),*), $record:ident($value:ty)) => {
        $(#[$doc])*
        pub fn $name(&self, $($arg: $type),*) -> Result<Option<&$value>, Stop> {
            match self.get(key!($key $($arg)*))? {
                Some(Record::$record(value)) => Ok(Some(value)),
                _ => Ok(None),
            }
        }
    };
}

impl Work {
    fn get(&self, key: Key) -> Result<Option<&Record>, Stop> {
        match self.slots.get(&key) {
            Some(slot) => Ok(slot.now.as_ref()),
            None => Err(Stop::Need(vec![key])),
        }
    }

    reader!(
        /// A product.
        product, Product(id: &ProductId), Product(Arc<Product>)
    );
    reader!(
        /// A location.
        store, Store(id: &StoreId), Store(Arc<Store>)
    );
    reader!(
        /// A stock level.
        level, Level(key: &LevelKey), Level(Arc<Level>)
    );
    reader!(
        /// A hold.
        reservation, Reservation(id: &ReservationId), Reservation(Arc<Reservation>)
    );
    reader!(
        /// A transfer.
        transfer, Transfer(id: &TransferId), Transfer(Arc<Transfer>)
    );
    reader!(
        /// A cart.
        cart, Cart(id: &CartId), Cart(Arc<Cart>)
    );
    reader!(
        /// A checkout.
        checkout, Checkout(id: &CheckoutId), Checkout(Arc<Checkout>)
    );
    reader!(
        /// What a checkout knows of a person; gone when that was erased.
        contact, Contact(id: &ContactId), Contact(Arc<Contact>)
    );
    reader!(
        /// A payment.
        payment, Payment(id: &PaymentId), Payment(Arc<Payment>)
    );
    reader!(
        /// What a payment's card is charged through; gone when nobody needs it any more.
        instrument, Instrument(id: &PaymentId), Instrument(Arc<Instrument>)
    );
    reader!(
        /// An order.
        order, Order(id: &OrderId), Order(Arc<Order>)
    );
    reader!(
        /// A customer's wallet; `None` before its first credit.
        wallet, Wallet(customer: &SmolStr), Wallet(Arc<Wallet>)
    );
    reader!(
        /// An entry of the wallets' ledger.
        wallet_entry, WalletEntry(id: &WalletEntryId), WalletEntry(Arc<WalletEntry>)
    );
    reader!(
        /// The entry that a customer's wallet has under a reference of its client.
        entry_called, WalletReference(customer: &SmolStr, reference: &SmolStr), WalletEntryId(WalletEntryId)
    );
    reader!(
        /// The order that has a number.
        order_numbered, OrderNumber(number: &u64), OrderId(OrderId)
    );
    reader!(
        /// The order that an invoice is of.
        order_invoiced, Invoice(number: &u64), OrderId(OrderId)
    );
    reader!(
        /// The order that a return is of.
        order_returned, Return(id: &ReturnId), OrderId(OrderId)
    );
    reader!(
        /// The last number given of a series.
        last, Last(series: &Series), Count(u64)
    );
    reader!(
        /// The checkout that a cart has.
        checkout_of, CheckoutOf(cart: &CartId), CheckoutId(CheckoutId)
    );
    reader!(
        /// An API key.
        api_key, ApiKey(id: &ApiKeyId), ApiKey(Arc<ApiKey>)
    );
    reader!(
        /// A webhook endpoint.
        webhook_endpoint, WebhookEndpoint(id: &WebhookEndpointId), WebhookEndpoint(Arc<WebhookEndpoint>)
    );
    reader!(
        /// How many webhook endpoints there are.
        webhook_endpoints, WebhookEndpoints(), Count(u64)
    );
    reader!(
        /// A dead letter.
        dead_letter, DeadLetter(id: &DeadLetterId), DeadLetter(Arc<DeadLetter>)
    );
    reader!(
        /// The dead letters of a consumer.
        dead_letters_of, DeadLettersOf(consumer: &SmolStr), DeadLetters(Arc<Vec<Listed>>)
    );
    reader!(
        /// The product that has a SKU.
        product_of, Sku(sku: &Sku), ProductId(ProductId)
    );
    reader!(
        /// The product that has a slug.
        product_called, Slug(slug: &Slug), ProductId(ProductId)
    );
    reader!(
        /// The hold that a principal calls so.
        reservation_called, Reference(principal: &SmolStr, reference: &SmolStr), ReservationId(ReservationId)
    );
    reader!(
        /// The locations that have a level of a SKU.
        stores_of, StoresOf(sku: &Sku), Stores(Arc<Vec<StoreId>>)
    );
    reader!(
        /// The cart of a package's user.
        cart_of, UserCart(package: &SmolStr, user: &SmolStr), CartId(CartId)
    );
    reader!(
        /// How many open reservations a principal has.
        open_holds, OpenHolds(principal: &SmolStr), Count(u64)
    );

    /// Nothing loaded yet, with room for so many values.
    pub(crate) fn for_about(values: usize) -> Self {
        Self {
            slots: HashMap::with_capacity(values),
        }
    }

    /// Whether a key is loaded.
    pub fn has(&self, key: &Key) -> bool {
        self.slots.contains_key(key)
    }

    /// Takes a committed value in; `fresh`: it was read from the store and is not in memory yet.
    pub(crate) fn put(&mut self, key: Key, value: Option<Record>, fresh: bool) {
        let slot = Slot {
            now: value,
            changed: false,
            fresh,
        };
        self.slots.insert(key, slot);
    }

    /// What follows from no event: how far a consumer has come.
    pub(crate) fn set(&mut self, key: Key, value: Record) {
        let slot = Slot {
            now: Some(value),
            changed: true,
            fresh: false,
        };
        self.slots.insert(key, slot);
    }

    /// The value of a loaded key.
    pub fn value(&self, key: &Key) -> Option<&Record> {
        self.slots.get(key).and_then(|slot| slot.now.as_ref())
    }

    /// What must be loaded before these events can be applied: their own things, and the counters and lists that follow.
    pub(crate) fn missing_for(&self, events: &[Event]) -> Vec<Key> {
        let (mut missing, mut born) = (Vec::new(), Vec::new());
        for event in events {
            let key = event.key();
            let follows = match (event, self.value(&key)) {
                (Event::Reservation(_, ReservationEvent::Held { principal, .. }), _) => {
                    Some(Key::OpenHolds(principal.clone()))
                }
                (
                    Event::Reservation(_, ReservationEvent::Ended(_)),
                    Some(Record::Reservation(hold)),
                ) => Some(Key::OpenHolds(hold.principal.clone())),
                (Event::Level(level, _), None) => Some(Key::StoresOf(level.sku.clone())),
                (Event::WebhookEndpoint(..), _) => Some(Key::WebhookEndpoints),
                (Event::DeadLetter(_, DeadLetterEvent::Recorded(it)), _) => {
                    Some(Key::DeadLettersOf(it.consumer.clone()))
                }
                (Event::DeadLetter(..), Some(Record::DeadLetter(letter))) => {
                    Some(Key::DeadLettersOf(letter.about.consumer.clone()))
                }
                (Event::WalletEntry(_, EntryEvent::Posted(data)), _) => {
                    let accounts = data.postings.iter().map(|it| it.account);
                    let accounts = accounts.map(|it| Key::Account(it, data.amount.currency));
                    missing.extend(accounts.filter(|key| !self.has(key)));
                    None
                }
                _ => None,
            };
            // What is made under an id just drawn cannot be there yet; asking for it would draw another one, for ever.
            let own = if is_birth(event) {
                born.push(key);
                None
            } else {
                (!born.contains(&key)).then_some(key)
            };
            missing.extend(follows.into_iter().chain(own).filter(|key| !self.has(key)));
        }
        missing
    }

    /// Applies an event and what follows from it for the indexes; what is worth telling beside it goes to `notices`.
    /// Returns the version of its thing after it.
    pub(crate) fn apply(&mut self, event: &Event, now: Time, notices: &mut Vec<Event>) -> u64 {
        let slot = self.slots.entry(event.key()).or_insert_with(Slot::empty);
        slot.changed = true;
        let standing = match (event, &slot.now) {
            (Event::Notice(..), now) => return now.as_ref().map_or(0, Record::version),
            (Event::Level(..), Some(Record::Level(level))) => Some(level.standing()),
            _ => None,
        };
        // A second reference to the state would make `apply` copy it, so it is only kept where an index can change.
        let before =
            if standing.is_some() || is_plain_cart(slot.now.as_ref()) || moves_no_index(event) {
                None
            } else {
                slot.now.clone()
            };
        let was = slot.now.as_ref().map_or(0, Record::version);
        event.apply(&mut slot.now, now);
        if let (Event::Level(..), Some(Record::Level(level))) = (event, &slot.now) {
            notices.extend(
                Notice::between(standing, level).map(|notice| Event::Notice(level.clone(), notice)),
            );
        }
        let version = slot.now.as_ref().map_or(was + 1, Record::version);
        if standing.is_none() && !(was > 0 && before.is_none()) {
            let after = slot.now.clone();
            index_changes(before.as_ref(), after.as_ref(), &mut |change| {
                self.index(change)
            });
        }
        version
    }

    fn index(&mut self, change: IndexChange) {
        let slot = self
            .slots
            .entry(change.key().clone())
            .or_insert_with(Slot::empty);
        slot.changed = true;
        match change {
            IndexChange::Set(_, record) => slot.now = Some(record),
            IndexChange::Drop(_) => slot.now = None,
            IndexChange::Add(_, delta) => {
                let count = match slot.now {
                    Some(Record::Count(count)) => count,
                    _ => 0,
                };
                slot.now = Some(Record::Count(count.saturating_add_signed(delta)));
            }
            IndexChange::Post(_, delta) => {
                let amount = match slot.now {
                    Some(Record::Amount(amount)) => amount,
                    _ => 0,
                };
                slot.now = Some(Record::Amount(amount.saturating_add(delta)));
            }
            IndexChange::Join(_, store) => {
                let mut stores = match slot.now.take() {
                    Some(Record::Stores(stores)) => stores,
                    _ => Arc::default(),
                };
                let list = Arc::make_mut(&mut stores);
                if let Err(place) = list.binary_search(&store) {
                    list.insert(place, store);
                }
                slot.now = Some(Record::Stores(stores));
            }
            IndexChange::Enlist(_, listed) => {
                let mut letters = listed_letters(slot.now.take());
                Arc::make_mut(&mut letters).push(listed);
                slot.now = Some(Record::DeadLetters(letters));
            }
            IndexChange::Strike(_, id) => {
                let mut letters = listed_letters(slot.now.take());
                Arc::make_mut(&mut letters).retain(|it| it.id != id);
                slot.now = Some(Record::DeadLetters(letters)).filter(has_letters);
            }
        }
    }

    /// Everything that changed, in the order of the keys, and what was only read, from the store.
    pub(crate) fn into_parts(self) -> (Values, Values) {
        let (mut changed, mut read) = (Vec::with_capacity(self.slots.len()), Vec::new());
        for (key, slot) in self.slots {
            if slot.changed {
                changed.push((key, slot.now));
            } else if slot.fresh {
                read.push((key, slot.now));
            }
        }
        changed.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        (changed, read)
    }
}

fn listed_letters(record: Option<Record>) -> Arc<Vec<Listed>> {
    match record {
        Some(Record::DeadLetters(letters)) => letters,
        _ => Arc::default(),
    }
}

fn has_letters(record: &Record) -> bool {
    matches!(record, Record::DeadLetters(letters) if !letters.is_empty())
}

/// Whether an event makes its thing under an id that the shop drew for it.
fn is_birth(event: &Event) -> bool {
    matches!(
        event,
        Event::Reservation(_, ReservationEvent::Held { .. })
            | Event::Transfer(_, TransferEvent::Started { .. })
            | Event::Cart(_, CartEvent::Created(_))
            | Event::Checkout(_, CheckoutEvent::Opened { .. })
            | Event::Contact(..)
            | Event::Payment(_, PaymentEvent::Started(_))
            | Event::Order(_, OrderEvent::Placed(_))
            | Event::Instrument(_, _)
            | Event::WalletEntry(_, EntryEvent::Posted(_))
            | Event::DeadLetter(_, DeadLetterEvent::Recorded(_))
    )
}

/// What happens to a thing again and again and moves no index that finds it.
fn moves_no_index(event: &Event) -> bool {
    match event {
        Event::Payment(..) | Event::Checkout(_, CheckoutEvent::Updated(_)) => true,
        Event::Checkout(_, CheckoutEvent::Saga(saga)) => !matches!(saga, SagaEvent::Undone { .. }),
        _ => false,
    }
}

/// A cart that no index finds: most of them.
fn is_plain_cart(record: Option<&Record>) -> bool {
    matches!(record, Some(Record::Cart(cart)) if cart.external_user.is_none())
}
