//! The log: one row a batch, and which rows have a level's movements.

use super::fault::fault;
use super::link::{Link, Value, value};
use super::rows::{bytes, number, time};
use super::table::{Cell, Kind, Rows};
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
use tokio_postgres::Row;

/// Batches asked for at once, while somebody reads the log.
const ASKED_AT_ONCE: i64 = 256;

/// The statements that append a batch.
pub(super) fn append(
    packer: &mut Packer,
    batch: &proto::Batch,
) -> Result<Vec<(String, Vec<Value>)>, Fault> {
    let packed = packer.pack(&batch.encode_to_vec())?.to_vec();
    let (first, last) = (batch.first_position, last_position(batch));
    let sql =
        "INSERT INTO log (first_position, last_position, time_ms, entries) VALUES ($1, $2, $3, $4)";
    let values = vec![
        value(first.cast_signed()),
        value(last.cast_signed()),
        value(batch.time_ms),
        value(packed),
    ];
    let mut statements = vec![(sql.to_owned(), values)];
    let moved = form::moved(batch)?;
    if !moved.is_empty() {
        let kinds = [Kind::Text, Kind::Text, Kind::Number, Kind::Number];
        let mut rows = Rows::of(kinds.into_iter());
        for (sku, store, version) in moved {
            rows.push([
                Cell::text(sku),
                Cell::text(store),
                version.into(),
                first.into(),
            ]);
        }
        let sql = "INSERT INTO movements (sku, store, version_first, first_position) \
                   SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])";
        statements.push((sql.to_owned(), rows.values()));
    }
    Ok(statements)
}

/// Position and time of the last entry; zeros when there is none.
pub(super) async fn head(link: &Link) -> Result<(u64, Time), Fault> {
    let sql = "SELECT last_position, time_ms FROM log ORDER BY first_position DESC LIMIT 1";
    let rows = link.query(sql, &[]).await.map_err(fault)?;
    match rows.first() {
        Some(row) => Ok((number(row, 0)?, time(row, 1)?)),
        None => Ok((0, Time(0))),
    }
}

/// The id of the last batch.
pub(super) async fn last_batch(link: &Link) -> Result<Option<Vec<u8>>, Fault> {
    let sql = "SELECT first_position, last_position, entries FROM log ORDER BY first_position DESC LIMIT 1";
    let rows = link.query(sql, &[]).await.map_err(fault)?;
    rows.first()
        .map(|row| batch(row).map(|batch| batch.batch_id))
        .transpose()
}

fn batch(row: &Row) -> Result<proto::Batch, Fault> {
    form::read(number(row, 0)?, number(row, 1)?, bytes(row, 2)?)
}

/// Batches after a position.
pub(super) async fn read(
    link: &Link,
    after: u64,
    limit: usize,
) -> Result<Vec<proto::Batch>, Fault> {
    let sql = "SELECT first_position, last_position, entries FROM log \
               WHERE first_position >= coalesce((SELECT max(first_position) FROM log WHERE first_position <= $1), 0) \
               AND last_position > $1 ORDER BY first_position LIMIT $2";
    let mut found = Following::default();
    let mut after = i64::try_from(after).unwrap_or(i64::MAX);
    while !found.has(limit) {
        let values = [value(after), value(ASKED_AT_ONCE)];
        let rows = link.query(sql, &values).await.map_err(fault)?;
        for row in &rows {
            if found.has(limit) {
                break;
            }
            let batch = batch(row)?;
            after = last_position(&batch).cast_signed();
            found.push(batch)?;
        }
        if rows.len() < ASKED_AT_ONCE as usize {
            break;
        }
    }
    Ok(found.all())
}

/// Movements of one level after a version.
pub(super) async fn movements(
    link: &Link,
    sku: &Sku,
    store: &StoreId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, Time, proto::Entry)>, Fault> {
    let sql = "SELECT l.first_position, l.last_position, l.entries, m.version_first FROM movements m \
               JOIN log l ON l.first_position = m.first_position \
               WHERE m.sku = $1 AND m.store = $2 AND m.version_first >= coalesce( \
                   (SELECT max(version_first) FROM movements WHERE sku = $1 AND store = $2 AND version_first <= $3), 0) \
               ORDER BY m.version_first LIMIT $4";
    let stream = events::stream(&Key::Level(LevelKey {
        sku: sku.clone(),
        store: store.clone(),
    }));
    let mut next = i64::try_from(after).unwrap_or(i64::MAX).saturating_add(1);
    let mut found = Vec::new();
    while found.len() < limit {
        let values = [
            value(sku.as_str().to_owned()),
            value(store.as_str().to_owned()),
            value(next),
            value(ASKED_AT_ONCE),
        ];
        let rows = link.query(sql, &values).await.map_err(fault)?;
        for row in &rows {
            if found.len() >= limit {
                break;
            }
            let version = found
                .last()
                .map_or(after, |(_, _, entry): &(_, _, proto::Entry)| {
                    entry.stream_version
                });
            take_movements(batch(row)?, &stream, version, limit, &mut found);
        }
        let is_last = rows.len() < ASKED_AT_ONCE as usize;
        let Some(last) = rows.last().filter(|_| !is_last) else {
            break;
        };
        next = super::rows::whole(last, 3)? + 1;
    }
    Ok(found)
}
