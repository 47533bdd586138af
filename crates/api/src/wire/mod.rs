//! The wire types: how the contract spells what the domain means. Nothing is decided here.

pub mod cart;
pub mod catalog;
pub mod checkout;
pub mod imports;
pub mod merge_patch;
pub mod money;
pub mod order;
pub mod schema;
pub mod search;
pub mod stock;
pub mod strict;
pub mod timestamp;
pub mod wallet;

pub use money::Money;
pub use timestamp::{Timestamp, parse_time};
