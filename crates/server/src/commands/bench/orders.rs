//! `cartwright bench orders`: replays a year of real orders (the UCI "Online Retail" record) through the HTTP API, every
//! invoice a cart, and reconciles units and money per SKU: what the carts say must equal an independent sum over the files.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::ensure;
use clap::Args;
use serde_json::json;

use super::shop::{Shop, Source};

mod archive;
mod each;
mod independent;
mod read_back;
mod replay;
mod rule;
mod year;

use independent::Sum;
use read_back::ReadBack;
use replay::{Replay, Replayed};
use year::Year;

/// The largest invoice has 1,114 lines; carts have 500 by default.
const MAX_LINES: (&str, &str) = ("CARTWRIGHT_CART_MAX_LINES", "2000");
/// Differences that a failed reconciliation shows.
const SHOWN_DIFFERENCES: usize = 10;

/// Replay a year of real orders through the HTTP API and reconcile units and money per SKU.
#[derive(Debug, Args)]
pub(crate) struct OrdersArgs {
    /// The record: uci-online-retail-by-day.tar.xz.
    #[arg(long)]
    data: PathBuf,
    /// Lines that travel in one request: 1 uses /lines, more use /lines/batch.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=100))]
    lines_per_request: u8,
    /// Replay only the first invoices; the sums are then compared with those of the invoices replayed.
    #[arg(long)]
    first: Option<usize>,
    /// What ids of products, SKUs, stores and customers begin with.
    #[arg(long, default_value = "uci-")]
    prefix: String,
}

/// Replays, reads back, reconciles, and prints the report. `--server` must allow carts of 1,114 lines.
///
/// # Errors
/// When the record cannot be read, the shop refuses something, or the sums differ.
pub(crate) async fn run(
    args: &OrdersArgs,
    source: &mut Source,
    connections: usize,
    json: bool,
) -> anyhow::Result<()> {
    let days = archive::read(&args.data)?;
    let mut year = year::read(&days)?;
    let (mut expected, lines) = independent::sums(&days)?;
    ensure!(
        lines == year.lines,
        "{} lines were read by the CSV reader, {lines} by the independent pass",
        year.lines
    );
    check("the rule and the independent sum", &year.sums(), &expected)?;
    drop(days);
    if let Some(first) = args.first {
        year.invoices.truncate(first);
        expected = year.sums();
    }
    source
        .environment
        .push((MAX_LINES.0.to_owned(), MAX_LINES.1.to_owned()));
    let shop = Shop::open(source).await?;
    let replay = Replay::new(
        &shop,
        year,
        &args.prefix,
        usize::from(args.lines_per_request),
    );
    let local = tokio::task::LocalSet::new();
    let (articles, replayed, read_back) = local
        .run_until(async {
            let articles = replay.prepare(&shop, connections).await?;
            let mut replayed = replay.carts(&shop, connections).await?;
            let carts = std::mem::take(&mut replayed.carts);
            let read_back = replay.read_back(&shop, connections, carts).await?;
            anyhow::Ok((articles, replayed, read_back))
        })
        .await?;
    shop.stop().await?;
    let report = Report {
        year: replay.year(),
        articles,
        replayed: &replayed,
        read_back: &read_back,
        connections,
        lines_per_request: args.lines_per_request,
        expected: total(&expected),
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&report.json())?);
    } else {
        println!("{}", report.text());
    }
    check(
        "the carts and the independent sum",
        &read_back.sums,
        &expected,
    )?;
    eprintln!(
        "reconciled: units and money of {} SKUs are equal",
        expected.len()
    );
    Ok(())
}

/// Both sides have the same units and money of every SKU.
fn check(
    sides: &str,
    found: &BTreeMap<String, Sum>,
    expected: &BTreeMap<String, Sum>,
) -> anyhow::Result<()> {
    let mut differences: Vec<String> = Vec::new();
    for sku in found
        .keys()
        .chain(expected.keys().filter(|sku| !found.contains_key(*sku)))
    {
        let (one, other) = (found.get(sku), expected.get(sku));
        if one != other {
            differences.push(format!("{sku}: {one:?} and {other:?}"));
        }
    }
    ensure!(
        differences.is_empty(),
        "{sides} differ in {} SKUs, among them:\n{}",
        differences.len(),
        differences[..differences.len().min(SHOWN_DIFFERENCES)].join("\n")
    );
    Ok(())
}

