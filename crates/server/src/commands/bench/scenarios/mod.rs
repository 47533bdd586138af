//! The scenarios of the benchmark, in the order in which they run.

use std::{sync::Arc, time::Duration};

use clap::ValueEnum;

use super::{
    Bench,
    load::{Pattern, Pool, Workload},
    measure::Figures,
    report::Row,
    shop::Shop,
};

mod add_item;
mod checkout;
mod growth;
mod lookup_grpc;
mod reads;
mod reserve_hot;
mod start;
mod write_loop;
mod yardsticks;
mod zipf;

/// What can be measured. The order is the order of a run: yardsticks first, since the others are compared with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Yardstick: a bare axum JSON handler; with `--database` also at the rates that reads are measured at.
    Bare,
    /// Yardstick: raw SQLite commits of single rows, fsync each.
    Sqlite,
    /// Yardstick: `pgbench` on the PostgreSQL of `--database`, simple-update and one hot row.
    Pgbench,
    /// Add an item to one of many carts.
    AddItem,
    /// Reserve units of one SKU, then check that nothing was oversold.
    ReserveHot,
    /// Reserve units of one SKU in process, without a network.
    ReserveInProcess,
    /// Buy: whole purchases, with a payment provider in a process of its own.
    Checkout,
    /// Read a product.
    GetProduct,
    /// Read a cart of five lines.
    GetCart,
    /// Look a product up over gRPC.
    LookupGrpc,
    /// Read products as often as they are popular while prices change, with memory and without.
    Zipf,
    /// The same load on little and on much data.
    Growth,
    /// Time to start, and memory.
    Start,
}

impl Scenario {
    /// The name that `--only` takes.
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Sqlite => "sqlite",
            Self::Pgbench => "pgbench",
            Self::AddItem => "add-item",
            Self::ReserveHot => "reserve-hot",
            Self::ReserveInProcess => "reserve-in-process",
            Self::Checkout => "checkout",
            Self::GetProduct => "get-product",
            Self::GetCart => "get-cart",
            Self::LookupGrpc => "lookup-grpc",
            Self::Zipf => "zipf",
            Self::Growth => "growth",
            Self::Start => "start",
        }
    }

    /// The yardsticks that its figures are divided by.
    fn yardsticks(self, is_on_postgres: bool) -> &'static [Self] {
        match self {
            Self::AddItem | Self::ReserveHot if is_on_postgres => &[Self::Bare, Self::Pgbench],
            Self::AddItem | Self::ReserveHot | Self::ReserveInProcess => {
                &[Self::Bare, Self::Sqlite]
            }
            Self::GetProduct | Self::GetCart | Self::LookupGrpc => &[Self::Bare],
            Self::Checkout if is_on_postgres => &[Self::Pgbench],
            Self::Bare
            | Self::Sqlite
            | Self::Pgbench
            | Self::Checkout
            | Self::Zipf
            | Self::Growth
            | Self::Start => &[],
        }
    }
}

/// Runs the scenarios that `only` names (all when it is empty) and the yardsticks that they need.
///
/// # Errors
/// The first failure; what was measured before it stays in the report.
pub(crate) async fn run(bench: &mut Bench, only: &[Scenario]) -> anyhow::Result<()> {
    let is_on_postgres = bench.source.is_on_postgres();
    let wanted = |scenario: &Scenario| {
        only.is_empty() && (*scenario != Scenario::Pgbench || is_on_postgres)
            || only.contains(scenario)
            || only
                .iter()
                .any(|other| other.yardsticks(is_on_postgres).contains(scenario))
    };
    for scenario in Scenario::value_variants()
        .iter()
        .filter(|scenario| wanted(scenario))
    {
        eprintln!("scenario {}", scenario.name());
        match scenario {
            Scenario::Bare => yardsticks::bare(bench).await?,
            Scenario::Sqlite => yardsticks::sqlite(bench).await?,
            Scenario::Pgbench => yardsticks::pgbench(bench)?,
            Scenario::AddItem => add_item::run(bench).await?,
            Scenario::ReserveHot => reserve_hot::run(bench).await?,
            Scenario::ReserveInProcess => write_loop::run(bench).await?,
            Scenario::Checkout => checkout::run(bench).await?,
            Scenario::GetProduct => reads::product(bench).await?,
            Scenario::GetCart => reads::cart(bench).await?,
            Scenario::LookupGrpc => lookup_grpc::run(bench).await?,
            Scenario::Zipf => zipf::run(bench).await?,
            Scenario::Growth => growth::run(bench).await?,
            Scenario::Start => start::run(bench).await?,
        }
    }
    Ok(())
}

