//! Where an import stands, so that an interrupted one goes on behind the last acknowledged row.
//!
//! The state lies beside the input as `<input>.cartwright-resume` and is bound to its content and to what it was told:
//! another file, or other options, begins anew. Repeating rows is harmless (they are found unchanged), so the state may
//! lag behind but never runs ahead.

use super::Counts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// SHA-256 of the file, as hexadecimal digits.
///
/// # Errors
/// The file cannot be read.
pub fn fingerprint(path: &Path) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => {
                return Ok(hash
                    .finalize()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect());
            }
            count => hash.update(&buffer[..count]),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    input_sha256: String,
    options: String,
    row: u64,
    line: u64,
    counts: Counts,
}

/// The state of one import.
#[derive(Debug)]
pub struct Resume {
    path: PathBuf,
    state: State,
}

impl Resume {
    /// The state of importing `input` with these options (any text that tells runs apart: server, prefix, store, ...), kept
    /// in `directory` or else beside the input. Without a state that fits it begins at row 0.
    ///
    /// # Errors
    /// The input cannot be read. A state that cannot be read is none.
    pub fn load(input: &Path, directory: Option<&Path>, options: &str) -> io::Result<Self> {
        let mut name = input.file_name().map_or_else(OsString::new, OsString::from);
        name.push(".cartwright-resume");
        let path = directory.map_or_else(
            || input.with_file_name(&name),
            |directory| directory.join(&name),
        );
        let input_sha256 = fingerprint(input)?;
        let kept = fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
        let state =
            kept.filter(|state| state.input_sha256 == input_sha256 && state.options == options);
        let state = state.unwrap_or_else(|| State {
            input_sha256,
            options: options.to_owned(),
            row: 0,
            line: 0,
            counts: Counts::default(),
        });
        Ok(Self { path, state })
    }

    /// The ordinal of the last acknowledged row; 0 when it begins. Pass it to [`super::Rows::skip_through`].
    pub fn row(&self) -> u64 {
        self.state.row
    }

    /// The first line of the last acknowledged row; 0 when it begins.
    pub fn line(&self) -> u64 {
        self.state.line
    }

    /// The counts up to that row.
    pub fn counts(&self) -> Counts {
        self.state.counts
    }

    /// Keeps that all rows up to this one are acknowledged or reported; once a batch is often enough. An earlier row than
    /// the one kept changes nothing.
    ///
    /// # Errors
    /// The state cannot be written; the one before stays.
    pub fn advance(&mut self, row: u64, line: u64, counts: Counts) -> io::Result<()> {
        if row <= self.state.row {
            return Ok(());
        }
        let state = State {
            row,
            line,
            counts,
            ..self.state.clone()
        };
        let mut fresh = self.path.clone().into_os_string();
        fresh.push(".new");
        fs::write(&fresh, serde_json::to_vec(&state)?)?;
        fs::rename(&fresh, &self.path)?;
        self.state = state;
        Ok(())
    }

    /// Forgets the state: the import is through.
    ///
    /// # Errors
    /// The state cannot be removed.
    pub fn finish(self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
