//! Opening a data directory: one process, a library and a file that can be trusted, settings read back.

use super::checkpoint::checkpoint;
use super::lease::Fence;
use super::migrations::LATEST;
use super::pool::{Doubt, Pool};
use super::read::Reader;
use super::steps::{self, MigrateError};
use super::write::Writer;
use crate::store::secrets::{Secrets, is_private_key};
use cartwright_app::ports::{Random, StoreParts};
use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The database within the data directory.
pub const DATABASE_FILE: &str = "cartwright.db";
/// What a process locks while it uses the directory.
pub const LOCK_FILE: &str = "cartwright.lock";
/// What a process locks while it opens a directory that it shares.
const OPENING_FILE: &str = "cartwright.opening";

/// `CART`, so that no other program's database is taken for ours.
const APPLICATION_ID: i64 = 0x4341_5254;
/// The first library without the WAL-reset bug of 2026 (sqlite.org/wal.html).
const LIBRARY_MIN: i32 = 3_051_003;
const PAGE_BYTES: i64 = 4096;
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// What may be chosen about the store.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// MiB of pages that the write connection keeps in memory.
    pub cache_mib: u32,
    /// Connections for reading at most.
    pub readers: usize,
    /// MiB of each reading connection's page cache.
    pub reader_cache_mib: u32,
    /// MiB of new WAL after which pages are copied into the database beside the loop.
    pub checkpoint_mib: u32,
    /// MiB of WAL after which the loop itself finishes the copying and begins the WAL afresh.
    pub wal_limit_mib: u32,
    /// Whether other processes may use the directory too, each of them with leases.
    pub is_shared: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            cache_mib: 48,
            readers: 4,
            reader_cache_mib: 4,
            checkpoint_mib: 16,
            wal_limit_mib: 96,
            is_shared: false,
        }
    }
}

