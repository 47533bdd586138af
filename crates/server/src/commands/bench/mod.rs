//! `cartwright bench`: offers load to a shop and prints what it answers, beside two yardsticks taken in the same run: a bare
//! axum JSON handler and raw SQLite single-row commits. `cartwright bench orders` replays a year of real orders.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command prints its result, and a benchmark reads the real clock"
)]

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};

pub(crate) mod bare;
mod client;
#[cfg(test)]
mod fake;
mod far;
mod grpc;
mod inprocess;
mod load;
mod measure;
mod orders;
mod pacer;
mod pgbench;
mod process;
mod report;
mod scenarios;
mod seed;
mod shop;
pub(crate) use shop::terminate;
mod sqlite;

use measure::{Figures, medians};
use report::Report;
use scenarios::Scenario;
use shop::Source;

/// Measure this binary: throughput, latency, CPU and memory, beside two yardsticks.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright bench                                   every scenario, 3 runs of 10 s each
  cartwright bench --only add-item --only reserve-hot
  cartwright bench --only bare --seconds 2 --runs 1 --json
  cartwright bench orders --data uci-online-retail-by-day.tar.xz")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    /// Run only these scenarios (and the yardsticks that they are compared with).
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Seconds of one run.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Seconds of load before the first run.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Runs per case; the figures are their medians.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
    /// Carts that items are added to.
    #[arg(long, default_value_t = 100_000)]
    carts: u64,
    /// SKU-locations, and open carts, of the `growth` scenario.
    #[arg(long, default_value_t = 1_000_000)]
    large: u64,
    /// Products of the `start` and `zipf` scenarios.
    #[arg(long, default_value_t = 100_000)]
    products: u64,
    #[command(flatten)]
    shop: ShopArgs,
}

/// Which shop to load, and how to report.
#[derive(Debug, Args)]
struct ShopArgs {
    /// Load a running server (http://host:port) instead of starting one.
    #[arg(long, global = true, requires = "key")]
    server: Option<String>,
    /// The admin key of `--server`.
    #[arg(
        long,
        global = true,
        env = "CARTWRIGHT_ADMIN_KEY",
        hide_env_values = true
    )]
    key: Option<String>,
    /// Make data directories here: the disk that is measured. Default: `target` when there is one, else the system's
    /// temporary directory.
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    #[command(flatten)]
    engines: Engines,
    /// Connections of the closed loops (reserve-hot keeps its own 1, 64 and 512).
    #[arg(long, global = true, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=4096))]
    connections: u64,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

/// What started shops stand on, instead of the embedded parts. Names made there begin with `cartwright_bench` or `cartwright-bench` and stay: name a
/// database and brokers that are there for measuring.
#[derive(Debug, Clone, Default, Args)]
struct Engines {
    /// Keep the shops' state in this PostgreSQL (postgres://user@host/database), each in a schema of its own.
    #[arg(long, global = true, conflicts_with = "server")]
    database: Option<String>,
    /// Send what happens to this Kafka (kafka://host:9092?registry=http://host:8081).
    #[arg(long, global = true, conflicts_with = "server")]
    bus: Option<String>,
    /// Share what is read through this Redis (redis://host:6379).
    #[arg(long, global = true, conflicts_with = "server")]
    cache: Option<String>,
}

impl Engines {
    /// The settings of one shop; `name` tells it from others there.
    fn environment(&self, name: &str) -> Vec<(&'static str, String)> {
        let bus = self.bus.as_ref();
        let bus = bus.map(|url| with(url, &format!("prefix=cartwright-bench-{name}")));
        [
            ("CARTWRIGHT_DATABASE", self.database_of(name)),
            ("CARTWRIGHT_BUS", bus),
            ("CARTWRIGHT_CACHE", self.cache.clone()),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
    }

    /// The database of one shop: a schema of its own.
    fn database_of(&self, name: &str) -> Option<String> {
        let url = self.database.as_ref()?;
        Some(with(url, &format!("schema=cartwright_bench_{name}")))
    }
}

/// The address with one more parameter.
fn with(url: &str, more: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}{more}")
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Replay a year of real orders through the HTTP API and reconcile units and money per SKU.
    Orders(orders::OrdersArgs),
}

