//! The write side: one connection, one transaction a batch, on the loop's own thread.

use super::checkpoint::{Checkpointer, checkpoint};
use super::fault::fault;
use super::lease::{self, Fence};
use super::open::{Locked, OpenError, SqliteOptions, damaged, reconnect, set_cache};
use super::pool::{Doubt, Pool};
use super::{kept, log, puts, rows};
use crate::store::form::packed::Packer;
use crate::store::form::replies;
use cartwright_app::Fault;
use cartwright_app::failpoint::{Point, failpoint};
use cartwright_app::kept::KeptReply;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::ports::{Batch, Lease, Swap, WriteStore, last_position};
use cartwright_domain::{ReservationId, Time};
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Batches of old replies dropped with each commit: more than are made, so that none pile up and none stalls the loop.
const DROPPED_PER_COMMIT: usize = 8;
/// How long changing the lease waits for another process's transaction; the loop tries again.
const LEASE_BUSY: std::time::Duration = std::time::Duration::from_millis(50);

/// The loop's own side of the store.
pub(super) struct Writer {
    /// `None` after a failed repair.
    connection: Option<Connection>,
    dir: PathBuf,
    options: SqliteOptions,
    /// Held while writing, so that the few writes of the read side wait here and not inside SQLite, which would nap.
    writing: Arc<Mutex<()>>,
    /// `None` after a failed repair.
    checkpointer: Option<Checkpointer>,
    pool: Arc<Pool>,
    doubt: Arc<Doubt>,
    head: (u64, Time),
    next_place: u64,
    drop_before: Option<Time>,
    json: Vec<u8>,
    packer: Packer,
    log_buffers: log::Buffers,
    kept_row: replies::Row,
    fence: Arc<Fence>,
    _locked: Arc<Locked>,
}

impl Writer {
    #[allow(clippy::too_many_arguments, reason = "the parts of an open store")]
    pub(super) fn new(
        connection: Connection,
        dir: &Path,
        options: SqliteOptions,
        writing: Arc<Mutex<()>>,
        pool: Arc<Pool>,
        doubt: Arc<Doubt>,
        locked: Arc<Locked>,
        fence: Arc<Fence>,
    ) -> Result<Self, OpenError> {
        let file = dir.join(super::DATABASE_FILE);
        let checkpointer = Checkpointer::start(&file, &options, doubt.clone())?;
        set_cache(&connection, options.cache_mib)?;
        let made = |fault| rusqlite::Error::ToSqlConversionFailure(Box::new(fault));
        let head = log::head(&connection).map_err(made);
        let head = head.map_err(|error| damaged(&file, error))?;
        let next_place = kept::next_place(&connection)?;
        let packer = Packer::new()
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(Self {
            connection: Some(connection),
            dir: dir.to_owned(),
            options,
            writing,
            checkpointer: Some(checkpointer),
            pool,
            doubt,
            head,
            next_place,
            drop_before: None,
            json: Vec::new(),
            packer,
            log_buffers: log::Buffers::default(),
            kept_row: replies::Row::default(),
            fence,
            _locked: locked,
        })
    }

    fn connection(&self) -> Result<&Connection, Fault> {
        self.connection
            .as_ref()
            .ok_or_else(|| Fault::Unavailable("the database is closed after a failure".into()))
    }

    fn trusted(&self) -> Result<(), Fault> {
        if self.doubt.is_raised() {
            return Err(Fault::Unavailable(
                "the store is to be repaired: a write or a sync failed".into(),
            ));
        }
        Ok(())
    }

    /// Everything of a batch, inside a transaction.
    fn write(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        let connection = self.connection.as_ref().ok_or(Fault::ReadOnly)?;
        self.fence.check(connection)?;
        let mut puts = puts::Puts::new(connection, &mut self.json);
        for (key, value) in batch.changed {
            puts.put(key, value.as_ref())?;
        }
        drop(puts);
        failpoint(Point::StoreRows);
        if !batch.log.entries.is_empty() {
            if batch.log.first_position != self.head.0 + 1 {
                let (first, head) = (batch.log.first_position, self.head.0);
                return Err(Fault::Unavailable(format!(
                    "a batch begins at {first}, but the log ends at {head}"
                )));
            }
            log::insert(
                connection,
                &mut self.log_buffers,
                &mut self.packer,
                batch.log,
            )?;
        }
        failpoint(Point::StoreLogged);
        if !batch.kept.is_empty() {
            kept::insert(
                connection,
                &mut self.kept_row,
                &mut self.packer,
                self.next_place,
                batch.kept,
            )?;
        }
        if let Some(before) = self.drop_before
            && !kept::drop_some(connection, before, DROPPED_PER_COMMIT)?
        {
            self.drop_before = None;
        }
        failpoint(Point::StoreComplete);
        Ok(())
    }

