//! What the table of orders is asked for.

use super::rows::order_state;
use cartwright_app::ports::OrdersWanted;
use rusqlite::types::Value;

/// The statement of a list and its values. Its parameters are the id to go on after, those values, then the limit.
pub(super) fn list(wanted: &OrdersWanted) -> (String, Vec<Value>) {
    let mut sql = "SELECT body FROM orders WHERE id > ?1".to_owned();
    let mut values = Vec::new();
    let mut only = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(&condition.replace('#', &(values.len() + 1).to_string()));
    };
    if let Some(state) = wanted.state {
        only(" AND state = ?#", Value::Integer(order_state(state)));
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
    sql.push_str(&format!(" ORDER BY id LIMIT ?{}", values.len() + 2));
    (sql, values)
}

fn begin_of(millis: i64) -> Vec<u8> {
    let millis = u128::from(millis.max(0).unsigned_abs());
    (millis << 80).to_be_bytes().to_vec()
}
