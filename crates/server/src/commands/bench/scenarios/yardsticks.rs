//! What the machine can do without a shop: the measures that the scenarios are divided by.

use std::sync::Arc;

use anyhow::Context as _;

use super::super::{
    Bench,
    bare::{self, Bare},
    client::Caller,
    load::{Pattern, Pool, Requests},
    measure::{median, medians},
    pgbench::Pgbench,
    report::Row,
    shop::DataDirectory,
    sqlite::Sqlite,
};
use super::{lookup_grpc, reads};

/// Requests per second of a bare axum JSON handler, over as many connections as the scenarios use.
pub(super) async fn bare(bench: &mut Bench) -> anyhow::Result<()> {
    let server = Bare::start()?;
    let caller = Caller::new(server.address, None);
    let requests = Arc::new(Requests {
        write: move |_, out: &mut Vec<u8>| caller.get(out, format_args!("{}", bare::PATH)),
        expected: &[200],
    });
    let connections = bench.settings.connections;
    let mut pool = Pool::open(server.address, connections).await?;
    let figures = bench
        .settings
        .measure(&mut pool, &requests, Pattern::Closed, Some(server.pid()))
        .await?;
    bench.bare = Some(figures.throughput);
    let case = format!("axum JSON, {connections} connections");
    bench
        .report
        .rows
        .push(Row::new("bare", case).with_figures(figures));
    if bench.source.is_on_postgres() {
        for rate in [reads::STEADY_RATE, lookup_grpc::STEADY_RATE] {
            let pattern = |duration| Pattern::Rate { rate, duration };
            let figures = bench
                .settings
                .measure(&mut pool, &requests, pattern, Some(server.pid()))
                .await?;
            let row = Row::new("bare", format!("fixed rate {rate}/s")).with_figures(figures);
            bench.report.rows.push(row);
        }
    }
    Ok(())
}

/// Commits per second of raw SQLite on the disk that the shops use.
pub(super) async fn sqlite(bench: &mut Bench) -> anyhow::Result<()> {
    let directory = DataDirectory::new(&bench.source.directory)?;
    let sqlite = Sqlite::open(directory.path())?;
    sqlite.run(bench.settings.warm_up).await?;
    let mut runs = Vec::new();
    for _ in 0..bench.settings.runs {
        runs.push(sqlite.run(bench.settings.duration).await?);
    }
    let figures = medians(&runs).context("no runs")?;
    bench.sqlite = Some(figures.throughput);
    let row = Row::new("sqlite", "one row per commit, WAL, FULL").with_figures(figures);
    bench.report.rows.push(row);
    Ok(())
}

/// Clients of `pgbench`, as many as want the hot SKU.
const CLIENTS: usize = 64;

/// Transactions per second of `pgbench` in the database that the shops use.
pub(super) fn pgbench(bench: &mut Bench) -> anyhow::Result<()> {
    let database = bench.source.engines.database.as_deref();
    let database = database.context("pgbench needs --database postgres://...")?;
    let directory = DataDirectory::new(&bench.source.directory)?;
    let pgbench = Pgbench::open(database, directory.path())?;
    let seconds = bench.settings.duration.as_secs();
    let (mut simple, mut hot) = (Vec::new(), Vec::new());
    for _ in 0..bench.settings.runs {
        simple.push(pgbench.simple_update(CLIENTS, seconds)?);
        hot.push(pgbench.hot_row(CLIENTS, seconds)?);
    }
    for (case, runs) in [("simple-update", simple), ("one hot row", hot)] {
        let throughput = median(runs.iter().map(|run| run.throughput)).context("no runs")?;
        let mean_ms = median(runs.iter().map(|run| run.mean_ms)).context("no runs")?;
        // The last one stays.
        bench.hot_row = Some(throughput);
        let row = Row::new("pgbench", format!("{case}, {CLIENTS} clients"))
            .with_fact("transactions", throughput, "/s")
            .with_fact("mean latency", mean_ms, "ms");
        bench.report.rows.push(row);
    }
    Ok(())
}