/// Why a data directory cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the sentences say it; fields are what they name"
)]
pub enum OpenError {
    #[error(
        "the data directory {dir} is in use by another process: stop that one first, or choose another directory"
    )]
    Locked { dir: PathBuf },
    #[error(
        "the data directory {dir} cannot be written ({source}): check its owner, its permissions and free space"
    )]
    NotWritable {
        dir: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "the database {file} cannot be read ({source}): check the disk it is on, then start again"
    )]
    NotReadable {
        file: PathBuf,
        source: std::io::Error,
    },
    #[error("the database {file} is damaged ({detail}): put the file aside and restore a backup")]
    Corrupt { file: PathBuf, detail: String },
    #[error("the database {file} belongs to another program: choose another data directory")]
    Foreign { file: PathBuf },
    #[error(
        "the database {file} was written by a newer version of this program (schema {found}, this one knows {known}): \
         start that version, or restore a backup"
    )]
    Newer {
        file: PathBuf,
        found: i64,
        known: i64,
    },
    #[error(
        "this program is linked with SQLite {found}; at least 3.51.3 is needed to keep data safe: build it with the bundled library"
    )]
    Library { found: &'static str },
    #[error(
        "the file system of {file} does not support the setting {setting} (it is {found}): put the data directory on a local disk"
    )]
    Setting {
        file: PathBuf,
        setting: &'static str,
        found: String,
    },
    #[error("the database schema could not be brought up to date: {0}")]
    Migrate(#[source] Box<MigrateError>),
    #[error("the database cannot be opened: {0}")]
    Database(#[from] rusqlite::Error),
    #[error("the checkpoint thread cannot be started: {0}")]
    Thread(std::io::Error),
}

/// The directory's lock; given back when dropped, and by the system when the process ends.
#[derive(Debug)]
pub(super) struct Locked(#[allow(dead_code, reason = "kept open, never read")] File);

impl Locked {
    /// Makes the directory if there is none, and takes it for this process alone.
    pub(super) fn take(dir: &Path) -> Result<Self, OpenError> {
        Self::take_by(dir, LOCK_FILE, File::try_lock)
    }

    /// Takes it together with others that share it.
    pub(super) fn share(dir: &Path) -> Result<Self, OpenError> {
        Self::take_by(dir, LOCK_FILE, File::try_lock_shared)
    }

    /// Waits until no other process is opening the database: its schema and its secret are made once.
    pub(super) fn opening(dir: &Path) -> Result<Self, OpenError> {
        Self::take_by(dir, OPENING_FILE, |file| {
            file.lock().map_err(TryLockError::Error)
        })
    }

    fn take_by(
        dir: &Path,
        name: &str,
        lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    ) -> Result<Self, OpenError> {
        let not_writable = |source| OpenError::NotWritable {
            dir: dir.to_owned(),
            source,
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(not_writable)?;
        let file = private(&dir.join(name)).map_err(not_writable)?;
        match lock(&file) {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
                dir: dir.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(not_writable(source)),
        }
    }
}

/// A file for the owner alone, made if there is none.
fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Opens the store of a data directory, making it or bringing its schema up to date as needed.
///
/// # Errors
/// [`OpenError`], a sentence that says what to do; nothing was changed then.
pub fn open(
    dir: &Path,
    options: SqliteOptions,
    random: &dyn Random,
) -> Result<StoreParts, OpenError> {
    match open_once(dir, options.clone(), random) {
        // SQLite takes some reads that failed for damage. What is damaged is so when it is read again.
        Err(OpenError::Corrupt { .. }) => open_once(dir, options, random),
        opened => opened,
    }
}

fn open_once(
    dir: &Path,
    options: SqliteOptions,
    random: &dyn Random,
) -> Result<StoreParts, OpenError> {
    let (locked, _opening) = if options.is_shared {
        (Locked::share(dir)?, Some(Locked::opening(dir)?))
    } else {
        (Locked::take(dir)?, None)
    };
    let locked = Arc::new(locked);
    let fence = Arc::new(Fence::new(options.is_shared));
    let connection = connect(dir)?;
    steps::up(&connection).map_err(|error| match error {
        MigrateError::Open(error) => error,
        error @ MigrateError::Step { .. } => OpenError::Migrate(Box::new(error)),
    })?;
    let file = dir.join(DATABASE_FILE);
    let secrets = Secrets {
        derivation: secret(&connection, "secret", random, |_| true)?,
        quote_key: secret(&connection, "quote_key", random, is_private_key)?,
    };
    begin_afresh(&connection, &options)?;
    let writing = Arc::new(Mutex::new(()));
    let doubt = Arc::new(Doubt::default());
    let pool = Pool::new(
        &file,
        &options,
        writing.clone(),
        fence.clone(),
        doubt.clone(),
    );
    let pool = Arc::new(pool);
    let read = Reader::new(pool.clone(), secrets, locked.clone());
    let write = Writer::new(
        connection, dir, options, writing, pool, doubt, locked, fence,
    )?;
    Ok(StoreParts {
        write: Box::new(write),
        read: Arc::new(read),
    })
}

/// The write connection of a directory that is locked: checked, and with its settings read back.
pub(super) fn connect(dir: &Path) -> Result<Connection, OpenError> {
    connect_as(dir, LATEST)
}

/// As [`connect`], by a program that knows so many steps of the schema.
pub(super) fn connect_as(dir: &Path, known: i64) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < LIBRARY_MIN {
        return Err(OpenError::Library {
            found: rusqlite::version(),
        });
    }
    check_file(dir, &dir.join(DATABASE_FILE))?;
    reconnect_as(dir, known)
}

/// As [`connect`], where this process has connections already. It leaves the file to SQLite: closing another handle of it would
/// give away the locks of the whole process (sqlite.org/howtocorrupt.html, 2.2).
pub(super) fn reconnect(dir: &Path) -> Result<Connection, OpenError> {
    reconnect_as(dir, LATEST)
}

fn reconnect_as(dir: &Path, known: i64) -> Result<Connection, OpenError> {
    let file = dir.join(DATABASE_FILE);
    let connection = Connection::open_with_flags(&file, flags())?;
    leave_wal(&connection)?;
    configure(&connection, &file, known).map_err(|error| match error {
        OpenError::Database(error) => damaged(&file, error),
        error => error,
    })?;
    Ok(connection)
}

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Another connection to a database that [`connect`] has checked.
pub(super) fn connect_more(file: &Path, cache_mib: u32) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, flags())?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    leave_wal(&connection)?;
    set_cache(&connection, cache_mib)?;
    Ok(connection)
}

/// Closing the last connection does not copy the WAL: after a sync that failed, what SQLite believes of it may be wrong. Whoever closes
/// in good order copies it before.
fn leave_wal(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map(drop)
}

/// What a process that died has left in the WAL is written into the database, all of it, before anything is written behind it: a sync
/// may have failed before, and then reads show what is not on the disk.
fn begin_afresh(connection: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    if options.is_shared {
        // Others are at work on it.
        connection.busy_timeout(Duration::ZERO)?;
    }
    checkpoint(connection, "TRUNCATE")?;
    connection.busy_timeout(BUSY)
}

