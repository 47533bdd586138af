//! The parts of the binary `cartwright` that stand on their own: settings, wiring, catalogue files, the sample catalogue.

pub mod buses;
mod cannot_start;
pub mod catalogue_files;
pub mod config;
pub mod first_key;
pub mod gateway_sim;
pub mod http_client;
pub mod importing;
pub mod leading;
pub mod load_sample;
mod memory;
pub mod own_gateway;
pub mod sample;
mod search_slot;
pub mod snapshots;
pub mod telemetry;
pub mod wiring;

pub use cannot_start::CannotStart;
