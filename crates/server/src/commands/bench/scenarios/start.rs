//! Starting on an existing database until `/health/readiness` answers 200, and memory: idle, and with 100,000 products.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};

use super::{
    super::{
        Bench,
        load::{Pattern, Pool},
        measure::{median, megabytes},
        process,
        report::Row,
        seed::{self, Names, Size},
        shop::{DataDirectory, Shop, Source},
    },
    reads,
};

/// Products of the small database that is started on.
const SMALL_PRODUCTS: u64 = 60;
/// How long a server is left alone before its idle memory is read.
const SETTLE: Duration = Duration::from_secs(2);
/// Aims of the table under "Speed".
const AIM_START_MS: f64 = 300.0;
const AIM_IDLE_MB: f64 = 60.0;
const AIM_LOADED_MB: f64 = 400.0;

/// Measures both sizes; needs servers of its own.
pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    if bench.source.running.is_some() {
        bail!(
            "start measures servers that it starts itself: leave --server out, or choose others with --only"
        );
    }
    let source = bench.source.clone();
    let runs = bench.settings.runs;
    let (small, _) = restart(&source, SMALL_PRODUCTS, runs).await?;
    let row = Row::new(
        "start",
        format!("existing database, {SMALL_PRODUCTS} products"),
    )
    .with_fact("ready after", small.ready_ms, "ms")
    .with_fact("memory idle", small.idle_mb, "MB")
    .at_most("start ms", small.ready_ms, AIM_START_MS)
    .at_most("memory idle MB", small.idle_mb, AIM_IDLE_MB);
    bench.report.rows.push(row);

    let products = bench.settings.products;
    let (large, filled_mb) = restart(&source, products, runs).await?;
    let most = filled_mb.max(large.read_mb);
    let row = Row::new("start", format!("existing database, {products} products"))
        .with_fact("ready after", large.ready_ms, "ms")
        .with_fact("memory after loading them", filled_mb, "MB")
        .with_fact("memory after a restart, idle", large.idle_mb, "MB")
        .with_fact(
            "memory after a restart, each read once",
            large.read_mb,
            "MB",
        )
        .with_fact("memory after a restart, at its peak", large.peak_mb, "MB")
        .at_most("start ms", large.ready_ms, AIM_START_MS)
        .at_most("memory with them MB", most, AIM_LOADED_MB);
    bench.report.rows.push(row);
    Ok(())
}

struct Restarted {
    ready_ms: f64,
    idle_mb: f64,
    read_mb: f64,
    peak_mb: f64,
}

/// Fills a database, then starts on it `runs` times. Also returns the memory of the server that filled it.
async fn restart(source: &Source, products: u64, runs: usize) -> anyhow::Result<(Restarted, f64)> {
    let names = Names::new();
    let data = DataDirectory::new(&source.directory)?;
    let (shop, _) = Shop::start(source, data).await?;
    let size = Size {
        products,
        variants: 1,
        stores: 1,
    };
    seed::catalogue(&shop, &names, size).await?;
    let filled_mb = resident(&shop)?;
    let mut data = shop.stop().await?.context("a started shop has data")?;
    let mut started = Vec::new();
    for _ in 0..runs {
        let (shop, took) = Shop::start(source, data).await?;
        tokio::time::sleep(SETTLE).await;
        let idle_mb = resident(&shop)?;
        let mut pool = Pool::open(shop.address, 16).await?;
        let reads = Arc::new(reads::get_product(&shop, &names, products));
        pool.run(&reads, Pattern::Count(products), None).await?;
        let pid = shop.pid().context("a started shop has a pid")?;
        started.push(Restarted {
            ready_ms: took.as_secs_f64() * 1e3,
            idle_mb,
            read_mb: resident(&shop)?,
            peak_mb: process::peak_resident_bytes(pid)
                .map(megabytes)
                .context("no memory figures here")?,
        });
        data = shop.stop().await?.context("a started shop has data")?;
    }
    let of = |figure: fn(&Restarted) -> f64| median(started.iter().map(figure)).context("no runs");
    let restarted = Restarted {
        ready_ms: of(|run| run.ready_ms)?,
        idle_mb: of(|run| run.idle_mb)?,
        read_mb: of(|run| run.read_mb)?,
        peak_mb: of(|run| run.peak_mb)?,
    };
    Ok((restarted, filled_mb))
}

fn resident(shop: &Shop) -> anyhow::Result<f64> {
    let pid = shop.pid().context("a started shop has a pid")?;
    process::resident_bytes(pid)
        .map(megabytes)
        .context("this system does not tell the memory of a process")
}
