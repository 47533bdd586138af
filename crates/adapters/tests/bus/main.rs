//! The bus on its technologies: one contract for all, and for Kafka what happens when brokers, members, topics and schemas come and go.
//!
//! The real broker and registry are named by `CARTWRIGHT_TEST_KAFKA` and `CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL`
//! (`cargo xtask services up kafka schema-registry` prints them); without these only the embedded bus is tried.

mod contract;
mod floor;
#[cfg(feature = "kafka")]
mod kafka;
