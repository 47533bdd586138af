//! Growth: the same load on little and on much data of one shop. Much is, by default, 1,000,000 SKU-locations (250,000 SKUs
//! in 4 stores) and 1,000,000 open carts. Items join a line that the cart has, so that both sizes do the same work.

use std::sync::Arc;

use super::{
    super::{
        Bench,
        load::{Requests, Workload},
        report::Row,
        seed::{self, Names, Size},
        shop::Shop,
    },
    add_item::AddItem,
    closed, reads, spread,
};

const STORES: u64 = 4;
const VARIANTS: u64 = 5;
const SMALL_LOCATIONS: u64 = 4_000;
const SMALL_CARTS: u64 = 10_000;
const LINES: u64 = 2;
/// Aim of the table under "Speed": part of the throughput on little data.
const AIM: f64 = 0.6;

/// Measures on little data, loads much into the same shop, measures again.
pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let shop = Shop::open(&bench.source).await?;
    let names = Names::new();
    let small = measure(bench, &shop, &names.with("s"), SMALL_LOCATIONS, SMALL_CARTS).await?;
    let large = bench.settings.large;
    let grown = measure(bench, &shop, &names.with("l"), large, large).await?;
    for ((operation, before), (_, after)) in small.iter().zip(&grown) {
        let row = Row::new("growth", format!("{operation}, {large} carts"))
            .with_fact("throughput on little data", *before, "per s")
            .with_fact("throughput on much data", *after, "per s")
            .at_least("part of the small-data throughput", after / before, AIM);
        bench.report.rows.push(row);
    }
    shop.stop().await?;
    Ok(())
}

/// Creates data and measures four operations on it; adds their rows and returns their throughputs.
async fn measure(
    bench: &mut Bench,
    shop: &Shop,
    names: &Names,
    locations: u64,
    carts: u64,
) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let size = Size {
        products: (locations / STORES / VARIANTS).max(1),
        variants: VARIANTS,
        stores: STORES,
    };
    seed::catalogue(shop, names, size).await?;
    let ids = seed::carts(shop, names, carts, LINES, size.skus()).await?;
    let add_item = Arc::new(AddItem {
        caller: shop.caller.clone(),
        sku: names.sku(),
        skus: size.skus(),
        carts: ids.clone(),
        lines: LINES,
        key: None,
    });
    let throughputs = vec![
        (
            "add item",
            load(bench, shop, "add item", carts, &add_item).await?,
        ),
        (
            "reserve",
            load(
                bench,
                shop,
                "reserve",
                carts,
                &Arc::new(reserve(shop, names, size)),
            )
            .await?,
        ),
        (
            "get cart",
            load(
                bench,
                shop,
                "get cart",
                carts,
                &Arc::new(reads::get_cart(shop, ids)),
            )
            .await?,
        ),
        (
            "get product",
            load(
                bench,
                shop,
                "get product",
                carts,
                &Arc::new(reads::get_product(shop, names, size.products)),
            )
            .await?,
        ),
    ];
    Ok(throughputs)
}

async fn load<W: Workload + 'static>(
    bench: &mut Bench,
    shop: &Shop,
    operation: &str,
    carts: u64,
    workload: &Arc<W>,
) -> anyhow::Result<f64> {
    let figures = closed(bench, shop, bench.settings.connections, workload).await?;
    let row = Row::new("growth", format!("{operation}, {carts} carts")).with_figures(figures);
    bench.report.rows.push(row);
    Ok(figures.throughput)
}

/// Reserves one unit at SKU-location after SKU-location.
fn reserve(shop: &Shop, names: &Names, size: Size) -> impl Workload + use<> {
    let caller = shop.caller.clone();
    let (sku, reference) = (names.sku(), names.product());
    let stores: Vec<String> = (0..size.stores).map(|store| names.store(store)).collect();
    Requests {
        write: move |sequence, out: &mut Vec<u8>| {
            let location = spread(sequence, size.skus() * size.stores);
            let store = &stores[(location % size.stores) as usize];
            caller.post(
                out,
                format_args!(
                    "/v1/stores/{store}/inventory/{sku}{}/reserve",
                    location / size.stores
                ),
                format_args!(
                    r#"{{"quantity":1,"reference":"{reference}-{sequence}","ttl_seconds":86400}}"#
                ),
            );
        },
        expected: &[201],
    }
}