/// Runs the benchmark and prints its report on standard output; what it is doing goes to standard error.
///
/// # Errors
/// When a shop does not start, a reply is unexpected, or a check (nothing oversold, orders reconciled) fails.
pub(crate) async fn run(args: BenchArgs) -> anyhow::Result<()> {
    // One thread drives all load, so that the server has the rest of the machine.
    let load = tokio::task::spawn_blocking(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(drive(args))
    });
    load.await?
}

async fn drive(args: BenchArgs) -> anyhow::Result<()> {
    let json = args.shop.json;
    let connections = usize::try_from(args.shop.connections)?;
    let mut source = args.shop.source()?;
    if let Some(BenchCommand::Orders(orders)) = &args.command {
        return orders::run(orders, &mut source, connections, json).await;
    }
    let mut bench = Bench {
        settings: Settings {
            duration: Duration::from_secs(args.seconds),
            warm_up: Duration::from_secs(args.warm_up),
            runs: usize::try_from(args.runs)?,
            connections,
            carts: args.carts,
            large: args.large,
            products: args.products,
        },
        source,
        bare: None,
        sqlite: None,
        hot_row: None,
        report: Report {
            version: env!("CARGO_PKG_VERSION"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            seconds: args.seconds,
            runs: usize::try_from(args.runs)?,
            rows: Vec::new(),
        },
    };
    let finished = scenarios::run(&mut bench, &args.only).await;
    // What was measured before a failure is still worth reading.
    if json {
        println!("{}", serde_json::to_string_pretty(&bench.report)?);
    } else {
        println!("{}", bench.report.table());
    }
    finished
}

impl ShopArgs {
    fn source(&self) -> anyhow::Result<Source> {
        let directory = match &self.dir {
            Some(directory) => directory.clone(),
            None if PathBuf::from("target").is_dir() => PathBuf::from("target"),
            None => std::env::temp_dir(),
        };
        ensure!(
            directory.is_dir(),
            "--dir {} is no directory",
            directory.display()
        );
        let running = match (&self.server, &self.key) {
            (Some(url), Some(key)) => Some((shop::resolve(url)?, key.clone())),
            _ => None,
        };
        Ok(Source {
            running,
            directory,
            engines: self.engines.clone(),
            environment: Vec::new(),
        })
    }
}

/// How long and how often, and over how much data.
#[derive(Debug, Clone, Copy)]
struct Settings {
    duration: Duration,
    warm_up: Duration,
    runs: usize,
    connections: usize,
    carts: u64,
    large: u64,
    products: u64,
}

/// A run of the benchmark: its settings, its yardsticks once they are measured, and its report so far.
#[derive(Debug)]
struct Bench {
    settings: Settings,
    source: Source,
    /// Requests per second of the bare handler.
    bare: Option<f64>,
    /// Commits per second of raw SQLite.
    sqlite: Option<f64>,
    /// Transactions per second of `pgbench` on its one hot row, 64 clients.
    hot_row: Option<f64>,
    report: Report,
}

impl Settings {
    /// Warms up with `pattern`, repeats it as often as wished and returns the medians; each call goes on with the request
    /// numbers of the last.
    async fn measure<W: load::Workload + 'static>(
        &self,
        pool: &mut load::Pool,
        workload: &std::sync::Arc<W>,
        pattern: impl Fn(Duration) -> load::Pattern,
        server: Option<u32>,
    ) -> anyhow::Result<Figures> {
        if !self.warm_up.is_zero() {
            pool.run(workload, pattern(self.warm_up), server).await?;
        }
        let mut runs = Vec::with_capacity(self.runs);
        for _ in 0..self.runs {
            runs.push(pool.run(workload, pattern(self.duration), server).await?);
        }
        medians(&runs).context("no runs")
    }
}
