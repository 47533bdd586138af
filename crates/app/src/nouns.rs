//! The list of nouns: what can be looked up, what is kept, what can happen. A new noun is a line in each list.

use cartwright_domain::cart::{Cart, State};
use cartwright_domain::catalog::Product;
use cartwright_domain::checkout::{Checkout, Contact};
use cartwright_domain::dead_letter::{DeadLetter, Listed};
use cartwright_domain::entity::Entity;
use cartwright_domain::inventory::{Level, LevelKey, Movement, Notice, Reservation, Transfer};
use cartwright_domain::key::ApiKey;
use cartwright_domain::location::Store;
use cartwright_domain::order::Order;
use cartwright_domain::payment::{Instrument, Payment};
use cartwright_domain::wallet::{Account, Entry as WalletEntry, Wallet};
use cartwright_domain::webhook::WebhookEndpoint;
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, ContactId, Currency, DeadLetterId, OrderId, PaymentId, ProductId,
    ReservationId, ReturnId, Sku, Slug, StoreId, Time, TransferId, WalletEntryId,
    WebhookEndpointId,
};
use smol_str::SmolStr;
use std::sync::Arc;

/// What a thing is found by. Sorted keys are the order in which rows are locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "one a noun, named like it")]
pub enum Key {
    Product(ProductId),
    Store(StoreId),
    Level(LevelKey),
    Reservation(ReservationId),
    Transfer(TransferId),
    Cart(CartId),
    Checkout(CheckoutId),
    /// What a checkout knows of a person. In no snapshot, and of no event that can be replayed.
    Contact(ContactId),
    Payment(PaymentId),
    /// What a card is charged through. In no snapshot, and of no event that can be replayed.
    Instrument(PaymentId),
    Order(OrderId),
    /// Of a customer.
    Wallet(SmolStr),
    WalletEntry(WalletEntryId),
    ApiKey(ApiKeyId),
    WebhookEndpoint(WebhookEndpointId),
    DeadLetter(DeadLetterId),
    /// The letters that a consumer has.
    DeadLettersOf(SmolStr),
    /// How many webhook endpoints there are.
    WebhookEndpoints,
    /// How far a consumer of the log has come.
    Cursor(SmolStr),
    /// Which entry a customer's wallet has under a reference that its client chose.
    WalletReference(SmolStr, SmolStr),
    /// How an account of the ledger stands in one currency.
    Account(Account, Currency),
    /// Which order has a number.
    OrderNumber(u64),
    /// Which order an invoice is of.
    Invoice(u64),
    /// Which order a credit note is of.
    CreditNote(u64),
    /// Which order a return is of.
    Return(ReturnId),
    /// The last number that was given.
    Last(Series),
    /// Which product has a SKU.
    Sku(Sku),
    /// Which product has a slug.
    Slug(Slug),
    /// Which reservation a principal calls so.
    Reference(SmolStr, SmolStr),
    /// Which locations have a level of a SKU.
    StoresOf(Sku),
    /// Which API key has this hash.
    KeyHash([u8; 32]),
    /// Which cart a package's user has.
    UserCart(SmolStr, SmolStr),
    /// Which checkout a cart has that was neither cancelled nor expired.
    CheckoutOf(CartId),
    /// How many open reservations a principal has.
    OpenHolds(SmolStr),
}

/// Numbers that rise without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Series {
    /// Of orders.
    Order,
    /// Of invoices.
    Invoice,
    /// Of credit notes.
    CreditNote,
}

