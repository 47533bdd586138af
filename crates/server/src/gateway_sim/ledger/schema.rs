//! The ledger's file: tables, settings that make it durable, one process at a time.

use anyhow::{Context as _, bail};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The database within the data directory.
const DATABASE_FILE: &str = "gateway.db";
/// What a process locks while it uses the directory.
const LOCK_FILE: &str = "gateway.lock";
/// `CGWS`, so that no other program's database is taken for ours.
const APPLICATION_ID: i64 = 0x4347_5753;
const VERSION: i64 = 1;
/// Statements kept prepared.
const STATEMENTS: usize = 64;
const BUSY: Duration = Duration::from_secs(5);

const TABLES: &str = "
CREATE TABLE payments (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, reference TEXT NOT NULL, state TEXT NOT NULL,
    currency TEXT NOT NULL, amount INTEGER NOT NULL, captured INTEGER NOT NULL, refunded INTEGER NOT NULL, code TEXT,
    brand TEXT NOT NULL, last4 TEXT NOT NULL, metadata TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE INDEX payments_by_reference ON payments (reference);
CREATE TABLE effects (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, op TEXT NOT NULL, payment_id TEXT NOT NULL, key TEXT NOT NULL,
    currency TEXT NOT NULL, amount INTEGER NOT NULL);
CREATE TABLE keys (
    key TEXT PRIMARY KEY, hash BLOB NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, payment_id TEXT
) WITHOUT ROWID;
CREATE TABLE barred (reference TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE calls (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, op TEXT NOT NULL, payment_id TEXT, reference TEXT, key TEXT,
    currency TEXT, amount INTEGER, metadata TEXT, status INTEGER, fault TEXT, fault_id TEXT, replayed INTEGER NOT NULL);
CREATE TABLE webhooks (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, cart_id TEXT, body TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, next_at INTEGER NOT NULL);
CREATE INDEX webhooks_pending ON webhooks (next_at) WHERE state = 'pending';
";

/// The directory's lock; given back by the system when the process ends.
#[derive(Debug)]
pub(super) struct Locked(#[allow(dead_code, reason = "kept open, never read")] File);

/// The file within a data directory.
pub(super) fn file(dir: &Path) -> PathBuf {
    dir.join(DATABASE_FILE)
}

/// Makes the directory if there is none, takes it, and opens the ledger for writing.
pub(super) fn open(dir: &Path) -> anyhow::Result<(Locked, Connection)> {
    std::fs::create_dir_all(dir)
        .with_context(|| format!("the data directory {} cannot be made", dir.display()))?;
    let lock = dir.join(LOCK_FILE);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock)
        .with_context(|| format!("{} cannot be written", lock.display()))?;
    if lock.try_lock().is_err() {
        bail!(
            "the data directory {} is in use by another gateway-sim: stop that one, or choose another",
            dir.display()
        );
    }
    let file = file(dir);
    let connection = Connection::open(&file)
        .and_then(|connection| prepare(&connection).map(|version| (connection, version)))
        .with_context(|| format!("the ledger {} cannot be opened", file.display()))?;
    let (connection, known) = connection;
    if !known {
        bail!(
            "the file {} is no ledger that this version knows: choose another data directory",
            file.display()
        );
    }
    Ok((Locked(lock), connection))
}

/// Sets and reads back what durability depends on; makes the tables. False for another program's or version's file.
fn prepare(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let number = |name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
    };
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if tables > 0
        && (number("application_id")? != APPLICATION_ID || number("user_version")? != VERSION)
    {
        return Ok(false);
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 8000;",
    )?;
    if mode != "wal" || number("synchronous")? != 2 {
        return Ok(false);
    }
    if tables == 0 {
        connection.execute_batch(&format!(
            "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
        ))?;
    }
    Ok(true)
}

/// Opens the ledger for reading beside the writer.
pub(super) fn open_reader(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
