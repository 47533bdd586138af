//! The connections beside the write connection: a few for reading, opened when first needed, and one for the small writes that do not
//! wait for the disk. All of them can be closed, for a repair that must be the only user of the files.

use super::fault::{Harm, fault, harm};
use super::lease::Fence;
use super::open::{BUSY, SqliteOptions, connect_more};
use cartwright_app::Fault;
use parking_lot::{Condvar, Mutex, MutexGuard};
use rusqlite::Connection;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Raised when a write or a sync failed anywhere in this process, until the store was repaired.
///
/// After a sync that failed the system counts the pages as clean: the next sync succeeds without writing them, and reads show either what
/// was to be written or what was there before (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020). So
/// whoever meets it, nothing may be acknowledged before all that is not surely on the disk was written once more.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    is_raised: AtomicBool,
    /// Whether reads may show what is not so.
    reads_too: AtomicBool,
}

impl Doubt {
    /// Until it is cleared nothing is written. Reads go on when it is only that the disk is full: nothing is lost by that.
    pub(super) fn raise(&self, reads_too: bool) {
        if reads_too {
            self.reads_too.store(true, Ordering::Release);
        }
        self.is_raised.store(true, Ordering::Release);
    }

    pub(super) fn clear(&self) {
        self.is_raised.store(false, Ordering::Release);
        self.reads_too.store(false, Ordering::Release);
    }

    pub(super) fn is_raised(&self) -> bool {
        self.is_raised.load(Ordering::Acquire)
    }

    /// Whether what is read can be believed.
    fn readable(&self) -> Result<(), Fault> {
        if self.reads_too.load(Ordering::Acquire) {
            return Err(Fault::Unavailable(
                "the store is being repaired: a write or a sync failed".into(),
            ));
        }
        Ok(())
    }

    /// Raises it for an error of the store, and passes the result on.
    pub(super) fn of<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        match result.as_ref().map_err(harm) {
            Err(Harm::Lost) => self.raise(true),
            Err(Harm::Full) => self.raise(false),
            Err(Harm::None) | Ok(_) => {}
        }
        result
    }
}

#[derive(Default)]
struct State {
    /// Connections that nobody uses just now.
    idle: Vec<Connection>,
    /// Connections for short reads, used or idle.
    open: usize,
    /// Reads that take long, each on a connection of its own.
    long: usize,
    /// Nobody gets a connection.
    is_closed: bool,
}

/// The connections of everybody but the loop.
pub(super) struct Pool {
    file: PathBuf,
    options: SqliteOptions,
    state: Mutex<State>,
    freed: Condvar,
    /// For cursors and for dropping old log entries.
    side: Mutex<Option<Connection>>,
    writing: Arc<Mutex<()>>,
    fence: Arc<Fence>,
    doubt: Arc<Doubt>,
}

impl Pool {
    pub(super) fn new(
        file: &Path,
        options: &SqliteOptions,
        writing: Arc<Mutex<()>>,
        fence: Arc<Fence>,
        doubt: Arc<Doubt>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            options: options.clone(),
            state: Mutex::default(),
            freed: Condvar::new(),
            side: Mutex::default(),
            writing,
            fence,
            doubt,
        }
    }

    fn open(&self) -> Result<Connection, Fault> {
        let connection = connect_more(&self.file, self.options.reader_cache_mib).map_err(fault)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection
            .pragma_update(None, "query_only", true)
            .map_err(fault)?;
        Ok(connection)
    }

    /// A connection for a short read; waits for one when all are used.
    fn take(&self) -> Result<Connection, Fault> {
        let mut state = self.state.lock();
        loop {
            if !state.is_closed {
                if let Some(connection) = state.idle.pop() {
                    return Ok(connection);
                }
                if state.open < self.options.readers.max(1) {
                    state.open += 1;
                    drop(state);
                    return self.open().inspect_err(|_| self.lost());
                }
            }
            self.freed.wait(&mut state);
        }
    }

    fn lost(&self) {
        self.state.lock().open -= 1;
        self.freed.notify_all();
    }

    /// A short read.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.doubt.readable()?;
        let connection = self.take()?;
        let result = read(&connection);
        let mut state = self.state.lock();
        if state.is_closed || matches!(result, Err(Fault::Unavailable(_) | Fault::Corrupt(_))) {
            // A fresh one may do better.
            drop(state);
            drop(connection);
            self.lost();
        } else {
            state.idle.push(connection);
            drop(state);
            self.freed.notify_one();
        }
        result
    }

    /// A connection for a read that takes long, so that it takes none from those who are quick.
    pub(super) fn long(&self) -> Result<Long<'_>, Fault> {
        let mut state = self.state.lock();
        while state.is_closed {
            self.freed.wait(&mut state);
        }
        self.doubt.readable()?;
        state.long += 1;
        drop(state);
        let mut long = Long {
            pool: self,
            connection: None,
        };
        long.connection = Some(self.open()?);
        Ok(long)
    }

    /// A write beside the loop. Nothing of it needs to survive a power failure, so it does not wait for the disk.
    pub(super) fn beside<T>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut side = self.side.lock();
        let connection = match side.take() {
            Some(connection) => connection,
            None => {
                let connection = connect_more(&self.file, 1).map_err(fault)?;
                connection
                    .pragma_update(None, "synchronous", "NORMAL")
                    .map_err(fault)?;
                connection
            }
        };
        let _writing = self.writing.lock();
        let result = self.doubt.of(self.fence.guard(&connection, write))?;
        *side = Some(connection);
        Ok(result)
    }

    /// Closes all connections, and lets nobody have one until the answer is dropped.
    ///
    /// Errors: [`Fault::Unavailable`] while a read goes on that takes long.
    pub(super) fn close(&self) -> Result<Closed<'_>, Fault> {
        let too_long =
            || Fault::Unavailable("the store cannot be repaired while a long read goes on".into());
        let mut side = self.side.lock();
        *side = None;
        let mut state = self.state.lock();
        if state.long > 0 {
            return Err(too_long());
        }
        state.is_closed = true;
        state.open -= state.idle.len();
        state.idle.clear();
        drop(state);
        let closed = Closed {
            pool: self,
            _side: side,
        };
        let mut state = self.state.lock();
        while state.open > 0 {
            if self.freed.wait_for(&mut state, BUSY).timed_out() {
                drop(state);
                return Err(too_long());
            }
        }
        drop(state);
        Ok(closed)
    }
}

/// A connection that a long read has for itself.
pub(super) struct Long<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Deref for Long<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("it is there until it is dropped")
    }
}

impl Drop for Long<'_> {
    fn drop(&mut self) {
        self.connection = None;
        self.pool.state.lock().long -= 1;
        self.pool.freed.notify_all();
    }
}

/// Nobody but the loop has a connection.
pub(super) struct Closed<'a> {
    pool: &'a Pool,
    _side: MutexGuard<'a, Option<Connection>>,
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.pool.state.lock().is_closed = false;
        self.pool.freed.notify_all();
    }
}