/// What is kept under a key.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "one a noun, named like it")]
pub enum Record {
    Product(Arc<Product>),
    Store(Arc<Store>),
    Level(Arc<Level>),
    Reservation(Arc<Reservation>),
    Transfer(Arc<Transfer>),
    Cart(Arc<Cart>),
    Checkout(Arc<Checkout>),
    Contact(Arc<Contact>),
    Payment(Arc<Payment>),
    Instrument(Arc<Instrument>),
    Order(Arc<Order>),
    Wallet(Arc<Wallet>),
    WalletEntry(Arc<WalletEntry>),
    ApiKey(Arc<ApiKey>),
    WebhookEndpoint(Arc<WebhookEndpoint>),
    DeadLetter(Arc<DeadLetter>),
    /// Under [`Key::DeadLettersOf`], by rising id.
    DeadLetters(Arc<Vec<Listed>>),
    /// Under [`Key::Sku`] and [`Key::Slug`].
    ProductId(ProductId),
    /// Under [`Key::Reference`].
    ReservationId(ReservationId),
    /// Under [`Key::StoresOf`].
    Stores(Arc<Vec<StoreId>>),
    /// Under [`Key::KeyHash`].
    ApiKeyId(ApiKeyId),
    /// Under [`Key::UserCart`].
    CartId(CartId),
    /// Under [`Key::CheckoutOf`].
    CheckoutId(CheckoutId),
    /// Under [`Key::OrderNumber`], [`Key::Invoice`], [`Key::CreditNote`] and [`Key::Return`].
    OrderId(OrderId),
    /// Under [`Key::WalletReference`].
    WalletEntryId(WalletEntryId),
    /// Under [`Key::OpenHolds`], [`Key::Last`], [`Key::WebhookEndpoints`] and [`Key::Cursor`].
    Count(u64),
    /// Under [`Key::Account`]: minor units; above 0 more was credited to it than debited.
    Amount(i64),
}

/// What happened, to which thing.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "one a noun, named like it")]
pub enum Event {
    Product(ProductId, <Product as Entity>::Event),
    Store(StoreId, <Store as Entity>::Event),
    Level(LevelKey, Movement),
    Reservation(ReservationId, <Reservation as Entity>::Event),
    Transfer(TransferId, <Transfer as Entity>::Event),
    Cart(CartId, <Cart as Entity>::Event),
    Checkout(CheckoutId, <Checkout as Entity>::Event),
    Contact(ContactId, <Contact as Entity>::Event),
    Payment(PaymentId, <Payment as Entity>::Event),
    Instrument(PaymentId, <Instrument as Entity>::Event),
    Order(OrderId, <Order as Entity>::Event),
    Wallet(SmolStr, <Wallet as Entity>::Event),
    WalletEntry(WalletEntryId, <WalletEntry as Entity>::Event),
    ApiKey(ApiKeyId, <ApiKey as Entity>::Event),
    WebhookEndpoint(WebhookEndpointId, <WebhookEndpoint as Entity>::Event),
    DeadLetter(DeadLetterId, <DeadLetter as Entity>::Event),
    /// Told beside a movement; changes nothing.
    Notice(Arc<Level>, Notice),
}

/// Runs `$body` with the noun's own types for every noun that has events.
macro_rules! each_noun {
    ($event:expr, $state:expr, $at:expr; $($noun:ident),*) => {
        match $event {
            $(Event::$noun(key, event) => {
                let mut value = match $state.take() {
                    Some(Record::$noun(value)) => Some(value),
                    _ => None,
                };
                Entity::apply(&mut value, key, event, $at);
                *$state = value.map(Record::$noun);
            })*
            Event::Notice(..) => {}
        }
    };
}

impl Event {
    /// The key of the thing it happened to.
    pub fn key(&self) -> Key {
        match self {
            Self::Product(id, _) => Key::Product(id.clone()),
            Self::Store(id, _) => Key::Store(id.clone()),
            Self::Level(key, _) => Key::Level(key.clone()),
            Self::Reservation(id, _) => Key::Reservation(*id),
            Self::Transfer(id, _) => Key::Transfer(*id),
            Self::Cart(id, _) => Key::Cart(*id),
            Self::Checkout(id, _) => Key::Checkout(*id),
            Self::Contact(id, _) => Key::Contact(*id),
            Self::Payment(id, _) => Key::Payment(*id),
            Self::Instrument(id, _) => Key::Instrument(*id),
            Self::Order(id, _) => Key::Order(*id),
            Self::Wallet(customer, _) => Key::Wallet(customer.clone()),
            Self::WalletEntry(id, _) => Key::WalletEntry(*id),
            Self::ApiKey(id, _) => Key::ApiKey(*id),
            Self::WebhookEndpoint(id, _) => Key::WebhookEndpoint(*id),
            Self::DeadLetter(id, _) => Key::DeadLetter(*id),
            Self::Notice(level, _) => Key::Level(level.key.clone()),
        }
    }

