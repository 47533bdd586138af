//! Placeholder.

pub mod search;
