//! CSV: one record a variant; the records of a product stand together and carry its `id`.
//!
//! The header names the columns, in any order, separated by comma, semicolon or tab:
//! - of the product: `id` (required), `slug`, `name`, `description`, `status`, `brand`, `categories`, `images`,
//!   `options` (JSON, when their order matters), `attributes` (a JSON object), `attribute:NAME` (text). They may be left
//!   empty after the product's first record, and may not change;
//! - of the variant: `sku` (required), `weight_grams`, `length_mm`, `width_mm`, `height_mm`, `min`, `max`, `multiple`,
//!   `denied_countries`, `option:NAME`, `stock:STORE`, and its prices: `price:USD` and `compare_at:USD` in minor units, as
//!   everywhere in the API (1299), `price_decimal:USD` and `compare_at_decimal:USD` as decimal text in major units (12.99).
//!
//! An empty cell is absent; a variant whose price cells are all empty has no price. Lists are separated by `|`; `\|` and `\\` stand for these characters themselves.

use super::csv_columns::{Column, add_to_product, add_to_variant, options_of};
use super::source::Input;
use super::{Content, Fault, Found, ROW_BYTES_LIMIT, Raw};
use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) fn rows(mut input: Input) -> impl Iterator<Item = Found> + Send {
    let mut head = Vec::new();
    let delimiter = match input.by_ref().take(1 << 16).read_to_end(&mut head) {
        Ok(_) => delimiter(&head),
        Err(_) => b',',
    };
    let allowance = Arc::new(AtomicUsize::new(0));
    let bounded = Bounded {
        inner: Cursor::new(head).chain(input),
        allowance: Arc::clone(&allowance),
    };
    let reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(1 << 13)
        .from_reader(bounded);
    Products {
        reader,
        allowance,
        columns: Vec::new(),
        seen: HashSet::new(),
        open: None,
        ended: false,
    }
}

fn delimiter(head: &[u8]) -> u8 {
    let header = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|byte| **byte == delimiter).count();
    [b';', b'\t']
        .into_iter()
        .filter(|other| count(*other) > count(b','))
        .max_by_key(|other| count(*other))
        .unwrap_or(b',')
}

/// A reader that fails once a record has taken more bytes than it may.
struct Bounded<R> {
    inner: R,
    allowance: Arc<AtomicUsize>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.allowance.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.inner.read(buffer)?;
        self.allowance
            .store(left.saturating_sub(count), Ordering::Relaxed);
        Ok(count)
    }
}

/// A product whose records are still coming.
struct Open {
    line: u64,
    id: String,
    /// The cells of its own columns as first said.
    said: Vec<Option<String>>,
    product: Map<String, Value>,
    variants: Vec<Value>,
    wrong: Vec<String>,
    bytes: usize,
}

struct Products<R> {
    reader: csv::Reader<R>,
    allowance: Arc<AtomicUsize>,
    columns: Vec<(String, Column)>,
    seen: HashSet<String>,
    open: Option<Open>,
    ended: bool,
}