    /// Changes the state of that thing. Live writes and replay both come through here.
    pub fn apply(&self, state: &mut Option<Record>, at: Time) {
        each_noun!(self, state, at; Product, Store, Level, Reservation, Transfer, Cart, Checkout, Contact, Payment, Instrument, Order, Wallet, WalletEntry, ApiKey, WebhookEndpoint, DeadLetter);
    }
}

impl Record {
    /// The version of a versioned thing; 0 for an index entry.
    pub fn version(&self) -> u64 {
        match self {
            Self::Product(it) => it.version,
            Self::Store(it) => it.version,
            Self::Level(it) => it.version,
            Self::Reservation(it) => it.version,
            Self::Transfer(it) => it.version,
            Self::Cart(it) => it.version,
            Self::Checkout(it) => it.version,
            Self::Contact(it) => it.version(),
            Self::Payment(it) => it.version,
            Self::Instrument(it) => it.version(),
            Self::Order(it) => it.version,
            Self::Wallet(it) => it.version,
            Self::WalletEntry(it) => it.version(),
            Self::ApiKey(it) => it.version,
            Self::WebhookEndpoint(it) => it.version,
            Self::DeadLetter(it) => it.version,
            Self::DeadLetters(_)
            | Self::ProductId(_)
            | Self::ReservationId(_)
            | Self::Stores(_)
            | Self::ApiKeyId(_)
            | Self::CartId(_)
            | Self::CheckoutId(_)
            | Self::OrderId(_)
            | Self::WalletEntryId(_)
            | Self::Amount(_)
            | Self::Count(_) => 0,
        }
    }

    /// About how many bytes it takes in memory: what the cache counts.
    pub fn weight(&self) -> u64 {
        const OVERHEAD: usize = 160;
        let own = match self {
            Self::Product(it) => {
                let attributes = it.data.attributes.len() * 120;
                let variants: usize = it
                    .variants
                    .iter()
                    .map(|v| 280 + 16 * v.data.prices.len() + 48 * v.data.options.len())
                    .sum();
                400 + it.data.description.len() + attributes + variants
            }
            Self::Cart(it) => 400 + it.lines.len() * 260,
            Self::Checkout(it) => {
                let rest = it.terms.shipping_options.len() * 80 + it.past_quotes.len() * 16;
                let saga = it.attempts.len() * 320 + it.progress.len() * 40;
                600 + it.terms.lines.len() * 160 + rest + saga
            }
            Self::Order(it) => {
                let back = it.refunds.len() * 400 + it.returns.len() * 240;
                500 + it.lines.len() * 220 + it.history.len() * 96 + back
            }
            Self::Wallet(it) => 120 + it.balances.len() * 16 + it.holds.len() * 32,
            Self::WalletEntry(_) => 320,
            Self::Contact(_) => 800,
            Self::Payment(_) => 320,
            Self::Instrument(_) => 80,
            Self::Reservation(it) => 160 + it.lines.len() * 140,
            Self::Level(it) => 200 + it.waiting.len() * 32,
            Self::Stores(it) => 24 + it.len() * 24,
            Self::Store(_) | Self::Transfer(_) | Self::ApiKey(_) | Self::WebhookEndpoint(_) => 240,
            Self::DeadLetter(it) => 400 + it.about.entry.len(),
            Self::DeadLetters(it) => 24 + it.len() * 56,
            Self::ProductId(_)
            | Self::ReservationId(_)
            | Self::ApiKeyId(_)
            | Self::CartId(_)
            | Self::CheckoutId(_)
            | Self::OrderId(_)
            | Self::WalletEntryId(_)
            | Self::Amount(_)
            | Self::Count(_) => 0,
        };
        (OVERHEAD + own) as u64
    }
}

