//! Rows on their way into a table: gathered in columns, put there by one statement.

use super::link::{Value, value};
use std::fmt::Write as _;
use uuid::Uuid;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Json,
    Id,
    Number,
    Flag,
    Bytes,
}

impl Kind {
    /// As the array of a parameter is called.
    fn array(self) -> &'static str {
        match self {
            Self::Text | Self::Json => "text[]",
            Self::Id => "uuid[]",
            Self::Number => "bigint[]",
            Self::Flag => "boolean[]",
            Self::Bytes => "bytea[]",
        }
    }
}

/// A table and what is put into it.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Those of the key first.
    pub(super) columns: &'static [(&'static str, Kind)],
    /// How many columns the key has.
    pub(super) key: usize,
    /// Which columns change when the row is there already; none: a row is put once.
    pub(super) changes: &'static [&'static str],
}

impl Table {
    /// Puts the rows of a batch.
    pub(super) fn put(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        let (mut arrays, mut values) = (Vec::new(), Vec::new());
        for (number, (name, kind)) in (1..).zip(self.columns) {
            arrays.push(format!("${number}::{}", kind.array()));
            let json = if *kind == Kind::Json { "::json" } else { "" };
            values.push(format!("rows.{name}{json}"));
        }
        let (arrays, values) = (arrays.join(", "), values.join(", "));
        let mut sql = format!(
            "INSERT INTO {} ({names}) SELECT {values} FROM unnest({arrays}) AS rows ({names})",
            self.name
        );
        if !self.changes.is_empty() {
            let sets = self
                .changes
                .iter()
                .map(|name| format!("{name} = excluded.{name}"));
            let sets: Vec<_> = sets.collect();
            // Writing to a string does not fail.
            let _ = write!(
                sql,
                " ON CONFLICT ({}) DO UPDATE SET {}",
                self.key_names().join(", "),
                sets.join(", ")
            );
        }
        sql
    }

    /// Removes rows by their keys.
    pub(super) fn remove(&self) -> String {
        let names = self.key_names();
        let on: Vec<_> = names
            .iter()
            .map(|name| format!("{}.{name} = rows.{name}", self.name))
            .collect();
        let arrays: Vec<_> = (1..)
            .zip(&self.columns[..self.key])
            .map(|(number, (_, kind))| format!("${number}::{}", kind.array()))
            .collect();
        format!(
            "DELETE FROM {} USING unnest({}) AS rows ({}) WHERE {}",
            self.name,
            arrays.join(", "),
            names.join(", "),
            on.join(" AND ")
        )
    }

    fn key_names(&self) -> Vec<&'static str> {
        self.columns[..self.key]
            .iter()
            .map(|(name, _)| *name)
            .collect()
    }
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Text(String),
    Id(Uuid),
    Number(i64),
    Flag(bool),
    Bytes(Vec<u8>),
}

impl Cell {
    pub(super) fn id(number: u128) -> Self {
        Self::Id(Uuid::from_u128(number))
    }

    pub(super) fn text(text: &str) -> Self {
        Self::Text(super::text::kept(text).into_owned())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number.cast_signed())
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[derive(Debug)]
enum Column {
    Text(Vec<Option<String>>),
    Id(Vec<Option<Uuid>>),
    Number(Vec<Option<i64>>),
    Flag(Vec<Option<bool>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

/// Rows, column by column.
#[derive(Debug, Default)]
pub(super) struct Rows(Vec<Column>);

impl Rows {
    /// Room for rows of these columns.
    pub(super) fn of(kinds: impl Iterator<Item = Kind>) -> Self {
        let column = |kind| match kind {
            Kind::Text | Kind::Json => Column::Text(Vec::new()),
            Kind::Id => Column::Id(Vec::new()),
            Kind::Number => Column::Number(Vec::new()),
            Kind::Flag => Column::Flag(Vec::new()),
            Kind::Bytes => Column::Bytes(Vec::new()),
        };
        Self(kinds.map(column).collect())
    }

    /// Adds a row; a cell of another kind than its column is nothing.
    pub(super) fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        for (column, cell) in self.0.iter_mut().zip(cells) {
            match (column, cell) {
                (Column::Text(column), Cell::Text(it)) => column.push(Some(it)),
                (Column::Id(column), Cell::Id(it)) => column.push(Some(it)),
                (Column::Number(column), Cell::Number(it)) => column.push(Some(it)),
                (Column::Flag(column), Cell::Flag(it)) => column.push(Some(it)),
                (Column::Bytes(column), Cell::Bytes(it)) => column.push(Some(it)),
                (Column::Text(column), _) => column.push(None),
                (Column::Id(column), _) => column.push(None),
                (Column::Number(column), _) => column.push(None),
                (Column::Flag(column), _) => column.push(None),
                (Column::Bytes(column), _) => column.push(None),
            }
        }
    }

    /// The parameters of a statement.
    pub(super) fn values(self) -> Vec<Value> {
        let of = |column| match column {
            Column::Text(column) => value(column),
            Column::Id(column) => value(column),
            Column::Number(column) => value(column),
            Column::Flag(column) => value(column),
            Column::Bytes(column) => value(column),
        };
        self.0.into_iter().map(of).collect()
    }
}
