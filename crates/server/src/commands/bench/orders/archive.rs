//! The archive of real orders: a `.tar.xz` with one CSV file per day.

use std::{fs::File, io::BufReader, io::Read as _, path::Path};

use anyhow::{Context as _, ensure};
use lzma_rust2::XzReader;

/// The columns of every file, in this order.
pub(super) const COLUMNS: &str =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

/// One file of the archive.
#[derive(Debug, Clone)]
pub(super) struct Day {
    /// Its path in the archive; sorting by it sorts by date.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
}

/// Reads all days, in the order of their dates.
///
/// # Errors
/// When the file is no such archive, holds no CSV file, or one has other columns.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Day>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let decompressed = XzReader::new(BufReader::new(file), true);
    let mut archive = tar::Archive::new(decompressed);
    let mut days = Vec::new();
    for entry in archive
        .entries()
        .with_context(|| format!("{} is no .tar.xz", path.display()))?
    {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if !entry.header().entry_type().is_file() || !name.ends_with(".csv") {
            continue;
        }
        let mut text = String::new();
        entry
            .read_to_string(&mut text)
            .with_context(|| format!("{name} is no UTF-8 text"))?;
        ensure!(
            text.lines().next() == Some(COLUMNS),
            "{name} does not begin with {COLUMNS}"
        );
        days.push(Day { name, text });
    }
    ensure!(!days.is_empty(), "{} holds no CSV file", path.display());
    days.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(days)
}