/// Measures `workload` in a closed loop of `connections`.
async fn closed<W: Workload + 'static>(
    bench: &Bench,
    shop: &Shop,
    connections: usize,
    workload: &Arc<W>,
) -> anyhow::Result<Figures> {
    let mut pool = Pool::open(shop.address, connections).await?;
    bench
        .settings
        .measure(&mut pool, workload, Pattern::Closed, shop.pid())
        .await
}

/// Measures `workload` at half of the `reached` throughput, rounded down to a readable rate; adds the row.
async fn half_rate<W: Workload + 'static>(
    bench: &mut Bench,
    shop: &Shop,
    scenario: &'static str,
    workload: &Arc<W>,
    reached: f64,
) -> anyhow::Result<()> {
    let rate = half(reached);
    let figures = steady(bench, shop, workload, rate).await?;
    let case = format!("fixed rate {rate}/s");
    bench
        .report
        .rows
        .push(Row::new(scenario, case).with_figures(figures));
    Ok(())
}

/// Measures `workload` at `rate` a second.
async fn steady<W: Workload + 'static>(
    bench: &Bench,
    shop: &Shop,
    workload: &Arc<W>,
    rate: u32,
) -> anyhow::Result<Figures> {
    let mut pool = Pool::open(shop.address, bench.settings.connections).await?;
    let pattern = |duration: Duration| Pattern::Rate { rate, duration };
    bench
        .settings
        .measure(&mut pool, workload, pattern, shop.pid())
        .await
}

/// Half of `reached`, in whole thousands (below 2,000: in whole tens).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive and far below 2^32"
)]
fn half(reached: f64) -> u32 {
    let step = if reached < 2_000.0 { 10.0 } else { 1_000.0 };
    ((reached / 2.0 / step).floor() * step).max(10.0) as u32
}

/// Spreads consecutive numbers over `0..count`, each met once before any is met again (`count` has no factor 1,000,003).
fn spread(sequence: u64, count: u64) -> u64 {
    (sequence % count) * 1_000_003 % count
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bench() -> Bench {
        let address = super::super::fake::start().await;
        Bench {
            settings: super::super::Settings {
                duration: Duration::from_millis(40),
                warm_up: Duration::from_millis(10),
                runs: 2,
                connections: 8,
                carts: 50,
                large: 400,
                products: 20,
            },
            source: super::super::shop::Source {
                running: Some((address, super::super::fake::KEY.to_owned())),
                directory: std::env::temp_dir(),
                engines: super::super::Engines::default(),
                environment: Vec::new(),
            },
            bare: Some(1_000.0),
            sqlite: Some(500.0),
            hot_row: None,
            report: super::super::report::Report::default(),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_http_scenarios_run_against_a_shop_that_keeps_the_contract() {
        let mut bench = bench().await;
        add_item::run(&mut bench).await.unwrap();
        reserve_hot::run(&mut bench).await.unwrap();
        reads::product(&mut bench).await.unwrap();
        reads::cart(&mut bench).await.unwrap();
        growth::run(&mut bench).await.unwrap();
        let table = bench.report.table();
        assert!(table.contains("aim oversold <= 0: met, 0"), "{table}");
        assert!(table.contains("x sqlite"), "{table}");
        assert_eq!(bench.report.rows.len(), 3 + 6 + 2 + 2 + 12, "{table}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_shop_that_oversells_fails_the_run() {
        let mut bench = bench().await;
        super::super::fake::oversell(bench.source.running.as_ref().unwrap().0).await;
        let failed = reserve_hot::run(&mut bench).await.unwrap_err();
        assert!(failed.to_string().contains("does not add up"), "{failed}");
    }

    #[test]
    fn consecutive_numbers_meet_everything_once() {
        for count in [1, 10, 1000, 99_999] {
            let mut met: Vec<u64> = (0..count).map(|sequence| spread(sequence, count)).collect();
            met.sort_unstable();
            assert_eq!(met, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn half_a_rate_is_a_readable_one() {
        let rows = [(31_400.0, 15_000), (1_999.0, 990), (3.0, 10)];
        for (reached, rate) in rows {
            assert_eq!(half(reached), rate);
        }
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for scenario in Scenario::value_variants() {
            let value = scenario.to_possible_value().unwrap();
            assert_eq!(value.get_name(), scenario.name());
        }
    }
}
