//! Where everything is kept: SQLite for a shop, memory as the reference that the contract suite compares it with.

pub use cartwright_memory as memory;
mod form;
pub mod postgres;
pub mod schema;
mod secrets;
pub mod sqlite;
