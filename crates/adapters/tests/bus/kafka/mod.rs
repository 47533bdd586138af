//! Kafka, with a real broker and a real registry.

mod broker;
mod groups;
mod outage;
mod real;
mod relay;
mod schemas;
mod topics;
