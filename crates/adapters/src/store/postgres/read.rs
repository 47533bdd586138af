//! The read side: committed state only, from any thread; and the few writes beside the loop, each behind the fence.

use super::fault::fault;
use super::gather::{Gather, Wanted};
use super::lease::Fence;
use super::link::{Link, Pool, Value, linked, value};
use super::lists::{self, List, after_id};
use super::replica::Replica;
use super::rows::{self, Read};
use super::table::{Cell, Kind, Rows};
use super::{load, log, text};
use crate::store::form;
use crate::store::form::state::expires_hour;
use crate::store::secrets::Secrets;
use cartwright_app::Fault;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::orders::{DocumentKind, DocumentNumber};
use cartwright_app::ports::{
    CheckoutsWanted, Cursor, DELIVERIES_KEPT, Delivery, Loading, OrdersWanted, Page, ReadStore,
    ReplicaCounts, place,
};
use cartwright_domain::wallet::Account;
use cartwright_domain::{
    ApiKeyId, CartId, CheckoutId, DeadLetterId, Money, OrderId, PaymentId, ReturnId, Sku, StoreId,
    Time, WalletEntryId, WebhookEndpointId,
};
use cartwright_proto::events as proto;
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Rows fetched at once while all state is visited.
const FETCHED_AT_ONCE: usize = 1000;
/// So long dropping a part of the log may take.
const DROP_PATIENCE: Duration = Duration::from_secs(60);
/// Batches dropped from the log in one transaction.
const DROPPED_AT_ONCE: i64 = 1000;

/// Everybody's side of the store.
pub(super) struct Reader {
    pool: Pool,
    gather: Gather,
    replica: Option<Replica>,
    secrets: Secrets,
    fence: Arc<Fence>,
    /// For transactions: what a pool's connections are asked runs together.
    beside: Arc<tokio::sync::Mutex<Option<Arc<Link>>>>,
}

impl Reader {
    pub(super) fn new(
        pool: Pool,
        replica: Option<Pool>,
        secrets: Secrets,
        fence: Arc<Fence>,
    ) -> Self {
        Self {
            gather: pool.gather(),
            pool,
            replica: replica.map(Replica::new),
            secrets,
            fence,
            beside: Arc::default(),
        }
    }

    fn listed<T>(
        &self,
        list: List,
        read: impl Fn(&tokio_postgres::Row) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let rows = self.pool.query(list.sql, list.values)?;
        rows.iter().map(read).collect()
    }

    /// A page of a list. Where there is a replica it is asked, and counts when it has the head of the log that the primary has: nobody reads
    /// what is older than what was acknowledged.
    fn page(&self, list: List, limit: usize, read: Read) -> Result<Page<Record>, Fault> {
        // One more than asked for tells whether there is a next page.
        let list = Arc::new(list.limit(limit.saturating_add(1)));
        let replied = match self.replica.as_ref() {
            Some(replica) => {
                let head = self
                    .pool
                    .ask(|link| async move { log::head(&link).await })?;
                replica.query(&list, head.0)
            }
            None => None,
        };
        let rows = match replied {
            Some(rows) => rows,
            None => self.pool.ask(move |link| {
                let list = list.clone();
                async move { link.query(&list.sql, &list.values).await.map_err(fault) }
            })?,
        };
        let mut items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let cut = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| cut).map(place);
        Ok(Page { items, next })
    }

    /// Writes beside the loop: behind the fence, in a transaction of its own that a power failure may take back. Returns what each changed.
    fn beside(
        &self,
        patience: Duration,
        mut statements: Vec<(String, Vec<Value>)>,
    ) -> Result<Vec<u64>, Fault> {
        let session = self.fence.session()?;
        let look = ("SELECT fence($1)".to_owned(), vec![value(session)]);
        statements.insert(0, look);
        let (slot, address) = (self.beside.clone(), self.pool.address().clone());
        self.pool.io().wait(patience, async move {
            let link = linked(&slot, &address).await?;
            // One after the other: the connection has one transaction at a time.
            let held = slot.lock().await;
            let begin = "BEGIN; SET LOCAL synchronous_commit TO off";
            let changed = link.transact(begin, &statements).await.map_err(fault);
            drop(held);
            changed
        })
    }

    /// Carts of these states whose time is over, oldest first. `states` is that of the index, so that the index is used.
    fn carts_by_expiry(&self, states: &str, now: Time, limit: usize) -> Result<Vec<CartId>, Fault> {
        let list = List::new(&format!("SELECT id FROM carts WHERE {states}"))
            .and(" AND expires_hour <= #", value(expires_hour(now)))
            .and(" AND expires_at <= #", value(now.0))
            .then(" ORDER BY expires_hour, expires_at")
            .limit(limit);
        self.listed(list, |row| rows::id(row, 0).map(CartId))
    }
}

