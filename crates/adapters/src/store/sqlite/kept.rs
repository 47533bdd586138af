//! Replies kept for retries: one row a batch, dropped when the last of them is over.

use super::fault::fault;
use super::packed::{Packer, unpack};
use cartwright_app::Fault;
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::Keep;
use cartwright_domain::Time;
use cartwright_proto::events as proto;
use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};

/// A hash and until when it counts.
const SLOT: usize = 24;
/// The first field of `proto::KeptReplies`, length-delimited.
const REPLY_TAG: u8 = 0x0A;

/// Buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    hashes: Vec<u8>,
    replies: Vec<u8>,
}

/// Keeps the replies of a batch under one place.
pub(super) fn insert(
    connection: &Connection,
    buffers: &mut Buffers,
    packer: &mut Packer,
    place: u64,
    kept: &[Keep],
) -> Result<(), Fault> {
    let Buffers { hashes, replies } = buffers;
    hashes.clear();
    replies.clear();
    let mut until = i64::MIN;
    for keep in kept {
        hashes.extend_from_slice(&keep.hash);
        hashes.extend_from_slice(&keep.until.0.to_be_bytes());
        replies.push(REPLY_TAG);
        prost::encode_length_delimiter(keep.reply.len(), replies).map_err(Fault::corrupt)?;
        replies.extend_from_slice(&keep.reply);
        until = until.max(keep.until.0);
    }
    let mut statement = connection
        .prepare_cached(
            "INSERT INTO kept (place, until_ms, hashes, replies) VALUES (?1, ?2, ?3, ?4)",
        )
        .map_err(fault)?;
    statement
        .execute(params![
            place as i64,
            until,
            &hashes[..],
            packer.pack(replies)?
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
        let slots = slots
            .chunks_exact(SLOT)
            .map(|slot| (hash_of(slot), place, until_of(slot)));
        found.extend(slots.filter(|(_, _, until)| *until > now));
    }
    Ok(found)
}

fn hash_of(slot: &[u8]) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&slot[..16]);
    hash
}

fn until_of(slot: &[u8]) -> Time {
    let mut until = [0; 8];
    until.copy_from_slice(&slot[16..]);
    Time(i64::from_be_bytes(until))
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
        let found = slots
            .chunks_exact(SLOT)
            .rposition(|slot| slot[..16] == hash[..]);
        Ok(match found {
            Some(number) => Some((number, row.get::<_, Vec<u8>>(1)?)),
            None => None,
        })
    });
    let Some((number, packed)) = row.optional().map_err(fault)?.flatten() else {
        return Ok(None);
    };
    let replies = unpack(&packed)?;
    let message = nth(&replies, number)
        .ok_or_else(|| Fault::corrupt(format!("kept replies at {place} are cut short")))?;
    let message = proto::KeptReply::decode(message).map_err(Fault::corrupt)?;
    let reply = KeptReply::decode(message)
        .ok_or_else(|| Fault::corrupt(format!("a kept reply at {place} is none")))?;
    Ok(Some(reply))
}

/// One of many messages, without reading the others.
fn nth(mut replies: &[u8], number: usize) -> Option<&[u8]> {
    for place in 0..=number {
        let (tag, rest) = replies.split_first()?;
        let mut rest = rest;
        let length =
            (*tag == REPLY_TAG).then(|| prost::decode_length_delimiter(&mut rest).ok())??;
        let (message, after) = rest.split_at_checked(length)?;
        if place == number {
            return Some(message);
        }
        replies = after;
    }
    None
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
