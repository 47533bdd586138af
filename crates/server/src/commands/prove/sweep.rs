//! Cleaning up: of this run, and of earlier ones that died. Only what bears a run's names is touched.

use super::caller::{Ask, Caller};
use super::goods::{Level, text};
use super::ground::{BRAND, STORE, UNTIL, customer_of, run_of};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long stock of cancelled purchases may take to come back.
const SETTLES_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What was removed, and what stays.
#[derive(Debug, Default, Serialize)]
pub(super) struct Swept {
    /// Runs that had left something behind, this one not among them.
    pub(super) earlier_runs: BTreeSet<String>,
    pub(super) products_archived: u64,
    pub(super) carts_deleted: u64,
    /// Carts that became orders cannot be deleted; the shop purges them in its time.
    pub(super) carts_of_orders: u64,
    pub(super) holds_released: u64,
    pub(super) orders_cancelled: u64,
    /// Orders stay in the log, cancelled.
    pub(super) orders: Vec<String>,
    /// Numbers of invoices and credit notes, which stay for ever.
    pub(super) documents: Vec<String>,
    /// What could not be removed, and why.
    pub(super) stuck: Vec<String>,
}

/// Sweeps with keys of its own.
struct Broom<'a> {
    shop: &'a Caller,
    /// Whose keys they are; a run's sweep has keys that no run uses.
    by: String,
    next: AtomicU64,
    swept: Swept,
}

/// Removes what this run made.
///
/// # Errors
/// When the shop gives no answer.
pub(super) async fn this_run(shop: &Caller, run: &str) -> anyhow::Result<Swept> {
    let mut broom = Broom::new(shop, run);
    let products = broom.products().await?;
    let own = products
        .into_iter()
        .filter(|(_, of)| of == run)
        .map(|it| it.0);
    broom.run(run, own.collect()).await?;
    Ok(broom.swept)
}

/// Removes what earlier runs left behind that died before they could do it. One whose time is not over yet may still be at work
/// elsewhere and is left alone.
///
/// # Errors
/// When the shop gives no answer.
pub(super) async fn earlier_runs(shop: &Caller, run: &str, now: i64) -> anyhow::Result<Swept> {
    let mut broom = Broom::new(shop, run);
    let mut by_run: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (product, of) in broom.products().await? {
        by_run.entry(of).or_default().push(product);
    }
    by_run.remove(run);
    for (of, products) in by_run {
        let until = products.iter().map(until).max().unwrap_or_default();
        if now < until {
            let seconds = until - now;
            let what = format!("run {of} may still be at work for {seconds} s and was left alone");
            broom.swept.stuck.push(what);
            continue;
        }
        broom.swept.earlier_runs.insert(of.clone());
        broom.run(&of, products).await?;
    }
    Ok(broom.swept)
}

/// When the run of a product is surely over.
fn until(product: &Value) -> i64 {
    let said = product["attributes"][UNTIL].as_str();
    said.and_then(|it| it.parse().ok()).unwrap_or_default()
}

fn refunds(order: &Value) -> impl Iterator<Item = &Value> {
    order["refunds"].as_array().into_iter().flatten()
}

fn is_open(refund: &Value) -> bool {
    refund["state"] == "pending" || refund["state"] == "unknown"
}

impl<'a> Broom<'a> {
    fn new(shop: &'a Caller, by: &str) -> Self {
        Self {
            shop,
            by: by.to_owned(),
            next: AtomicU64::new(1),
            swept: Swept::default(),
        }
    }

    fn key(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("prove-{}-sweep-{number}", self.by)
    }

    /// Products of runs that are not archived, each with its run.
    async fn products(&self) -> anyhow::Result<Vec<(Value, String)>> {
        let mut found = Vec::new();
        for status in ["active", "draft"] {
            let path = format!("/v1/products?brand={BRAND}&status={status}");
            for product in self.shop.list(&path).await? {
                if let Some(run) = product["id"].as_str().and_then(run_of) {
                    let run = run.to_owned();
                    found.push((product, run));
                }
            }
        }
        Ok(found)
    }

    /// What succeeds, or is named as stuck.
    async fn tries(&mut self, what: &str, ask: Ask) -> anyhow::Result<bool> {
        let reply = self.shop.send(&ask.key(self.key())).await?;
        if !reply.is_ok() && reply.status != 404 {
            self.swept.stuck.push(format!("{what}: {}", reply.story()));
        }
        Ok(reply.is_ok())
    }

