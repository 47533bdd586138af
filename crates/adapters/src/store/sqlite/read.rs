//! The read side: a few connections, opened when first needed, each seeing committed state only.

use super::fault::fault;
use super::open::Locked;
use super::pool::Pool;
use super::{checkouts, holds, log, orders, rows, wallets, webhooks};
use crate::store::form;
use crate::store::form::state::expires_hour;
use crate::store::secrets::Secrets;
use cartwright_app::Fault;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::orders::{DocumentKind, DocumentNumber};
use cartwright_app::ports::{
    CheckoutsWanted, Cursor, Delivery, OrdersWanted, Page, ReadStore, place,
};
use cartwright_domain::wallet::Account;
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, DeadLetterId, Money, OrderId, PaymentId, ReturnId, Sku, StoreId,
    Time, WalletEntryId, WebhookEndpointId,
};
use cartwright_proto::events as proto;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use smol_str::SmolStr;
use std::sync::Arc;

/// Batches dropped from the log in one transaction, so that the loop never waits long for it.
const DROPPED_AT_ONCE: usize = 256;

/// Everybody's side of the store.
pub(super) struct Reader {
    pool: Arc<Pool>,
    secrets: Secrets,
    _locked: Arc<Locked>,
}

impl Reader {
    pub(super) fn new(pool: Arc<Pool>, secrets: Secrets, locked: Arc<Locked>) -> Self {
        Self {
            pool,
            secrets,
            _locked: locked,
        }
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.pool.with(read)
    }

    fn page(
        &self,
        sql: &str,
        key: Vec<&dyn ToSql>,
        limit: usize,
        read: fn(&Row<'_>) -> rusqlite::Result<Record>,
    ) -> Result<Page<Record>, Fault> {
        // One more than asked for tells whether there is a next page.
        let more = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let mut key: Vec<&dyn ToSql> = key;
        key.push(&more);
        self.with(|connection| {
            let mut statement = connection.prepare_cached(sql).map_err(fault)?;
            let found = statement.query_map(&key[..], read).map_err(fault)?;
            let mut items = found.collect::<Result<Vec<_>, _>>().map_err(fault)?;
            let cut = items.len() > limit;
            items.truncate(limit);
            let next = items.last().filter(|_| cut).map(place);
            Ok(Page { items, next })
        })
    }
}

impl Reader {
    /// Carts of these states whose time is over, oldest first. `states` is that of the index, so that the index is used.
    fn carts_by_expiry(&self, states: &str, now: Time, limit: usize) -> Result<Vec<CartId>, Fault> {
        self.with(|connection| {
            let sql = format!(
                "SELECT id FROM carts WHERE {states} AND expires_hour <= ?1 AND expires_at <= ?2 \
                 ORDER BY expires_hour, expires_at LIMIT ?3"
            );
            let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
            let key = params![expires_hour(now), now.0, limit as i64];
            let carts = statement
                .query_map(key, |row| rows::made_id(row, 0).map(CartId))
                .map_err(fault)?;
            carts.collect::<Result<_, _>>().map_err(fault)
        })
    }
}

/// The bytes a list of made ids goes on after; from the start for no cursor, and for one that is no id.
fn after_id<T: std::str::FromStr>(after: &Cursor, number: fn(T) -> u128) -> Vec<u8> {
    let id = after.as_ref().and_then(|text| text.parse().ok());
    id.map_or_else(Vec::new, |id| number(id).to_be_bytes().to_vec())
}

const LEVELS: &str = "SELECT sku, store, version, on_hand, reserved, allocated, granted, backordered, updated_at, more FROM levels";

impl ReadStore for Reader {
    fn load(&self, key: &Key) -> Result<Option<Record>, Fault> {
        self.with(|connection| rows::load(connection, key))
    }

    fn list_products(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let sql = "SELECT body FROM products WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.page(
            sql,
            vec![&after.as_deref().unwrap_or_default()],
            limit,
            rows::product,
        )
    }

