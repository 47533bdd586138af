//! Catalogue files written: the inverse of reading, row by row.

mod csv_cells;
mod yaml_text;

pub use csv_cells::Columns;

use super::Format;
use serde_json::Value;
use std::io::{self, Write};

/// Writes products in our shape, as [`super::ImportRow::product`] has them, so that reading them again gives the same.
pub struct Writer<W: Write> {
    form: Form<W>,
    any: bool,
}

enum Form<W: Write> {
    JsonLines(W),
    Json(W),
    Yaml(W),
    Csv(Box<csv::Writer<W>>, Columns),
}

impl<W: Write> Writer<W> {
    /// A file of this format. CSV has a header, so it must be told its columns first: those that [`Columns::observe`]
    /// gathered from all products to come. The other formats ignore them.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(output: W, format: Format, columns: Columns) -> io::Result<Self> {
        let form = match format {
            Format::JsonLines => Form::JsonLines(output),
            Format::Json => {
                let mut output = output;
                output.write_all(b"{\"products\": [")?;
                Form::Json(output)
            }
            Format::Yaml => Form::Yaml(output),
            Format::Csv => {
                let mut output = csv::Writer::from_writer(output);
                output.write_record(columns.header())?;
                Form::Csv(Box::new(output), columns)
            }
        };
        Ok(Self { form, any: false })
    }

    /// Writes one product.
    ///
    /// # Errors
    /// Those of the output; for CSV also `InvalidInput` for a product that has something no observed column can hold.
    pub fn write(&mut self, product: &Value) -> io::Result<()> {
        let first = !std::mem::replace(&mut self.any, true);
        match &mut self.form {
            Form::JsonLines(output) => writeln!(output, "{product}"),
            Form::Json(output) => write!(output, "{}\n{product}", if first { "" } else { "," }),
            Form::Yaml(output) => output.write_all(yaml_text::item(product).as_bytes()),
            Form::Csv(output, columns) => columns
                .records(product)?
                .iter()
                .try_for_each(|record| Ok(output.write_record(record)?)),
        }
    }

    /// Writes what ends the file and flushes it; the output again.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(self) -> io::Result<W> {
        let mut output = match self.form {
            Form::JsonLines(output) => output,
            Form::Json(mut output) => {
                output.write_all(b"\n]}\n")?;
                output
            }
            Form::Yaml(mut output) => {
                if !self.any {
                    output.write_all(b"[]\n")?;
                }
                output
            }
            Form::Csv(output, _) => output
                .into_inner()
                .map_err(csv::IntoInnerError::into_error)?,
        };
        output.flush()?;
        Ok(output)
    }
}
