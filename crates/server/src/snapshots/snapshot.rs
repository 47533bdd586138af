//! Snapshots: taken beside the loop, verified before use, the last two kept.

use super::checked_file::{Writer, read};
use super::record;
use anyhow::{Context as _, ensure};
use cartwright_app::failpoint::{Point, failpoint};
use cartwright_app::ports::ReadStore;
use cartwright_app::{Fault, Key, Record};
use std::fs;
use std::path::{Path, PathBuf};

/// Within the data directory.
pub(super) const DIR: &str = "snapshots";
const MAGIC: &[u8; 4] = b"CWS1";
/// How many stay.
const KEPT: usize = 2;

/// A snapshot's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The position of the log whose state it is.
    pub position: u64,
    /// Where it lies.
    pub path: PathBuf,
}

/// The snapshots of a data directory, newest first. Only names are looked at.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(data_dir: &Path) -> anyhow::Result<Vec<Snapshot>> {
    let dir = data_dir.join(DIR);
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("{} cannot be read", dir.display()))? {
        let path = entry?.path();
        let position = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".cws")?.parse().ok());
        found.extend(position.map(|position| Snapshot { position, path }));
    }
    found.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.position));
    Ok(found)
}

/// Takes a snapshot, reads it back, and drops all but the last two.
///
/// # Errors
/// When the store cannot be read or the file cannot be written; older snapshots stay then.
pub fn take(data_dir: &Path, store: &dyn ReadStore) -> anyhow::Result<Snapshot> {
    let mut writer =
        Writer::begin(&data_dir.join(DIR), MAGIC).context("a snapshot cannot be written")?;
    let mut bytes = Vec::new();
    let position = store.visit_all(&mut |_, record| {
        bytes.clear();
        record::encode(&record, &mut bytes).map_err(|error| Fault::Corrupt(error.to_string()))?;
        writer
            .record(&bytes)
            .map_err(|error| Fault::Unavailable(error.to_string()))
    })?;
    writer.record(&position.to_le_bytes())?;
    let path = writer
        .finish(&format!("{position:020}.cws"))
        .context("a snapshot cannot be written")?;
    let snapshot = Snapshot { position, path };
    failpoint(Point::SnapshotTaken);
    load(&snapshot, &mut |_, _| {})?;
    for old in list(data_dir)?.into_iter().skip(KEPT) {
        fs::remove_file(&old.path)?;
    }
    Ok(snapshot)
}

/// Visits all state of a snapshot, after checking its checksum; returns its position.
///
/// # Errors
/// When it is damaged, or is not what its name says.
pub fn load(snapshot: &Snapshot, visit: &mut dyn FnMut(Key, Record)) -> anyhow::Result<u64> {
    // The last record is the position; until another follows it is not known to be the last.
    let mut last: Vec<u8> = Vec::new();
    read(&snapshot.path, MAGIC, &mut |bytes| {
        if !last.is_empty() {
            let (key, record) = record::decode(&last)?;
            visit(key, record);
        }
        last.clear();
        last.extend_from_slice(bytes);
        Ok(())
    })?;
    let position = last.try_into().map(u64::from_le_bytes);
    let position =
        position.map_err(|_| anyhow::anyhow!("{} has no position", snapshot.path.display()))?;
    ensure!(
        position == snapshot.position,
        "{} is the state at {position}",
        snapshot.path.display()
    );
    Ok(position)
}
