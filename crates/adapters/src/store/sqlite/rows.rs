//! The tables of the nouns: what is put under a key and what is found there.

use super::fault::fault;
use super::{checkouts, holds, wallets};
use cartwright_app::Fault;
use cartwright_app::nouns::{Key, Record, Series};
use cartwright_domain::cart::{Cart, State as CartState};
use cartwright_domain::inventory::{Level, LevelKey, Reservation, Settings};
use cartwright_domain::order::{Order, State as OrderState};
use cartwright_domain::payment::Payment;
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, OrderId, PaymentId, ProductId, ReservationId, Sku, StoreId, Time,
    WalletEntryId,
};
use rusqlite::types::Type;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, ToSql, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const HOUR_MS: i64 = 3_600_000;

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
    Wallet,
    WalletEntry,
    Account,
}

/// In the order of [`Put`].
const PUTS: [&str; 19] = [
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
    "INSERT INTO orders (id, version, number, invoice, state, customer_id, contact_id, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
     ON CONFLICT (id) DO UPDATE SET version = excluded.version, invoice = excluded.invoice, state = excluded.state, \
     body = excluded.body",
    "INSERT INTO wallets (customer_id, version, body) VALUES (?1, ?2, ?3) \
     ON CONFLICT (customer_id) DO UPDATE SET version = excluded.version, body = excluded.body",
    "INSERT INTO wallet_entries (id, customer_id, reference, body) VALUES (?1, ?2, ?3, ?4)",
    "INSERT INTO ledger_accounts (account, currency, amount) VALUES (?1, ?2, ?3) \
     ON CONFLICT (account, currency) DO UPDATE SET amount = excluded.amount",
];

/// What of a level has no column.
#[derive(Serialize, Deserialize)]
struct More<'a> {
    #[serde(default)]
    settings: Settings,
    #[serde(default)]
    waiting: std::borrow::Cow<'a, [(ReservationId, i64)]>,
}

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
                    checkouts::state(it.state),
                    &cart[..],
                    expires_hour(it.terms.expires_at),
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
            // They follow from the rows of levels, API keys, reservations, checkouts, orders and entries.
            (Key::WalletReference(..), Record::WalletEntryId(_))
            | (Key::OrderNumber(_), Record::OrderId(_))
            | (Key::Last(_), Record::Count(_))
            | (Key::StoresOf(_), Record::Stores(_))
            | (Key::KeyHash(_), Record::ApiKeyId(_))
            | (Key::CheckoutOf(_), Record::CheckoutId(_))
            | (Key::OpenHolds(_), Record::Count(_)) => Ok(()),
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

    fn level(&mut self, key: &LevelKey, level: &Level) -> Result<(), Fault> {
        let plain = level.waiting.is_empty() && level.settings == Settings::default();
        let more = More {
            settings: level.settings,
            waiting: level.waiting.as_slice().into(),
        };
        let more = if plain {
            None
        } else {
            Some(encode(self.json, &more)?)
        };
        let row = params![
            key.sku.as_str(),
            key.store.as_str(),
            level.version as i64,
            level.on_hand,
            level.reserved,
            level.allocated,
            level.granted,
            level.backordered,
            level.updated_at.0,
            more
        ];
        execute(&mut self.statements, self.connection, Put::Level, row)
    }

    fn reservation(&mut self, id: ReservationId, hold: &Reservation) -> Result<(), Fault> {
        let body = holds::body(self.json, hold)?;
        let (bytes, principal) = (id.to_bytes(), hold.principal.as_str());
        let row = params![
            &bytes[..],
            hold.version as i64,
            holds::state(hold.state),
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
            order_state(order.state),
            order.customer.as_deref(),
            order.contact.map(|id| id.to_bytes().to_vec()),
            body
        ];
        execute(&mut self.statements, self.connection, Put::Order, row)
    }

    fn cart(&mut self, id: CartId, cart: &Cart) -> Result<(), Fault> {
        let body = encode(self.json, cart)?;
        let row = params![
            &id.to_bytes()[..],
            cart.version as i64,
            cart_state(cart.state),
            cart.customer_id.as_deref(),
            cart.expires_at.0,
            expires_hour(cart.expires_at),
            body
        ];
        execute(&mut self.statements, self.connection, Put::Cart, row)
    }
}

pub(super) fn order_state(state: OrderState) -> i64 {
    match state {
        OrderState::Placed => 0,
        OrderState::Completed => 1,
        OrderState::Cancelled => 2,
    }
}

pub(super) fn expires_hour(at: Time) -> i64 {
    at.0.div_euclid(HOUR_MS)
}

