//! Placeholder.

pub mod ports;
