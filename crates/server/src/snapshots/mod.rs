//! Snapshots (all state at a position) and archive files (log entries that left the database), both with a checksum that is
//! verified before use. They lie in `snapshots/` and `archive/` of the data directory.

mod archive;
mod checked_file;
mod record;
mod snapshot;
mod taker;
#[cfg(test)]
mod tests;

pub use archive::{archive_files, compact, read_archive};
pub use snapshot::{Snapshot, list, load, take};
pub use taker::{Policy, watch};
