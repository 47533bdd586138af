//! A directory of its own for each process's search index, where several share the data (INV-7).
//!
//! Every process follows the log with an index of its own, so none waits for another that is paused. The directories are used
//! again by whoever starts next: `search`, `search-2`, and so on, each behind a file lock.

use crate::CannotStart;
use crate::wiring::SEARCH_DIR;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// Processes on one data directory at most.
const MAX_PROCESSES: usize = 64;

/// A directory that this process has until it ends.
#[derive(Debug)]
pub(crate) struct SearchSlot {
    pub(crate) dir: PathBuf,
    _lock: File,
}

impl SearchSlot {
    /// Takes the first that nobody has.
    ///
    /// # Errors
    /// [`CannotStart`] when the lock files cannot be written, or too many processes run.
    pub(crate) fn take(data_dir: &Path) -> Result<Self, CannotStart> {
        for number in 1..=MAX_PROCESSES {
            let name = match number {
                1 => SEARCH_DIR.to_owned(),
                number => format!("{SEARCH_DIR}-{number}"),
            };
            let file = data_dir.join(format!("{name}.lock"));
            let opened = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&file);
            let lock = opened.map_err(|error| {
                CannotStart(format!("{} cannot be written: {error}", file.display()))
            })?;
            if lock.try_lock().is_ok() {
                let dir = data_dir.join(name);
                return Ok(Self { dir, _lock: lock });
            }
        }
        Err(CannotStart(format!(
            "{MAX_PROCESSES} processes use {} already: stop one first",
            data_dir.display()
        )))
    }
}