    /// A write connection to files that nobody else has; all that the WAL holds is in the database.
    fn reopened(&self) -> Result<Connection, Fault> {
        let connection =
            reconnect(&self.dir).map_err(|error| Fault::Unavailable(error.to_string()))?;
        set_cache(&connection, self.options.cache_mib).map_err(fault)?;
        let copied = checkpoint(&connection, "TRUNCATE").map_err(fault)?;
        if copied.busy {
            return Err(Fault::Unavailable(
                "the WAL cannot be copied while a long read goes on".into(),
            ));
        }
        Ok(connection)
    }

    /// What is written reads back.
    fn probe(&self, connection: &Connection) -> Result<(), Fault> {
        let probe = "INSERT INTO meta (name, value) VALUES ('probe', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let written = self.head.0.to_be_bytes();
        self.fence.guard(connection, |connection| {
            connection
                .execute(probe, params![&written[..]])
                .map_err(fault)
        })?;
        let sql = "SELECT value FROM meta WHERE name = 'probe'";
        let read = connection.query_row(sql, [], |row| row.get::<_, [u8; 8]>(0));
        if read.map_err(fault)? != written {
            return Err(Fault::corrupt("what was written does not read back"));
        }
        Ok(())
    }

    /// Copies the little that the checkpoint thread left and begins the WAL afresh. Not done when a reader is in the way.
    fn restart_wal(&self) {
        let copied = self.connection().and_then(|connection| {
            connection
                .busy_timeout(std::time::Duration::ZERO)
                .map_err(fault)?;
            let copied = checkpoint(connection, "RESTART");
            connection.busy_timeout(super::open::BUSY).map_err(fault)?;
            copied.map_err(fault)
        });
        match self.doubt.of(copied) {
            Ok(copied) => {
                tracing::debug!(?copied, "the WAL begins afresh, unless somebody reads it")
            }
            Err(fault) => {
                tracing::warn!(%fault, "the WAL could not be copied into the database; the loop repairs the store")
            }
        }
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.finished();
        }
    }
}

impl Drop for Writer {
    /// The next start finds little to do, and the database's file has all. Not when it is in doubt what the WAL holds: that start asks the file.
    fn drop(&mut self) {
        self.checkpointer = None;
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.doubt.is_raised() {
            return;
        }
        let copied = connection
            .busy_timeout(std::time::Duration::ZERO)
            .and_then(|()| checkpoint(&connection, "TRUNCATE"));
        tracing::debug!(?copied, "the WAL is copied at the end");
    }
}

/// Runs a statement without rows.
fn run(connection: &Connection, sql: &str) -> Result<(), Fault> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map_err(fault)
        .map(drop)
}

