//! Moves a shop from SQLite into an empty schema, row by row as they are, and then compares each row with what was moved.

use super::fault::fault;
use super::link::{Io, Link};
use super::migrations;
use super::open::{Address, OpenError, connect};
use super::puts::TABLES;
use super::table::{Cell, Kind, Rows, Table};
use crate::store::sqlite::{self, Source};
use Kind::{Bytes, Id, Number, Text};
use cartwright_app::Fault;
use rusqlite::types::ValueRef;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Rows that are moved, and compared, at once.
const AT_ONCE: usize = 1000;
/// So long moving these may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The tables beside those of nouns.
const OTHERS: [Table; 5] = [
    Table {
        name: "meta",
        columns: &[("name", Text), ("value", Bytes)],
        key: 1,
        changes: &[],
    },
    Table {
        name: "log",
        columns: &[
            ("first_position", Number),
            ("last_position", Number),
            ("time_ms", Number),
            ("entries", Bytes),
        ],
        key: 1,
        changes: &[],
    },
    Table {
        name: "movements",
        columns: &[
            ("sku", Text),
            ("store", Text),
            ("version_first", Number),
            ("first_position", Number),
        ],
        key: 3,
        changes: &[],
    },
    Table {
        name: "kept",
        columns: &[
            ("place", Number),
            ("until_ms", Number),
            ("hashes", Bytes),
            ("replies", Bytes),
        ],
        key: 1,
        changes: &[],
    },
    Table {
        name: "webhook_deliveries",
        columns: &[
            ("endpoint", Id),
            ("position", Number),
            ("id", Text),
            ("name", Text),
            ("state", Text),
            ("attempts", Number),
            ("last", Text),
            ("next_try", Number),
            ("at", Number),
        ],
        key: 3,
        changes: &[],
    },
];

/// What was moved: each table with its rows.
pub type Copied = Vec<(&'static str, u64)>;

/// Why a shop could not be moved; what was there is as it was.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the sentences say it; fields are what they name"
)]
pub enum CopyError {
    #[error("{0}")]
    From(#[source] sqlite::OpenError),
    #[error("{0}")]
    To(#[source] OpenError),
    #[error(
        "the schema at {at} has a shop already: name an empty one with ?schema=NAME, or empty it with `migrate down --to 0`"
    )]
    Filled { at: String },
    #[error(
        "the SQLite schema is at step {found} of {latest}: run `cartwright migrate up` on it first"
    )]
    Behind { found: i64, latest: i64 },
    #[error("reading SQLite failed: {0}")]
    Read(#[from] rusqlite::Error),
    #[error("{table} differs at row {row}: nothing was kept; try again, and report this")]
    Differs { table: &'static str, row: u64 },
    #[error("writing to PostgreSQL failed: {0}")]
    Write(Fault),
}

/// Moves the shop of a data directory, which nobody else may have open, into an empty schema. All of it is one transaction, which is
/// committed when what it wrote has been compared. `progress` is told of each table and the rows that are done.
///
/// # Errors
/// [`CopyError`]; then nothing was moved.
pub fn copy(
    from: &Path,
    to: &str,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<Copied, CopyError> {
    let address = Arc::new(Address::parse(to).map_err(CopyError::To)?);
    let source = Source::open(from).map_err(CopyError::From)?;
    let (found, latest) = source.steps()?;
    if found != latest {
        return Err(CopyError::Behind { found, latest });
    }
    let io = Io::new().map_err(|error| CopyError::To(OpenError::Thread(error)))?;
    let link = connect(&io, &address).map_err(CopyError::To)?;
    migrations::up_on(&io, &link, &address).map_err(CopyError::To)?;
    let run = |sql: &'static str| {
        let link = link.clone();
        io.wait(PATIENCE, async move { link.run(sql).await.map_err(fault) })
            .map_err(CopyError::Write)
    };
    run("BEGIN; SET LOCAL idle_in_transaction_session_timeout TO 0")?;
    for table in tables() {
        let exists = format!("SELECT EXISTS (SELECT FROM {})", table.name);
        let link = link.clone();
        let rows = io.wait(PATIENCE, async move {
            link.query_once(&exists).await.map_err(fault)
        });
        if rows.map_err(CopyError::Write)?.iter().any(|row| row.get(0)) {
            let at = format!("{} ({})", address.shown, address.schema);
            return Err(CopyError::Filled { at });
        }
    }
    let mut copied = Copied::new();
    for table in tables() {
        let rows = moved(&io, &link, &source, table, progress)?;
        copied.push((table.name, rows));
    }
    for table in tables() {
        compared(&io, &link, &source, table, progress)?;
    }
    run("COMMIT")?;
    Ok(copied)
}

fn tables() -> impl Iterator<Item = &'static Table> {
    OTHERS.iter().chain(&TABLES)
}

/// The columns of a table as SQLite calls them.
fn select(table: &Table) -> String {
    let name = |(name, _): &(&'static str, Kind)| match *name {
        "user_id" => "user",
        name => name,
    };
    let columns: Vec<_> = table.columns.iter().map(name).collect();
    let key = columns[..table.key].join(", ");
    // What the processes of a shared directory agreed on is no part of the shop, nor what a repair has written to see whether it can.
    let only = if table.name == "meta" {
        " WHERE name NOT IN ('lease', 'probe', 'schema')"
    } else {
        ""
    };
    let columns = columns.join(", ");
    format!("SELECT {columns} FROM {}{only} ORDER BY {key}", table.name)
}

