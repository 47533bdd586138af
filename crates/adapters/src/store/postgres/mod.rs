//! The PostgreSQL store: one connection that writes, some for reading, one that listens.
//!
//! A table a noun, as SQLite has it, in a schema of its own. A batch is one transaction and one round trip: what changed in a table goes
//! there in one statement, all statements are sent together, rows in the order of their keys. Who may write is looked at inside the
//! transaction (`lease.rs`), so batches are serial, and the log's positions are in the order of their commits: nobody who follows it can
//! pass one that comes later.

mod copy;
mod fault;
mod gather;
mod lease;
mod link;
mod lists;
mod load;
mod log;
mod migrations;
mod open;
mod puts;
mod read;
mod replica;
mod rows;
mod steps;
mod table;
mod text;
mod write;

pub use copy::{Copied, CopyError, copy};
pub use migrations::{erase, migrate, migrate_as, status};
pub use open::{OpenError, PostgresOptions, open};
