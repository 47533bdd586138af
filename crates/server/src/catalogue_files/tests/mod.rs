//! What the formats promise, as tables of files and what is read of them.

mod bookkeeping;
mod hostile;
mod readable;
mod round_trip;
mod shared_data;

use super::{Format, ImportRow, ReadOptions, RowError, read};
use cartwright_domain::Currency;
use serde_json::Value;
use std::io::Cursor;

fn options() -> ReadOptions {
    ReadOptions::new(Currency::new("USD").expect("currency"))
}

fn rows(bytes: impl AsRef<[u8]>, format: Option<Format>) -> Vec<Result<ImportRow, RowError>> {
    let rows =
        read(Cursor::new(bytes.as_ref().to_vec()), format, options()).expect("memory can be read");
    rows.collect()
}

/// The products of a file that is recognised and has no errors.
fn products(bytes: impl AsRef<[u8]>) -> Vec<Value> {
    rows(bytes, None)
        .into_iter()
        .map(|row| row.expect("row").product)
        .collect()
}

/// Rows in short: `line ok id` or `line code`, and all the details of errors.
fn outline(bytes: impl AsRef<[u8]>, format: Option<Format>) -> (Vec<String>, String) {
    let mut details = String::new();
    let outline = rows(bytes, format).into_iter().map(|row| match row {
        Ok(row) => format!(
            "{} ok {}",
            row.line,
            row.product["id"].as_str().unwrap_or("?")
        ),
        Err(error) => {
            details.push_str(&error.detail);
            details.push('\n');
            format!("{} {}", error.line, error.code)
        }
    });
    (outline.collect(), details)
}