    fn list_stores(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let sql = "SELECT body FROM stores WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.page(
            sql,
            vec![&after.as_deref().unwrap_or_default()],
            limit,
            rows::store,
        )
    }

    fn list_levels(
        &self,
        store: &StoreId,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let sql = format!("{LEVELS} WHERE store = ?1 AND sku > ?2 ORDER BY sku LIMIT ?3");
        self.page(
            &sql,
            vec![&store.as_str(), &after.as_deref().unwrap_or_default()],
            limit,
            rows::level,
        )
    }

    fn list_shortages(&self, limit: usize) -> Result<Page<Record>, Fault> {
        let short = "WHERE on_hand < reserved + allocated + granted";
        let sql = format!("{LEVELS} {short} ORDER BY sku, store LIMIT ?1");
        self.page(&sql, Vec::new(), limit, rows::level)
    }

    fn list_carts(
        &self,
        customer: &str,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let sql = "SELECT body FROM carts WHERE customer_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        self.page(
            sql,
            vec![&customer, &after_id(after, |id: CartId| id.0)],
            limit,
            rows::cart,
        )
    }

    fn stale_carts(&self, now: Time, limit: usize) -> Result<Vec<CartId>, Fault> {
        self.carts_by_expiry("state = 0", now, limit)
    }

    fn closed_carts(&self, before: Time, limit: usize) -> Result<Vec<CartId>, Fault> {
        self.carts_by_expiry("state IN (3, 4)", before, limit)
    }

    fn list_checkouts(
        &self,
        wanted: CheckoutsWanted,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let (sql, after) = (
            checkouts::list(wanted),
            after_id(after, |id: CheckoutId| id.0),
        );
        let cart = wanted.cart.map(|cart| cart.to_bytes().to_vec());
        let mut key: Vec<&dyn ToSql> = vec![&after];
        key.extend(cart.as_ref().map(|cart| cart as &dyn ToSql));
        self.page(&sql, key, limit, rows::checkout)
    }

    fn stale_checkouts(&self, now: Time, limit: usize) -> Result<Vec<CheckoutId>, Fault> {
        self.with(|connection| checkouts::stale(connection, now, limit))
    }

    fn list_orders(
        &self,
        wanted: &OrdersWanted,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let after = after_id(after, |id: OrderId| id.0);
        let (sql, values) = orders::list(wanted);
        let mut key: Vec<&dyn ToSql> = vec![&after];
        key.extend(values.iter().map(|value| value as &dyn ToSql));
        self.page(&sql, key, limit, rows::order)
    }

    fn unverified_payments(
        &self,
        after: Option<PaymentId>,
        limit: usize,
    ) -> Result<Vec<PaymentId>, Fault> {
        let after = after.map_or_else(Vec::new, |id| id.to_bytes().to_vec());
        self.with(|connection| {
            let sql =
                "SELECT id FROM payments WHERE unverified = 1 AND id > ?1 ORDER BY id LIMIT ?2";
            let mut statement = connection.prepare_cached(sql).map_err(fault)?;
            let found = statement
                .query_map(params![after, limit as i64], |row| {
                    rows::made_id(row, 0).map(PaymentId)
                })
                .map_err(fault)?;
            found.collect::<Result<_, _>>().map_err(fault)
        })
    }

    fn list_documents(
        &self,
        only: Option<DocumentKind>,
        after: Option<DocumentNumber>,
        limit: usize,
    ) -> Result<Vec<(DocumentNumber, OrderId)>, Fault> {
        self.with(|connection| {
            let mut found = Vec::new();
            for kind in DocumentKind::ALL {
                let from = match after {
                    Some(after) if after.kind == kind => after.number,
                    Some(after) if after.kind > kind => continue,
                    _ => 0,
                };
                if only.is_none_or(|only| only == kind) {
                    let rest = limit - found.len();
                    found.extend(orders::documents(connection, kind, from, rest)?);
                }
            }
            Ok(found)
        })
    }

    fn list_returns(
        &self,
        after: Option<ReturnId>,
        limit: usize,
    ) -> Result<Vec<(ReturnId, OrderId)>, Fault> {
        self.with(|connection| orders::returns(connection, after, limit))
    }

    fn list_wallet_entries(
        &self,
        customer: &str,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let after = after_id(after, |id: WalletEntryId| id.0);
        self.page(
            wallets::ENTRIES,
            vec![&customer, &after],
            limit,
            rows::wallet_entry,
        )
    }

    fn ledger_accounts(&self) -> Result<Vec<(Account, Money)>, Fault> {
        self.with(wallets::accounts)
    }

    fn list_api_keys(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let sql = "SELECT body FROM api_keys WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.page(
            sql,
            vec![&after_id(after, |id: ApiKeyId| id.0)],
            limit,
            rows::api_key,
        )
    }

    fn list_webhook_endpoints(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let sql = "SELECT body FROM webhook_endpoints WHERE id > ?1 ORDER BY id LIMIT ?2";
        let after = after_id(after, |id: WebhookEndpointId| id.0);
        self.page(sql, vec![&after], limit, rows::webhook_endpoint)
    }

    fn list_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        before: Option<(u64, SmolStr)>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Fault> {
        self.with(|connection| webhooks::deliveries(connection, endpoint, before, limit))
    }

    fn keep_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        consumer: &str,
        through: u64,
        deliveries: &[Delivery],
    ) -> Result<(), Fault> {
        self.pool.beside(|connection| {
            webhooks::keep(connection, endpoint, consumer, through, deliveries)
        })
    }

    fn list_dead_letters(
        &self,
        consumer: Option<&str>,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let after = after_id(after, |id: DeadLetterId| id.0);
        let mut key: Vec<&dyn ToSql> = vec![&after];
        key.extend(consumer.as_ref().map(|consumer| consumer as &dyn ToSql));
        let sql = webhooks::dead_letters(consumer);
        self.page(sql, key, limit, rows::dead_letter)
    }

    fn count_dead_letters(&self) -> Result<Vec<(SmolStr, u64)>, Fault> {
        self.with(|connection| webhooks::numbers(connection, webhooks::LETTERS_BY_CONSUMER))
    }

    fn cursors(&self) -> Result<Vec<(SmolStr, u64)>, Fault> {
        self.with(|connection| webhooks::numbers(connection, webhooks::CURSORS))
    }

    fn movements(
        &self,
        sku: &Sku,
        store: &StoreId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Time, proto::Entry)>, Fault> {
        self.with(|connection| log::movements(connection, sku, store, after_version, limit))
    }

    fn log(&self, after: u64, limit: usize) -> Result<Vec<proto::Batch>, Fault> {
        self.with(|connection| log::read(connection, after, limit))
    }

    fn visit_all(
        &self,
        visit: &mut dyn FnMut(Key, Record) -> Result<(), Fault>,
    ) -> Result<u64, Fault> {
        let connection = self.pool.long()?;
        let snapshot = connection.unchecked_transaction().map_err(fault)?;
        let (position, _) = log::head(&snapshot)?;
        let mut all = |sql: &str, read: fn(&Row<'_>) -> rusqlite::Result<Record>| {
            let mut statement = snapshot.prepare(sql).map_err(fault)?;
            let mut rows = statement.query([]).map_err(fault)?;
            while let Some(row) = rows.next().map_err(fault)? {
                let record = read(row).map_err(fault)?;
                visit(form::key_of(&record)?, record)?;
            }
            Ok::<_, Fault>(())
        };
        all("SELECT body FROM products ORDER BY id", rows::product)?;
        all("SELECT body FROM stores ORDER BY id", rows::store)?;
        all(&format!("{LEVELS} ORDER BY sku, store"), rows::level)?;
        all(&format!("{} ORDER BY id", holds::COLUMNS), holds::read)?;
        all("SELECT body FROM transfers ORDER BY id", rows::transfer)?;
        all("SELECT body FROM carts ORDER BY id", rows::cart)?;
        all("SELECT body FROM checkouts ORDER BY id", rows::checkout)?;
        all("SELECT body FROM payments ORDER BY id", rows::payment)?;
        all("SELECT body FROM orders ORDER BY id", rows::order)?;
        all(
            "SELECT body FROM wallets ORDER BY customer_id",
            rows::wallet,
        )?;
        all(
            "SELECT body FROM wallet_entries ORDER BY id",
            rows::wallet_entry,
        )?;
        all("SELECT body FROM api_keys ORDER BY id", rows::api_key)?;
        all(
            "SELECT body FROM webhook_endpoints ORDER BY id",
            rows::webhook_endpoint,
        )?;
        all(
            "SELECT body FROM dead_letters ORDER BY id",
            rows::dead_letter,
        )?;
        Ok(position)
    }

    fn cursor(&self, consumer: &str) -> Result<Option<u64>, Fault> {
        self.with(|connection| {
            let sql = "SELECT position FROM cursors WHERE consumer = ?1";
            let mut statement = connection.prepare_cached(sql).map_err(fault)?;
            let position = statement
                .query_row([consumer], |row| row.get::<_, i64>(0))
                .optional()
                .map_err(fault)?;
            Ok(position.map(|position| position as u64))
        })
    }

    fn set_cursor(&self, consumer: &str, position: u64) -> Result<(), Fault> {
        self.pool
            .beside(|connection| webhooks::set_cursor(connection, consumer, position))
    }

    fn truncate_log(&self, through: u64) -> Result<(), Fault> {
        while self
            .pool
            .beside(|connection| log::drop_some(connection, through, DROPPED_AT_ONCE))?
        {}
        self.pool.beside(log::drop_movements)
    }

    fn secret(&self) -> [u8; 32] {
        self.secrets.derivation
    }

    fn quote_key(&self) -> [u8; 32] {
        self.secrets.quote_key
    }
}
