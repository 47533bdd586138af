//! Publishes topics again from the log.

use super::clients::{settings_of, unavailable};
use super::publisher::Publisher;
use super::records::{Records, batches};
use super::registry::Registry;
use super::schemas::COMPATIBILITY;
use super::{KafkaOptions, topics};
use cartwright_app::Fault;
use cartwright_app::consumers::Seen;
use cartwright_domain::Time;
use cartwright_proto::events as proto;

/// Publishes topics again.
#[allow(missing_debug_implementations, reason = "holds a client")]
pub struct Rebuild {
    records: Records,
    publisher: Publisher,
    wanted: Vec<String>,
}

/// What one step came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Messages that the brokers have.
    pub messages: u64,
    /// Entries that no message can hold.
    pub left_out: u64,
}

impl Rebuild {
    /// The names of all topics, the one of the log last.
    pub fn topics(options: &KafkaOptions) -> Vec<String> {
        let (mut nouns, log) = Records::topics(options);
        nouns.push(log);
        nouns
    }

    /// Removes topics.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when Kafka does not do it.
    pub fn empty(options: &KafkaOptions, wanted: &[String]) -> Result<(), Fault> {
        topics::delete(options, wanted)
    }

    /// Ready to publish to these topics, which are made where they are not there.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when Kafka or the registry does not answer or refuses.
    pub fn new(options: &KafkaOptions, wanted: Vec<String>) -> Result<Self, Fault> {
        topics::ensure(options)?;
        let registry = Registry::new(&options.registry).map_err(unavailable)?;
        let records = Records::new(options, |subject, schema| {
            registry.register(subject, &schema.text, COMPATIBILITY)
        });
        Ok(Self {
            records: records.map_err(|error| Fault::Unavailable(error.to_string()))?,
            publisher: Publisher::new(settings_of(options, "rebuild"), options.max_message_bytes),
            wanted,
        })
    }

    /// Publishes batches of the log; returns when the brokers have all of it.
    ///
    /// # Errors
    /// [`Fault::Unavailable`]: publish them again.
    pub fn publish(&mut self, log: &[proto::Batch]) -> Result<Rebuilt, Fault> {
        let seen: Vec<_> = log.iter().flat_map(entries).collect();
        let (mut made, mut rebuilt) = (Vec::new(), Rebuilt::default());
        for batch in batches(&seen) {
            for it in batch {
                match self.records.of_entry(it) {
                    Ok(record) => made.push(record),
                    Err(_) => rebuilt.left_out += 1,
                }
            }
            made.extend(self.records.of_batch(batch));
        }
        made.retain(|record| self.wanted.iter().any(|it| **it == *record.topic));
        let refused = self.publisher.publish(&made)?.len() as u64;
        rebuilt.left_out += refused;
        rebuilt.messages = made.len() as u64 - refused;
        Ok(rebuilt)
    }
}

fn entries(batch: &proto::Batch) -> impl Iterator<Item = Seen<'_>> {
    (batch.first_position..)
        .zip(&batch.entries)
        .map(|(position, entry)| Seen {
            position,
            time: Time(batch.time_ms),
            origin: &batch.origin,
            batch: &batch.batch_id,
            entry,
        })
}
