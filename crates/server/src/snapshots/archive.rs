//! Compaction: log entries that every consumer has read and the older snapshot covers move to files.

use super::checked_file::{Writer, read};
use anyhow::Context as _;
use cartwright_app::failpoint::{Point, failpoint};
use cartwright_app::ports::ReadStore;
use cartwright_proto::events::Batch;
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};

const DIR: &str = "archive";
const MAGIC: &[u8; 4] = b"CWL1";
const ENTRIES_AT_ONCE: usize = 20_000;

struct Archived {
    last: u64,
    path: PathBuf,
}

fn files(data_dir: &Path) -> anyhow::Result<Vec<Archived>> {
    let dir = data_dir.join(DIR);
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("{} cannot be read", dir.display()))? {
        let path = entry?.path();
        let last = path.file_name().and_then(|name| {
            name.to_str()?
                .strip_suffix(".cwl")?
                .split_once('-')?
                .1
                .parse()
                .ok()
        });
        found.extend(last.map(|last| Archived { last, path }));
    }
    found.sort_by_key(|file| file.last);
    Ok(found)
}

/// The archive files of a data directory in the order of their entries.
///
/// # Errors
/// When the directory cannot be read.
pub fn archive_files(data_dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(files(data_dir)?.into_iter().map(|file| file.path).collect())
}

/// Visits the batches of an archive file, after checking its checksum.
///
/// # Errors
/// When it is damaged.
pub fn read_archive(
    path: &Path,
    visit: &mut dyn FnMut(Batch) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    read(path, MAGIC, &mut |bytes| visit(Batch::decode(bytes)?))
}

/// Moves whole batches up to `through` to an archive file and then drops them from the log. Returns the last position that
/// is archived. Interrupted anywhere, the next call goes on.
///
/// # Errors
/// When the log cannot be read or the file cannot be written; nothing is dropped then.
pub fn compact(data_dir: &Path, store: &dyn ReadStore, through: u64) -> anyhow::Result<u64> {
    let done = files(data_dir)?.last().map_or(0, |file| file.last);
    let last_of = |batch: &Batch| batch.first_position + batch.entries.len() as u64 - 1;
    let (mut after, mut first, mut writer) = (done, None, None);
    'log: loop {
        let batches = store.log(after, ENTRIES_AT_ONCE)?;
        if batches.is_empty() {
            break;
        }
        for batch in batches {
            if last_of(&batch) > through {
                break 'log;
            }
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(
                    Writer::begin(&data_dir.join(DIR), MAGIC)
                        .context("an archive file cannot be written")?,
                ),
            };
            writer.record(&batch.encode_to_vec())?;
            first.get_or_insert(batch.first_position);
            after = last_of(&batch);
        }
    }
    if let (Some(writer), Some(first)) = (writer, first) {
        let path = writer
            .finish(&format!("{first:020}-{after:020}.cwl"))
            .context("an archive file cannot be written")?;
        read_archive(&path, &mut |_| Ok(()))?;
    }
    if after > 0 {
        failpoint(Point::ArchiveWritten);
        store.truncate_log(after.min(through))?;
        failpoint(Point::ArchiveDone);
    }
    Ok(after)
}