    async fn run(&mut self, run: &str, products: Vec<Value>) -> anyhow::Result<()> {
        let customer = customer_of(run);
        self.orders(&customer).await?;
        for cart in self
            .shop
            .list(&format!("/v1/customers/{customer}/carts"))
            .await?
        {
            self.cart(&cart).await?;
        }
        let skus = |product: &Value| -> Vec<String> {
            let variants = product["variants"].as_array().into_iter().flatten();
            variants.map(|it| text(&it["sku"])).collect()
        };
        for product in &products {
            for sku in skus(product) {
                self.stock(&sku).await?;
            }
            let id = text(&product["id"]);
            let path = format!("/v1/products/{id}");
            if self
                .tries(&format!("product {id}"), Ask::delete(path))
                .await?
            {
                self.swept.products_archived += 1;
            }
        }
        Ok(())
    }

    /// Cancels orders, and waits until their money is on its way back no more.
    async fn orders(&mut self, customer: &str) -> anyhow::Result<()> {
        let path = format!("/v1/orders?customer_id={customer}");
        for order in self.shop.list(&path).await? {
            let id = text(&order["id"]);
            let ask = Ask::post(format!("/v1/orders/{id}/cancel"), json!({}));
            if order["state"] != "cancelled" && self.tries(&format!("order {id}"), ask).await? {
                self.swept.orders_cancelled += 1;
            }
        }
        let begun = Instant::now();
        let orders = loop {
            let orders = self.shop.list(&path).await?;
            let is_settled = !orders.iter().any(|it| refunds(it).any(is_open));
            if is_settled || begun.elapsed() > SETTLES_WITHIN {
                break orders;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        for order in &orders {
            let id = text(&order["id"]);
            if refunds(order).any(is_open) {
                let what = format!("the money of order {id} is still on its way back");
                self.swept.stuck.push(what);
            }
            let invoices = order["invoices"].as_array().into_iter().flatten();
            let notes = refunds(order).map(|it| &it["credit_note"]);
            let numbers = invoices.chain(notes).map(text);
            let numbers: BTreeSet<_> = numbers.filter(|it| !it.is_empty()).collect();
            self.swept.documents.extend(numbers);
            self.swept.orders.push(id);
        }
        Ok(())
    }

    async fn cart(&mut self, cart: &Value) -> anyhow::Result<()> {
        if cart["state"] != "open" {
            self.swept.carts_of_orders += 1;
            return Ok(());
        }
        let id = text(&cart["id"]);
        let path = format!("/v1/carts/{id}");
        if self.tries(&format!("cart {id}"), Ask::delete(path)).await? {
            self.swept.carts_deleted += 1;
        }
        Ok(())
    }

    /// Releases holds, and takes away what is left as soon as nothing of it is promised.
    async fn stock(&mut self, sku: &str) -> anyhow::Result<()> {
        let path = format!("/v1/stores/{STORE}/inventory/{sku}");
        let begun = Instant::now();
        loop {
            let reply = self.shop.send(&Ask::get(&path)).await?;
            if reply.status == 404 {
                return Ok(());
            }
            let level = Level::of(&reply.ok()?);
            if level.on_hand == 0 {
                return Ok(());
            }
            if level.reserved > 0 {
                self.holds(&path).await?;
            }
            if level.available > 0 {
                let body = json!({"delta": -level.available, "reason": "prove: cleaned up"});
                let ask = Ask::post(format!("{path}/adjust"), body);
                self.shop.send(&ask.key(self.key())).await?;
            } else if begun.elapsed() > SETTLES_WITHIN {
                self.swept.stuck.push(format!("stock of {sku}: {level:?}"));
                return Ok(());
            } else {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Releases the holds that a level's movements tell of and that have not ended.
    async fn holds(&mut self, level: &str) -> anyhow::Result<()> {
        let mut open = BTreeSet::new();
        for movement in self.shop.list(&format!("{level}/movements")).await? {
            let id = text(&movement["reservation_id"]);
            match movement["type"].as_str() {
                Some("reserved") => drop(open.insert(id)),
                _ => drop(open.remove(&id)),
            }
        }
        for id in open.iter().filter(|it| !it.is_empty()) {
            let ask = Ask::post(format!("/v1/reservations/{id}/release"), json!({}));
            // A purchase's own hold refuses this, and ends with its purchase.
            if self.shop.send(&ask.key(self.key())).await?.is_ok() {
                self.swept.holds_released += 1;
            }
        }
        Ok(())
    }
}
