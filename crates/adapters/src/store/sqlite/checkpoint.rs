//! Copying WAL pages into the database beside the loop, so that commits never wait for it.
//!
//! The loop wakes the thread after commits; the thread looks at most fifty times a second how much there is to copy. While
//! writes never pause it cannot finish, so the WAL grows; beyond a limit the loop itself copies the little that is left.

use super::fault::fault;
use super::open::{OpenError, SqliteOptions, connect_more};
use super::pool::Doubt;
use cartwright_app::failpoint::{Point, failpoint};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(20);
const MIB: u64 = 1024 * 1024;

/// The thread; ends when dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    wake: Option<Sender<()>>,
    open: Option<Sender<()>>,
    wal_bytes: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
    wal_limit: u64,
}

/// How a checkpoint went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copied {
    /// Somebody was in the way.
    pub(super) busy: bool,
    /// Pages in the WAL.
    pub(super) pages: i64,
    /// Of them, copied.
    pub(super) copied: i64,
}

/// Runs a checkpoint of a kind that SQLite knows (`PASSIVE`, `RESTART`, `TRUNCATE`, `NOOP`).
pub(super) fn checkpoint(connection: &Connection, kind: &str) -> rusqlite::Result<Copied> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({kind})"))?;
    statement.query_row([], |row| {
        Ok(Copied {
            busy: row.get::<_, i64>(0)? != 0,
            pages: row.get(1)?,
            copied: row.get(2)?,
        })
    })
}

impl Checkpointer {
    pub(super) fn start(
        file: &Path,
        options: &SqliteOptions,
        doubt: Arc<Doubt>,
    ) -> Result<Self, OpenError> {
        let connection = connect_more(file, 1)?;
        let page_bytes: u64 = connection
            .pragma_query_value(None, "page_size", |row| row.get::<_, u32>(0))?
            .into();
        let (wake, woken) = bounded(1);
        let (open, closing) = bounded(0);
        let wal_bytes = Arc::new(AtomicU64::new(0));
        let task = Task {
            connection,
            page_bytes,
            begin: u64::from(options.checkpoint_mib) * MIB,
            wal_bytes: wal_bytes.clone(),
            doubt,
        };
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || task.run(&woken, &closing));
        let thread = thread.map_err(OpenError::Thread)?;
        Ok(Self {
            wake: Some(wake),
            open: Some(open),
            wal_bytes,
            thread: Some(thread),
            wal_limit: u64::from(options.wal_limit_mib) * MIB,
        })
    }

    /// After a commit: looks soon. Whether the loop shall finish a checkpoint itself now.
    pub(super) fn committed(&self) -> bool {
        if let Some(wake) = &self.wake {
            // Full: it is awake already.
            let _ = wake.try_send(());
        }
        self.wal_bytes.load(Ordering::Relaxed) > self.wal_limit
    }

    /// The loop has tried: looks afresh before it is asked again.
    pub(super) fn finished(&self) {
        self.wal_bytes.store(0, Ordering::Relaxed);
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        self.open = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(
                "the checkpoint thread ended by a panic; the WAL holds what it did not copy"
            );
        }
    }
}

struct Task {
    connection: Connection,
    page_bytes: u64,
    begin: u64,
    wal_bytes: Arc<AtomicU64>,
    doubt: Arc<Doubt>,
}

impl Task {
    fn run(self, woken: &Receiver<()>, closing: &Receiver<()>) {
        while woken.recv().is_ok() {
            if let Err(error) = self.look() {
                // What was copied before this may have been lost with it, and SQLite would not copy it again.
                let error = self.doubt.of::<()>(Err(fault(error))).unwrap_err();
                tracing::warn!(%error, "the WAL could not be copied into the database; the loop repairs the store");
            }
            if closing.recv_timeout(PAUSE) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    fn look(&self) -> rusqlite::Result<()> {
        let mut seen = checkpoint(&self.connection, "NOOP")?;
        if (seen.pages - seen.copied).max(0) as u64 * self.page_bytes > self.begin {
            failpoint(Point::WalCopying);
            seen = checkpoint(&self.connection, "PASSIVE")?;
            failpoint(Point::WalCopied);
        }
        self.wal_bytes.store(
            seen.pages.max(0) as u64 * self.page_bytes,
            Ordering::Relaxed,
        );
        Ok(())
    }
}