fn column(text: &str) -> Value {
    value(text::kept(text).into_owned())
}

fn cursor_of(consumer: &str, position: u64) -> (String, Vec<Value>) {
    let sql = "INSERT INTO cursors (consumer, position) VALUES ($1, $2) \
               ON CONFLICT (consumer) DO UPDATE SET position = excluded.position";
    let values = vec![column(consumer), value(position.cast_signed())];
    (sql.to_owned(), values)
}

fn after_text(after: &Cursor) -> Value {
    value(after.clone().unwrap_or_default())
}

impl ReadStore for Reader {
    fn replica(&self) -> Option<ReplicaCounts> {
        self.replica.as_ref().map(Replica::counts)
    }

    fn load(&self, key: &Key) -> Result<Option<Record>, Fault> {
        let found = self.load_many(std::slice::from_ref(key))?;
        Ok(found.into_iter().next().flatten())
    }

    fn load_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        let keys = Arc::new(keys.to_vec());
        self.pool.ask(move |link| {
            let keys = keys.clone();
            async move { load::load(&link, &keys).await }
        })
    }

    fn ask(&self, key: &Key) -> Option<Loading> {
        Some(self.gather.ask(Wanted::Under(key.clone())))
    }

    fn ask_product_of(&self, sku: &Sku) -> Option<Loading> {
        Some(self.gather.ask(Wanted::ProductOf(sku.clone())))
    }

    fn list_products(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let list = List::new("SELECT body::text FROM products")
            .and(" WHERE id > #", after_text(after))
            .then(" ORDER BY id");
        self.page(list, limit, rows::product)
    }

    fn list_stores(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let list = List::new("SELECT body::text FROM stores")
            .and(" WHERE id > #", after_text(after))
            .then(" ORDER BY id");
        self.page(list, limit, rows::store)
    }

    fn list_levels(
        &self,
        store: &StoreId,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let list = List::new(&format!("SELECT {} FROM levels", rows::LEVEL))
            .and(" WHERE store = #", column(store.as_str()))
            .and(" AND sku > #", after_text(after))
            .then(" ORDER BY sku");
        self.page(list, limit, rows::level)
    }

    fn list_shortages(&self, limit: usize) -> Result<Page<Record>, Fault> {
        let short = "WHERE on_hand < reserved + allocated + granted ORDER BY sku, store";
        let list = List::new(&format!("SELECT {} FROM levels {short}", rows::LEVEL));
        self.page(list, limit, rows::level)
    }

    fn list_carts(
        &self,
        customer: &str,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let list = List::new("SELECT body::text FROM carts")
            .and(" WHERE customer_id = #", column(customer))
            .and(" AND id > #", after_id(after, |id: CartId| id.0))
            .then(" ORDER BY id");
        self.page(list, limit, rows::cart)
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
        let after = after_id(after, |id: CheckoutId| id.0);
        self.page(lists::checkouts(wanted, after), limit, rows::checkout)
    }

    fn stale_checkouts(&self, now: Time, limit: usize) -> Result<Vec<CheckoutId>, Fault> {
        let list = List::new("SELECT id FROM (SELECT id, expires_hour, (body #>> '{terms,expires_at}')::bigint AS expires_at FROM checkouts")
            .and(" WHERE state = 0 AND expires_hour <= #) open", value(expires_hour(now)))
            .and(" WHERE expires_at <= #", value(now.0))
            .then(" ORDER BY expires_hour, expires_at")
            .limit(limit);
        self.listed(list, |row| rows::id(row, 0).map(CheckoutId))
    }

    fn list_orders(
        &self,
        wanted: &OrdersWanted,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let after = after_id(after, |id: OrderId| id.0);
        self.page(lists::orders(wanted, after), limit, rows::order)
    }

    fn unverified_payments(
        &self,
        after: Option<PaymentId>,
        limit: usize,
    ) -> Result<Vec<PaymentId>, Fault> {
        let after = value(Uuid::from_u128(after.map_or(0, |id| id.0)));
        let list = List::new("SELECT id FROM payments WHERE unverified")
            .and(" AND id > #", after)
            .then(" ORDER BY id")
            .limit(limit);
        self.listed(list, |row| rows::id(row, 0).map(PaymentId))
    }

    fn list_documents(
        &self,
        only: Option<DocumentKind>,
        after: Option<DocumentNumber>,
        limit: usize,
    ) -> Result<Vec<(DocumentNumber, OrderId)>, Fault> {
        let mut found = Vec::new();
        for kind in DocumentKind::ALL {
            let from = match after {
                Some(after) if after.kind == kind => after.number,
                Some(after) if after.kind > kind => continue,
                _ => 0,
            };
            if only.is_none_or(|only| only == kind) {
                let list = lists::documents(kind, from, limit - found.len());
                found.extend(self.listed(list, |row| lists::document(row, kind))?);
            }
        }
        Ok(found)
    }

    fn list_returns(
        &self,
        after: Option<ReturnId>,
        limit: usize,
    ) -> Result<Vec<(ReturnId, OrderId)>, Fault> {
        let after = value(Uuid::from_u128(after.map_or(0, |id| id.0)));
        let list = List::new("SELECT id, order_id FROM returns")
            .and(" WHERE id > #", after)
            .then(" ORDER BY id")
            .limit(limit);
        self.listed(list, |row| {
            Ok((ReturnId(rows::id(row, 0)?), OrderId(rows::id(row, 1)?)))
        })
    }

    fn list_wallet_entries(
        &self,
        customer: &str,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let list = List::new("SELECT body::text FROM wallet_entries")
            .and(" WHERE customer_id = #", column(customer))
            .and(" AND id > #", after_id(after, |id: WalletEntryId| id.0))
            .then(" ORDER BY id");
        self.page(list, limit, rows::wallet_entry)
    }

    fn ledger_accounts(&self) -> Result<Vec<(Account, Money)>, Fault> {
        let list = List::new("SELECT account, currency, amount FROM ledger_accounts");
        let mut found = self.listed(list, lists::account)?;
        found.sort_unstable_by_key(|(account, money)| (money.currency, *account));
        Ok(found)
    }

    fn list_api_keys(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let list = List::new("SELECT body::text FROM api_keys")
            .and(" WHERE id > #", after_id(after, |id: ApiKeyId| id.0))
            .then(" ORDER BY id");
        self.page(list, limit, rows::api_key)
    }

    fn list_webhook_endpoints(&self, after: &Cursor, limit: usize) -> Result<Page<Record>, Fault> {
        let list = List::new("SELECT body::text FROM webhook_endpoints")
            .and(
                " WHERE id > #",
                after_id(after, |id: WebhookEndpointId| id.0),
            )
            .then(" ORDER BY id");
        self.page(list, limit, rows::webhook_endpoint)
    }

    fn list_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        before: Option<(u64, SmolStr)>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Fault> {
        let (position, id) = before.unwrap_or((i64::MAX as u64, SmolStr::default()));
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let columns = "SELECT position, id, name, state, attempts, last, next_try, at FROM webhook_deliveries";
        let list = List::new(columns)
            .and(" WHERE endpoint = #", value(Uuid::from_u128(endpoint.0)))
            .and(" AND (position, id) < (#", value(position))
            .and(", #)", column(&id))
            .then(" ORDER BY position DESC, id DESC")
            .limit(limit);
        self.listed(list, lists::delivery)
    }

    fn keep_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        consumer: &str,
        through: u64,
        deliveries: &[Delivery],
    ) -> Result<(), Fault> {
        let id = Cell::id(endpoint.0);
        let kinds = [
            Kind::Id,
            Kind::Number,
            Kind::Text,
            Kind::Text,
            Kind::Text,
            Kind::Number,
            Kind::Text,
            Kind::Number,
            Kind::Number,
        ];
        let mut put = Rows::of(kinds.into_iter());
        for it in deliveries {
            put.push([
                id.clone(),
                it.position.into(),
                Cell::text(&it.id),
                Cell::text(&it.name),
                Cell::text(it.state.as_str()),
                i64::from(it.attempts).into(),
                Cell::text(&it.last),
                it.next_try.map(|at| at.0).into(),
                it.at.0.into(),
            ]);
        }
        let keep = "INSERT INTO webhook_deliveries (endpoint, position, id, name, state, attempts, last, next_try, at) \
                    SELECT rows.* FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], \
                    $7::text[], $8::bigint[], $9::bigint[]) AS rows (endpoint, position, id, name, state, attempts, last, next_try, at) \
                    JOIN webhook_endpoints ON webhook_endpoints.id = rows.endpoint \
                    ON CONFLICT (endpoint, position, id) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, \
                    last = excluded.last, next_try = excluded.next_try, at = excluded.at";
        let drop_old = "DELETE FROM webhook_deliveries WHERE endpoint = $1 AND position < (SELECT position FROM webhook_deliveries \
                        WHERE endpoint = $1 ORDER BY position DESC, id DESC LIMIT 1 OFFSET $2)";
        let place = "INSERT INTO cursors (consumer, position) SELECT $1, $2 FROM webhook_endpoints WHERE id = $3 \
                     ON CONFLICT (consumer) DO UPDATE SET position = excluded.position";
        let endpoint = Uuid::from_u128(endpoint.0);
        let kept = i64::try_from(DELIVERIES_KEPT - 1).unwrap_or(i64::MAX);
        let place_values = vec![
            column(consumer),
            value(through.cast_signed()),
            value(endpoint),
        ];
        let mut statements = vec![(place.to_owned(), place_values)];
        if !deliveries.is_empty() {
            statements.push((keep.to_owned(), put.values()));
            statements.push((drop_old.to_owned(), vec![value(endpoint), value(kept)]));
        }
        self.beside(super::link::PATIENCE, statements).map(drop)
    }

    fn list_dead_letters(
        &self,
        consumer: Option<&str>,
        after: &Cursor,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let mut list = List::new("SELECT body::text FROM dead_letters")
            .and(" WHERE id > #", after_id(after, |id: DeadLetterId| id.0));
        if let Some(consumer) = consumer {
            list = list.and(" AND consumer = #", column(consumer));
        }
        self.page(list.then(" ORDER BY id"), limit, rows::dead_letter)
    }

    fn count_dead_letters(&self) -> Result<Vec<(SmolStr, u64)>, Fault> {
        let sql = "SELECT consumer, count(*) FROM dead_letters GROUP BY consumer ORDER BY consumer";
        self.listed(List::new(sql), lists::named)
    }

    fn cursors(&self) -> Result<Vec<(SmolStr, u64)>, Fault> {
        let sql = "SELECT consumer, position FROM cursors ORDER BY consumer";
        self.listed(List::new(sql), lists::named)
    }

    fn movements(
        &self,
        sku: &Sku,
        store: &StoreId,
        after_version: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Time, proto::Entry)>, Fault> {
        let asked = Arc::new((sku.clone(), store.clone()));
        self.pool.ask(move |link| {
            let asked = asked.clone();
            async move { log::movements(&link, &asked.0, &asked.1, after_version, limit).await }
        })
    }

    fn log(&self, after: u64, limit: usize) -> Result<Vec<proto::Batch>, Fault> {
        self.pool
            .ask(move |link| async move { log::read(&link, after, limit).await })
    }

    fn visit_all(
        &self,
        visit: &mut dyn FnMut(Key, Record) -> Result<(), Fault>,
    ) -> Result<u64, Fault> {
        let link = Arc::new(self.pool.own()?);
        let io = self.pool.io();
        let run = |sql: String| {
            let link = link.clone();
            io.wait(
                DROP_PATIENCE,
                async move { link.run(&sql).await.map_err(fault) },
            )
        };
        run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout TO 0".into())?;
        let seen = link.clone();
        let (position, _) = io.wait(DROP_PATIENCE, async move { log::head(&seen).await })?;
        for (select, read) in visited() {
            run(format!("DECLARE visited NO SCROLL CURSOR FOR {select}"))?;
            loop {
                let link = link.clone();
                let fetch = format!("FETCH {FETCHED_AT_ONCE} FROM visited");
                let found = io.wait(DROP_PATIENCE, async move {
                    link.query_once(&fetch).await.map_err(fault)
                })?;
                for row in &found {
                    let record = read(row)?;
                    visit(form::key_of(&record)?, record)?;
                }
                if found.len() < FETCHED_AT_ONCE {
                    break;
                }
            }
            run("CLOSE visited".into())?;
        }
        Ok(position)
    }

    fn cursor(&self, consumer: &str) -> Result<Option<u64>, Fault> {
        let found = self.load(&Key::Cursor(consumer.into()))?;
        Ok(found.and_then(|it| match it {
            Record::Count(position) => Some(position),
            _ => None,
        }))
    }

    fn set_cursor(&self, consumer: &str, position: u64) -> Result<(), Fault> {
        let statements = vec![cursor_of(consumer, position)];
        self.beside(super::link::PATIENCE, statements).map(drop)
    }

    fn truncate_log(&self, through: u64) -> Result<(), Fault> {
        let through = i64::try_from(through).unwrap_or(i64::MAX);
        let some = "DELETE FROM log WHERE first_position IN (SELECT first_position FROM log WHERE last_position <= $1 \
                    AND first_position < (SELECT max(first_position) FROM log) ORDER BY first_position LIMIT $2)";
        loop {
            let values = vec![value(through), value(DROPPED_AT_ONCE)];
            let changed = self.beside(DROP_PATIENCE, vec![(some.to_owned(), values)])?;
            if changed
                .last()
                .is_none_or(|rows| *rows < DROPPED_AT_ONCE as u64)
            {
                break;
            }
        }
        let rest =
            "DELETE FROM movements WHERE first_position < (SELECT min(first_position) FROM log)";
        self.beside(DROP_PATIENCE, vec![(rest.to_owned(), Vec::new())])
            .map(drop)
    }

    fn secret(&self) -> [u8; 32] {
        self.secrets.derivation
    }

    fn quote_key(&self) -> [u8; 32] {
        self.secrets.quote_key
    }
}

/// What of all nouns is selected, and how it is read.
fn visited() -> [(String, Read); 14] {
    let body = |table: &str, key: &str| format!("SELECT body::text FROM {table} ORDER BY {key}");
    [
        (body("products", "id"), rows::product),
        (body("stores", "id"), rows::store),
        (
            format!("SELECT {} FROM levels ORDER BY sku, store", rows::LEVEL),
            rows::level,
        ),
        (
            format!("SELECT {} FROM reservations ORDER BY id", rows::RESERVATION),
            rows::reservation,
        ),
        (body("transfers", "id"), rows::transfer),
        (body("carts", "id"), rows::cart),
        (body("checkouts", "id"), rows::checkout),
        (body("payments", "id"), rows::payment),
        (body("orders", "id"), rows::order),
        (body("wallets", "customer_id"), rows::wallet),
        (body("wallet_entries", "id"), rows::wallet_entry),
        (body("api_keys", "id"), rows::api_key),
        (body("webhook_endpoints", "id"), rows::webhook_endpoint),
        (body("dead_letters", "id"), rows::dead_letter),
    ]
}
