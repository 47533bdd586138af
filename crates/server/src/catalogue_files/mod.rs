//! Catalogue files: products in, products out, row by row.
//!
//! A file of any known form is read as a stream of [`ImportRow`]s, each the body of `POST /products` with
//! `stock: {store: quantity}` in its variants; a row that cannot be read is a [`RowError`] and the next one follows.
//! What a row means for the shop (slugs, known ids, unknown stores) is decided by the server, not here.

mod csv_columns;
mod csv_rows;
mod decimal;
mod demo;
mod detect;
mod json_document;
mod json_lines;
mod progress;
mod report;
mod resume;
mod retail_demo_store;
mod rows;
mod shape;
mod source;
mod strict_json;
#[cfg(test)]
mod tests;
mod write;
mod yaml_rows;
mod yaml_value;

pub use progress::Progress;
pub use report::{Counts, Outcome, Report};
pub use resume::{Resume, fingerprint};
pub use rows::{Rows, open, read};
pub use shape::keep_known;
pub use write::{Columns, Writer};

use cartwright_domain::Currency;
use serde::Serialize;
use serde_json::Value;

/// Bytes that one row (a line, a list item, a CSV record) may have: as many as the body of a request.
pub const ROW_BYTES_LIMIT: usize = 1 << 20;
/// Bytes that a JSON document may have, since it is read whole; larger catalogues come as JSON lines.
pub const DOCUMENT_BYTES_LIMIT: usize = 64 << 20;
/// How deep lists and maps of a row may nest.
pub const DEPTH_LIMIT: usize = 64;

/// The one value of a small YAML text, with the numbers and words of JSON where it spells them so.
pub(crate) fn yaml_value(text: &str) -> Result<Value, String> {
    let value = yaml_value::parse(text)
        .map_err(|wrong| format!("line {}: {}", wrong.line, wrong.detail))?;
    Ok(value.resolve())
}

/// How a file holds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// One JSON document: `{"products": [...]}`, a list of products, or one product.
    Json,
    /// A YAML list of products, at the top or under `products:`.
    Yaml,
    /// One CSV record a variant; the records of a product stand together.
    Csv,
}

impl Format {
    /// The format with this name: `jsonl`, `ndjson`, `json`, `yaml`, `yml` or `csv`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Its usual file name extension.
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Csv => "csv",
        }
    }
}

/// Whose fields the rows of a file have; recognised from its first readable row and the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Ours: the body of `POST /products`.
    Cartwright,
    /// The proto-JSON of the OpenTelemetry demo and of Online Boutique (`priceUsd`).
    Demo,
    /// The Retail Demo Store's YAML (`price`, `current_stock`).
    RetailDemoStore,
}

/// What the reader is told beside the file.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Put before every product id, slug and SKU.
    pub id_prefix: String,
    /// Currency of prices that name none (Retail Demo Store).
    pub currency: Currency,
    /// Store of stock that names none (Retail Demo Store).
    pub store: String,
}

impl ReadOptions {
    /// No prefix, stock in `main`, prices in this currency.
    pub fn new(currency: Currency) -> Self {
        Self {
            id_prefix: String::new(),
            currency,
            store: "main".to_owned(),
        }
    }
}

/// One product of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportRow {
    /// Its ordinal in the file, from 1, counting rows with errors too.
    pub row: u64,
    /// Its first line in the file, from 1.
    pub line: u64,
    /// Whose fields it had.
    pub shape: Shape,
    /// The body of `POST /products`, plus `stock: {store: quantity}` in variants.
    pub product: Value,
}

/// Why a row cannot be imported; the row is left out whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}: {detail}")]
pub struct RowError {
    /// Its ordinal in the file, from 1.
    pub row: u64,
    /// The line where it starts, from 1.
    pub line: u64,
    /// The product's id, where it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A stable code: `malformed_row`, `invalid`, `too_large`, `unrecognised_format`, `unreadable`, or a code of the API.
    pub code: String,
    /// What is wrong, naming the fields, and what to do.
    pub detail: String,
}

/// What a format's reader found: a row's content, or what is wrong with it.
type Found = Result<Raw, Fault>;

/// A row before its fields are understood.
#[derive(Debug)]
struct Raw {
    line: u64,
    content: Content,
}

/// The fields of a row; YAML keeps the text of its scalars until their types are known.
#[derive(Debug)]
enum Content {
    Json(Value),
    Yaml(yaml_value::Yaml),
}

/// What is wrong with a row, before it is numbered.
#[derive(Debug)]
struct Fault {
    line: u64,
    id: Option<String>,
    code: &'static str,
    detail: String,
}

impl Fault {
    fn malformed(line: u64, detail: impl Into<String>) -> Self {
        Self {
            line,
            id: None,
            code: "malformed_row",
            detail: detail.into(),
        }
    }

    fn invalid(line: u64, id: Option<String>, detail: impl Into<String>) -> Self {
        Self {
            line,
            id,
            code: "invalid",
            detail: detail.into(),
        }
    }

    fn too_large(line: u64) -> Self {
        let detail = format!(
            "the row is larger than {ROW_BYTES_LIMIT} bytes: split it, or close an open quote"
        );
        Self {
            line,
            id: None,
            code: "too_large",
            detail,
        }
    }

    fn unreadable(line: u64, error: &std::io::Error) -> Self {
        Self {
            line,
            id: None,
            code: "unreadable",
            detail: format!("the file cannot be read on: {error}"),
        }
    }
}
