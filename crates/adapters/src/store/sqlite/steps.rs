//! Taking the steps of the schema: in one transaction, so that a step that fails changes nothing.

use super::checkpoint::checkpoint;
use super::migrations::{LATEST, STEPS};
use super::open::{DATABASE_FILE, Locked, OpenError, connect, connect_as};
use crate::store::schema::{CONCURRENTLY, Direction, SchemaStatus, Step};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::path::Path;

/// Why the schema could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A step failed; nothing was changed.
    #[error("schema step {step} ({name}) failed and nothing was changed: {source}")]
    Step {
        /// Which, counted from 1.
        step: i64,
        /// What it is about.
        name: &'static str,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

/// Takes the steps up or down, in one transaction; returns where the database stands after it. Nobody else may use the directory.
///
/// # Errors
/// [`MigrateError`]; then nothing was changed.
pub fn migrate(dir: &Path, direction: Direction) -> Result<SchemaStatus, MigrateError> {
    let _locked = Locked::take(dir)?;
    let connection = connect(dir)?;
    let known = STEPS.to_vec();
    match direction {
        Direction::Up => up(&connection)?,
        Direction::Down { to } => down(&connection, dir, &known, to.max(0))?,
    }
    checkpoint(&connection, "TRUNCATE").map_err(OpenError::from)?;
    let current = version(&connection).map_err(OpenError::from)?;
    Ok(SchemaStatus::of(&known, current))
}

/// As a process of a later version does that begins to share a directory, whose steps these are behind our own: what processes of this
/// version have to bear meanwhile. Back it goes the same way, as far as our own steps.
///
/// # Errors
/// As [`migrate`].
pub fn migrate_beside(
    dir: &Path,
    later: &[Step],
    direction: Direction,
) -> Result<SchemaStatus, MigrateError> {
    let (_shared, _opening) = (Locked::share(dir)?, Locked::opening(dir)?);
    let known: Vec<_> = STEPS.iter().chain(later).copied().collect();
    let connection = connect_as(dir, known.len() as i64)?;
    match direction {
        Direction::Up => up_to(&connection, &known)?,
        Direction::Down { to } => down(&connection, dir, &known, to.max(LATEST))?,
    }
    let current = version(&connection).map_err(OpenError::from)?;
    Ok(SchemaStatus::of(&known, current))
}

/// Where the database stands. Changes nothing.
///
/// # Errors
/// [`OpenError`] when it cannot be opened.
pub fn status(dir: &Path) -> Result<SchemaStatus, OpenError> {
    let _locked = Locked::take(dir)?;
    Ok(SchemaStatus::of(&STEPS, version(&connect(dir)?)?))
}

/// Steps taken so far.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether a program that knows so many steps can use a schema that a later version has left.
pub(super) fn is_usable(connection: &Connection, known: i64) -> rusqlite::Result<bool> {
    let read = "SELECT CAST(value AS TEXT) FROM meta WHERE name = 'schema'";
    let mark: Option<String> = connection
        .query_row(read, [], |row| row.get(0))
        .optional()?;
    // Of these steps and no others.
    let (taken, oldest) = mark.as_deref().and_then(|it| it.split_once(' ')).unzip();
    let number = |text: Option<&str>| text.and_then(|it| it.parse::<i64>().ok());
    let is_current = number(taken) == Some(version(connection)?);
    Ok(is_current && number(oldest).is_some_and(|oldest| oldest <= known))
}

/// Takes every step that was not taken yet.
pub(super) fn up(connection: &Connection) -> Result<(), MigrateError> {
    up_to(connection, &STEPS)
}

fn up_to(connection: &Connection, known: &[Step]) -> Result<(), MigrateError> {
    let current = version(connection).map_err(OpenError::from)?;
    let steps = known
        .iter()
        .zip(1..)
        .filter(|(_, number)| *number > current);
    let steps: Vec<_> = steps
        .map(|(step, number)| (number, step.name, step.up, number))
        .collect();
    run(connection, known, &steps)
}

fn down(connection: &Connection, dir: &Path, known: &[Step], to: i64) -> Result<(), MigrateError> {
    let current = version(connection).map_err(OpenError::from)?;
    let latest = known.len() as i64;
    if current > latest {
        return Err(MigrateError::Open(OpenError::Newer {
            file: dir.join(DATABASE_FILE),
            found: current,
            known: latest,
        }));
    }
    let steps = (1..)
        .zip(known)
        .take_while(|(number, _)| *number <= current)
        .filter(|(number, _)| *number > to);
    let mut steps: Vec<_> = steps
        .map(|(number, step)| (number, step.name, step.down, number - 1))
        .collect();
    steps.reverse();
    run(connection, known, &steps)
}

/// Number, name, SQL, and how many steps are taken then.
type Taken = (i64, &'static str, &'static str, i64);

fn run(connection: &Connection, known: &[Step], steps: &[Taken]) -> Result<(), MigrateError> {
    let Some((.., left)) = steps.last().copied() else {
        return Ok(());
    };
    let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
        .map_err(OpenError::from)?;
    for (step, name, sql, left) in steps.iter().copied() {
        let taken = begun
            .execute_batch(&sql.replace(CONCURRENTLY, ""))
            .and_then(|()| begun.pragma_update(None, "user_version", left));
        taken.map_err(|source| MigrateError::Step { step, name, source })?;
    }
    if left > 0 {
        mark(&begun, known, left).map_err(OpenError::from)?;
    }
    Ok(begun.commit().map_err(OpenError::from)?)
}

/// Says who can use the schema: see [`is_usable`].
fn mark(connection: &Connection, known: &[Step], taken: i64) -> rusqlite::Result<()> {
    let left = known
        .iter()
        .take(usize::try_from(taken).unwrap_or_default());
    let oldest = left.map(Step::oldest).max().unwrap_or_default();
    let put = "INSERT INTO meta (name, value) VALUES ('schema', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    let mark = format!("{taken} {oldest}").into_bytes();
    connection.execute(put, [mark]).map(drop)
}
