//! Reserving one SKU that everybody wants: throughput and latency at 1, 64 and 512 connections, and two proofs that nothing
//! is oversold: what was answered 201 equals what the level says is reserved, and a small stock is sold out exactly.

use std::sync::Arc;

use anyhow::ensure;
use serde::Deserialize;

use super::{
    super::{
        Bench, Settings,
        client::{Caller, Reply},
        load::{Pattern, Pool, Workload},
        measure::{Figures, medians},
        report::Row,
        seed::{self, Names, Size, UNITS},
        shop::Shop,
    },
    half_rate,
};

const CONNECTIONS: [usize; 3] = [1, 64, 512];
/// Units of the SKU that is sold out, and attempts to get one.
const SCARCE_UNITS: u64 = 10_000;
const SCARCE_ATTEMPTS: u64 = 15_000;
/// Aims of the table under "Speed".
const AIM_PER_SECOND: f64 = 30_000.0;
const AIM_P99_RATIO: f64 = 8.0;
/// On PostgreSQL: times what `pgbench` reaches on one hot row with as many clients.
const AIM_X_HOT_ROW: f64 = 8.0;

/// Reserves one unit after the other and counts what was granted.
struct Reserve {
    caller: Caller,
    /// Store and SKU.
    path: String,
    /// What the references begin with; they are unique per caller.
    reference: String,
    granted: std::sync::atomic::AtomicU64,
}

impl Workload for Reserve {
    fn request(&self, sequence: u64, out: &mut Vec<u8>) {
        self.caller.post(
            out,
            format_args!("{}/reserve", self.path),
            format_args!(
                r#"{{"quantity":1,"reference":"{}-{sequence}","ttl_seconds":86400}}"#,
                self.reference
            ),
        );
    }

    /// 409 is "out of stock"; whether it may come at all is checked afterwards.
    fn expects(&self, status: u16) -> bool {
        status == 201 || status == 409
    }

