//! What all clients of Kafka have in common: where it is, how patient they are, where their log lines go.

use super::KafkaOptions;
use cartwright_app::Fault;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use std::future::Future;

/// Their settings. `purpose` tells them apart where Kafka shows them.
pub(super) fn settings(brokers: &str, node: &str, purpose: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", brokers)
        .set("client.id", format!("cartwright-{node}-{purpose}"))
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.max.ms", "1000")
        .set_log_level(RDKafkaLogLevel::Warning);
    settings
}

/// Those of a shop's bus.
pub(super) fn settings_of(options: &KafkaOptions, purpose: &str) -> ClientConfig {
    settings(&options.brokers, &options.node, purpose)
}

/// Where the library's own words go.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        note(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

/// Whoever asks the client for something says when that fails, once; this is for whoever looks deeper.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    tracing::debug!(target: "librdkafka", ?level, facility, "{message}");
}

pub(super) fn note(error: &KafkaError, reason: &str) {
    tracing::debug!(target: "librdkafka", %error, "{reason}");
}

/// Kafka did not do what was asked.
pub(super) fn unavailable(error: impl std::fmt::Display) -> Fault {
    Fault::Unavailable(format!("Kafka: {error}"))
}

/// Waits for what the client's own threads bring about. Not for async threads.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    Ok(runtime.map_err(unavailable)?.block_on(future))
}
