//! Where everything is kept: SQLite for a shop, memory as the reference that the contract suite compares it with.

pub mod memory;
pub mod sqlite;
