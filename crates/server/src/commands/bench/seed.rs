//! Fills a shop through its HTTP API with the data that the scenarios load it with. Ids follow from numbers, so that a
//! request for any of them is written without looking it up; a prefix keeps the data of several runs apart.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::ensure;
use serde::Deserialize;

use super::{
    client::Reply,
    load::{Pattern, Pool, Requests, Workload},
    shop::Shop,
};

/// Connections that fill a shop.
const CONNECTIONS: usize = 64;
/// Units received per stock record: more than any run sells, below the limit of one adjustment (10^9).
pub(crate) const UNITS: u64 = 900_000_000;

/// Names of everything that one run creates.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    /// Names that no earlier run on the same shop used.
    pub(crate) fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let millis = now.map_or(0, |since| since.as_millis());
        Self {
            prefix: format!("b{millis:x}"),
        }
    }

    /// The same run's names for a second, separate set of data.
    pub(crate) fn with(&self, set: &str) -> Self {
        Self {
            prefix: format!("{}{set}", self.prefix),
        }
    }

    /// Store number `number`.
    pub(crate) fn store(&self, number: u64) -> String {
        format!("{}-store-{number}", self.prefix)
    }

    /// What product ids begin with; the number follows.
    pub(crate) fn product(&self) -> String {
        format!("{}-p", self.prefix)
    }

    /// What SKUs begin with; the number follows.
    pub(crate) fn sku(&self) -> String {
        format!("{}-s", self.prefix)
    }
}

/// How much to create.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Products.
    pub(crate) products: u64,
    /// Variants of each; SKU number `n` belongs to product number `n / variants`.
    pub(crate) variants: u64,
    /// Stores; each has stock of every SKU.
    pub(crate) stores: u64,
}

impl Size {
    /// SKUs in all.
    pub(crate) fn skus(self) -> u64 {
        self.products * self.variants
    }
}

/// Creates stores, products and stock.
///
/// # Errors
/// When the shop refuses one.
pub(crate) async fn catalogue(shop: &Shop, names: &Names, size: Size) -> anyhow::Result<()> {
    let begun = Instant::now();
    for store in 0..size.stores {
        let path = format!("/v1/stores/{}", names.store(store));
        let _: serde_json::Value = shop
            .call(&[200, 201], |caller, out| {
                caller.send(
                    out,
                    "PUT",
                    format_args!("{path}"),
                    format_args!(""),
                    format_args!(
                        r#"{{"name":"Bench {store}","kind":"warehouse","country":"US","ships_to":["*"],"priority":{}}}"#,
                        store + 1
                    ),
                );
            })
            .await?;
    }
    fill(shop, size.products, products(shop, names, size)).await?;
    fill(shop, size.skus() * size.stores, stock(shop, names, size)).await?;
    eprintln!(
        "created {} products with {} SKUs in {} stores in {:.1} s",
        size.products,
        size.skus(),
        size.stores,
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The price of a SKU, in cents.
pub(crate) fn amount(sku: u64) -> i64 {
    100 + (sku % 9900).cast_signed()
}

fn products(shop: &Shop, names: &Names, size: Size) -> impl Workload + use<> {
    let caller = shop.caller.clone();
    let (product, sku) = (names.product(), names.sku());
    Requests {
        write: move |number, out: &mut Vec<u8>| {
            let values: Vec<String> = (0..size.variants)
                .map(|value| format!("\"v{value}\""))
                .collect();
            let options = match size.variants {
                1 => String::new(),
                _ => format!(
                    r#""options":[{{"name":"size","values":[{}]}}],"#,
                    values.join(",")
                ),
            };
            let variants: Vec<String> = (0..size.variants)
                .map(|value| {
                    let chosen = match size.variants {
                        1 => String::new(),
                        _ => format!(r#""options":{{"size":"v{value}"}},"#),
                    };
                    let sku_number = number * size.variants + value;
                    let amount = amount(sku_number);
                    format!(
                        r#"{{"sku":"{sku}{sku_number}",{chosen}"prices":[{{"amount":{amount},"currency":"USD"}}]}}"#
                    )
                })
                .collect();
            caller.post(
                out,
                format_args!("/v1/products"),
                format_args!(
                    r#"{{"id":"{product}{number}","name":"Product {number}",{options}"variants":[{}]}}"#,
                    variants.join(",")
                ),
            );
        },
        expected: &[201],
    }
}

fn stock(shop: &Shop, names: &Names, size: Size) -> impl Workload + use<> {
    let caller = shop.caller.clone();
    let sku = names.sku();
    let stores: Vec<String> = (0..size.stores).map(|store| names.store(store)).collect();
    Requests {
        write: move |number, out: &mut Vec<u8>| {
            let store = &stores[(number % size.stores) as usize];
            caller.post(
                out,
                format_args!(
                    "/v1/stores/{store}/inventory/{sku}{}/adjust",
                    number / size.stores
                ),
                format_args!(r#"{{"delta":{UNITS},"reason":"bench"}}"#),
            );
        },
        expected: &[200, 201],
    }
}

/// Creates `count` open carts of `lines` lines each and returns their ids. Cart number `n` holds the SKUs `n`, `n + 1`, ...
/// (modulo `skus`), one unit of each.
///
/// # Errors
/// When the shop refuses one.
pub(crate) async fn carts(
    shop: &Shop,
    names: &Names,
    count: u64,
    lines: u64,
    skus: u64,
) -> anyhow::Result<Vec<Box<str>>> {
    let begun = Instant::now();
    let carts = Arc::new(Carts {
        caller: shop.caller.clone(),
        sku: names.sku(),
        lines,
        skus,
        ids: Mutex::new(vec![Box::default(); usize::try_from(count)?]),
    });
    let mut pool = Pool::open(shop.address, CONNECTIONS).await?;
    pool.run(&carts, Pattern::Count(count), None).await?;
    eprintln!(
        "created {count} carts in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    let ids = std::mem::take(&mut *carts.ids.lock().unwrap_or_else(PoisonError::into_inner));
    ensure!(
        ids.iter().all(|id| !id.is_empty()),
        "a created cart came without an id"
    );
    Ok(ids)
}

struct Carts {
    caller: super::client::Caller,
    sku: String,
    lines: u64,
    skus: u64,
    ids: Mutex<Vec<Box<str>>>,
}

#[derive(Deserialize)]
struct Created {
    id: Box<str>,
}

impl Workload for Carts {
    fn request(&self, sequence: u64, out: &mut Vec<u8>) {
        let lines: Vec<String> = (0..self.lines)
            .map(|line| {
                let sku = (sequence + line) % self.skus;
                format!(r#"{{"sku":"{}{sku}","quantity":1}}"#, self.sku)
            })
            .collect();
        self.caller.post(
            out,
            format_args!("/v1/carts"),
            format_args!(
                r#"{{"currency":"USD","country":"US","lines":[{}]}}"#,
                lines.join(",")
            ),
        );
    }

    fn expects(&self, status: u16) -> bool {
        status == 201
    }

    fn reply(&self, sequence: u64, reply: &Reply<'_>) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(created), Some(id)) = (
            serde_json::from_slice::<Created>(reply.body),
            ids.get_mut(sequence as usize),
        ) {
            *id = created.id;
        }
    }
}

async fn fill(shop: &Shop, count: u64, requests: impl Workload + 'static) -> anyhow::Result<()> {
    let mut pool = Pool::open(shop.address, CONNECTIONS).await?;
    pool.run(&Arc::new(requests), Pattern::Count(count), None)
        .await?;
    Ok(())
}
