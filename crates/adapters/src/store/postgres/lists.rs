//! What the tables are asked for beside single keys: lists in the order of their keys.

use super::link::{Value, value};
use super::rows::{self, id, number, text, time, whole};
use crate::store::form::state::{of_checkout, of_order};
use cartwright_app::Fault;
use cartwright_app::orders::{DocumentKind, DocumentNumber};
use cartwright_app::ports::{CheckoutsWanted, Cursor, Delivery, DeliveryState, OrdersWanted};
use cartwright_domain::wallet::Account;
use cartwright_domain::{Currency, Money, OrderId};
use smol_str::SmolStr;
use tokio_postgres::Row;
use uuid::Uuid;

/// A statement and its values.
pub(super) struct List {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl List {
    pub(super) fn new(sql: &str) -> Self {
        Self {
            sql: sql.to_owned(),
            values: Vec::new(),
        }
    }

    /// Adds a text in which `#` stands for a value.
    pub(super) fn and(mut self, condition: &str, of: Value) -> Self {
        self.values.push(of);
        let number = format!("${}", self.values.len());
        self.sql.push_str(&condition.replace('#', &number));
        self
    }

    /// Adds a text.
    pub(super) fn then(mut self, text: &str) -> Self {
        self.sql.push_str(text);
        self
    }

    /// So many at most.
    pub(super) fn limit(self, limit: usize) -> Self {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.and(" LIMIT #", value(limit))
    }
}

/// The id that a list of made ids goes on after; from the start for no cursor, and for one that is no id.
pub(super) fn after_id<T: std::str::FromStr>(after: &Cursor, number: fn(T) -> u128) -> Value {
    let id = after.as_ref().and_then(|text| text.parse().ok());
    value(Uuid::from_u128(id.map_or(0, number)))
}

/// Checkouts after an id. States are numbers of ours, so that the partial indexes are used.
pub(super) fn checkouts(wanted: CheckoutsWanted, after: Value) -> List {
    let mut list = List::new("SELECT body::text FROM checkouts").and(" WHERE id > #", after);
    if let Some(cart) = wanted.cart {
        list = list.and(" AND cart_id = #", value(Uuid::from_u128(cart.0)));
    }
    if let Some(state) = wanted.state {
        list = list.then(&format!(" AND state = {}", of_checkout(state)));
    }
    list.then(" ORDER BY id")
}

/// Orders after an id.
pub(super) fn orders(wanted: &OrdersWanted, after: Value) -> List {
    let mut list = List::new("SELECT body::text FROM orders").and(" WHERE id > #", after);
    if let Some(state) = wanted.state {
        list = list.and(" AND state = #", value(of_order(state)));
    }
    if let Some(customer) = &wanted.customer {
        let customer = super::text::kept(customer).into_owned();
        list = list.and(" AND customer_id = #", value(customer));
    }
    if let Some(from) = wanted.from {
        // Identifiers begin with the millisecond in which they were made.
        list = list.and(" AND id >= #", value(begin_of(from.0)));
    }
    if let Some(to) = wanted.to {
        list = list.and(" AND id < #", value(begin_of(to.0)));
    }
    if let Some(email) = &wanted.email {
        let email = super::text::kept(email).into_owned();
        let condition =
            " AND contact_id IN (SELECT id FROM contacts WHERE lower(body ->> 'email') = lower(#))";
        list = list.and(condition, value(email));
    }
    if wanted.is_unsettled {
        list = list.then(" AND unsettled");
    }
    list.then(" ORDER BY id")
}

fn begin_of(millis: i64) -> Uuid {
    Uuid::from_u128(u128::from(millis.max(0).unsigned_abs()) << 80)
}

/// Documents of one kind after a number.
pub(super) fn documents(kind: DocumentKind, after: u64, limit: usize) -> List {
    let (sql, order) = match kind {
        DocumentKind::Invoice => (
            "SELECT invoice, id FROM orders WHERE invoice > #",
            " ORDER BY invoice",
        ),
        DocumentKind::CreditNote => (
            "SELECT number, order_id FROM credit_notes WHERE number > #",
            " ORDER BY number",
        ),
    };
    let after = value(i64::try_from(after).unwrap_or(i64::MAX));
    List::new("").and(sql, after).then(order).limit(limit)
}

/// A document of [`documents`].
pub(super) fn document(row: &Row, kind: DocumentKind) -> Result<(DocumentNumber, OrderId), Fault> {
    let number = number(row, 0)?;
    Ok((DocumentNumber { kind, number }, OrderId(id(row, 1)?)))
}

/// An account of `account, currency, amount`.
pub(super) fn account(row: &Row) -> Result<(Account, Money), Fault> {
    let unknown = || Fault::corrupt("an unknown account");
    let account = Account::parse(&text(row, 0)?).ok_or_else(unknown)?;
    let currency = rows::parsed(row, 1, Currency::new)?;
    Ok((account, Money::new(whole(row, 2)?, currency)))
}

/// A name and a number.
pub(super) fn named(row: &Row) -> Result<(SmolStr, u64), Fault> {
    Ok((text(row, 0)?, number(row, 1)?))
}

/// What became of a message: `position, id, name, state, attempts, last, next_try, at`.
pub(super) fn delivery(row: &Row) -> Result<Delivery, Fault> {
    let unknown = || Fault::corrupt("a delivery in an unknown state");
    let next_try: Option<i64> = row.try_get(6).map_err(Fault::corrupt)?;
    Ok(Delivery {
        position: number(row, 0)?,
        id: text(row, 1)?,
        name: text(row, 2)?,
        state: DeliveryState::parse(&text(row, 3)?).ok_or_else(unknown)?,
        attempts: u32::try_from(whole(row, 4)?).map_err(Fault::corrupt)?,
        last: text(row, 5)?,
        next_try: next_try.map(cartwright_domain::Time),
        at: time(row, 7)?,
    })
}
