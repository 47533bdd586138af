//! Sends records to Kafka in order and waits until all brokers that must have them do.

use super::clients::{self, unavailable};
use cartwright_app::Fault;
use cartwright_domain::planted::{EngineBug, planted_in_engine};
use parking_lot::Mutex;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig};
use rdkafka::{ClientContext, Message as _};
use std::sync::Arc;
use std::time::Duration;

/// How long brokers may take for a record before all that follow are sent again.
const WITHIN_MS: u64 = 5_000;
/// How long the client waits for word of them at once.
const POLL: Duration = Duration::from_millis(100);

/// What goes to a topic.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) topic: Arc<str>,
    /// `None`: by its key.
    pub(super) partition: Option<i32>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) time_ms: Option<i64>,
}

/// A record that Kafka will never take, by its place among those that were sent, and why.
pub(super) type Refused = (usize, String);

/// A producer that is made when it is needed, and made anew after each failure, so that nothing old is sent later.
pub(super) struct Publisher {
    settings: ClientConfig,
    producer: Option<BaseProducer<Acks>>,
}

/// What became of the records that were sent.
#[derive(Debug, Default)]
struct Acks(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    done: usize,
    refused: Vec<Refused>,
    failed: Option<KafkaError>,
}

impl ClientContext for Acks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        clients::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        clients::note(&error, reason);
    }
}

impl ProducerContext for Acks {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let mut told = self.0.lock();
        match result {
            Ok(_) => {}
            Err((error, message)) if is_final(error) => {
                let size = message.payload().map_or(0, <[u8]>::len);
                told.refused
                    .push((index, format!("{error} ({size} bytes)")));
            }
            Err((error, _)) => told.failed = Some(error.clone()),
        }
        told.done += 1;
    }
}

/// Whether it is about the record alone, now and always.
fn is_final(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidRecord
                | RDKafkaErrorCode::InvalidTimestamp
        )
    )
}

impl Publisher {
    /// With the settings that all clients have; `max_bytes` is the largest message.
    pub(super) fn new(mut settings: ClientConfig, max_bytes: usize) -> Self {
        settings
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "1")
            .set("compression.type", "lz4")
            // As clients in Java do, so that others' topics can be joined with these.
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", WITHIN_MS.to_string())
            .set("message.max.bytes", max_bytes.to_string());
        Self {
            settings,
            producer: None,
        }
    }

    /// Sends records in order; returns when brokers have all of them, but for those that they will never take.
    ///
    /// # Errors
    /// [`Fault::Unavailable`]: some may have arrived. Send all of them again.
    pub(super) fn publish(&mut self, records: &[Record]) -> Result<Vec<Refused>, Fault> {
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => self
                .settings
                .create_with_context(Acks::default())
                .map_err(unavailable)?,
        };
        *producer.context().0.lock() = Told::default();
        match send_all(&producer, records) {
            Ok(refused) => {
                self.producer = Some(producer);
                Ok(refused)
            }
            Err(error) => {
                producer.purge(PurgeConfig::default().queue().inflight());
                Err(unavailable(error))
            }
        }
    }
}

fn send_all(producer: &BaseProducer<Acks>, records: &[Record]) -> Result<Vec<Refused>, KafkaError> {
    let told = &producer.context().0;
    let mut sent = 0;
    for (index, record) in records.iter().enumerate() {
        match send(producer, index, record) {
            Ok(()) => sent += 1,
            Err(error) if is_final(&error) => {
                let size = record.value.len();
                told.lock()
                    .refused
                    .push((index, format!("{error} ({size} bytes)")));
            }
            Err(error) => return Err(error),
        }
    }
    loop {
        {
            let mut told = told.lock();
            if let Some(error) = told.failed.take() {
                return Err(error);
            }
            if told.done == sent || planted_in_engine(EngineBug::PlaceBeforeBrokers) {
                return Ok(std::mem::take(&mut told.refused));
            }
        }
        // Each record has its own end, by success or by time.
        producer.poll(POLL);
    }
}

/// Puts a record into the client's queue, when there is room.
fn send(producer: &BaseProducer<Acks>, index: usize, record: &Record) -> Result<(), KafkaError> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (key, value) in &record.headers {
        headers = headers.insert(Header {
            key,
            value: Some(value.as_bytes()),
        });
    }
    let mut message = BaseRecord::with_opaque_to(&record.topic, index)
        .payload(&record.value)
        .headers(headers);
    if let Some(key) = &record.key {
        message = message.key(key);
    }
    if let Some(partition) = record.partition {
        message = message.partition(partition);
    }
    if let Some(time_ms) = record.time_ms {
        message = message.timestamp(time_ms);
    }
    loop {
        message = match producer.send(message) {
            Ok(()) => return Ok(()),
            Err((error, back)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => back,
                _ => return Err(error),
            },
        };
        producer.poll(POLL);
        if let Some(error) = producer.context().0.lock().failed.clone() {
            return Err(error);
        }
    }
}
