//! What is put under a key: one statement a table, each prepared once.

use super::fault::fault;
use super::webhooks;
use crate::store::form::{encode, hold, level, state};
use cartwright_app::Fault;
use cartwright_app::nouns::{Key, Record};
use cartwright_domain::cart::Cart;
use cartwright_domain::inventory::{Level, LevelKey, Reservation};
use cartwright_domain::order::Order;
use cartwright_domain::payment::Payment;
use cartwright_domain::{CartId, OrderId, PaymentId, ReservationId};
use rusqlite::{CachedStatement, Connection, ToSql, params};
use serde::Serialize;

/// The statements that put rows, each prepared once.
#[derive(Debug, Clone, Copy)]
enum Put {
    Product,
    Store,
    Level,
    Reservation,
    Transfer,
    Cart,
    ApiKey,
    Sku,
    Slug,
    Reference,
    UserCart,
    Checkout,
    Contact,
    Payment,
    Instrument,
    Order,
    CreditNote,
    Return,
    Wallet,
    WalletEntry,
    Account,
    WebhookEndpoint,
    DeadLetter,
}

/// In the order of [`Put`].
const PUTS: [&str; 23] = [
    "INSERT INTO products (id, version, body) VALUES (?1, ?2, ?3) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body",
    "INSERT INTO stores (id, version, body) VALUES (?1, ?2, ?3) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body",
    "INSERT INTO levels (sku, store, version, on_hand, reserved, allocated, granted, backordered, updated_at, more) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (sku, store) DO UPDATE SET \
     version = excluded.version, on_hand = excluded.on_hand, reserved = excluded.reserved, allocated = excluded.allocated, \
     granted = excluded.granted, backordered = excluded.backordered, updated_at = excluded.updated_at, more = excluded.more",
    "INSERT INTO reservations (id, version, state, principal, expires_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state, expires_at = excluded.expires_at, \
     body = excluded.body",
    "INSERT INTO transfers (id, version, body) VALUES (?1, ?2, ?3) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body",
    "INSERT INTO carts (id, version, state, customer_id, expires_at, expires_hour, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state, customer_id = excluded.customer_id, \
     expires_at = excluded.expires_at, expires_hour = excluded.expires_hour, body = excluded.body",
    "INSERT INTO api_keys (id, version, hash, body) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, hash = excluded.hash, body = excluded.body",
    "INSERT INTO skus (sku, product_id) VALUES (?1, ?2) ON CONFLICT (sku) DO UPDATE SET product_id = excluded.product_id",
    "INSERT INTO slugs (slug, product_id) VALUES (?1, ?2) ON CONFLICT (slug) DO UPDATE SET product_id = excluded.product_id",
    "INSERT INTO reservation_references (principal, reference, id) VALUES (?1, ?2, ?3)",
    "INSERT INTO user_carts (package, user, id) VALUES (?1, ?2, ?3) ON CONFLICT (package, user) DO UPDATE SET id = excluded.id",
    "INSERT INTO checkouts (id, version, state, cart_id, expires_hour, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state, \
     expires_hour = excluded.expires_hour, body = excluded.body",
    "INSERT INTO contacts (id, checkout_id, body) VALUES (?1, ?2, ?3)",
    "INSERT INTO payments (id, version, unverified, body) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, unverified = excluded.unverified, body = excluded.body",
    "INSERT INTO instruments (id, body) VALUES (?1, ?2)",
    "INSERT INTO orders (id, version, number, invoice, state, customer_id, contact_id, unsettled, body) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, invoice = excluded.invoice, state = excluded.state, \
     unsettled = excluded.unsettled, body = excluded.body",
    "INSERT INTO credit_notes (number, order_id) VALUES (?1, ?2)",
    "INSERT INTO returns (id, order_id) VALUES (?1, ?2)",
    "INSERT INTO wallets (customer_id, version, body) VALUES (?1, ?2, ?3) \
     ON CONFLICT (customer_id) DO UPDATE SET version = excluded.version, body = excluded.body",
    "INSERT INTO wallet_entries (id, customer_id, reference, body) VALUES (?1, ?2, ?3, ?4)",
    "INSERT INTO ledger_accounts (account, currency, amount) VALUES (?1, ?2, ?3) \
     ON CONFLICT (account, currency) DO UPDATE SET amount = excluded.amount",
    "INSERT INTO webhook_endpoints (id, version, body) VALUES (?1, ?2, ?3) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body",
    "INSERT INTO dead_letters (id, version, consumer, event_id, key, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body",
];

