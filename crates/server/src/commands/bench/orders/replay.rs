//! Sends the year to a shop: articles and stock first, then every invoice as a cart, several at a time, then reads every cart
//! back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        client::{Caller, Connection, Reply},
        measure::{Figures, Recorder, Usage},
        shop::Shop,
    },
    each::each,
    read_back::{Cart, ReadBack},
    year::{Invoice, Year},
};

/// The currency of the record.
pub(super) const CURRENCY: &str = "GBP";
/// How much of an unexpected reply an error shows.
const SHOWN_BYTES: usize = 400;

/// What a replay needs to know; shared by its connections.
#[derive(Debug)]
pub(super) struct Replay {
    caller: Caller,
    year: Year,
    prefix: String,
    skus: Vec<String>,
    lines_per_request: usize,
}

/// How a replay went.
#[derive(Debug)]
pub(super) struct Replayed {
    /// Ids of the carts, by index of the invoice.
    pub(super) carts: Vec<String>,
    /// Every request of the carts: creations and lines.
    pub(super) figures: Figures,
    /// How long it took.
    pub(super) took: Duration,
    /// How many requests that were.
    pub(super) requests: u64,
}

impl Replay {
    /// A replay of `year` at `shop`. Ids begin with `prefix`; up to `lines_per_request` lines travel together.
    pub(super) fn new(
        shop: &Shop,
        year: Year,
        prefix: &str,
        lines_per_request: usize,
    ) -> Arc<Self> {
        let skus = year
            .variants
            .iter()
            .map(|variant| format!("{prefix}{}", variant.sku()))
            .collect();
        Arc::new(Self {
            caller: shop.caller.clone(),
            year,
            prefix: prefix.to_owned(),
            skus,
            lines_per_request,
        })
    }

    /// The year that is replayed.
    pub(super) fn year(&self) -> &Year {
        &self.year
    }