/// The index entries that follow from a change of a noun: new value under each key, `None` where it goes.
pub fn index_changes(
    before: Option<&Record>,
    after: Option<&Record>,
    visit: &mut dyn FnMut(IndexChange),
) {
    match (before, after) {
        (before @ (None | Some(Record::Product(_))), after @ Some(Record::Product(_))) => {
            product_changes(before, after, visit);
        }
        (None, Some(Record::Reservation(hold))) => {
            let key = Key::Reference(hold.principal.clone(), hold.reference.clone());
            visit(IndexChange::Set(key, Record::ReservationId(hold.id)));
            visit(IndexChange::Add(Key::OpenHolds(hold.principal.clone()), 1));
        }
        (Some(Record::Reservation(was)), Some(Record::Reservation(is)))
            if was.state != is.state =>
        {
            visit(IndexChange::Add(Key::OpenHolds(is.principal.clone()), -1));
        }
        (None, Some(Record::Level(level))) => {
            visit(IndexChange::Join(
                Key::StoresOf(level.key.sku.clone()),
                level.key.store.clone(),
            ));
        }
        (None, Some(Record::ApiKey(key))) => {
            visit(IndexChange::Set(
                Key::KeyHash(key.hash),
                Record::ApiKeyId(key.id),
            ));
        }
        (Some(Record::ApiKey(key)), None) => visit(IndexChange::Drop(Key::KeyHash(key.hash))),
        (before, after @ Some(Record::Checkout(_))) => checkout_changes(before, after, visit),
        (before, Some(Record::Order(after))) => order_changes(before, after, visit),
        (None, Some(Record::WalletEntry(entry))) => entry_changes(entry, visit),
        (None, Some(Record::WebhookEndpoint(_))) => {
            visit(IndexChange::Add(Key::WebhookEndpoints, 1));
        }
        (Some(Record::WebhookEndpoint(_)), None) => {
            visit(IndexChange::Add(Key::WebhookEndpoints, -1));
        }
        (None, Some(Record::DeadLetter(letter))) => {
            let key = Key::DeadLettersOf(letter.about.consumer.clone());
            visit(IndexChange::Enlist(key, Listed::from(&**letter)));
        }
        (Some(Record::DeadLetter(letter)), None) => {
            let key = Key::DeadLettersOf(letter.about.consumer.clone());
            visit(IndexChange::Strike(key, letter.id));
        }
        (before, after @ (Some(Record::Cart(_)) | None)) => cart_changes(before, after, visit),
        _ => {}
    }
}

/// One change of an index.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexChange {
    /// This key now finds this.
    Set(Key, Record),
    /// This key finds nothing any more.
    Drop(Key),
    /// A counter moves.
    Add(Key, i64),
    /// An account moves.
    Post(Key, i64),
    /// A location joins a list.
    Join(Key, StoreId),
    /// A dead letter joins its consumer's.
    Enlist(Key, Listed),
    /// A dead letter leaves them.
    Strike(Key, DeadLetterId),
}

impl IndexChange {
    /// Which index entry changes.
    pub fn key(&self) -> &Key {
        match self {
            Self::Set(key, _)
            | Self::Drop(key)
            | Self::Add(key, _)
            | Self::Post(key, _)
            | Self::Join(key, _)
            | Self::Enlist(key, _)
            | Self::Strike(key, _) => key,
        }
    }
}