/// Puts the rows of one batch.
pub(super) struct Puts<'c> {
    connection: &'c Connection,
    statements: [Option<CachedStatement<'c>>; PUTS.len()],
    json: &'c mut Vec<u8>,
}

impl<'c> Puts<'c> {
    pub(super) fn new(connection: &'c Connection, json: &'c mut Vec<u8>) -> Self {
        Self {
            connection,
            statements: Default::default(),
            json,
        }
    }

    /// What is under `key` from now on; `None`: nothing.
    pub(super) fn put(&mut self, key: &Key, value: Option<&Record>) -> Result<(), Fault> {
        let Some(value) = value else {
            return remove(self.connection, key);
        };
        match (key, value) {
            (Key::Product(id), Record::Product(it)) => {
                self.body(Put::Product, &id.as_str(), it.version, &**it)
            }
            (Key::Store(id), Record::Store(it)) => {
                self.body(Put::Store, &id.as_str(), it.version, &**it)
            }
            (Key::Level(key), Record::Level(it)) => self.level(key, it),
            (Key::Reservation(id), Record::Reservation(it)) => self.reservation(*id, it),
            (Key::Transfer(id), Record::Transfer(it)) => {
                self.body(Put::Transfer, &&id.to_bytes()[..], it.version, &**it)
            }
            (Key::Cart(id), Record::Cart(it)) => self.cart(*id, it),
            (Key::Checkout(id), Record::Checkout(it)) => {
                let (id, cart) = (id.to_bytes(), it.cart_id.to_bytes());
                let row = params![
                    &id[..],
                    it.version as i64,
                    state::of_checkout(it.state),
                    &cart[..],
                    state::expires_hour(it.terms.expires_at),
                    encode(self.json, &**it)?
                ];
                execute(&mut self.statements, self.connection, Put::Checkout, row)
            }
            (Key::Contact(id), Record::Contact(it)) => {
                let (id, of) = (id.to_bytes(), it.checkout_id.to_bytes());
                let row = params![&id[..], &of[..], encode(self.json, &**it)?];
                execute(&mut self.statements, self.connection, Put::Contact, row)
            }
            (Key::Payment(id), Record::Payment(it)) => self.payment(*id, it),
            (Key::Instrument(id), Record::Instrument(it)) => {
                let id = id.to_bytes();
                let row = params![&id[..], encode(self.json, &**it)?];
                execute(&mut self.statements, self.connection, Put::Instrument, row)
            }
            (Key::Order(id), Record::Order(it)) => self.order(*id, it),
            (Key::Wallet(customer), Record::Wallet(it)) => {
                self.body(Put::Wallet, &customer.as_str(), it.version, &**it)
            }
            (Key::WalletEntry(id), Record::WalletEntry(it)) => {
                let id = id.to_bytes();
                let reference = it.data.is_clients().then_some(it.data.reference.as_str());
                let body = encode(self.json, &**it)?;
                let row = params![&id[..], it.data.customer.as_str(), reference, body];
                execute(&mut self.statements, self.connection, Put::WalletEntry, row)
            }
            (Key::Account(account, currency), Record::Amount(amount)) => {
                let row = params![account.as_str(), currency.code(), amount];
                execute(&mut self.statements, self.connection, Put::Account, row)
            }
            (Key::ApiKey(id), Record::ApiKey(it)) => {
                let body = encode(self.json, &**it)?;
                let row = params![&id.to_bytes()[..], it.version as i64, &it.hash[..], body];
                execute(&mut self.statements, self.connection, Put::ApiKey, row)
            }
            (Key::WebhookEndpoint(id), Record::WebhookEndpoint(it)) => {
                let id = id.to_bytes();
                self.body(Put::WebhookEndpoint, &&id[..], it.version, &**it)
            }
            (Key::DeadLetter(id), Record::DeadLetter(it)) => {
                let (id, event) = (id.to_bytes(), it.about.event.to_bytes());
                let row = params![
                    &id[..],
                    it.version as i64,
                    it.about.consumer.as_str(),
                    &event[..],
                    it.about.key.as_str(),
                    encode(self.json, &**it)?
                ];
                execute(&mut self.statements, self.connection, Put::DeadLetter, row)
            }
            (Key::Cursor(consumer), Record::Count(position)) => {
                webhooks::set_cursor(self.connection, consumer, *position)
            }
            (Key::Sku(sku), Record::ProductId(id)) => {
                self.pair(Put::Sku, &sku.as_str(), &id.as_str())
            }
            (Key::Slug(slug), Record::ProductId(id)) => {
                self.pair(Put::Slug, &slug.as_str(), &id.as_str())
            }
            (Key::Reference(principal, reference), Record::ReservationId(id)) => {
                let row = params![principal.as_str(), reference.as_str(), &id.to_bytes()[..]];
                execute(&mut self.statements, self.connection, Put::Reference, row)
            }
            (Key::UserCart(package, user), Record::CartId(id)) => {
                let row = params![package.as_str(), user.as_str(), &id.to_bytes()[..]];
                execute(&mut self.statements, self.connection, Put::UserCart, row)
            }
            (Key::CreditNote(number), Record::OrderId(order)) => {
                self.pair(Put::CreditNote, &(*number as i64), &&order.to_bytes()[..])
            }
            (Key::Return(id), Record::OrderId(order)) => {
                self.pair(Put::Return, &&id.to_bytes()[..], &&order.to_bytes()[..])
            }
            // They follow from the rows of levels, API keys, reservations, checkouts, orders, entries, endpoints and letters.
            (Key::WalletReference(..), Record::WalletEntryId(_))
            | (Key::OrderNumber(_) | Key::Invoice(_), Record::OrderId(_))
            | (Key::Last(_), Record::Count(_))
            | (Key::StoresOf(_), Record::Stores(_))
            | (Key::KeyHash(_), Record::ApiKeyId(_))
            | (Key::CheckoutOf(_), Record::CheckoutId(_))
            | (Key::DeadLettersOf(_), Record::DeadLetters(_))
            | (Key::OpenHolds(_) | Key::WebhookEndpoints, Record::Count(_)) => Ok(()),
            (key, value) => Err(Fault::Rejected(format!(
                "{value:?} cannot be kept under {key:?}"
            ))),
        }
    }

