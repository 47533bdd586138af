//! The stream of rows of a file, whatever its format.

use super::shape::{self, Scalars};
use super::source::{Counted, Input};
use super::yaml_value::Yaml;
use super::{Content, Fault, Format, Found, ImportRow, Raw, ReadOptions, RowError, Shape};
use super::{csv_rows, demo, detect, json_document, json_lines, retail_demo_store, yaml_rows};
use serde_json::Value;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The rows of one file, in its order. Reading goes on after a row with an error wherever the format allows it.
pub struct Rows {
    found: Box<dyn Iterator<Item = Found> + Send>,
    options: ReadOptions,
    format: Option<Format>,
    shape: Option<Shape>,
    row: u64,
    bytes: Arc<AtomicU64>,
}

/// The rows of the file at this path; `format: None` recognises it from the content.
///
/// # Errors
/// The file cannot be opened or read. A format that is not recognised is the first and only row, an error.
pub fn open(path: &Path, format: Option<Format>, options: ReadOptions) -> io::Result<Rows> {
    let name = path
        .extension()
        .and_then(|extension| extension.to_str())
        .and_then(Format::from_name);
    read_named(File::open(path)?, format, name, options)
}

/// The rows of what a reader yields (standard input, a text in memory).
///
/// # Errors
/// As [`open`].
pub fn read(
    input: impl Read + Send + 'static,
    format: Option<Format>,
    options: ReadOptions,
) -> io::Result<Rows> {
    read_named(input, format, None, options)
}

fn read_named(
    input: impl Read + Send + 'static,
    format: Option<Format>,
    name: Option<Format>,
    options: ReadOptions,
) -> io::Result<Rows> {
    let (mut input, bytes) = Counted::new(input);
    let mut head = Vec::new();
    input
        .by_ref()
        .take(detect::HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    if head.starts_with(b"\xEF\xBB\xBF") {
        head.drain(..3);
    }
    let format = format.map_or_else(|| detect::detect(&head, name), Ok);
    let input: Input = Box::new(Cursor::new(head).chain(input));
    let (format, found): (_, Box<dyn Iterator<Item = Found> + Send>) = match format {
        Ok(Format::JsonLines) => (format.ok(), Box::new(json_lines::rows(input))),
        Ok(Format::Json) => (format.ok(), Box::new(json_document::rows(input))),
        Ok(Format::Yaml) => (format.ok(), Box::new(yaml_rows::rows(input))),
        Ok(Format::Csv) => (format.ok(), Box::new(csv_rows::rows(input))),
        Err(detail) => {
            let fault = Fault {
                line: 1,
                id: None,
                code: "unrecognised_format",
                detail,
            };
            (None, Box::new(std::iter::once(Err(fault))))
        }
    };
    Ok(Rows {
        found,
        options,
        format,
        shape: None,
        row: 0,
        bytes,
    })
}

impl Rows {
    /// The format that is read; `None` when it was not recognised.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// Bytes read so far, for progress: a buffer ahead of the last row.
    pub fn bytes_read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The counter behind [`Rows::bytes_read`], for when the rows are consumed elsewhere.
    pub fn bytes_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes)
    }

    /// Passes over the rows up to and with this ordinal (from [`super::Resume`]).
    pub fn skip_through(&mut self, row: u64) {
        while self.row < row && self.next().is_some() {}
    }

    fn understand(&mut self, raw: Raw) -> Result<ImportRow, Fault> {
        let Raw { line, content } = raw;
        let id = id_of(&content);
        self.shape = self.shape.or_else(|| recognise(&content));
        let shape = self.shape.unwrap_or(Shape::Cartwright);
        let product = match (shape, content) {
            (Shape::Cartwright, Content::Json(value)) => shape::check(value, Scalars::Typed),
            (Shape::Cartwright, Content::Yaml(value)) => {
                shape::check(value.resolve(), Scalars::Untyped)
            }
            (Shape::Demo, Content::Json(Value::Object(row))) => {
                demo::product(row).and_then(|product| shape::check(product, Scalars::Typed))
            }
            (Shape::RetailDemoStore, Content::Yaml(Yaml::Map(fields))) => {
                retail_demo_store::product(fields, &self.options)
                    .and_then(|product| shape::check(product, Scalars::Untyped))
            }
            (Shape::Demo | Shape::RetailDemoStore, _) => {
                Err("not an object with the fields of a product".to_owned())
            }
        };
        let mut product = product.map_err(|detail| Fault::invalid(line, id, detail))?;
        shape::prefix(&mut product, &self.options.id_prefix);
        Ok(ImportRow {
            row: self.row,
            line,
            shape,
            product,
        })
    }
}

impl Iterator for Rows {
    type Item = Result<ImportRow, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.found.next()?;
        self.row += 1;
        Some(
            found
                .and_then(|raw| self.understand(raw))
                .map_err(|fault| RowError {
                    row: self.row,
                    line: fault.line,
                    id: fault.id,
                    code: fault.code.to_owned(),
                    detail: fault.detail,
                }),
        )
    }
}

fn recognise(content: &Content) -> Option<Shape> {
    match content {
        Content::Json(Value::Object(fields)) if demo::is_it(fields) => Some(Shape::Demo),
        Content::Yaml(Yaml::Map(fields)) if retail_demo_store::is_it(fields) => {
            Some(Shape::RetailDemoStore)
        }
        Content::Json(Value::Object(_)) | Content::Yaml(Yaml::Map(_)) => Some(Shape::Cartwright),
        Content::Json(_) | Content::Yaml(_) => None,
    }
}

/// The id as the file has it, before any prefix, so that a reader of the report finds it there.
fn id_of(content: &Content) -> Option<String> {
    match content {
        Content::Json(value) => value.get("id")?.as_str().map(str::to_owned),
        Content::Yaml(Yaml::Map(fields)) => fields
            .iter()
            .find(|(name, _)| name == "id")?
            .1
            .text()
            .map(str::to_owned),
        Content::Yaml(_) => None,
    }
}