fn cell(value: ValueRef<'_>, kind: Kind) -> rusqlite::Result<Cell> {
    Ok(match (kind, value) {
        (_, ValueRef::Null) => Cell::Null,
        (Kind::Text, value) => Cell::text(value.as_str()?),
        (Kind::Json, value) => Cell::Text(value.as_str()?.to_owned()),
        (Kind::Number, value) => Cell::Number(value.as_i64()?),
        (Kind::Flag, value) => Cell::Flag(value.as_i64()? != 0),
        (Kind::Bytes, value) => Cell::Bytes(value.as_blob()?.to_vec()),
        (Kind::Id, value) => {
            let bytes = value.as_blob()?;
            let id = Uuid::from_slice(bytes).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    0,
                    rusqlite::types::Type::Blob,
                    Box::new(error),
                )
            });
            Cell::Id(id?)
        }
    })
}

fn moved(
    io: &Io,
    link: &Arc<Link>,
    source: &Source,
    table: &'static Table,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<u64, CopyError> {
    let kinds = || table.columns.iter().map(|(_, kind)| *kind);
    let put = |rows: Rows| {
        let (link, sql) = (link.clone(), table.put());
        let values = rows.values();
        io.wait(PATIENCE, async move {
            link.query(&sql, &values).await.map_err(fault).map(drop)
        })
    };
    let (mut rows, mut waiting, mut done) = (Rows::of(kinds()), 0, 0);
    let mut statement = source.connection().prepare(&select(table))?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let cells = kinds()
            .enumerate()
            .map(|(column, kind)| cell(row.get_ref(column)?, kind));
        rows.push(cells.collect::<rusqlite::Result<Vec<_>>>()?);
        (waiting, done) = (waiting + 1, done + 1);
        if waiting == AT_ONCE {
            put(std::mem::replace(&mut rows, Rows::of(kinds()))).map_err(CopyError::Write)?;
            waiting = 0;
            progress(table.name, done);
        }
    }
    if waiting > 0 {
        put(rows).map_err(CopyError::Write)?;
    }
    progress(table.name, done);
    Ok(done)
}

fn compared(
    io: &Io,
    link: &Arc<Link>,
    source: &Source,
    table: &'static Table,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<(), CopyError> {
    let kinds = || table.columns.iter().map(|(_, kind)| *kind);
    let run = |sql: String| {
        let link = link.clone();
        io.wait(PATIENCE, async move {
            link.query_once(&sql).await.map_err(fault)
        })
        .map_err(CopyError::Write)
    };
    let shown = |(name, kind): &(&'static str, Kind)| match kind {
        Kind::Json => format!("{name}::text"),
        _ => (*name).to_owned(),
    };
    let columns: Vec<_> = table.columns.iter().map(shown).collect();
    let key: Vec<_> = table.columns[..table.key]
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let (columns, key) = (columns.join(", "), key.join(", "));
    run(format!(
        "DECLARE moved NO SCROLL CURSOR FOR SELECT {columns} FROM {} ORDER BY {key}",
        table.name
    ))?;
    let fetch = || run(format!("FETCH {AT_ONCE} FROM moved")).map(Vec::into_iter);
    let mut statement = source.connection().prepare(&select(table))?;
    let mut found = statement.query([])?;
    let (mut theirs, mut done) = (fetch()?, 0);
    loop {
        let mut next = theirs.next();
        if next.is_none() {
            theirs = fetch()?;
            next = theirs.next();
            progress(table.name, done);
        }
        match (found.next()?, next) {
            (None, None) => break,
            (Some(ours), Some(theirs)) => {
                for (column, kind) in kinds().enumerate() {
                    let ours = cell(ours.get_ref(column)?, kind)?;
                    if ours != back(&theirs, column, kind).map_err(CopyError::Write)? {
                        let table = table.name;
                        return Err(CopyError::Differs {
                            table,
                            row: done + 1,
                        });
                    }
                }
            }
            _ => {
                let table = table.name;
                return Err(CopyError::Differs {
                    table,
                    row: done + 1,
                });
            }
        }
        done += 1;
    }
    run("CLOSE moved".to_owned()).map(drop)
}

/// What PostgreSQL has in a column, as it was put there.
fn back(row: &tokio_postgres::Row, column: usize, kind: Kind) -> Result<Cell, Fault> {
    let got = |error| Fault::corrupt(error);
    Ok(match kind {
        Kind::Text | Kind::Json => row
            .try_get::<_, Option<String>>(column)
            .map_err(got)?
            .map_or(Cell::Null, Cell::Text),
        Kind::Number => row.try_get::<_, Option<i64>>(column).map_err(got)?.into(),
        Kind::Flag => row
            .try_get::<_, Option<bool>>(column)
            .map_err(got)?
            .map_or(Cell::Null, Cell::Flag),
        Kind::Bytes => row
            .try_get::<_, Option<Vec<u8>>>(column)
            .map_err(got)?
            .map_or(Cell::Null, Cell::Bytes),
        Kind::Id => row
            .try_get::<_, Option<Uuid>>(column)
            .map_err(got)?
            .map_or(Cell::Null, Cell::Id),
    })
}
