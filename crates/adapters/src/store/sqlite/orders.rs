//! What the tables of orders, credit notes and returns are asked for.

use super::fault::fault;
use super::rows::made_id;
use crate::store::form::state::of_order;
use cartwright_app::Fault;
use cartwright_app::orders::{DocumentKind, DocumentNumber};
use cartwright_app::ports::OrdersWanted;
use cartwright_domain::{OrderId, ReturnId};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

/// The statement of a list and its values. Its parameters are the id to go on after, those values, then the limit.
pub(super) fn list(wanted: &OrdersWanted) -> (String, Vec<Value>) {
    let mut sql = "SELECT body FROM orders WHERE id > ?1".to_owned();
    let mut values = Vec::new();
    let mut only = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&condition.replace('#', &(values.len() + 1).to_string()));
    };
    if let Some(state) = wanted.state {
        only(" AND state = ?#", Value::Integer(of_order(state)));
    }
    if let Some(customer) = &wanted.customer {
        only(" AND customer_id = ?#", Value::Text(customer.to_string()));
    }
    if let Some(from) = wanted.from {
        // Identifiers begin with the millisecond in which they were made.
        only(" AND id >= ?#", Value::Blob(begin_of(from.0)));
    }
    if let Some(to) = wanted.to {
        only(" AND id < ?#", Value::Blob(begin_of(to.0)));
    }
    if let Some(email) = &wanted.email {
        only(
            " AND contact_id IN (SELECT id FROM contacts WHERE lower(body ->> '$.email') = lower(?#))",
            Value::Text(email.to_string()),
        );
    }
    if wanted.is_unsettled {
        sql.push_str(" AND unsettled = 1");
    }
    sql.push_str(&format!(" ORDER BY id LIMIT ?{}", values.len() + 2));
    (sql, values)
}

fn begin_of(millis: i64) -> Vec<u8> {
    let millis = u128::from(millis.max(0).unsigned_abs());
    (millis << 80).to_be_bytes().to_vec()
}

/// Documents of one kind after a number, by number.
pub(super) fn documents(
    connection: &Connection,
    kind: DocumentKind,
    after: u64,
    limit: usize,
) -> Result<Vec<(DocumentNumber, OrderId)>, Fault> {
    let sql = match kind {
        DocumentKind::Invoice => {
            "SELECT invoice, id FROM orders WHERE invoice > ?1 ORDER BY invoice LIMIT ?2"
        }
        DocumentKind::CreditNote => {
            "SELECT number, order_id FROM credit_notes WHERE number > ?1 ORDER BY number LIMIT ?2"
        }
    };
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let found = statement
        .query_map(params![after as i64, limit as i64], |row| {
            let number = row.get::<_, i64>(0)?.unsigned_abs();
            Ok((DocumentNumber { kind, number }, OrderId(made_id(row, 1)?)))
        })
        .map_err(fault)?;
    found.collect::<Result<_, _>>().map_err(fault)
}

/// Returns after one, oldest first.
pub(super) fn returns(
    connection: &Connection,
    after: Option<ReturnId>,
    limit: usize,
) -> Result<Vec<(ReturnId, OrderId)>, Fault> {
    let after = after.map_or_else(Vec::new, |id| id.to_bytes().to_vec());
    let sql = "SELECT id, order_id FROM returns WHERE id > ?1 ORDER BY id LIMIT ?2";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let found = statement
        .query_map(params![after, limit as i64], |row| {
            Ok((ReturnId(made_id(row, 0)?), OrderId(made_id(row, 1)?)))
        })
        .map_err(fault)?;
    found.collect::<Result<_, _>>().map_err(fault)
}
