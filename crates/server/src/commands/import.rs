//! `cartwright import`: catalogue files into a shop, with a progress bar, a report of what failed, and a place to go on from.
#![allow(clippy::print_stdout, reason = "a command prints its result")]

use super::threads;
use anyhow::{Context as _, bail};
use cartwright_domain::{Country, Currency};
use cartwright_server::catalogue_files::{
    self, Counts, Format, ImportRow, Progress, ReadOptions, Report, Resume, RowError,
};
use cartwright_server::config::Config;
use cartwright_server::http_client::Client;
use cartwright_server::importing::{Options, Target};
use cartwright_server::{CannotStart, wiring};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Import products, with their stock, from CSV, JSON lines, JSON or YAML; the OpenTelemetry demo's, Online Boutique's and the
/// Retail Demo Store's files too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright import catalogue.csv --data-dir /var/lib/cartwright        into a stopped shop
  cartwright import products.jsonl --server http://127.0.0.1:8080 --key $KEY
  cartwright import retail-demo-store-products.yaml --store main --currency USD
  cartwright import otel-demo-products.json --id-prefix otel- --dry-run

A row is imported whole or not at all; known products are updated, never duplicated. Rows that failed are lines of
FILE.errors.jsonl. An import that was interrupted goes on where it was when started again. Exit codes: 0 every row is in;
1 some failed, or it was interrupted; 2 it could not start.")]
pub(super) struct ImportArgs {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Import into this running shop (http://host:port) instead of a data directory.
    #[arg(long, value_name = "URL", conflicts_with = "data_dir")]
    server: Option<String>,
    /// An API key of that shop with scopes `catalog:write`, `inventory:write` and, to create stores, `stores:write`.
    #[arg(long, env = "CARTWRIGHT_ADMIN_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Import into this data directory; no process may be using it [default: the one of the settings]
    #[arg(long, value_name = "PATH")]
    data_dir: Option<PathBuf>,
    /// Read settings from this TOML file [env: CARTWRIGHT_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Say what would become of each row, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Create stores that are not known, as warehouses.
    #[arg(long)]
    create_stores: bool,
    /// Whether stock is set only where no level exists, or every level is counted.
    #[arg(long, value_enum, default_value_t = Stock::Missing)]
    stock: Stock,
    /// Put this before every product id, slug and SKU.
    #[arg(long, default_value = "", value_name = "TEXT")]
    id_prefix: String,
    /// Where stock lies that names no store; created when it is not known.
    #[arg(long, default_value = "main", value_name = "STORE")]
    store: String,
    /// Currency of prices that name none.
    #[arg(long, default_value = "USD")]
    currency: String,
    /// What the files are, when content and name do not tell: csv, jsonl, json or yaml.
    #[arg(long, value_parser = format)]
    format: Option<Format>,
    /// Where rows that fail are written [default: FILE.errors.jsonl]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the counts as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stock {
    /// Set stock where no level exists.
    Missing,
    /// Count every level.
    Count,
}

pub(super) fn format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| "expected csv, jsonl, json or yaml".into())
}

/// Rows taken at once: enough to fill the write loop's batches.
const ROWS_AT_ONCE: usize = 500;
/// And no more bytes than a request to a server should have.
const BYTES_AT_ONCE: usize = 8 << 20;

pub(super) fn run(args: &ImportArgs) -> anyhow::Result<()> {
    let read = args.read_options()?;
    if args.report.is_some() && args.files.len() > 1 {
        return Err(
            CannotStart("--report names one file: import the files one by one".into()).into(),
        );
    }
    let flags: Vec<_> = args
        .data_dir
        .iter()
        .map(|dir| ("data_dir", dir.display().to_string()))
        .collect();
    let config = Config::load(args.config.as_deref(), std::env::vars(), &flags)
        .map_err(CannotStart::because)?;
    threads(0)?.block_on(async {
        let (mut target, core) = match &args.server {
            Some(server) => (Target::Server(Box::new(args.client(server).await?)), None),
            None => {
                let core = wiring::start(&config)?;
                let country =
                    Country::new(config.text("country")).context("the settings were checked")?;
                (
                    Target::own(core.shop.clone(), core.random.clone(), country),
                    Some(core),
                )
            }
        };
        let mut failed = Ok(());
        for file in &args.files {
            failed = args.file(file, &read, &mut target).await.and(failed);
        }
        drop(target);
        if let Some(core) = core {
            tokio::task::spawn_blocking(move || core.close()).await?;
        }
        failed
    })
}

impl ImportArgs {
    fn read_options(&self) -> Result<ReadOptions, CannotStart> {
        let currency = Currency::new(&self.currency);
        let currency = currency.map_err(|_| {
            CannotStart(format!(
                "--currency is `{}` and must be like USD",
                self.currency
            ))
        })?;
        Ok(ReadOptions {
            id_prefix: self.id_prefix.clone(),
            store: self.store.clone(),
            ..ReadOptions::new(currency)
        })
    }

