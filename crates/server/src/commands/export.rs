//! `cartwright export`: the catalogue with its stock as a file that `import` reads again.
#![allow(clippy::print_stdout, reason = "a command prints its result")]

use super::DataDir;
use anyhow::{Context as _, bail};
use cartwright_api::wire::catalog::product_json;
use cartwright_app::Record;
use cartwright_app::ports::ReadStore;
use cartwright_server::catalogue_files::{Columns, Format, Writer, keep_known};
use cartwright_server::wiring;
use clap::Args;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Export the catalogue, with its stock, as CSV, JSON lines, JSON or YAML.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright export --output catalogue.csv --data-dir /var/lib/cartwright
  cartwright export --format jsonl > catalogue.jsonl
  cartwright export --no-stock --output catalogue.yaml

`cartwright import` reads it again. The shop must be stopped: the data directory belongs to one process. Exit codes: 0 done;
1 the file could not be written; 2 the data directory cannot be used.")]
pub(super) struct ExportArgs {
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// csv, jsonl, json or yaml [default: by the name of --output, else jsonl]
    #[arg(long, value_parser = super::import::format)]
    format: Option<Format>,
    /// Leave stock out.
    #[arg(long)]
    no_stock: bool,
    #[command(flatten)]
    data: DataDir,
}

/// Products read at once.
const PAGE: usize = 500;

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let config = args.data.config()?;
    args.data.must_exist(&config)?;
    let store = wiring::open_to_read(&config)?;
    let named = args
        .output
        .as_ref()
        .and_then(|path| Format::from_name(path.extension()?.to_str()?));
    let format = args.format.or(named).unwrap_or(Format::JsonLines);
    let stock = if args.no_stock {
        HashMap::new()
    } else {
        stock(&*store)?
    };
    let mut columns = Columns::default();
    if format == Format::Csv {
        each(&*store, &stock, &mut |product| {
            columns.observe(product);
            Ok(())
        })?;
    }
    let Some(path) = &args.output else {
        drop(write(
            &*store,
            &stock,
            format,
            columns,
            std::io::stdout().lock(),
        )?);
        return Ok(());
    };
    // It gets its name only when it is whole.
    let mut unfinished = path.clone().into_os_string();
    unfinished.push(".unfinished");
    let file = File::create(&unfinished)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    let (count, out): (u64, BufWriter<File>) =
        write(&*store, &stock, format, columns, BufWriter::new(file))?;
    out.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()?;
    std::fs::rename(&unfinished, path)?;
    eprintln!("{count} products in {}", path.display());
    Ok(())
}

fn write<W: Write>(
    store: &dyn ReadStore,
    stock: &Stock,
    format: Format,
    columns: Columns,
    out: W,
) -> anyhow::Result<(u64, W)> {
    let mut writer = Writer::new(out, format, columns)?;
    let mut count = 0;
    each(store, stock, &mut |product| {
        count += 1;
        Ok(writer.write(product)?)
    })?;
    Ok((count, writer.finish()?))
}

/// On hand by SKU and store.
type Stock = HashMap<String, Map<String, Value>>;

fn stock(store: &dyn ReadStore) -> anyhow::Result<Stock> {
    let mut stock = Stock::new();
    let mut after_store = None;
    loop {
        let stores = store.list_stores(&after_store, PAGE)?;
        for record in &stores.items {
            let Record::Store(location) = record else {
                continue;
            };
            let mut after = None;
            loop {
                let levels = store.list_levels(&location.id, &after, PAGE)?;
                for record in &levels.items {
                    let Record::Level(level) = record else {
                        continue;
                    };
                    let of_sku = stock.entry(level.key.sku.to_string()).or_default();
                    of_sku.insert(location.id.to_string(), level.on_hand.into());
                }
                after = levels.next;
                if after.is_none() {
                    break;
                }
            }
        }
        after_store = stores.next;
        if after_store.is_none() {
            return Ok(stock);
        }
    }
}

/// Visits every product as the body that creates it.
fn each(
    store: &dyn ReadStore,
    stock: &Stock,
    visit: &mut dyn FnMut(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let page = store.list_products(&after, PAGE)?;
        for record in &page.items {
            let Record::Product(product) = record else {
                continue;
            };
            let mut body = keep_known(serde_json::from_slice(&product_json(product))?);
            let Some(variants) = body["variants"].as_array_mut() else {
                bail!("{} has no variants", product.id)
            };
            for variant in variants {
                let of_sku = variant["sku"].as_str().and_then(|sku| stock.get(sku));
                if let Some(levels) = of_sku {
                    variant["stock"] = Value::Object(levels.clone());
                }
            }
            visit(&body)?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