fn total(sums: &BTreeMap<String, Sum>) -> Sum {
    sums.values().fold(Sum::default(), |total, sum| Sum {
        units: total.units + sum.units,
        pence: total.pence + sum.pence,
    })
}

struct Report<'a> {
    year: &'a Year,
    articles: usize,
    replayed: &'a Replayed,
    read_back: &'a ReadBack,
    connections: usize,
    lines_per_request: u8,
    expected: Sum,
}

impl Report<'_> {
    fn text(&self) -> String {
        use std::fmt::Write as _;
        let (year, figures) = (self.year, &self.replayed.figures);
        let mut text = format!(
            "recorded: {} lines of {} invoices\nreplayed: {} lines of {} invoices, {} articles, {} SKUs\n",
            year.lines,
            year.invoices_recorded,
            year.invoices
                .iter()
                .map(|invoice| invoice.lines.len())
                .sum::<usize>(),
            year.invoices.len(),
            self.articles,
            year.variants.len()
        );
        let _ = writeln!(text, "left out:");
        for (reason, left_out) in &year.left_out {
            let _ = writeln!(
                text,
                "  {:<26} {:>6} lines {:>9} units {:>14} GBP",
                reason.words(),
                left_out.lines,
                left_out.units,
                pounds(left_out.millionths)
            );
        }
        let codes: Vec<String> = year
            .no_sku
            .iter()
            .map(|(code, lines)| format!("{code} {lines}"))
            .collect();
        let _ = writeln!(text, "  codes that are no SKU: {}", codes.join(", "));
        let _ = writeln!(
            text,
            "load: {} requests in {:.1} s over {} connections, {} lines a request: {:.0}/s, p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms",
            self.replayed.requests,
            self.replayed.took.as_secs_f64(),
            self.connections,
            self.lines_per_request,
            figures.throughput,
            figures.p50_ms,
            figures.p95_ms,
            figures.p99_ms,
            figures.p999_ms
        );
        let found = total(&self.read_back.sums);
        let _ = writeln!(
            text,
            "carts: {} lines (equal SKUs of an invoice join), {} units, {} GBP; subtotals {} GBP\nfiles: {} units, {} GBP",
            self.read_back.lines,
            found.units,
            pounds(i128::from(found.pence) * 10_000),
            pounds(i128::from(self.read_back.subtotals) * 10_000),
            self.expected.units,
            pounds(i128::from(self.expected.pence) * 10_000),
        );
        text
    }

    fn json(&self) -> serde_json::Value {
        let year = self.year;
        let left_out: serde_json::Map<String, serde_json::Value> = year
            .left_out
            .iter()
            .map(|(reason, left_out)| {
                let entry = json!({
                    "lines": left_out.lines,
                    "units": left_out.units,
                    "gbp": pounds(left_out.millionths),
                });
                (reason.words().to_owned(), entry)
            })
            .collect();
        let found = total(&self.read_back.sums);
        json!({
            "recorded": {"lines": year.lines, "invoices": year.invoices_recorded},
            "replayed": {
                "lines": year.invoices.iter().map(|invoice| invoice.lines.len()).sum::<usize>(),
                "invoices": year.invoices.len(),
                "articles": self.articles,
                "skus": year.variants.len(),
                "requests": self.replayed.requests,
                "seconds": self.replayed.took.as_secs_f64(),
                "connections": self.connections,
                "lines_per_request": self.lines_per_request,
                "figures": self.replayed.figures,
            },
            "left_out": left_out,
            "no_sku": year.no_sku,
            "carts": {
                "lines": self.read_back.lines,
                "units": found.units,
                "pence": found.pence,
                "subtotals_pence": self.read_back.subtotals,
            },
            "files": {"units": self.expected.units, "pence": self.expected.pence},
            "reconciled": found == self.expected,
        })
    }
}

/// Millionths of a pound as decimal text with two places, or more when they say something.
fn pounds(millionths: i128) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, places) = (millionths.abs() / 1_000_000, millionths.abs() % 1_000_000);
    let mut places = format!("{places:06}");
    while places.len() > 2 && places.ends_with('0') {
        places.pop();
    }
    format!("{sign}{whole}.{places}")
}

#[cfg(test)]
mod tests;
