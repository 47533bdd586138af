//! Replies kept for retries: one row a batch, dropped when the last of them is over.

use super::fault::fault;
use crate::store::form::packed::Packer;
use crate::store::form::replies;
use cartwright_app::Fault;
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::Keep;
use cartwright_domain::Time;
use rusqlite::{Connection, OptionalExtension, params};

/// Keeps the replies of a batch under one place.
pub(super) fn insert(
    connection: &Connection,
    row: &mut replies::Row,
    packer: &mut Packer,
    place: u64,
    kept: &[Keep],
) -> Result<(), Fault> {
    row.take(kept)?;
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO kept (place, until_ms, hashes, replies) VALUES (?1, ?2, ?3, ?4)",
        )
        .map_err(fault)?;
    statement
        .execute(params![
            place as i64,
            row.until,
            &row.hashes[..],
            packer.pack(&row.replies)?
        ])
        .map_err(fault)?;
    Ok(())
}

/// Where the next batch's replies go.
pub(super) fn next_place(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .query_row("SELECT ifnull(max(place), 0) + 1 FROM kept", [], |row| {
            row.get::<_, i64>(0)
        })
        .map(|place| place as u64)
}

/// Every hash that still counts at `now`.
pub(super) fn index(
    connection: &Connection,
    now: Time,
) -> Result<Vec<([u8; 16], u64, Time)>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT place, hashes FROM kept WHERE until_ms > ?1 ORDER BY place")
        .map_err(fault)?;
    let mut rows = statement.query([now.0]).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        let place = row.get::<_, i64>(0).map_err(fault)? as u64;
        let slots = row
            .get_ref(1)
            .map_err(fault)?
            .as_blob()
            .map_err(Fault::corrupt)?;
        found.extend(replies::slots(slots, place, now));
    }
    Ok(found)
}

/// The reply under a hash at a place.
pub(super) fn find(
    connection: &Connection,
    place: u64,
    hash: &[u8; 16],
) -> Result<Option<KeptReply>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT hashes, replies FROM kept WHERE place = ?1")
        .map_err(fault)?;
    let row = statement.query_row([place as i64], |row| {
        let slots = row.get_ref(0)?.as_blob()?;
        Ok(match replies::number(slots, hash) {
            Some(number) => Some((number, row.get::<_, Vec<u8>>(1)?)),
            None => None,
        })
    });
    let Some((number, packed)) = row.optional().map_err(fault)?.flatten() else {
        return Ok(None);
    };
    replies::reply(&packed, number, place).map(Some)
}

/// Drops some batches whose replies are all over; whether there may be more.
pub(super) fn drop_some(
    connection: &Connection,
    before: Time,
    limit: usize,
) -> Result<bool, Fault> {
    let mut statement = connection
        .prepare_cached("DELETE FROM kept WHERE place IN (SELECT place FROM kept WHERE until_ms <= ?1 LIMIT ?2)")
        .map_err(fault)?;
    let dropped = statement
        .execute(params![before.0, limit as i64])
        .map_err(fault)?;
    Ok(dropped == limit)
}