    /// Creates the store, one product per article with a variant per price, and receives the units that will be sold.
    ///
    /// # Errors
    /// When the shop refuses; an article that exists already means that the year was replayed before.
    pub(super) async fn prepare(
        self: &Arc<Self>,
        shop: &Shop,
        connections: usize,
    ) -> anyhow::Result<usize> {
        let store = format!("{}warehouse", self.prefix);
        let _: Value = shop
            .call(&[200, 201], |caller, out| {
                caller.send(
                    out,
                    "PUT",
                    format_args!("/v1/stores/{store}"),
                    format_args!(""),
                    format_args!(r#"{{"name":"Warehouse","kind":"warehouse","country":"GB","ships_to":["*"]}}"#),
                );
            })
            .await?;
        let products = Arc::new(self.products());
        let count = products.len();
        each(shop, connections, count, "articles", {
            let (replay, products) = (Arc::clone(self), Arc::clone(&products));
            async move |connection: &mut Connection, number: usize| {
                let body = &products[number];
                let path = format_args!("/v1/products");
                replay
                    .post(connection, path, format_args!("{body}"), 201, |_| Ok(()))
                    .await
                    .context("creating an article (for a second replay on one shop, choose another --prefix)")
            }
        })
        .await?;
        let replay = Arc::clone(self);
        each(
            shop,
            connections,
            self.skus.len(),
            "stock",
            async move |connection: &mut Connection, number: usize| {
                let (sku, units) = (&replay.skus[number], replay.year.variants[number].units);
                let path = format_args!(
                    "/v1/stores/{}warehouse/inventory/{sku}/adjust",
                    replay.prefix
                );
                let body = format_args!(r#"{{"delta":{units},"reason":"stock of the year"}}"#);
                replay.post(connection, path, body, 200, |_| Ok(())).await
            },
        )
        .await?;
        Ok(count)
    }

    /// The bodies that create the articles.
    fn products(&self) -> Vec<Value> {
        let mut articles: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, variant) in self.year.variants.iter().enumerate() {
            articles.entry(&variant.code).or_default().push(index);
        }
        articles
            .into_iter()
            .map(|(code, indexes)| {
                let price = |index: usize| {
                    let pence = self.year.variants[index].pence;
                    format!("{}.{:02}", pence / 100, pence % 100)
                };
                let values: Vec<String> = indexes.iter().map(|index| price(*index)).collect();
                let variants: Vec<Value> = indexes
                    .iter()
                    .map(|index| {
                        json!({
                            "sku": self.skus[*index],
                            "options": {"price": price(*index)},
                            "prices": [{"amount": self.year.variants[*index].pence, "currency": CURRENCY}],
                        })
                    })
                    .collect();
                let name = &self.year.variants[indexes[0]].name;
                json!({
                    "id": format!("{}{code}", self.prefix),
                    "name": name,
                    "options": [{"name": "price", "values": values}],
                    "variants": variants,
                })
            })
            .collect()
    }

    /// Makes every invoice a cart.
    ///
    /// # Errors
    /// When the shop refuses a cart or a line.
    pub(super) async fn carts(
        self: &Arc<Self>,
        shop: &Shop,
        connections: usize,
    ) -> anyhow::Result<Replayed> {
        let recorder = Arc::new(Mutex::new(Recorder::new()));
        let count = self.year.invoices.len();
        let carts = Arc::new(Mutex::new(vec![String::new(); count]));
        let usage = Usage::begin(shop.pid());
        let begun = Instant::now();
        each(shop, connections, count, "invoices", {
            let (replay, recorder, carts) =
                (Arc::clone(self), Arc::clone(&recorder), Arc::clone(&carts));
            async move |connection: &mut Connection, number: usize| {
                let invoice = &replay.year.invoices[number];
                let id = replay
                    .cart(connection, invoice, &recorder)
                    .await
                    .with_context(|| format!("invoice {}", invoice.number))?;
                lock(&carts)[number] = id;
                Ok(())
            }
        })
        .await?;
        let took = begun.elapsed();
        let recorder = std::mem::replace(&mut *lock(&recorder), Recorder::new());
        let requests = recorder.replies();
        let carts = std::mem::take(&mut *lock(&carts));
        Ok(Replayed {
            carts,
            figures: recorder.finish(took, &usage).figures,
            took,
            requests,
        })
    }

    async fn cart(
        &self,
        connection: &mut Connection,
        invoice: &Invoice,
        recorder: &Mutex<Recorder>,
    ) -> anyhow::Result<String> {
        let mut cart = json!({
            "currency": CURRENCY,
            "country": "GB",
            "metadata": {"invoice": invoice.number, "date": invoice.date, "country": invoice.country},
        });
        if let Some(customer) = &invoice.customer {
            cart["customer_id"] = json!(format!("{}{customer}", self.prefix));
        }
        let begun = Instant::now();
        let path = format_args!("/v1/carts");
        let id = self
            .post(connection, path, format_args!("{cart}"), 201, |reply| {
                Ok(serde_json::from_slice::<Created>(reply.body)?.id)
            })
            .await?;
        lock(recorder).record(begun.elapsed(), 201);
        for lines in invoice.lines.chunks(self.lines_per_request) {
            let begun = Instant::now();
            let line = |(variant, units): &(usize, u32)| {
                format!(r#"{{"sku":"{}","quantity":{units}}}"#, self.skus[*variant])
            };
            let lines: Vec<String> = lines.iter().map(line).collect();
            let posted = match self.lines_per_request {
                1 => {
                    let path = format_args!("/v1/carts/{id}/lines");
                    self.post(connection, path, format_args!("{}", lines[0]), 200, |_| {
                        Ok(())
                    })
                    .await
                }
                _ => {
                    let path = format_args!("/v1/carts/{id}/lines/batch");
                    let body = format_args!(r#"{{"lines":[{}]}}"#, lines.join(","));
                    self.post(connection, path, body, 200, |_| Ok(())).await
                }
            };
            posted?;
            lock(recorder).record(begun.elapsed(), 200);
        }
        Ok(id)
    }

    /// Reads every cart and sums what it holds.
    ///
    /// # Errors
    /// When a cart cannot be read, or does not add up in itself.
    pub(super) async fn read_back(
        self: &Arc<Self>,
        shop: &Shop,
        connections: usize,
        carts: Vec<String>,
    ) -> anyhow::Result<ReadBack> {
        let sums = Arc::new(Mutex::new(ReadBack::default()));
        let count = carts.len();
        each(shop, connections, count, "carts read", {
            let (replay, sums) = (Arc::clone(self), Arc::clone(&sums));
            async move |connection: &mut Connection, number: usize| {
                let id = &carts[number];
                let mut request = Vec::new();
                replay
                    .caller
                    .get(&mut request, format_args!("/v1/carts/{id}"));
                let reply = connection.call(&request).await?;
                expect(&reply, 200, &request)?;
                let cart: Cart = serde_json::from_slice(reply.body)
                    .with_context(|| format!("unreadable cart {id}"))?;
                lock(&sums)
                    .add(&cart, &replay.prefix)
                    .with_context(|| format!("cart {id}"))
            }
        })
        .await?;
        Ok(std::mem::take(&mut *lock(&sums)))
    }

    async fn post<T>(
        &self,
        connection: &mut Connection,
        path: std::fmt::Arguments<'_>,
        body: std::fmt::Arguments<'_>,
        expected: u16,
        read: impl FnOnce(&Reply<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut request = Vec::with_capacity(512);
        self.caller.post(&mut request, path, body);
        let reply = connection.call(&request).await?;
        expect(&reply, expected, &request)?;
        read(&reply)
    }
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

fn expect(reply: &Reply<'_>, status: u16, request: &[u8]) -> anyhow::Result<()> {
    ensure!(
        reply.status == status,
        "request {} was answered {}: {}",
        String::from_utf8_lossy(
            request
                .split(|byte| *byte == b'\r')
                .next()
                .unwrap_or_default()
        ),
        reply.status,
        String::from_utf8_lossy(&reply.body[..reply.body.len().min(SHOWN_BYTES)])
    );
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
