//! A look at Kafka and the registry from outside, for whoever diagnoses.

use super::registry::Registry;
use super::schemas::{LOG, schemas};
use super::{KafkaOptions, topics};
use cartwright_app::Fault;
use cartwright_app::ports::ReadStore;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether Kafka has the log of this store, and not that of another one or of a copy that went on elsewhere.
    pub agrees: bool,
    /// Whether the registry knows the schema of the log as this version writes it.
    pub is_registered: bool,
}

/// Looks; `head` is the position of the log's last entry.
///
/// # Errors
/// [`Fault::Unavailable`] when Kafka or the registry does not answer.
pub fn look(options: &KafkaOptions, store: &dyn ReadStore, head: u64) -> Result<Look, Fault> {
    let agrees = topics::agrees(options, store, head)?;
    let unavailable = |error: super::RegistryError| Fault::Unavailable(error.to_string());
    let registry = Registry::new(&options.registry).map_err(unavailable)?;
    let subject = format!("{}-value", options.log_topic());
    let log = schemas().into_iter().find(|it| it.0 == LOG.0);
    let is_registered = match log {
        Some((_, schema)) => registry.find(&subject, &schema.text).map_err(unavailable)?,
        None => None,
    };
    Ok(Look {
        agrees,
        is_registered: is_registered.is_some(),
    })
}
