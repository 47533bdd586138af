//! What the tables of webhooks and dead letters are asked for.

use super::fault::fault;
use super::rows::{bad, made_id};
use cartwright_app::Fault;
use cartwright_app::nouns::Record;
use cartwright_app::ports::{DELIVERIES_KEPT, Delivery, DeliveryState};
use cartwright_domain::dead_letter::Listed;
use cartwright_domain::{DeadLetterId, EventId, Time, WebhookEndpointId};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use smol_str::SmolStr;
use std::io::{Error, ErrorKind};
use std::sync::Arc;

/// The letters of a consumer, as its list has them.
pub(super) fn listed(connection: &Connection, consumer: &str) -> Result<Option<Record>, Fault> {
    let sql = "SELECT id, event_id, key FROM dead_letters WHERE consumer = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let found = statement
        .query_map([consumer], |row| {
            Ok(Listed {
                id: DeadLetterId(made_id(row, 0)?),
                event: EventId(made_id(row, 1)?),
                key: row.get_ref(2)?.as_str()?.into(),
            })
        })
        .map_err(fault)?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    Ok((!found.is_empty()).then(|| Record::DeadLetters(Arc::new(found))))
}

/// The statement of a list: its parameters are the id to go on after, then the consumer if one is wanted, then the limit.
pub(super) fn dead_letters(consumer: Option<&str>) -> &'static str {
    match consumer {
        Some(_) => {
            "SELECT body FROM dead_letters WHERE id > ?1 AND consumer = ?2 ORDER BY id LIMIT ?3"
        }
        None => "SELECT body FROM dead_letters WHERE id > ?1 ORDER BY id LIMIT ?2",
    }
}

/// Two columns, a name and a number.
pub(super) fn numbers(connection: &Connection, sql: &str) -> Result<Vec<(SmolStr, u64)>, Fault> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let found = statement
        .query_map([], |row| {
            let name = row.get_ref(0)?.as_str()?.into();
            Ok((name, row.get::<_, i64>(1)?.unsigned_abs()))
        })
        .map_err(fault)?;
    found.collect::<Result<_, _>>().map_err(fault)
}

pub(super) const LETTERS_BY_CONSUMER: &str =
    "SELECT consumer, count(*) FROM dead_letters GROUP BY consumer ORDER BY consumer";
pub(super) const CURSORS: &str = "SELECT consumer, position FROM cursors ORDER BY consumer";

/// What became of the messages to an endpoint, the newest first.
pub(super) fn deliveries(
    connection: &Connection,
    endpoint: WebhookEndpointId,
    before: Option<(u64, SmolStr)>,
    limit: usize,
) -> Result<Vec<Delivery>, Fault> {
    let sql = "SELECT position, id, name, state, attempts, last, next_try, at FROM webhook_deliveries \
               WHERE endpoint = ?1 AND (position, id) < (?2, ?3) ORDER BY position DESC, id DESC LIMIT ?4";
    let (position, id) = before.unwrap_or((i64::MAX as u64, SmolStr::default()));
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let key = params![
        &endpoint.to_bytes()[..],
        position,
        id.as_str(),
        limit as i64
    ];
    let found = statement.query_map(key, delivery).map_err(fault)?;
    found.collect::<Result<_, _>>().map_err(fault)
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let state = DeliveryState::parse(row.get_ref(3)?.as_str()?).ok_or_else(|| {
        let unknown = Error::new(ErrorKind::InvalidData, "an unknown state");
        bad(3, Type::Text, unknown)
    })?;
    Ok(Delivery {
        position: row.get::<_, i64>(0)?.unsigned_abs(),
        id: row.get_ref(1)?.as_str()?.into(),
        name: row.get_ref(2)?.as_str()?.into(),
        state,
        attempts: row.get(4)?,
        last: row.get_ref(5)?.as_str()?.into(),
        next_try: row.get::<_, Option<i64>>(6)?.map(Time),
        at: Time(row.get(7)?),
    })
}

/// Deliveries and place in one transaction, unless the endpoint is gone.
pub(super) fn keep(
    connection: &Connection,
    endpoint: WebhookEndpointId,
    consumer: &str,
    through: u64,
    deliveries: &[Delivery],
) -> Result<(), Fault> {
    let id = endpoint.to_bytes();
    let exists = "SELECT EXISTS (SELECT 1 FROM webhook_endpoints WHERE id = ?1)";
    let exists: bool = connection
        .query_row(exists, [&id[..]], |row| row.get(0))
        .map_err(fault)?;
    if !exists {
        return Ok(());
    }
    let put = "INSERT INTO webhook_deliveries (endpoint, position, id, name, state, attempts, last, next_try, at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (endpoint, position, id) DO UPDATE SET \
               state = excluded.state, attempts = excluded.attempts, last = excluded.last, next_try = excluded.next_try, \
               at = excluded.at";
    let mut statement = connection.prepare_cached(put).map_err(fault)?;
    for it in deliveries {
        let row = params![
            &id[..],
            it.position as i64,
            it.id.as_str(),
            it.name.as_str(),
            it.state.as_str(),
            it.attempts,
            it.last.as_str(),
            it.next_try.map(|at| at.0),
            it.at.0
        ];
        statement.execute(row).map_err(fault)?;
    }
    if !deliveries.is_empty() {
        let drop_old = "DELETE FROM webhook_deliveries WHERE endpoint = ?1 AND position < \
                        (SELECT position FROM webhook_deliveries WHERE endpoint = ?1 ORDER BY position DESC, id DESC LIMIT 1 OFFSET ?2)";
        let key = params![&id[..], DELIVERIES_KEPT as i64 - 1];
        let mut statement = connection.prepare_cached(drop_old).map_err(fault)?;
        statement.execute(key).map_err(fault)?;
    }
    set_cursor(connection, consumer, through)
}

/// How far a consumer has come.
pub(super) fn set_cursor(
    connection: &Connection,
    consumer: &str,
    position: u64,
) -> Result<(), Fault> {
    let sql = "INSERT INTO cursors (consumer, position) VALUES (?1, ?2) \
               ON CONFLICT (consumer) DO UPDATE SET position = excluded.position";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let row = params![consumer, position as i64];
    statement.execute(row).map_err(fault).map(drop)
}

/// An endpoint goes with all that is known of it.
pub(super) fn remove_endpoint(connection: &Connection, id: WebhookEndpointId) -> Result<(), Fault> {
    let bytes = id.to_bytes();
    for sql in [
        "DELETE FROM webhook_endpoints WHERE id = ?1",
        "DELETE FROM webhook_deliveries WHERE endpoint = ?1",
    ] {
        connection.execute(sql, [&bytes[..]]).map_err(fault)?;
    }
    let consumer = cartwright_app::webhooks::consumer_of(id);
    connection
        .execute(
            "DELETE FROM cursors WHERE consumer = ?1",
            [consumer.as_str()],
        )
        .map_err(fault)
        .map(drop)
}
