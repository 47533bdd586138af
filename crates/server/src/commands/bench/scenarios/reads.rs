//! Reading a product, and reading a cart of five lines.

use std::sync::Arc;

use anyhow::ensure;
use serde::Deserialize;

use super::{
    super::{
        Bench,
        load::{Requests, Workload},
        report::Row,
        seed::{self, Names, Size},
        shop::Shop,
    },
    closed, half_rate, spread, steady,
};

const PRODUCTS: u64 = 1_000;
const CARTS: u64 = 10_000;
const LINES: u64 = 5;
/// Aims of the table under "Speed": parts of the bare handler's requests per second.
const AIM_PRODUCT: f64 = 0.7;
const AIM_CART: f64 = 0.5;
/// Reads a second on PostgreSQL, where every one asks it, and the aim for them.
pub(super) const STEADY_RATE: u32 = 4_000;
const AIM_P99_MS_UNCACHED: f64 = 0.44;

/// `GET /v1/products/{id}` over 1,000 products.
pub(super) async fn product(bench: &mut Bench) -> anyhow::Result<()> {
    let shop = Shop::open(&bench.source.uncached_on_postgres()).await?;
    let names = Names::new();
    seed::catalogue(&shop, &names, SIZE).await?;
    let requests = Arc::new(get_product(&shop, &names, PRODUCTS));
    if bench.source.is_on_postgres() {
        let figures = steady(bench, &shop, &requests, STEADY_RATE).await?;
        let row = Row::new("get-product", format!("fixed rate {STEADY_RATE}/s"))
            .with_figures(figures)
            .at_most("p99 ms", figures.p99_ms, AIM_P99_MS_UNCACHED);
        bench.report.rows.push(row);
    } else {
        measure(bench, &shop, "get-product", &requests, AIM_PRODUCT).await?;
    }
    shop.stop().await?;
    Ok(())
}

/// `GET /v1/carts/{id}` over 10,000 carts of five lines.
pub(super) async fn cart(bench: &mut Bench) -> anyhow::Result<()> {
    let shop = Shop::open(&bench.source).await?;
    let names = Names::new();
    seed::catalogue(&shop, &names, SIZE).await?;
    let carts = seed::carts(&shop, &names, CARTS, LINES, SIZE.skus()).await?;
    let first = &carts[0];
    let seen: Cart = shop
        .call(&[200], |caller, out| {
            caller.get(out, format_args!("/v1/carts/{first}"))
        })
        .await?;
    ensure!(
        seen.lines.len() as u64 == LINES,
        "cart {first} has {} lines instead of {LINES}",
        seen.lines.len()
    );
    let requests = Arc::new(get_cart(&shop, carts));
    measure(bench, &shop, "get-cart", &requests, AIM_CART).await?;
    shop.stop().await?;
    Ok(())
}

const SIZE: Size = Size {
    products: PRODUCTS,
    variants: 1,
    stores: 1,
};

#[derive(Deserialize)]
struct Cart {
    lines: Vec<serde_json::Value>,
}

/// Reads product after product.
pub(super) fn get_product(shop: &Shop, names: &Names, products: u64) -> impl Workload + use<> {
    let (caller, product) = (shop.caller.clone(), names.product());
    Requests {
        write: move |sequence, out: &mut Vec<u8>| {
            let number = spread(sequence, products);
            caller.get(out, format_args!("/v1/products/{product}{number}"));
        },
        expected: &[200],
    }
}

/// Reads cart after cart.
pub(super) fn get_cart(shop: &Shop, carts: Vec<Box<str>>) -> impl Workload + use<> {
    let caller = shop.caller.clone();
    Requests {
        write: move |sequence, out: &mut Vec<u8>| {
            let id = &carts[spread(sequence, carts.len() as u64) as usize];
            caller.get(out, format_args!("/v1/carts/{id}"));
        },
        expected: &[200],
    }
}

async fn measure<W: Workload + 'static>(
    bench: &mut Bench,
    shop: &Shop,
    scenario: &'static str,
    requests: &Arc<W>,
    aim: f64,
) -> anyhow::Result<()> {
    let connections = bench.settings.connections;
    let figures = closed(bench, shop, connections, requests).await?;
    let mut row = Row::new(scenario, format!("{connections} connections"))
        .with_figures(figures)
        .with_ratio("bare", bench.bare);
    if let Some(bare) = bench.bare {
        row = row.at_least("part of bare", figures.throughput / bare, aim);
    }
    bench.report.rows.push(row);
    half_rate(bench, shop, scenario, requests, figures.throughput).await
}