pub(super) fn set_cache(connection: &Connection, mib: u32) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -(i64::from(mib) * 1024))
}

/// A damaged or cut file is told apart from one that merely cannot be read.
pub(super) fn damaged(file: &Path, error: rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OpenError::Corrupt {
            file: file.to_owned(),
            detail: error.to_string(),
        },
        _ => OpenError::Database(error),
    }
}

/// The file exists and begins like a database.
fn check_file(dir: &Path, file: &Path) -> Result<(), OpenError> {
    let mut opened = private(file).map_err(|source| OpenError::NotWritable {
        dir: dir.to_owned(),
        source,
    })?;
    let mut header = Vec::with_capacity(16);
    let corrupt = |detail: String| OpenError::Corrupt {
        file: file.to_owned(),
        detail,
    };
    opened
        .by_ref()
        .take(16)
        .read_to_end(&mut header)
        .map_err(|source| OpenError::NotReadable {
            file: file.to_owned(),
            source,
        })?;
    if header.is_empty() {
        sync_names(dir).map_err(|source| OpenError::NotWritable {
            dir: dir.to_owned(),
            source,
        })
    } else if header == b"SQLite format 3\0" {
        Ok(())
    } else {
        Err(corrupt("it is no SQLite file".into()))
    }
}

/// Before anything is kept in a new database: its name is on the disk, and that of its directory and of all above, which may be new,
/// too. SQLite syncs the directory of its files, and nobody those above; a power cut would take them away with all that is in them.
fn sync_names(dir: &Path) -> std::io::Result<()> {
    for directory in dir.ancestors() {
        let is_here = directory.as_os_str().is_empty();
        let directory = if is_here { Path::new(".") } else { directory };
        match File::open(directory).and_then(|directory| directory.sync_all()) {
            // Others' directories may be closed to us, and some file systems sync no directories.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied
                        | ErrorKind::InvalidInput
                        | ErrorKind::Unsupported
                        | ErrorKind::ReadOnlyFilesystem
                ) => {}
            synced => synced?,
        }
    }
    Ok(())
}

fn configure(connection: &Connection, file: &Path, known: i64) -> Result<(), OpenError> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    check_owner(connection, file, known)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Setting {
            file: file.to_owned(),
            setting: "journal_mode=WAL",
            found: mode,
        });
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if synchronous != 2 {
        return Err(OpenError::Setting {
            file: file.to_owned(),
            setting: "synchronous=FULL",
            found: synchronous.to_string(),
        });
    }
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    check_length(connection, file)?;
    Ok(())
}

/// Empty databases become ours; others are ours already, or newer, or somebody else's.
fn check_owner(connection: &Connection, file: &Path, known: i64) -> Result<(), OpenError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let owner: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if owner != APPLICATION_ID {
        if tables > 0 || owner != 0 {
            return Err(OpenError::Foreign {
                file: file.to_owned(),
            });
        }
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    let found = steps::version(connection)?;
    if found > known && !steps::is_usable(connection, known)? {
        return Err(OpenError::Newer {
            file: file.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}

/// A file that was cut short: pages that are not in the WAL must be in the file.
fn check_length(connection: &Connection, file: &Path) -> Result<(), OpenError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let expected = pragma("page_count")? * pragma("page_size")?;
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len());
    let wal = PathBuf::from(format!("{}-wal", file.display()));
    if length(&wal) == 0 && (length(file) as i64) < expected {
        let detail = format!("it is {} bytes long and should be {expected}", length(file));
        return Err(OpenError::Corrupt {
            file: file.to_owned(),
            detail,
        });
    }
    Ok(())
}

/// A secret of the shop: drawn when it is first needed, and the same ever after.
fn secret(
    connection: &Connection,
    name: &str,
    random: &dyn Random,
    fits: impl Fn(&[u8; 32]) -> bool,
) -> Result<[u8; 32], OpenError> {
    let read = "SELECT value FROM meta WHERE name = ?1";
    if let Some(secret) = connection
        .query_row(read, [name], |row| row.get(0))
        .optional()?
    {
        return Ok(secret);
    }
    let mut secret = [0; 32];
    random.fill(&mut secret);
    while !fits(&secret) {
        random.fill(&mut secret);
    }
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (?1, ?2)",
        rusqlite::params![name, &secret[..]],
    )?;
    Ok(secret)
}