    fn reply(&self, _sequence: u64, reply: &Reply<'_>) {
        if reply.status == 201 {
            self.granted
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

impl Reserve {
    fn new(shop: &Shop, names: &Names, sku: u64, reference: &str) -> Arc<Self> {
        Arc::new(Self {
            caller: shop.caller.clone(),
            path: format!(
                "/v1/stores/{}/inventory/{}{sku}",
                names.store(0),
                names.sku()
            ),
            reference: format!("{}-{reference}", names.store(0)),
            granted: std::sync::atomic::AtomicU64::new(0),
        })
    }

    fn granted(&self) -> u64 {
        self.granted.load(std::sync::atomic::Ordering::Relaxed)
    }

    async fn level(&self, shop: &Shop) -> anyhow::Result<Level> {
        shop.call(&[200], |caller, out| {
            caller.get(out, format_args!("{}", self.path))
        })
        .await
    }
}

#[derive(Debug, Deserialize)]
struct Level {
    on_hand: u64,
    reserved: u64,
    available: u64,
}

/// Measures, and checks what the level says afterwards.
pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let shop = Shop::open(&bench.source).await?;
    let names = Names::new();
    let size = Size {
        products: 1,
        variants: 1,
        stores: 1,
    };
    seed::catalogue(&shop, &names, size).await?;
    let mut granted = 0;
    let mut p99_at = Vec::new();
    let mut at_64 = 0.0;
    for connections in CONNECTIONS {
        let reserve = Reserve::new(&shop, &names, 0, &format!("c{connections}"));
        let figures = measure(&bench.settings, &shop, connections, &reserve).await?;
        granted += reserve.granted();
        p99_at.push(figures.p99_ms);
        let mut row = Row::new("reserve-hot", format!("one SKU, {connections} connections"))
            .with_figures(figures)
            .with_ratio("bare", bench.bare)
            .with_ratio("sqlite", bench.sqlite)
            .with_ratio("pgbench, hot row", bench.hot_row);
        match bench.hot_row {
            Some(hot_row) if connections == 64 => {
                let ratio = figures.throughput / hot_row;
                row = row.at_least("x pgbench, hot row", ratio, AIM_X_HOT_ROW);
            }
            None if connections > 1 => {
                row = row.at_least("requests/s", figures.throughput, AIM_PER_SECOND);
            }
            _ => {}
        }
        if connections == 64 {
            at_64 = figures.throughput;
        }
        if let [_, at_64, at_512] = p99_at[..] {
            row = row.at_most("p99 at 512 / p99 at 64", at_512 / at_64, AIM_P99_RATIO);
        }
        bench.report.rows.push(row);
    }
    let reserve = Reserve::new(&shop, &names, 0, "rate");
    half_rate(bench, &shop, "reserve-hot", &reserve, at_64).await?;
    granted += reserve.granted();
    let level = reserve.level(&shop).await?;
    check_books(&level, UNITS, granted)?;
    let row = Row::new("reserve-hot", "books after the load")
        .with_fact("answered 201", granted as f64, "units")
        .with_fact("reserved", level.reserved as f64, "units");
    bench.report.rows.push(row);
    sell_out(bench, &shop, &names).await?;
    shop.stop().await?;
    Ok(())
}

async fn measure(
    settings: &Settings,
    shop: &Shop,
    connections: usize,
    reserve: &Arc<Reserve>,
) -> anyhow::Result<Figures> {
    let mut pool = Pool::open(shop.address, connections).await?;
    settings
        .measure(&mut pool, reserve, Pattern::Closed, shop.pid())
        .await
}

/// 512 connections want more than there is: exactly the stock is granted.
async fn sell_out(bench: &mut Bench, shop: &Shop, names: &Names) -> anyhow::Result<()> {
    let scarce = names.with("x");
    let size = Size {
        products: 1,
        variants: 1,
        stores: 1,
    };
    seed::catalogue(shop, &scarce, size).await?;
    let reserve = Reserve::new(shop, &scarce, 0, "last");
    let surplus = UNITS - SCARCE_UNITS;
    let _: serde_json::Value = shop
        .call(&[200], |caller, out| {
            caller.post(
                out,
                format_args!("{}/adjust", reserve.path),
                format_args!(r#"{{"delta":-{surplus},"reason":"bench"}}"#),
            );
        })
        .await?;
    let connections = CONNECTIONS[2];
    let mut pool = Pool::open(shop.address, connections).await?;
    let attempts = Pattern::Count(SCARCE_ATTEMPTS);
    let run = pool.run(&reserve, attempts, shop.pid()).await?;
    let refused = run.outcomes.get(&409).copied().unwrap_or_default();
    let level = reserve.level(shop).await?;
    check_books(&level, SCARCE_UNITS, reserve.granted())?;
    ensure!(
        level.available == 0 && refused == SCARCE_ATTEMPTS - SCARCE_UNITS,
        "{SCARCE_ATTEMPTS} attempts on {SCARCE_UNITS} units: {} granted, {refused} refused, {} left",
        reserve.granted(),
        level.available
    );
    let oversold = reserve.granted().saturating_sub(level.on_hand);
    let figures = medians(&[run]).unwrap_or_else(|| unreachable!("one run has medians"));
    let case = format!("sold out, {connections} connections");
    let row = Row::new("reserve-hot", case)
        .with_figures(figures)
        .with_fact("granted", reserve.granted() as f64, "units")
        .with_fact("refused", refused as f64, "attempts")
        .at_most("oversold", oversold as f64, 0.0);
    bench.report.rows.push(row);
    Ok(())
}

/// What lies there is what was received, and what is reserved is what was granted, never more than lies there.
fn check_books(level: &Level, received: u64, granted: u64) -> anyhow::Result<()> {
    ensure!(
        level.on_hand == received
            && level.reserved == granted
            && level.reserved <= level.on_hand
            && level.available == level.on_hand - level.reserved,
        "the level does not add up: received {received}, answered 201 {granted} times, but {level:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_that_do_not_add_up_are_refused() {
        let level = |on_hand, reserved, available| Level {
            on_hand,
            reserved,
            available,
        };
        assert!(check_books(&level(10, 4, 6), 10, 4).is_ok());
        let rows = [
            (level(10, 5, 5), 10, 4),
            (level(9, 4, 5), 10, 4),
            (level(10, 4, 5), 10, 4),
            (level(10, 12, 0), 10, 12),
        ];
        for (level, received, granted) in rows {
            assert!(check_books(&level, received, granted).is_err(), "{level:?}");
        }
    }
}