fn cart_state(state: CartState) -> i64 {
    match state {
        CartState::Open => 0,
        CartState::CheckingOut => 1,
        CartState::Ordered => 2,
        CartState::Merged => 3,
        CartState::Expired => 4,
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

pub(super) fn encode<'j, T: Serialize>(json: &'j mut Vec<u8>, value: &T) -> Result<&'j str, Fault> {
    json.clear();
    serde_json::to_writer(&mut *json, value).map_err(|error| Fault::Rejected(error.to_string()))?;
    std::str::from_utf8(json).map_err(|error| Fault::Rejected(error.to_string()))
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
        Key::StoresOf(_)
        | Key::KeyHash(_)
        | Key::CheckoutOf(_)
        | Key::WalletReference(..)
        | Key::OrderNumber(_)
        | Key::Last(_)
        | Key::OpenHolds(_) => Ok(()),
    }
}

/// What is under a key.
pub(super) fn load(connection: &Connection, key: &Key) -> Result<Option<Record>, Fault> {
    match key {
        Key::Product(id) => one(
            connection,
            "SELECT body FROM products WHERE id = ?1",
            params![id.as_str()],
            product,
        ),
        Key::Store(id) => one(
            connection,
            "SELECT body FROM stores WHERE id = ?1",
            params![id.as_str()],
            store,
        ),
        Key::Level(key) => {
            let sql = "SELECT sku, store, version, on_hand, reserved, allocated, granted, backordered, updated_at, more \
                       FROM levels WHERE sku = ?1 AND store = ?2";
            one(
                connection,
                sql,
                params![key.sku.as_str(), key.store.as_str()],
                level,
            )
        }
        Key::Reservation(id) => one(
            connection,
            &format!("{} WHERE id = ?1", holds::COLUMNS),
            params![&id.to_bytes()[..]],
            holds::read,
        ),
        Key::Transfer(id) => one(
            connection,
            "SELECT body FROM transfers WHERE id = ?1",
            params![&id.to_bytes()[..]],
            transfer,
        ),
        Key::Cart(id) => one(
            connection,
            "SELECT body FROM carts WHERE id = ?1",
            params![&id.to_bytes()[..]],
            cart,
        ),
        Key::Checkout(id) => one(
            connection,
            "SELECT body FROM checkouts WHERE id = ?1",
            params![&id.to_bytes()[..]],
            checkout,
        ),
        Key::Contact(id) => one(
            connection,
            "SELECT body FROM contacts WHERE id = ?1",
            params![&id.to_bytes()[..]],
            |row| body(row, 0).map(Record::Contact),
        ),
        Key::CheckoutOf(cart) => one(
            connection,
            checkouts::OF_CART,
            params![&cart.to_bytes()[..]],
            |row| Ok(Record::CheckoutId(CheckoutId(made_id(row, 0)?))),
        ),
        Key::Payment(id) => one(
            connection,
            "SELECT body FROM payments WHERE id = ?1",
            params![&id.to_bytes()[..]],
            payment,
        ),
        Key::Instrument(id) => one(
            connection,
            "SELECT body FROM instruments WHERE id = ?1",
            params![&id.to_bytes()[..]],
            |row| body(row, 0).map(Record::Instrument),
        ),
        Key::Order(id) => one(
            connection,
            "SELECT body FROM orders WHERE id = ?1",
            params![&id.to_bytes()[..]],
            order,
        ),
        Key::OrderNumber(number) => one(
            connection,
            "SELECT id FROM orders WHERE number = ?1",
            params![*number as i64],
            |row| Ok(Record::OrderId(OrderId(made_id(row, 0)?))),
        ),
        Key::Last(series) => one(
            connection,
            match series {
                Series::Order => "SELECT coalesce(max(number), 0) FROM orders",
                Series::Invoice => {
                    "SELECT coalesce(max(invoice), 0) FROM orders WHERE invoice IS NOT NULL"
                }
            },
            params![],
            |row| Ok(Record::Count(row.get::<_, i64>(0)?.unsigned_abs())),
        ),
        Key::Wallet(customer) => one(
            connection,
            "SELECT body FROM wallets WHERE customer_id = ?1",
            params![customer.as_str()],
            wallet,
        ),
        Key::WalletEntry(id) => one(
            connection,
            "SELECT body FROM wallet_entries WHERE id = ?1",
            params![&id.to_bytes()[..]],
            wallet_entry,
        ),
        Key::WalletReference(customer, reference) => one(
            connection,
            wallets::CALLED,
            params![customer.as_str(), reference.as_str()],
            |row| Ok(Record::WalletEntryId(WalletEntryId(made_id(row, 0)?))),
        ),
        Key::Account(account, currency) => one(
            connection,
            "SELECT amount FROM ledger_accounts WHERE account = ?1 AND currency = ?2",
            params![account.as_str(), currency.code()],
            |row| row.get(0).map(Record::Amount),
        ),
        Key::ApiKey(id) => one(
            connection,
            "SELECT body FROM api_keys WHERE id = ?1",
            params![&id.to_bytes()[..]],
            api_key,
        ),
        Key::Sku(sku) => one(
            connection,
            "SELECT product_id FROM skus WHERE sku = ?1",
            params![sku.as_str()],
            product_id,
        ),
        Key::Slug(slug) => one(
            connection,
            "SELECT product_id FROM slugs WHERE slug = ?1",
            params![slug.as_str()],
            product_id,
        ),
        Key::Reference(principal, reference) => {
            let sql =
                "SELECT id FROM reservation_references WHERE principal = ?1 AND reference = ?2";
            one(
                connection,
                sql,
                params![principal.as_str(), reference.as_str()],
                |row| Ok(Record::ReservationId(ReservationId(made_id(row, 0)?))),
            )
        }
        Key::KeyHash(hash) => one(
            connection,
            "SELECT id FROM api_keys WHERE hash = ?1",
            params![&hash[..]],
            |row| Ok(Record::ApiKeyId(ApiKeyId(made_id(row, 0)?))),
        ),
        Key::UserCart(package, user) => {
            let sql = "SELECT id FROM user_carts WHERE package = ?1 AND user = ?2";
            one(
                connection,
                sql,
                params![package.as_str(), user.as_str()],
                |row| Ok(Record::CartId(CartId(made_id(row, 0)?))),
            )
        }
        Key::StoresOf(sku) => stores_of(connection, sku),
        Key::OpenHolds(principal) => {
            let sql = "SELECT count(*) FROM reservations WHERE principal = ?1 AND state = 0";
            one(connection, sql, params![principal.as_str()], |row| {
                Ok(Record::Count(row.get::<_, i64>(0)? as u64))
            })
        }
    }
}

