//! Dead letters.

use super::{Bad, id, unknown_type};
use cartwright_domain::dead_letter::{Event, Recorded};
use cartwright_domain::{EventId, Time};
use cartwright_proto::events as proto;
use prost::Message;

pub(super) fn type_of(event: &Event) -> &'static str {
    match event {
        Event::Recorded(_) => "dead_letter.recorded",
        Event::Replaying => REPLAYING,
        Event::Failed { .. } => "dead_letter.failed",
        Event::Settled => "dead_letter.settled",
        Event::Discarded { .. } => "dead_letter.discarded",
    }
}

/// What consumers listen for: one of their letters is to be tried again.
pub const REPLAYING: &str = "dead_letter.replaying";

pub(super) fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::Recorded(it) => proto::DeadLetterRecorded {
            consumer: it.consumer.to_string(),
            event_id: it.event.to_bytes().to_vec(),
            event_type: it.event_type.to_string(),
            key: it.key.to_string(),
            position: it.position,
            occurred_at_ms: it.occurred_at.0,
            correlation_id: it.correlation.to_string(),
            entry: it.entry.clone(),
            cause: it.cause.to_string(),
            attempts: it.attempts,
            first_at_ms: it.first_at.0,
        }
        .encode_to_vec(),
        Event::Failed { cause } => proto::DeadLetterFailed {
            cause: cause.to_string(),
        }
        .encode_to_vec(),
        Event::Discarded { reason } => proto::DeadLetterDiscarded {
            reason: reason.to_string(),
        }
        .encode_to_vec(),
        Event::Replaying | Event::Settled => Vec::new(),
    }
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    Ok(match kind {
        "dead_letter.recorded" => {
            let it = proto::DeadLetterRecorded::decode(payload)?;
            Event::Recorded(Box::new(Recorded {
                consumer: it.consumer.into(),
                event: id(&it.event_id, EventId::from_slice, "event_id")?,
                event_type: it.event_type.into(),
                key: it.key.into(),
                position: it.position,
                occurred_at: Time(it.occurred_at_ms),
                correlation: it.correlation_id.into(),
                entry: it.entry,
                cause: it.cause.into(),
                attempts: it.attempts,
                first_at: Time(it.first_at_ms),
            }))
        }
        REPLAYING => Event::Replaying,
        "dead_letter.failed" => Event::Failed {
            cause: proto::DeadLetterFailed::decode(payload)?.cause.into(),
        },
        "dead_letter.settled" => Event::Settled,
        "dead_letter.discarded" => Event::Discarded {
            reason: proto::DeadLetterDiscarded::decode(payload)?.reason.into(),
        },
        other => return Err(unknown_type(other)),
    })
}
