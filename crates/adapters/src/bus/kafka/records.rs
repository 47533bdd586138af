//! What is sent: an entry for its noun's topic, a batch for the topic of the log.

use super::KafkaOptions;
use super::publisher::Record;
use super::schemas::{LOG, Schema, framed, message_of, schemas, unframed};
use cartwright_app::consumers::Seen;
use cartwright_domain::EventId;
use cartwright_proto::events as proto;
use prost::Message as _;
use std::collections::HashMap;
use std::sync::Arc;

/// The place of the first entry in the log.
pub(super) const POSITION: &str = "position";
/// Which part of a batch it is, `2/3`; absent where it is whole.
pub(super) const PART: &str = "part";
/// Room in a message for headers and what Kafka itself adds.
const ENVELOPE_BYTES: usize = 2_000;

/// A noun's topic.
struct Topic {
    name: Arc<str>,
    schema: Schema,
    id: i32,
}

/// Makes records, with the ids that the schemas have now.
pub(super) struct Records {
    nouns: HashMap<&'static str, Topic>,
    log: Topic,
    max_bytes: usize,
}

impl Records {
    /// With a schema's id by its subject.
    pub(super) fn new<E>(
        options: &KafkaOptions,
        mut id: impl FnMut(&str, &Schema) -> Result<i32, E>,
    ) -> Result<Self, E> {
        let mut nouns = HashMap::new();
        for (noun, schema) in schemas() {
            let name = options.topic_of(noun);
            let topic = Topic {
                id: id(&format!("{name}-value"), &schema)?,
                name: name.into(),
                schema,
            };
            nouns.insert(noun, topic);
        }
        let log = nouns.remove(LOG.0);
        Ok(Self {
            nouns,
            log: log.unwrap_or_else(|| unreachable!("the log is among them")),
            max_bytes: options.max_message_bytes,
        })
    }

    /// The topics: those of nouns, and that of the log.
    pub(super) fn topics(options: &KafkaOptions) -> (Vec<String>, String) {
        let nouns = schemas().into_iter().map(|it| it.0);
        let nouns = nouns.filter(|noun| *noun != LOG.0);
        (
            nouns.map(|noun| options.topic_of(noun)).collect(),
            options.log_topic(),
        )
    }

    /// The subject, text and id of the log's own schema.
    pub(super) fn log_schema(&self) -> (String, &str, i32) {
        let subject = format!("{}-value", self.log.name);
        (subject, &self.log.schema.text, self.log.id)
    }

    /// An entry for the topic of its noun.
    ///
    /// # Errors
    /// Why it never can be sent.
    pub(super) fn of_entry(&self, seen: &Seen<'_>) -> Result<Record, String> {
        let entry = seen.entry;
        let noun = entry.stream.split(':').next().unwrap_or_default();
        let topic = self.nouns.get(noun);
        let topic = topic.ok_or_else(|| format!("there is no topic for {:?}", entry.stream))?;
        let index = message_of(&entry.r#type).and_then(|it| topic.schema.index_of(&it));
        let index = index.ok_or_else(|| format!("no schema has a message for {}", entry.r#type))?;
        let value = framed(topic.id, index, &entry.payload);
        if value.len() + ENVELOPE_BYTES > self.max_bytes {
            return Err(format!(
                "{} bytes are too large for a message of {}",
                value.len(),
                self.max_bytes
            ));
        }
        Ok(Record {
            topic: topic.name.clone(),
            partition: None,
            key: Some(entry.stream.clone().into_bytes()),
            value,
            headers: headers(seen),
            time_ms: Some(seen.time.0),
        })
    }

    /// Entries that were committed together, for the topic of the log; in parts where they are large. An entry that is too
    /// large for itself is left out: whoever reads sees the gap and asks the store.
    pub(super) fn of_batch(&self, seen: &[Seen<'_>]) -> Vec<Record> {
        let room = self.max_bytes.saturating_sub(ENVELOPE_BYTES);
        let (mut parts, mut part, mut bytes) = (Vec::new(), &seen[..0], 0);
        for (at, it) in seen.iter().enumerate() {
            let size = it.entry.encoded_len() + 16;
            if bytes + size > room && !part.is_empty() {
                parts.push(part);
                (part, bytes) = (&seen[at..at], 0);
            }
            if size > room {
                tracing::warn!(
                    position = it.position,
                    size,
                    "an entry is too large for the topic of the log; consumers read it from the store"
                );
                part = &seen[at + 1..=at];
                continue;
            }
            let begin = at - part.len();
            part = &seen[begin..=at];
            bytes += size;
        }
        parts.extend(Some(part).filter(|it| !it.is_empty()));
        let is_whole = parts.len() == 1 && parts[0].len() == seen.len();
        let count = parts.len();
        (1..)
            .zip(parts)
            .map(|(number, part)| {
                let mut record = self.of_part(part);
                if !is_whole {
                    record.headers.push((PART, format!("{number}/{count}")));
                }
                record
            })
            .collect()
    }

    fn of_part(&self, seen: &[Seen<'_>]) -> Record {
        let first = &seen[0];
        let batch = proto::Batch {
            first_position: first.position,
            batch_id: first.batch.to_vec(),
            time_ms: first.time.0,
            origin: first.origin.to_owned(),
            entries: seen.iter().map(|it| it.entry.clone()).collect(),
        };
        let index = self.log.schema.index_of("Batch").unwrap_or_default();
        Record {
            topic: self.log.name.clone(),
            partition: Some(0),
            key: None,
            value: framed(self.log.id, index, &batch.encode_to_vec()),
            headers: vec![
                (POSITION, first.position.to_string()),
                ("entries", seen.len().to_string()),
                ("origin", first.origin.to_owned()),
            ],
            time_ms: Some(first.time.0),
        }
    }
}

fn headers(seen: &Seen<'_>) -> Vec<(&'static str, String)> {
    let entry = seen.entry;
    let mut headers = vec![
        (POSITION, seen.position.to_string()),
        ("type", entry.r#type.clone()),
        ("stream-version", entry.stream_version.to_string()),
        ("time", seen.time.0.to_string()),
        ("origin", seen.origin.to_owned()),
    ];
    if let Some(id) = EventId::from_slice(&entry.event_id) {
        headers.push(("event-id", id.to_string()));
    }
    let known = [
        ("correlation-id", &entry.correlation_id),
        ("causation-id", &entry.causation_id),
        ("traceparent", &entry.traceparent),
    ];
    let known = known.into_iter().filter(|it| !it.1.is_empty());
    headers.extend(known.map(|(name, value)| (name, value.clone())));
    headers
}

/// The batch that a message of the log's topic carries; `None` for one that somebody else put there.
pub(super) fn batch_of(value: &[u8]) -> Option<proto::Batch> {
    let batch = proto::Batch::decode(unframed(value)?).ok()?;
    Some(batch).filter(|it| it.first_position > 0 && !it.entries.is_empty())
}

/// Position of a batch's last entry.
pub(super) fn last_of(batch: &proto::Batch) -> u64 {
    batch.first_position + batch.entries.len() as u64 - 1
}

/// Entries by the batches that they were committed with.
pub(super) fn batches<'s, 'e>(seen: &'s [Seen<'e>]) -> impl Iterator<Item = &'s [Seen<'e>]> {
    seen.chunk_by(|a, b| a.batch == b.batch)
}
