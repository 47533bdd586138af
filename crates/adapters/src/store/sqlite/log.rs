//! The log: one row a batch, and for each level where its movements are found. Reading checks that nothing is missing.

use super::fault::fault;
use crate::store::form::batch::{self as form, Following};
use crate::store::form::packed::Packer;
use cartwright_app::Fault;
use cartwright_app::events;
use cartwright_app::nouns::Key;
use cartwright_app::ports::{last_position, take_movements};
use cartwright_domain::inventory::LevelKey;
use cartwright_domain::{Sku, StoreId, Time};
use cartwright_proto::events as proto;
use prost::Message;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    encoded: Vec<u8>,
}

/// Appends a batch.
pub(super) fn insert(
    connection: &Connection,
    buffers: &mut Buffers,
    packer: &mut Packer,
    batch: &proto::Batch,
) -> Result<(), Fault> {
    buffers.encoded.clear();
    batch
        .encode(&mut buffers.encoded)
        .map_err(|error| Fault::Rejected(error.to_string()))?;
    let (first, last) = (batch.first_position as i64, last_position(batch) as i64);
    let mut statement = connection
        .prepare_cached("INSERT INTO log (first_position, last_position, time_ms, entries) VALUES (?1, ?2, ?3, ?4)")
        .map_err(fault)?;
    statement
        .execute(params![
            first,
            last,
            batch.time_ms,
            packer.pack(&buffers.encoded)?
        ])
        .map_err(fault)?;
    insert_movements(connection, batch)
}

fn insert_movements(connection: &Connection, batch: &proto::Batch) -> Result<(), Fault> {
    let mut statement = connection
        .prepare_cached("INSERT INTO movements (sku, store, version_first, first_position) VALUES (?1, ?2, ?3, ?4)")
        .map_err(fault)?;
    for (sku, store, version) in form::moved(batch)? {
        statement
            .execute(params![
                sku,
                store,
                version as i64,
                batch.first_position as i64
            ])
            .map_err(fault)?;
    }
    Ok(())
}

/// Position and time of the last entry; zeros when there is none.
pub(super) fn head(connection: &Connection) -> Result<(u64, Time), Fault> {
    let sql = "SELECT last_position, time_ms FROM log ORDER BY first_position DESC LIMIT 1";
    let row = connection.query_row(sql, [], |row| {
        Ok((row.get::<_, i64>(0)? as u64, Time(row.get(1)?)))
    });
    Ok(row.optional().map_err(fault)?.unwrap_or_default())
}

/// The id of the last batch.
pub(super) fn last_batch(connection: &Connection) -> Result<Option<Vec<u8>>, Fault> {
    let sql = "SELECT first_position, last_position, entries FROM log ORDER BY first_position DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let row = rows.next().map_err(fault)?;
    Ok(row.map(batch).transpose()?.map(|batch| batch.batch_id))
}

/// The batch of a row of `first_position, last_position, entries`.
fn batch(row: &Row<'_>) -> Result<proto::Batch, Fault> {
    let position = |column| {
        row.get::<_, i64>(column)
            .map(|position| position as u64)
            .map_err(fault)
    };
    let (first, last) = (position(0)?, position(1)?);
    let packed = row
        .get_ref(2)
        .map_err(fault)?
        .as_blob()
        .map_err(Fault::corrupt)?;
    form::read(first, last, packed)
}

/// Batches after a position.
pub(super) fn read(
    connection: &Connection,
    after: u64,
    limit: usize,
) -> Result<Vec<proto::Batch>, Fault> {
    let mut statement = connection
        .prepare_cached(
            "SELECT first_position, last_position, entries FROM log \
             WHERE first_position >= ifnull((SELECT max(first_position) FROM log WHERE first_position <= ?1), 0) \
             AND last_position > ?1 ORDER BY first_position",
        )
        .map_err(fault)?;
    let mut rows = statement.query([after as i64]).map_err(fault)?;
    let mut found = Following::default();
    while !found.has(limit) {
        let Some(row) = rows.next().map_err(fault)? else {
            break;
        };
        found.push(batch(row)?)?;
    }
    Ok(found.all())
}

/// Movements of one level after a version.
pub(super) fn movements(
    connection: &Connection,
    sku: &Sku,
    store: &StoreId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Time, proto::Entry)>, Fault> {
    let mut statement = connection
        .prepare_cached(
            "SELECT l.first_position, l.last_position, l.entries FROM movements m \
             JOIN log l ON l.first_position = m.first_position \
             WHERE m.sku = ?1 AND m.store = ?2 AND m.version_first >= ifnull( \
                 (SELECT max(version_first) FROM movements WHERE sku = ?1 AND store = ?2 AND version_first <= ?3), 0) \
             ORDER BY m.version_first",
        )
        .map_err(fault)?;
    let next = i64::try_from(after).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows = statement
        .query(params![sku.as_str(), store.as_str(), next])
        .map_err(fault)?;
    let stream = events::stream(&Key::Level(LevelKey {
        sku: sku.clone(),
        store: store.clone(),
    }));
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(row) = rows.next().map_err(fault)? else {
            break;
        };
        take_movements(batch(row)?, &stream, after, limit, &mut found);
    }
    Ok(found)
}

/// Drops whole batches up to a position, but never the last one: the log's head stays known. Some at a time; whether there
/// may be more.
pub(super) fn drop_some(
    connection: &Connection,
    through: u64,
    limit: usize,
) -> Result<bool, Fault> {
    let mut statement = connection
        .prepare_cached(
            "DELETE FROM log WHERE first_position IN (SELECT first_position FROM log WHERE last_position <= ?1 \
             AND first_position < (SELECT max(first_position) FROM log) ORDER BY first_position LIMIT ?2)",
        )
        .map_err(fault)?;
    let through = i64::try_from(through).unwrap_or(i64::MAX);
    Ok(statement
        .execute(params![through, limit as i64])
        .map_err(fault)?
        == limit)
}

/// Drops what says where movements are, for batches that are gone.
pub(super) fn drop_movements(connection: &Connection) -> Result<(), Fault> {
    let sql = "DELETE FROM movements WHERE first_position < (SELECT min(first_position) FROM log)";
    connection.execute(sql, []).map_err(fault)?;
    Ok(())
}
