//! The Kafka bus: a relay carries the log to topics, and consumers read it back from one of them.
//!
//! Kafka is never the truth. Whatever it does not have, lost, or brings late is read from the store's log, so a broker that is down
//! costs delay and nothing else. `docs/guide/kafka.md` describes the topics, decision 22 why it is so.

mod bus;
mod clients;
mod look;
mod member;
mod options;
mod orders;
mod publisher;
mod rebuild;
mod records;
mod registry;
mod relay;
mod schemas;
mod subscription;
mod topics;

pub use bus::KafkaBus;
pub use look::{Look, look};
pub use options::KafkaOptions;
pub use orders::{OrderOf, OrdersTopic};
pub use rebuild::{Rebuild, Rebuilt};
pub use registry::{Registry, RegistryError};
pub use relay::{RELAY, Relay};
pub use schemas::{COMPATIBILITY, Schema, schema_of_file, schemas};