    fn body<T: Serialize>(
        &mut self,
        put: Put,
        id: &dyn ToSql,
        version: u64,
        value: &T,
    ) -> Result<(), Fault> {
        let body = encode(self.json, value)?;
        execute(
            &mut self.statements,
            self.connection,
            put,
            params![id, version as i64, body],
        )
    }

    fn pair(&mut self, put: Put, key: &dyn ToSql, value: &dyn ToSql) -> Result<(), Fault> {
        execute(
            &mut self.statements,
            self.connection,
            put,
            params![key, value],
        )
    }

    fn level(&mut self, key: &LevelKey, it: &Level) -> Result<(), Fault> {
        let more = level::more(self.json, it)?;
        let row = params![
            key.sku.as_str(),
            key.store.as_str(),
            it.version as i64,
            it.on_hand,
            it.reserved,
            it.allocated,
            it.granted,
            it.backordered,
            it.updated_at.0,
            more
        ];
        execute(&mut self.statements, self.connection, Put::Level, row)
    }

    fn reservation(&mut self, id: ReservationId, hold: &Reservation) -> Result<(), Fault> {
        let body = hold::body(self.json, hold)?;
        let (bytes, principal) = (id.to_bytes(), hold.principal.as_str());
        let row = params![
            &bytes[..],
            hold.version as i64,
            state::of_hold(hold.state),
            principal,
            hold.expires_at.0,
            body
        ];
        execute(&mut self.statements, self.connection, Put::Reservation, row)
    }

    fn payment(&mut self, id: PaymentId, payment: &Payment) -> Result<(), Fault> {
        let body = encode(self.json, payment)?;
        let unverified = payment.is_unverified();
        let row = params![&id.to_bytes()[..], payment.version as i64, unverified, body];
        execute(&mut self.statements, self.connection, Put::Payment, row)
    }

