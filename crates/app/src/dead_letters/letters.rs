//! The dead letters of one consumer, as that consumer sees them.

use super::{Bury, Settle};
use crate::consumers::Seen;
use crate::events;
use crate::fault::Fault;
use crate::nouns::{Key, Record};
use crate::shop::{Progress, Shop};
use crate::tasks;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cartwright_domain::dead_letter::{DeadLetter, Recorded, State};
use cartwright_domain::{EventId, Time, WebhookEndpointId};
use cartwright_proto::events as proto;
use hashbrown::HashSet;
use prost::Message;
use smol_str::{SmolStr, ToSmolStr};
use std::sync::Arc;

/// Longest cause that is kept, in bytes.
const CAUSE_BYTES: usize = 500;

/// A letter that is tried again, and the entry that it is about.
type Again = (Arc<DeadLetter>, proto::Entry);

/// The letters of one consumer.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct DeadLetters {
    shop: Shop,
    consumer: SmolStr,
    /// Who writes them, in the log.
    actor: &'static str,
    max: usize,
    endpoint: Option<WebhookEndpointId>,
}

impl DeadLetters {
    /// Of this consumer, at most so many.
    pub fn new(shop: Shop, consumer: &'static str, max: usize) -> Self {
        Self {
            shop,
            consumer: SmolStr::new_static(consumer),
            actor: consumer,
            max,
            endpoint: None,
        }
    }

    /// Of the consumer that tells an endpoint.
    pub(crate) fn of_endpoint(
        shop: Shop,
        consumer: SmolStr,
        endpoint: WebhookEndpointId,
        max: usize,
    ) -> Self {
        Self {
            shop,
            consumer,
            actor: "webhooks",
            max,
            endpoint: Some(endpoint),
        }
    }

    /// Whether a letter of this key waits: then what comes later waits behind it.
    ///
    /// Errors: [`Fault`] when the store cannot be read.
    pub async fn parks(&self, key: &str) -> Result<bool, Fault> {
        let all = Key::DeadLettersOf(self.consumer.clone());
        Ok(has(self.shop.find(&all).await?, key))
    }

    /// As [`Self::parks`], for threads of their own: blocks.
    ///
    /// Errors: [`Fault`] when the store cannot be read.
    pub fn parks_now(&self, key: &str) -> Result<bool, Fault> {
        let all = Key::DeadLettersOf(self.consumer.clone());
        Ok(has(self.shop.read_now(&all)?, key))
    }

    /// The keys of which a letter waits. For threads of their own: blocks.
    ///
    /// Errors: [`Fault`] when the store cannot be read.
    pub fn parked_now(&self) -> Result<HashSet<SmolStr>, Fault> {
        let all = Key::DeadLettersOf(self.consumer.clone());
        Ok(match self.shop.read_now(&all)? {
            Some(Record::DeadLetters(all)) => all.iter().map(|it| it.key.clone()).collect(),
            _ => HashSet::new(),
        })
    }

    /// The letter that an entry asks this consumer to try again, with what it is about.
    ///
    /// Errors: [`Fault`] when the store cannot be read, or the letter.
    pub async fn asked_again(&self, seen: &Seen<'_>) -> Result<Option<Again>, Fault> {
        match asked(seen) {
            Some(key) => self.again(self.shop.find(&key).await?),
            None => Ok(None),
        }
    }

    /// As [`Self::asked_again`], for threads of their own: blocks.
    ///
    /// Errors: [`Fault`] when the store cannot be read, or the letter.
    pub fn asked_again_now(&self, seen: &Seen<'_>) -> Result<Option<Again>, Fault> {
        match asked(seen) {
            Some(key) => self.again(self.shop.read_now(&key)?),
            None => Ok(None),
        }
    }

    fn again(&self, found: Option<Record>) -> Result<Option<Again>, Fault> {
        let Some(Record::DeadLetter(letter)) = found else {
            return Ok(None);
        };
        if letter.about.consumer != self.consumer || letter.state != State::Replaying {
            return Ok(None);
        }
        let bytes = STANDARD
            .decode(&letter.about.entry)
            .map_err(Fault::corrupt)?;
        let entry = proto::Entry::decode(bytes.as_slice()).map_err(Fault::corrupt)?;
        Ok(Some((letter, entry)))
    }

    /// The command that records an entry which could not be brought about, and that the consumer has come as far.
    pub fn burial(&self, seen: &Seen<'_>, cause: &str, attempts: u32, first_at: Time) -> Bury {
        let entry = seen.entry;
        tracing::warn!(
            consumer = %self.consumer, event = entry.r#type, key = entry.stream, position = seen.position, attempts, cause,
            "an effect becomes a dead letter; see /v1/dead-letters"
        );
        let mut end = cause.len().min(CAUSE_BYTES);
        while !cause.is_char_boundary(end) {
            end -= 1;
        }
        Bury {
            about: Recorded {
                consumer: self.consumer.clone(),
                // An entry always has an id; one without can still be told from others by its place.
                event: EventId::from_slice(&entry.event_id)
                    .unwrap_or(EventId(u128::from(seen.position))),
                event_type: entry.r#type.to_smolstr(),
                key: entry.stream.to_smolstr(),
                position: seen.position,
                occurred_at: seen.time,
                correlation: entry.correlation_id.to_smolstr(),
                entry: STANDARD.encode(entry.encode_to_vec()),
                cause: cause[..end].into(),
                attempts,
                first_at,
            },
            max: self.max,
            endpoint: self.endpoint,
            progress: self.through(seen),
        }
    }

    /// The command that says what came of a letter, and that the consumer has come as far.
    pub fn settlement(
        &self,
        letter: &DeadLetter,
        failure: Option<String>,
        seen: &Seen<'_>,
    ) -> Settle {
        Settle {
            id: letter.id,
            failure: failure.map(SmolStr::from),
            progress: self.through(seen),
        }
    }

    fn through(&self, seen: &Seen<'_>) -> Option<Progress> {
        Some(Progress {
            consumer: self.consumer.clone(),
            through: Some(seen.position),
        })
    }

    /// Submits one of these, for what an entry belongs to.
    ///
    /// Errors: [`Fault`] of the loop.
    pub async fn submit(
        &self,
        correlation: &str,
        command: impl crate::shop::Command + 'static,
    ) -> Result<(), Fault> {
        let correlation = SmolStr::new(correlation);
        tasks::submit_for(&self.shop, self.actor, &correlation, command).await?;
        Ok(())
    }

    /// As [`Self::submit`], for threads of their own: blocks.
    ///
    /// Errors: [`Fault`] of the loop.
    pub fn submit_now(
        &self,
        correlation: &str,
        command: impl crate::shop::Command + 'static,
    ) -> Result<(), Fault> {
        let correlation = SmolStr::new(correlation);
        tasks::submit_now(&self.shop, self.actor, &correlation, command)?;
        Ok(())
    }
}

fn has(letters: Option<Record>, key: &str) -> bool {
    matches!(letters, Some(Record::DeadLetters(all)) if all.iter().any(|it| it.key == key))
}

/// The letter that an entry asks somebody to try again.
fn asked(seen: &Seen<'_>) -> Option<Key> {
    if seen.entry.r#type != events::REPLAYING {
        return None;
    }
    events::key_of(&seen.entry.stream).filter(|key| matches!(key, Key::DeadLetter(_)))
}