fn one(
    connection: &Connection,
    sql: &str,
    key: &[&dyn ToSql],
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<Record>,
) -> Result<Option<Record>, Fault> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    statement.query_row(key, read).optional().map_err(fault)
}

fn stores_of(connection: &Connection, sku: &Sku) -> Result<Option<Record>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT store FROM levels WHERE sku = ?1 ORDER BY store")
        .map_err(fault)?;
    let stores = statement
        .query_map([sku.as_str()], |row| text_id(row, 0, StoreId::new))
        .map_err(fault)?;
    let stores = stores.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    Ok((!stores.is_empty()).then(|| Record::Stores(Arc::new(stores))))
}

/// A column that does not hold what it should.
pub(super) fn bad(
    column: usize,
    kind: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

/// The JSON of a `body` column.
fn body<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<T>> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map(Arc::new)
        .map_err(|error| bad(column, Type::Text, error))
}

fn text_id<T, E: std::error::Error + Send + Sync + 'static>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    parse(row.get_ref(column)?.as_str()?).map_err(|error| bad(column, Type::Text, error))
}

/// The number of an id kept as sixteen bytes.
pub(super) fn made_id(row: &Row<'_>, column: usize) -> rusqlite::Result<u128> {
    row.get::<_, [u8; 16]>(column).map(u128::from_be_bytes)
}

pub(super) fn product(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::Product)
}

pub(super) fn store(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::Store)
}

pub(super) fn transfer(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::Transfer)
}

pub(super) fn cart(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::Cart)
}

pub(super) fn checkout(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::Checkout)
}

pub(super) fn payment(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::Payment)
}

pub(super) fn order(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::Order)
}

pub(super) fn wallet(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::Wallet)
}

pub(super) fn wallet_entry(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::WalletEntry)
}

pub(super) fn api_key(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::ApiKey)
}

fn product_id(row: &Row<'_>) -> rusqlite::Result<Record> {
    text_id(row, 0, ProductId::new).map(Record::ProductId)
}

/// A level of `sku, store, version, on_hand, reserved, allocated, granted, backordered, updated_at, more`.
pub(super) fn level(row: &Row<'_>) -> rusqlite::Result<Record> {
    let more = match row.get_ref(9)?.as_str_or_null()? {
        Some(text) => serde_json::from_str(text).map_err(|error| bad(9, Type::Text, error))?,
        None => More {
            settings: Settings::default(),
            waiting: Vec::new().into(),
        },
    };
    Ok(Record::Level(Arc::new(Level {
        key: LevelKey {
            sku: text_id(row, 0, Sku::new)?,
            store: text_id(row, 1, StoreId::new)?,
        },
        version: row.get::<_, i64>(2)? as u64,
        on_hand: row.get(3)?,
        reserved: row.get(4)?,
        allocated: row.get(5)?,
        granted: row.get(6)?,
        backordered: row.get(7)?,
        updated_at: Time(row.get(8)?),
        settings: more.settings,
        waiting: more.waiting.into_owned(),
    })))
}
