//! A data directory that is moved somewhere else: taken for this process, and only read.

use super::migrations::LATEST;
use super::open::{Locked, OpenError, connect};
use super::steps::version;
use rusqlite::Connection;
use std::path::Path;

/// The tables of a shop that nobody else has open.
pub(in crate::store) struct Source {
    connection: Connection,
    _locked: Locked,
}

impl Source {
    /// Takes the directory.
    pub(in crate::store) fn open(dir: &Path) -> Result<Self, OpenError> {
        let locked = Locked::take(dir)?;
        Ok(Self {
            connection: connect(dir)?,
            _locked: locked,
        })
    }

    /// Steps of the schema that were taken, and that there are.
    pub(in crate::store) fn steps(&self) -> rusqlite::Result<(i64, i64)> {
        Ok((version(&self.connection)?, LATEST))
    }

    pub(in crate::store) fn connection(&self) -> &Connection {
        &self.connection
    }
}