fn product_changes(
    before: Option<&Record>,
    after: Option<&Record>,
    visit: &mut dyn FnMut(IndexChange),
) {
    let (Some(Record::Product(after)), before) = (after, before) else {
        return;
    };
    let before = match before {
        Some(Record::Product(before)) => Some(before),
        _ => None,
    };
    let id = || Record::ProductId(after.id.clone());
    if let Some(before) = before {
        if before.data.slug != after.data.slug {
            visit(IndexChange::Drop(Key::Slug(before.data.slug.clone())));
        }
        let gone = before
            .variants
            .iter()
            .filter(|variant| after.variant(&variant.data.sku).is_none());
        gone.for_each(|variant| visit(IndexChange::Drop(Key::Sku(variant.data.sku.clone()))));
    }
    if before.is_none_or(|before| before.data.slug != after.data.slug) {
        visit(IndexChange::Set(Key::Slug(after.data.slug.clone()), id()));
    }
    for variant in &after.variants {
        if before.is_none_or(|before| before.variant(&variant.data.sku).is_none()) {
            visit(IndexChange::Set(Key::Sku(variant.data.sku.clone()), id()));
        }
    }
}

fn cart_changes(
    before: Option<&Record>,
    after: Option<&Record>,
    visit: &mut dyn FnMut(IndexChange),
) {
    // A cart that became an order or was merged leaves its user free for a new one.
    let user = |record: Option<&Record>| match record {
        Some(Record::Cart(cart)) if !matches!(cart.state, State::Ordered | State::Merged) => cart
            .external_user
            .clone()
            .map(|user| (Key::UserCart(user.package, user.user), cart.id)),
        _ => None,
    };
    match (user(before), user(after)) {
        (Some((key, _)), None) => visit(IndexChange::Drop(key)),
        (None, Some((key, id))) => visit(IndexChange::Set(key, Record::CartId(id))),
        _ => {}
    }
}

fn checkout_changes(
    before: Option<&Record>,
    after: Option<&Record>,
    visit: &mut dyn FnMut(IndexChange),
) {
    let holds = |record: Option<&Record>| match record {
        Some(Record::Checkout(it)) if !it.state.frees_cart() => Some((it.cart_id, it.id)),
        _ => None,
    };
    match (holds(before), holds(after)) {
        (None, Some((cart, id))) => {
            visit(IndexChange::Set(
                Key::CheckoutOf(cart),
                Record::CheckoutId(id),
            ));
        }
        (Some((cart, _)), None) => visit(IndexChange::Drop(Key::CheckoutOf(cart))),
        _ => {}
    }
}

fn order_changes(before: Option<&Record>, after: &Order, visit: &mut dyn FnMut(IndexChange)) {
    let before = match before {
        Some(Record::Order(before)) => Some(before),
        _ => None,
    };
    if before.is_none() {
        let number = after.number;
        visit(IndexChange::Set(
            Key::OrderNumber(number),
            Record::OrderId(after.id),
        ));
        visit(IndexChange::Set(
            Key::Last(Series::Order),
            Record::Count(number),
        ));
    }
    if let Some(invoice) = after.invoice
        && before.is_none_or(|before| before.invoice.is_none())
    {
        visit(IndexChange::Set(
            Key::Last(Series::Invoice),
            Record::Count(invoice),
        ));
        visit(IndexChange::Set(
            Key::Invoice(invoice),
            Record::OrderId(after.id),
        ));
    }
    let refunds = before.map_or(0, |before| before.refunds.len());
    for refund in after.refunds.iter().skip(refunds) {
        let number = refund.credit_note;
        let last = Key::Last(Series::CreditNote);
        visit(IndexChange::Set(last, Record::Count(number)));
        let note = Key::CreditNote(number);
        visit(IndexChange::Set(note, Record::OrderId(after.id)));
    }
    let returns = before.map_or(0, |before| before.returns.len());
    for back in after.returns.iter().skip(returns) {
        let key = Key::Return(back.id);
        visit(IndexChange::Set(key, Record::OrderId(after.id)));
    }
}

fn entry_changes(entry: &WalletEntry, visit: &mut dyn FnMut(IndexChange)) {
    let data = &entry.data;
    if data.is_clients() {
        visit(IndexChange::Set(
            Key::WalletReference(data.customer.clone(), data.reference.clone()),
            Record::WalletEntryId(entry.id),
        ));
    }
    for posting in &data.postings {
        let key = Key::Account(posting.account, data.amount.currency);
        visit(IndexChange::Post(key, posting.amount));
    }
}