impl<R: Read> Products<R> {
    fn record(&mut self) -> Result<Option<(u64, Vec<String>)>, Fault> {
        self.allowance.store(ROW_BYTES_LIMIT, Ordering::Relaxed);
        let mut record = ByteRecord::new();
        let before = self.reader.position().line();
        match self.reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => {
                self.ended = true;
                return Err(match error.kind() {
                    csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                        Fault::too_large(before)
                    }
                    csv::ErrorKind::Io(error) => Fault::unreadable(before, error),
                    _ => Fault::malformed(before, format!("not CSV: {error}")),
                });
            }
        }
        let line = record.position().map_or(before, csv::Position::line);
        let cells = record
            .iter()
            .map(|cell| std::str::from_utf8(cell).map(str::to_owned));
        let cells = cells.collect::<Result<_, _>>();
        cells
            .map(|cells| Some((line, cells)))
            .map_err(|error| Fault::malformed(line, format!("not UTF-8: {error}")))
    }

    /// Reads the header; a header with an unknown column ends the file, since every row would have it.
    fn header(&mut self) -> Result<bool, Fault> {
        let header = self.record().inspect_err(|_| self.ended = true)?;
        let Some((line, cells)) = header else {
            return Ok(false);
        };
        let mut wrong = Vec::new();
        for cell in cells {
            let name = cell.trim().to_owned();
            if self.columns.iter().any(|(known, _)| *known == name) {
                wrong.push(format!("column `{name}` stands there twice"));
            }
            match Column::parse(&name) {
                Ok(column) => self.columns.push((name, column)),
                Err(why) => wrong.push(why),
            }
        }
        for required in ["id", "sku"] {
            if !self.columns.iter().any(|(name, _)| name == required) {
                wrong.push(format!("column `{required}` is required"));
            }
        }
        if wrong.is_empty() {
            return Ok(true);
        }
        self.ended = true;
        Err(Fault::invalid(line, None, wrong.join("; ")))
    }

    /// Adds a record to its product; the product before it, when it ends that.
    fn take(&mut self, line: u64, cells: Vec<String>) -> Option<Found> {
        if cells.len() != self.columns.len() {
            let detail = format!(
                "{} cells under a header of {}: quote cells with separators",
                cells.len(),
                self.columns.len()
            );
            return self.spoil(line, &detail);
        }
        let id_at = self
            .columns
            .iter()
            .position(|(name, _)| name == "id")
            .unwrap_or(0);
        let Some(id) = cells.get(id_at).filter(|id| !id.is_empty()).cloned() else {
            return self.spoil(line, "id: required in every record");
        };
        let mut finished = None;
        if self.open.as_ref().is_none_or(|open| open.id != id) {
            finished = self.finish();
            let mut wrong = Vec::new();
            if !self.seen.insert(id.clone()) {
                wrong.push(format!("the records of {id} do not stand together"));
            }
            let said = self.columns.iter().map(|_| None).collect();
            self.open = Some(Open {
                line,
                id,
                said,
                product: Map::new(),
                variants: Vec::new(),
                wrong,
                bytes: 0,
            });
        }
        if let Some(open) = &mut self.open {
            open.add(line, &cells, &self.columns);
        }
        finished
    }

    /// A record that belongs to no product for sure: it spoils the one before it, of which it may be a part.
    fn spoil(&mut self, line: u64, detail: &str) -> Option<Found> {
        match &mut self.open {
            Some(open) => {
                open.wrong.push(format!("line {line}: {detail}"));
                None
            }
            None => Some(Err(Fault::malformed(line, detail))),
        }
    }

    fn finish(&mut self) -> Option<Found> {
        self.open.take().map(Open::finish)
    }
}

impl<R: Read> Iterator for Products<R> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.columns.is_empty() && !self.ended {
            match self.header() {
                Ok(true) => {}
                Ok(false) => self.ended = true,
                Err(fault) => return Some(Err(fault)),
            }
        }
        while !self.ended {
            let found = match self.record() {
                Ok(Some((line, cells))) => self.take(line, cells),
                Ok(None) => {
                    self.ended = true;
                    self.finish()
                }
                Err(fault) if self.ended => {
                    // What was read of the product before may be incomplete.
                    self.open = None;
                    Some(Err(fault))
                }
                Err(fault) => self.spoil(fault.line, &fault.detail),
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

impl Open {
    fn add(&mut self, line: u64, cells: &[String], columns: &[(String, Column)]) {
        self.bytes += cells.iter().map(String::len).sum::<usize>();
        if self.bytes > ROW_BYTES_LIMIT {
            return;
        }
        let mut variant = Map::new();
        for (at, ((name, column), cell)) in columns.iter().zip(cells).enumerate() {
            if cell.is_empty() {
                continue;
            }
            let added = match column.is_of_product() {
                false => add_to_variant(&mut variant, column, cell),
                true if self.said[at].as_ref().is_some_and(|said| said == cell) => Ok(()),
                true if self.said[at].is_some() => {
                    Err("differs from the product's first record".to_owned())
                }
                true => {
                    self.said[at] = Some(cell.clone());
                    add_to_product(&mut self.product, column, cell)
                }
            };
            if let Err(why) = added {
                self.wrong.push(format!("line {line}, {name}: {why}"));
            }
        }
        // Cells that are empty beside a price column say that there is no price; a file without such columns says nothing.
        if columns.iter().any(|(_, column)| column.is_price()) {
            let none = || Value::Array(Vec::new());
            variant.entry("prices").or_insert_with(none);
        }
        self.variants.push(Value::Object(variant));
    }

    fn finish(mut self) -> Found {
        if self.bytes > ROW_BYTES_LIMIT {
            return Err(Fault {
                id: Some(self.id),
                ..Fault::too_large(self.line)
            });
        }
        if !self.wrong.is_empty() {
            self.wrong.truncate(10);
            return Err(Fault::invalid(
                self.line,
                Some(self.id),
                self.wrong.join("; "),
            ));
        }
        if !self.product.contains_key("options") {
            let options = options_of(&self.variants);
            if !options.is_empty() {
                self.product
                    .insert("options".to_owned(), Value::Array(options));
            }
        }
        self.product
            .insert("variants".to_owned(), Value::Array(self.variants));
        Ok(Raw {
            line: self.line,
            content: Content::Json(Value::Object(self.product)),
        })
    }
}
