//! The SQLite store: one file, one write connection on the loop's thread, a few for reading, one that checkpoints.
//!
//! A table a noun, columns for what is queried and JSON for the rest. Ids that we make are time-ordered, so rows are
//! appended; the log and the kept replies are one row a batch.

mod checkouts;
mod checkpoint;
mod fault;
mod holds;
mod kept;
mod lease;
mod log;
mod migrations;
mod open;
mod orders;
mod pool;
mod puts;
mod read;
mod rows;
mod source;
mod steps;
mod wallets;
mod webhooks;
mod write;

pub use open::{DATABASE_FILE, LOCK_FILE, OpenError, SqliteOptions, open};
pub(in crate::store) use source::Source;
pub use steps::{MigrateError, migrate, migrate_beside, status};