    /// A client of a shop that answers and takes imports with this key.
    async fn client(&self, server: &str) -> Result<Client, CannotStart> {
        let asked = async {
            let mut client = Client::new(server, self.key.clone())?;
            let nothing = client.post("/v1/imports?dry_run=true", "[]").await?;
            nothing.ok()?;
            anyhow::Ok(client)
        };
        asked
            .await
            .map_err(|error| CannotStart(format!("{error:#}")))
    }

    /// What tells this import of a file from others.
    fn fingerprint(&self) -> String {
        let target = self
            .server
            .clone()
            .or_else(|| self.data_dir.as_ref().map(|dir| dir.display().to_string()));
        format!(
            "{target:?} {} {} {:?} {} {} {} {:?}",
            self.dry_run,
            self.create_stores,
            self.stock,
            self.id_prefix,
            self.store,
            self.currency,
            self.format
        )
    }

    async fn file(
        &self,
        file: &Path,
        read: &ReadOptions,
        target: &mut Target,
    ) -> anyhow::Result<()> {
        let unreadable = |error: std::io::Error| {
            CannotStart(format!("{} cannot be read: {error}", file.display()))
        };
        let mut resume = Resume::load(file, None, &self.fingerprint()).map_err(unreadable)?;
        let mut rows =
            catalogue_files::open(file, self.format, read.clone()).map_err(unreadable)?;
        let report = self
            .report
            .clone()
            .unwrap_or_else(|| PathBuf::from(format!("{}.errors.jsonl", file.display())));
        let mut report = if resume.row() == 0 {
            Report::begin(report)?
        } else {
            Report::resume(report, resume.counts())
        };
        let resumed = resume.row();
        if resume.row() > 0 {
            eprintln!(
                "going on after row {} (line {}) of {}",
                resume.row(),
                resume.line(),
                file.display()
            );
            rows.skip_through(resume.row());
        }
        let bytes = std::fs::metadata(file).ok().map(|data| data.len());
        let progress = if self.json {
            Progress::silent()
        } else {
            Progress::new(&file.display().to_string(), bytes)
        };
        let options = Options {
            count: self.stock == Stock::Count,
            create_stores: self.create_stores,
            dry_run: self.dry_run,
        };
        loop {
            let (chunk, mut failed) = next_chunk(&mut rows);
            let last = last_row(&chunk, &failed);
            let Some((row, line)) = last else { break };
            let taken = target.take(&chunk, options).await;
            let taken = taken.with_context(|| {
                format!(
                    "{} stopped after row {}; start it again to go on",
                    file.display(),
                    resume.row()
                )
            })?;
            for one in taken {
                match one {
                    Ok(done) => report.done(done.outcome, done.stock_set, done.stock_kept),
                    Err(error) => failed.push(error),
                }
            }
            failed.sort_by_key(|error| error.row);
            failed.iter().try_for_each(|error| report.failed(error))?;
            report.flush()?;
            if !self.dry_run {
                resume.advance(row, line, report.counts())?;
            }
            progress.at(rows.bytes_read(), report.counts().rows());
        }
        progress.finish();
        resume.finish()?;
        self.show(file, report.counts(), resumed);
        if report.counts().failed > 0 {
            bail!(
                "{} rows of {} failed; see {}",
                report.counts().failed,
                file.display(),
                report.path().display()
            );
        }
        Ok(())
    }

    fn show(&self, file: &Path, counts: Counts, resumed: u64) {
        let Counts {
            created,
            updated,
            unchanged,
            failed,
            stock_set,
            stock_kept,
        } = counts;
        if self.json {
            let report = serde_json::json!({
                "file": file.display().to_string(), "created": created, "updated": updated, "unchanged": unchanged,
                "failed": failed, "stock_set": stock_set, "stock_kept": stock_kept, "dry_run": self.dry_run,
                "resumed_after_row": resumed,
            });
            println!("{report}");
        } else {
            let tried = if self.dry_run {
                " (only tried, nothing changed)"
            } else {
                ""
            };
            println!(
                "{}: {created} created, {updated} updated, {unchanged} unchanged, {failed} failed; stock: {stock_set} levels set, {stock_kept} left alone{tried}",
                file.display()
            );
        }
    }
}

fn next_chunk(rows: &mut catalogue_files::Rows) -> (Vec<ImportRow>, Vec<RowError>) {
    let (mut chunk, mut failed, begin) = (Vec::new(), Vec::new(), rows.bytes_read());
    while chunk.len() + failed.len() < ROWS_AT_ONCE
        && rows.bytes_read() - begin < BYTES_AT_ONCE as u64
    {
        match rows.next() {
            Some(Ok(row)) => chunk.push(row),
            Some(Err(error)) => failed.push(error),
            None => break,
        }
    }
    (chunk, failed)
}

/// Ordinal and line of the last row of a chunk.
fn last_row(chunk: &[ImportRow], failed: &[RowError]) -> Option<(u64, u64)> {
    let good = chunk.last().map(|row| (row.row, row.line));
    let bad = failed.last().map(|error| (error.row, error.line));
    good.max(bad)
}