    fn order(&mut self, id: OrderId, order: &Order) -> Result<(), Fault> {
        let body = encode(self.json, order)?;
        let row = params![
            &id.to_bytes()[..],
            order.version as i64,
            order.number as i64,
            order.invoice.map(|number| number as i64),
            state::of_order(order.state),
            order.customer.as_deref(),
            order.contact.map(|id| id.to_bytes().to_vec()),
            order.is_unsettled(),
            body
        ];
        execute(&mut self.statements, self.connection, Put::Order, row)
    }

    fn cart(&mut self, id: CartId, cart: &Cart) -> Result<(), Fault> {
        let body = encode(self.json, cart)?;
        let row = params![
            &id.to_bytes()[..],
            cart.version as i64,
            state::of_cart(cart.state),
            cart.customer_id.as_deref(),
            cart.expires_at.0,
            state::expires_hour(cart.expires_at),
            body
        ];
        execute(&mut self.statements, self.connection, Put::Cart, row)
    }
}

fn execute<'c>(
    statements: &mut [Option<CachedStatement<'c>>; PUTS.len()],
    connection: &'c Connection,
    put: Put,
    row: &[&dyn ToSql],
) -> Result<(), Fault> {
    let slot = &mut statements[put as usize];
    let statement = match slot {
        Some(statement) => statement,
        None => slot.insert(
            connection
                .prepare_cached(PUTS[put as usize])
                .map_err(fault)?,
        ),
    };
    statement.execute(row).map_err(fault)?;
    Ok(())
}

fn remove(connection: &Connection, key: &Key) -> Result<(), Fault> {
    let run = |sql: &str, row: &[&dyn ToSql]| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(row))
            .map_err(fault)
            .map(drop)
    };
    match key {
        Key::Product(id) => run("DELETE FROM products WHERE id = ?1", params![id.as_str()]),
        Key::Store(id) => run("DELETE FROM stores WHERE id = ?1", params![id.as_str()]),
        Key::Level(key) => run(
            "DELETE FROM levels WHERE sku = ?1 AND store = ?2",
            params![key.sku.as_str(), key.store.as_str()],
        ),
        Key::Reservation(id) => run(
            "DELETE FROM reservations WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Transfer(id) => run(
            "DELETE FROM transfers WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Cart(id) => run(
            "DELETE FROM carts WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Checkout(id) => run(
            "DELETE FROM checkouts WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Contact(id) => run(
            "DELETE FROM contacts WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Payment(id) => run(
            "DELETE FROM payments WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Instrument(id) => run(
            "DELETE FROM instruments WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Order(id) => run(
            "DELETE FROM orders WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Wallet(customer) => run(
            "DELETE FROM wallets WHERE customer_id = ?1",
            params![customer.as_str()],
        ),
        Key::WalletEntry(id) => run(
            "DELETE FROM wallet_entries WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Account(account, currency) => run(
            "DELETE FROM ledger_accounts WHERE account = ?1 AND currency = ?2",
            params![account.as_str(), currency.code()],
        ),
        Key::ApiKey(id) => run(
            "DELETE FROM api_keys WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Sku(sku) => run("DELETE FROM skus WHERE sku = ?1", params![sku.as_str()]),
        Key::Slug(slug) => run("DELETE FROM slugs WHERE slug = ?1", params![slug.as_str()]),
        Key::Reference(principal, reference) => run(
            "DELETE FROM reservation_references WHERE principal = ?1 AND reference = ?2",
            params![principal.as_str(), reference.as_str()],
        ),
        Key::UserCart(package, user) => run(
            "DELETE FROM user_carts WHERE package = ?1 AND user = ?2",
            params![package.as_str(), user.as_str()],
        ),
        Key::WebhookEndpoint(id) => webhooks::remove_endpoint(connection, *id),
        Key::DeadLetter(id) => run(
            "DELETE FROM dead_letters WHERE id = ?1",
            params![&id.to_bytes()[..]],
        ),
        Key::Cursor(consumer) => run(
            "DELETE FROM cursors WHERE consumer = ?1",
            params![consumer.as_str()],
        ),
        Key::StoresOf(_)
        | Key::DeadLettersOf(_)
        | Key::WebhookEndpoints
        | Key::KeyHash(_)
        | Key::CheckoutOf(_)
        | Key::WalletReference(..)
        | Key::OrderNumber(_)
        | Key::Invoice(_)
        | Key::CreditNote(_)
        | Key::Return(_)
        | Key::Last(_)
        | Key::OpenHolds(_) => Ok(()),
    }
}
