//! Replies kept for retries: one row a batch, hashes apart, so that the index of all of them reads nothing else.

use super::packed::unpack;
use cartwright_app::Fault;
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::Keep;
use cartwright_domain::Time;
use cartwright_proto::events as proto;
use prost::Message;

/// A hash and until when it counts.
const SLOT: usize = 24;
/// The first field of `proto::KeptReplies`, length-delimited.
const REPLY_TAG: u8 = 0x0A;

/// The columns of a row before they are packed; buffers that are used again.
#[derive(Debug, Default)]
pub(in crate::store) struct Row {
    pub(in crate::store) hashes: Vec<u8>,
    pub(in crate::store) replies: Vec<u8>,
    /// Until when any of them counts.
    pub(in crate::store) until: i64,
}

impl Row {
    /// Takes the replies of a batch.
    pub(in crate::store) fn take(&mut self, kept: &[Keep]) -> Result<(), Fault> {
        self.hashes.clear();
        self.replies.clear();
        self.until = i64::MIN;
        for keep in kept {
            self.hashes.extend_from_slice(&keep.hash);
            self.hashes.extend_from_slice(&keep.until.0.to_be_bytes());
            self.replies.push(REPLY_TAG);
            prost::encode_length_delimiter(keep.reply.len(), &mut self.replies)
                .map_err(Fault::corrupt)?;
            self.replies.extend_from_slice(&keep.reply);
            self.until = self.until.max(keep.until.0);
        }
        Ok(())
    }
}

/// Every hash of a row that still counts at `now`, with the row's place.
pub(in crate::store) fn slots(
    hashes: &[u8],
    place: u64,
    now: Time,
) -> impl Iterator<Item = ([u8; 16], u64, Time)> {
    hashes
        .chunks_exact(SLOT)
        .map(move |slot| (hash_of(slot), place, until_of(slot)))
        .filter(move |(_, _, until)| *until > now)
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

/// Which of a row's replies a hash finds: the last one.
pub(in crate::store) fn number(hashes: &[u8], hash: &[u8; 16]) -> Option<usize> {
    hashes
        .chunks_exact(SLOT)
        .rposition(|slot| slot[..16] == hash[..])
}

/// One of a row's replies.
pub(in crate::store) fn reply(
    packed: &[u8],
    number: usize,
    place: u64,
) -> Result<KeptReply, Fault> {
    let replies = unpack(packed)?;
    let message = nth(&replies, number)
        .ok_or_else(|| Fault::corrupt(format!("kept replies at {place} are cut short")))?;
    let message = proto::KeptReply::decode(message).map_err(Fault::corrupt)?;
    KeptReply::decode(message)
        .ok_or_else(|| Fault::corrupt(format!("a kept reply at {place} is none")))
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
