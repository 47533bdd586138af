//! What became of an import: counts, and each row that failed as one JSON line of a report file.

use super::RowError;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What became of the rows so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Products that are new.
    pub created: u64,
    /// Products that are known and changed.
    pub updated: u64,
    /// Products that are known and as the row says.
    pub unchanged: u64,
    /// Rows that changed nothing, for an error.
    pub failed: u64,
    /// Stock levels that were set.
    pub stock_set: u64,
    /// Stock levels that stood before and were left alone.
    pub stock_kept: u64,
}

impl Counts {
    /// Rows that were dealt with.
    pub fn rows(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.failed
    }
}

/// What became of a row that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The product is new.
    Created,
    /// The product was known and is changed.
    Updated,
    /// The product was known and is as the row says.
    Unchanged,
}

/// Counts rows and writes the failed ones to a file, which exists only if there is one.
#[derive(Debug)]
pub struct Report {
    counts: Counts,
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Report {
    /// A report of a run that begins; what an earlier run left at this path is removed.
    ///
    /// # Errors
    /// The earlier file cannot be removed.
    pub fn begin(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Self {
                counts: Counts::default(),
                path,
                file: None,
            }),
        }
    }

    /// A report of a run that goes on after an interruption: counts go on, and rows are added to the file.
    pub fn resume(path: impl Into<PathBuf>, counts: Counts) -> Self {
        Self {
            counts,
            path: path.into(),
            file: None,
        }
    }

    /// Notes a row that did not fail, and how many stock levels it set and kept.
    pub fn done(&mut self, outcome: Outcome, stock_set: u64, stock_kept: u64) {
        match outcome {
            Outcome::Created => self.counts.created += 1,
            Outcome::Updated => self.counts.updated += 1,
            Outcome::Unchanged => self.counts.unchanged += 1,
        }
        self.counts.stock_set += stock_set;
        self.counts.stock_kept += stock_kept;
    }

    /// Notes a row that failed, and writes it as `{row, line, id?, code, detail}`.
    ///
    /// # Errors
    /// The file cannot be written; the row is counted all the same.
    pub fn failed(&mut self, error: &RowError) -> io::Result<()> {
        self.counts.failed += 1;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&self.path)?,
            )),
        };
        serde_json::to_writer(&mut *file, error)?;
        file.write_all(b"\n")
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Where the failed rows are written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands what was written to the system; call it before [`super::Resume::advance`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
