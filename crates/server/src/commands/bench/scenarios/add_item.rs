//! Adding items: every request goes to another cart, without and with an `Idempotency-Key`.

use std::sync::Arc;

use super::{
    super::{
        Bench,
        client::Caller,
        load::Workload,
        report::Row,
        seed::{self, Names, Size},
        shop::Shop,
    },
    closed, half_rate, spread,
};

const SKUS: u64 = 1_000;
/// Lines that a cart grows to; later items of it join a line, so that replies keep their size.
const LINES: u64 = 10;
/// Aims of the table under "Speed".
const AIM_PER_SECOND: f64 = 25_000.0;
const AIM_ON_POSTGRES: f64 = 15_000.0;
const AIM_P99_MS: f64 = 12.0;

/// Adds one unit of a SKU to cart after cart.
pub(super) struct AddItem {
    pub(super) caller: Caller,
    pub(super) sku: String,
    pub(super) skus: u64,
    pub(super) carts: Vec<Box<str>>,
    /// Different SKUs that a cart meets.
    pub(super) lines: u64,
    /// What the keys of the requests begin with; without it they have none.
    pub(super) key: Option<String>,
}

impl Workload for AddItem {
    fn request(&self, sequence: u64, out: &mut Vec<u8>) {
        let carts = self.carts.len() as u64;
        let cart = spread(sequence, carts);
        let sku = (cart + sequence / carts % self.lines) % self.skus;
        let id = &self.carts[cart as usize];
        let path = format_args!("/v1/carts/{id}/lines");
        let json = format_args!(r#"{{"sku":"{}{sku}","quantity":1}}"#, self.sku);
        match &self.key {
            Some(key) => {
                let header = format_args!("idempotency-key: {key}-{sequence}\r\n");
                self.caller.send(out, "POST", path, header, json);
            }
            None => self.caller.post(out, path, json),
        }
    }

    fn expects(&self, status: u16) -> bool {
        status == 200
    }
}

/// Measures, and compares with the aim.
pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let shop = Shop::open(&bench.source).await?;
    let names = Names::new();
    let size = Size {
        products: SKUS,
        variants: 1,
        stores: 1,
    };
    seed::catalogue(&shop, &names, size).await?;
    let connections = bench.settings.connections;
    let mut plain = add_item(bench, &shop, &names).await?;
    plain.key = None;
    let plain = Arc::new(plain);
    let figures = closed(bench, &shop, connections, &plain).await?;
    let row = Row::new("add-item", format!("{connections} connections"))
        .with_figures(figures)
        .with_ratio("bare", bench.bare)
        .with_ratio("sqlite", bench.sqlite)
        .with_ratio("pgbench, hot row", bench.hot_row)
        .at_least(
            "requests/s",
            figures.throughput,
            bench.source.aim(AIM_PER_SECOND, AIM_ON_POSTGRES),
        );
    let row = match bench.source.is_on_postgres() {
        true => row,
        false => row.at_most("p99 ms", figures.p99_ms, AIM_P99_MS),
    };
    bench.report.rows.push(row);
    half_rate(bench, &shop, "add-item", &plain, figures.throughput).await?;
    drop(plain);

    let keyed = Arc::new(add_item(bench, &shop, &names).await?);
    let figures = closed(bench, &shop, connections, &keyed).await?;
    let case = format!("{connections} connections, Idempotency-Key");
    let row = Row::new("add-item", case)
        .with_figures(figures)
        .with_ratio("bare", bench.bare)
        .with_ratio("sqlite", bench.sqlite);
    bench.report.rows.push(row);
    shop.stop().await?;
    Ok(())
}

/// New, empty carts and the keyed load on them.
async fn add_item(bench: &Bench, shop: &Shop, names: &Names) -> anyhow::Result<AddItem> {
    Ok(AddItem {
        caller: shop.caller.clone(),
        sku: names.sku(),
        skus: SKUS,
        carts: seed::carts(shop, names, bench.settings.carts, 0, SKUS).await?,
        lines: LINES,
        key: Some(names.store(0)),
    })
}
