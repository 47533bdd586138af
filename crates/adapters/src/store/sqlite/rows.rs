//! What is found under a key in the tables of the nouns.

use super::fault::fault;
use super::{checkouts, holds, wallets, webhooks};
use crate::store::form;
use cartwright_app::Fault;
use cartwright_app::nouns::{Key, Record, Series};
use cartwright_domain::inventory::{Level, LevelKey};
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, OrderId, ProductId, ReservationId, Sku, StoreId, Time,
    WalletEntryId,
};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::de::DeserializeOwned;
use std::sync::Arc;

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
            order_id,
        ),
        Key::Invoice(number) => one(
            connection,
            "SELECT id FROM orders WHERE invoice = ?1",
            params![*number as i64],
            order_id,
        ),
        Key::CreditNote(number) => one(
            connection,
            "SELECT order_id FROM credit_notes WHERE number = ?1",
            params![*number as i64],
            order_id,
        ),
        Key::Return(id) => one(
            connection,
            "SELECT order_id FROM returns WHERE id = ?1",
            params![&id.to_bytes()[..]],
            order_id,
        ),
        Key::Last(series) => one(
            connection,
            match series {
                Series::Order => "SELECT coalesce(max(number), 0) FROM orders",
                Series::Invoice => {
                    "SELECT coalesce(max(invoice), 0) FROM orders WHERE invoice IS NOT NULL"
                }
                Series::CreditNote => "SELECT coalesce(max(number), 0) FROM credit_notes",
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
        Key::WebhookEndpoint(id) => one(
            connection,
            "SELECT body FROM webhook_endpoints WHERE id = ?1",
            params![&id.to_bytes()[..]],
            webhook_endpoint,
        ),
        Key::WebhookEndpoints => one(
            connection,
            "SELECT count(*) FROM webhook_endpoints",
            params![],
            count,
        ),
        Key::DeadLetter(id) => one(
            connection,
            "SELECT body FROM dead_letters WHERE id = ?1",
            params![&id.to_bytes()[..]],
            dead_letter,
        ),
        Key::DeadLettersOf(consumer) => webhooks::listed(connection, consumer),
        Key::Cursor(consumer) => one(
            connection,
            "SELECT position FROM cursors WHERE consumer = ?1",
            params![consumer.as_str()],
            count,
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
            one(connection, sql, params![principal.as_str()], count)
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

pub(super) fn webhook_endpoint(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::WebhookEndpoint)
}

pub(super) fn dead_letter(row: &Row<'_>) -> rusqlite::Result<Record> {
    body(row, 0).map(Record::DeadLetter)
}

fn count(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record::Count(row.get::<_, i64>(0)?.unsigned_abs()))
}

fn order_id(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record::OrderId(OrderId(made_id(row, 0)?)))
}

fn product_id(row: &Row<'_>) -> rusqlite::Result<Record> {
    text_id(row, 0, ProductId::new).map(Record::ProductId)
}

/// A level of `sku, store, version, on_hand, reserved, allocated, granted, backordered, updated_at, more`.
pub(super) fn level(row: &Row<'_>) -> rusqlite::Result<Record> {
    let more = form::level::read(row.get_ref(9)?.as_str_or_null()?)
        .map_err(|error| bad(9, Type::Text, error))?;
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
        shortage: more.shortage,
    })))
}