impl WriteStore for Writer {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        self.trusted()?;
        let connection = self.connection()?;
        // One read transaction for all: SQLite locks and unlocks a file once, not once a statement.
        let reads = connection.unchecked_transaction().map_err(fault)?;
        let found = keys.iter().map(|key| rows::load(&reads, key)).collect();
        reads.finish().map_err(fault)?;
        found
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        // What this batch was decided on may be wrong, too.
        self.trusted()?;
        let writing = self.writing.clone();
        let guard = writing.lock();
        run(self.connection()?, "BEGIN IMMEDIATE")?;
        let written = self
            .write(batch)
            .and_then(|()| run(self.connection()?, "COMMIT"));
        drop(guard);
        // Another thread's sync may just have failed, and may have lost what this batch stands behind: then it is looked up.
        let written = self.doubt.of(written).and_then(|()| self.trusted());
        if let Err(error) = written {
            // What SQLite could not write it has rolled back itself already.
            if let Some(connection) = self
                .connection
                .as_ref()
                .filter(|connection| !connection.is_autocommit())
            {
                run(connection, "ROLLBACK")?;
            }
            return Err(error);
        }
        failpoint(Point::StoreCommitted);
        if !batch.log.entries.is_empty() {
            self.head = (last_position(batch.log), Time(batch.log.time_ms));
        }
        self.next_place += u64::from(!batch.kept.is_empty());
        if self
            .checkpointer
            .as_ref()
            .is_some_and(Checkpointer::committed)
        {
            self.restart_wal();
        }
        Ok(())
    }

    fn recover(&mut self) -> Result<u64, Fault> {
        self.doubt.raise(false);
        // Nobody else has the files: so SQLite forgets what it believes of the WAL, reads from the file which transactions are whole, and
        // copies all of them, also those that were copied before and perhaps lost with a sync that failed. Where processes share the
        // directory, others keep that belief alive.
        let pool = self.pool.clone();
        let closed = pool.close()?;
        let writing = self.writing.clone();
        let guard = writing.lock();
        (self.connection, self.checkpointer) = (None, None);
        let connection = self.reopened()?;
        let probed = self.probe(&connection);
        if !matches!(probed, Err(Fault::NoLease)) {
            // Whoever lost the lease may read all the same, and take it again.
            probed.clone()?;
        }
        self.head = log::head(&connection)?;
        self.next_place = kept::next_place(&connection).map_err(fault)?;
        let file = self.dir.join(super::DATABASE_FILE);
        let checkpointer = Checkpointer::start(&file, &self.options, self.doubt.clone());
        let checkpointer = checkpointer.map_err(|error| Fault::Unavailable(error.to_string()))?;
        (self.connection, self.checkpointer) = (Some(connection), Some(checkpointer));
        self.doubt.clear();
        drop((guard, closed));
        probed.map(|()| self.head.0)
    }

    fn is_in_doubt(&self) -> bool {
        self.doubt.is_raised()
    }

    fn last_batch(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        log::last_batch(self.connection()?)
    }

    fn head(&mut self) -> Result<(u64, Time), Fault> {
        log::head(self.connection()?)
    }

    fn kept_index(&mut self, now: Time) -> Result<Vec<([u8; 16], u64, Time)>, Fault> {
        kept::index(self.connection()?, now)
    }

    fn next_kept_place(&mut self) -> Result<u64, Fault> {
        Ok(self.next_place)
    }

    fn kept(&mut self, place: u64, hash: &[u8; 16]) -> Result<Option<KeptReply>, Fault> {
        kept::find(self.connection()?, place, hash)
    }

    fn drop_kept(&mut self, before: Time) -> Result<(), Fault> {
        let more = {
            let _guard = self.writing.lock();
            let dropped = self.fence.guard(self.connection()?, |connection| {
                kept::drop_some(connection, before, DROPPED_PER_COMMIT)
            });
            self.doubt.of(dropped)?
        };
        self.drop_before = more.then_some(before);
        Ok(())
    }

    fn pending_holds(&mut self) -> Result<Vec<(Time, ReservationId)>, Fault> {
        let connection = self.connection()?;
        let sql = "SELECT expires_at, id FROM reservations INDEXED BY pending_reservations WHERE state = 0";
        let mut statement = connection.prepare(sql).map_err(fault)?;
        let holds = statement.query_map([], |row| {
            Ok((Time(row.get(0)?), ReservationId(rows::made_id(row, 1)?)))
        });
        holds
            .map_err(fault)?
            .collect::<Result<_, _>>()
            .map_err(fault)
    }

    fn lease(&mut self) -> Result<Option<Lease>, Fault> {
        lease::read(self.connection()?)
    }

    fn swap_lease(&mut self, from: Option<&Lease>, to: &Lease) -> Result<Swap, Fault> {
        let writing = self.writing.clone();
        let _guard = writing.lock();
        let connection = self.connection()?;
        connection.busy_timeout(LEASE_BUSY).map_err(fault)?;
        let swapped = self.doubt.of(self.fence.swap(connection, from, to));
        connection.busy_timeout(super::open::BUSY).map_err(fault)?;
        let is_new = from.is_none_or(|from| (&from.holder, from.epoch) != (&to.holder, to.epoch));
        if is_new && matches!(swapped, Ok(Swap::Done)) {
            // Others have written since this process looked.
            let (head, next_place) = (log::head(connection)?, kept::next_place(connection));
            (self.head, self.next_place) = (head, next_place.map_err(fault)?);
            self.drop_before = None;
        }
        swapped
    }

    fn wake(&mut self) -> Result<Vec<u32>, Fault> {
        lease::wake(&self.dir.join(super::DATABASE_FILE))
    }
}
