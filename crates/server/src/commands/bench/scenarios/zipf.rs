//! Product reads as shops see them: few products are read often (Zipf, exponent 1), one request in a hundred changes a price. With
//! memory and without, beside the database and a millisecond away, and in a second process that learns of the changes. No read may be older than a price that was
//! acknowledged before it was sent.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::{
    super::{
        Bench,
        client::{Caller, Reply},
        far,
        load::{Pattern, Pool, Workload},
        measure::Figures,
        report::Row,
        seed::{self, Names, Size},
        shop::{Shop, Source, UNCACHED},
    },
    spread,
};

/// One request in so many changes a price.
const READS_PER_WRITE: u64 = 100;
/// The way to the database and back takes twice this.
const ONE_WAY: Duration = Duration::from_micros(500);
/// Aims.
const AIM_HIT_RATE: f64 = 0.92;
const AIM_P50: f64 = 0.30;

/// What is known of a product.
struct Known {
    /// The last price that was acknowledged.
    amount: AtomicI64,
    /// Of its variant.
    version: AtomicU64,
    is_being_changed: AtomicBool,
}

/// What a request on its way is to be compared with.
enum Asked {
    Read { product: usize, least: i64 },
    Change { product: usize, amount: i64 },
}

struct Browsing {
    caller: Caller,
    product: String,
    sku: String,
    /// Sums of 1/rank, so that a number below the last one picks a rank.
    ranks: Vec<f64>,
    products: Vec<Known>,
    on_their_way: Mutex<HashMap<u64, Asked>>,
    reads: AtomicU64,
    stale: AtomicU64,
}

/// A well-mixed number (splitmix64): the same requests in every run.
fn mixed(number: u64) -> u64 {
    let mut it = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}

/// Sums of 1/rank for ranks from 1 on.
fn ranks(count: u64) -> Vec<f64> {
    let sums = (1..=count).scan(0.0, |sum, rank| {
        *sum += 1.0 / rank as f64;
        Some(*sum)
    });
    sums.collect()
}

impl Browsing {
    fn new(shop: &Shop, names: &Names, products: u64) -> Self {
        let known = |number| Known {
            amount: AtomicI64::new(seed::amount(number)),
            version: AtomicU64::new(1),
            is_being_changed: AtomicBool::new(false),
        };
        Self {
            caller: shop.caller.clone(),
            product: names.product(),
            sku: names.sku(),
            ranks: ranks(products),
            products: (0..products).map(known).collect(),
            on_their_way: Mutex::default(),
            reads: AtomicU64::new(0),
            stale: AtomicU64::new(0),
        }
    }

    /// The same shop's products through another process, or after its restart.
    fn through(self, shop: &Shop) -> Self {
        Self {
            caller: shop.caller.clone(),
            reads: AtomicU64::new(0),
            ..self
        }
    }

    /// The product that request `sequence` is about; popular ones lie anywhere among the ids.
    fn pick(&self, sequence: u64) -> usize {
        let all = self.ranks.last().copied().unwrap_or_default();
        // 53 bits, as many as a float has.
        let chosen = (mixed(sequence) >> 11) as f64 / (1_u64 << 53) as f64 * all;
        let rank = self.ranks.partition_point(|sum| *sum <= chosen);
        spread(rank as u64, self.ranks.len() as u64) as usize
    }

    fn on_their_way(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Asked>> {
        self.on_their_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workload for Browsing {
    fn request(&self, sequence: u64, out: &mut Vec<u8>) {
        let product = self.pick(sequence);
        let known = &self.products[product];
        let is_change = mixed(!sequence).is_multiple_of(READS_PER_WRITE);
        let asked = if is_change && !known.is_being_changed.swap(true, Ordering::AcqRel) {
            let amount = known.amount.load(Ordering::Acquire) + 1;
            let version = known.version.load(Ordering::Acquire);
            self.caller.send(
                out,
                "PUT",
                format_args!("/v1/variants/{}{product}/prices/USD", self.sku),
                format_args!("if-match: \"{version}\"\r\n"),
                format_args!(r#"{{"amount":{amount}}}"#),
            );
            Asked::Change { product, amount }
        } else {
            let least = known.amount.load(Ordering::Acquire);
            let path = format_args!("/v1/products/{}{product}", self.product);
            self.caller.get(out, path);
            Asked::Read { product, least }
        };
        self.on_their_way().insert(sequence, asked);
    }

    fn expects(&self, status: u16) -> bool {
        status == 200
    }

    fn reply(&self, sequence: u64, reply: &Reply<'_>) {
        match self.on_their_way().remove(&sequence) {
            Some(Asked::Change { product, amount }) => {
                let known = &self.products[product];
                known.version.fetch_add(1, Ordering::AcqRel);
                known.amount.store(amount, Ordering::Release);
                known.is_being_changed.store(false, Ordering::Release);
            }
            Some(Asked::Read { product, least }) => {
                self.reads.fetch_add(1, Ordering::Relaxed);
                if price(reply.body).is_none_or(|price| price < least) {
                    self.stale.fetch_add(1, Ordering::Relaxed);
                    eprintln!("product {product} was read below {least}");
                }
            }
            None => {}
        }
    }
}

/// The first price of a product.
fn price(body: &[u8]) -> Option<i64> {
    let name = b"\"amount\":";
    let at = body.windows(name.len()).position(|it| it == name)? + name.len();
    let digits = body[at..].iter().take_while(|it| it.is_ascii_digit());
    Some(digits.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

#[derive(Deserialize)]
struct Counters {
    #[serde(rename = "cacheMisses")]
    misses: u64,
    #[serde(rename = "sharedCache")]
    shared: Option<Shared>,
}

#[derive(Deserialize)]
struct Shared {
    hits: u64,
}

async fn counters(shop: &Shop) -> anyhow::Result<Counters> {
    shop.call(&[200], |caller, out| {
        caller.send(
            out,
            "GET",
            format_args!("/metrics"),
            format_args!("accept: application/json\r\n"),
            format_args!(""),
        )
    })
    .await
}

/// One case: what was measured, and the part of the reads that memory (and then the shared cache) answered.
struct Case {
    figures: Figures,
    from_memory: f64,
    from_shared: f64,
}

async fn measure(bench: &Bench, shop: &Shop, browsing: &Arc<Browsing>) -> anyhow::Result<Case> {
    let connections = bench.settings.connections;
    let mut pool = Pool::open(shop.address, connections).await?;
    let settings = &bench.settings;
    if !settings.warm_up.is_zero() {
        pool.run(browsing, Pattern::Closed(settings.warm_up), shop.pid())
            .await?;
    }
    let (before, reads) = (
        counters(shop).await?,
        browsing.reads.load(Ordering::Relaxed),
    );
    let measured = super::super::Settings {
        warm_up: Duration::ZERO,
        ..*settings
    };
    let figures = measured
        .measure(&mut pool, browsing, Pattern::Closed, shop.pid())
        .await?;
    let after = counters(shop).await?;
    let reads = (browsing.reads.load(Ordering::Relaxed) - reads) as f64;
    let hits = |counters: &Counters| counters.shared.as_ref().map_or(0, |it| it.hits);
    let from_shared = (hits(&after) - hits(&before)) as f64 / reads;
    let missed = (after.misses - before.misses) as f64 / reads;
    Ok(Case {
        figures,
        from_memory: 1.0 - missed,
        from_shared,
    })
}

/// Without memory: every read asks the store.
async fn uncached(
    bench: &mut Bench,
    source: &Source,
    shop: Shop,
    browsing: Arc<Browsing>,
    place: &str,
) -> anyhow::Result<(Shop, Arc<Browsing>, f64)> {
    let mut source = source.clone();
    source
        .environment
        .push((UNCACHED.0.into(), UNCACHED.1.into()));
    let (shop, browsing) = restarted(&source, shop, browsing).await?;
    let case = measure(bench, &shop, &browsing).await?;
    let row = Row::new("zipf", format!("no memory, {place}")).with_figures(case.figures);
    bench.report.rows.push(row);
    Ok((shop, browsing, case.figures.p50_ms))
}

/// With memory, cold at first: the aims are of its hit rate, and of its median beside that without memory.
async fn cached(
    bench: &mut Bench,
    source: &Source,
    shop: Shop,
    browsing: Arc<Browsing>,
    place: &str,
    uncached_p50: f64,
) -> anyhow::Result<(Shop, Arc<Browsing>)> {
    let (shop, browsing) = restarted(source, shop, browsing).await?;
    let case = measure(bench, &shop, &browsing).await?;
    let p50 = case.figures.p50_ms / uncached_p50;
    let row = Row::new("zipf", format!("memory, {place}"))
        .with_figures(case.figures)
        .at_least("hit rate", case.from_memory, AIM_HIT_RATE)
        .at_most("p50 / p50 without memory", p50, AIM_P50);
    bench.report.rows.push(row);
    Ok((shop, browsing))
}

/// Starts again on the same data, as `source` says.
async fn restarted(
    source: &Source,
    shop: Shop,
    browsing: Arc<Browsing>,
) -> anyhow::Result<(Shop, Arc<Browsing>)> {
    let data = shop.stop().await?.context("zipf starts its own shops")?;
    let (shop, _) = Shop::start(source, data).await?;
    let browsing = Arc::into_inner(browsing).context("a request is still on its way")?;
    let browsing = Arc::new(browsing.through(&shop));
    Ok((shop, browsing))
}

/// Measures all cases; needs servers of its own.
pub(super) async fn run(bench: &mut Bench) -> anyhow::Result<()> {
    ensure!(
        bench.source.running.is_none(),
        "zipf measures servers that it starts itself: leave --server out, or choose others with --only"
    );
    let source = bench.source.clone();
    let mut shop = Shop::open(&source).await?;
    let names = Names::new();
    let products = bench.settings.products;
    let size = Size {
        products,
        variants: 1,
        stores: 1,
    };
    seed::catalogue(&shop, &names, size).await?;
    let mut browsing = Arc::new(Browsing::new(&shop, &names, products));
    let mut places = vec![("beside the store", source.clone())];
    if let Some(url) = &source.engines.database {
        let mut far_away = source.clone();
        far_away.engines.database = Some(far::url_by(url, ONE_WAY)?);
        places.push(("1 ms from the store", far_away));
    }
    for (place, source) in &places {
        let p50;
        (shop, browsing, p50) = uncached(bench, source, shop, browsing, place).await?;
        (shop, browsing) = cached(bench, source, shop, browsing, place, p50).await?;
    }
    if source.is_on_postgres() {
        let (writer, browsing) = restarted(&source, shop, browsing).await?;
        shop = second_process(bench, &source, writer, browsing).await?;
    } else {
        check(&browsing)?;
    }
    shop.stop().await?;
    Ok(())
}

/// All requests go through a process that does not write: it passes changes on, and learns of them.
async fn second_process(
    bench: &mut Bench,
    source: &Source,
    writer: Shop,
    browsing: Arc<Browsing>,
) -> anyhow::Result<Shop> {
    let second = writer.second(source).await?;
    let browsing = Arc::into_inner(browsing).context("a request is still on its way")?;
    let browsing = Arc::new(browsing.through(&second));
    let case = measure(bench, &second, &browsing).await?;
    let row = Row::new("zipf", "memory, through a second process")
        .with_figures(case.figures)
        .with_fact(
            "answered by the shared cache",
            case.from_shared,
            "of the reads",
        )
        .at_least("hit rate", case.from_memory, AIM_HIT_RATE);
    bench.report.rows.push(row);
    check(&browsing)?;
    second.stop().await?;
    Ok(writer)
}

fn check(browsing: &Browsing) -> anyhow::Result<()> {
    let stale = browsing.stale.load(Ordering::Relaxed);
    ensure!(
        stale == 0,
        "{stale} reads were older than a price acknowledged before they were sent"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popular_products_are_picked_as_often_as_zipf_says() {
        let ranks = ranks(1_000);
        let all = ranks[999];
        let browsing = |sequence: u64| {
            let chosen = (mixed(sequence) >> 11) as f64 / (1_u64 << 53) as f64 * all;
            ranks.partition_point(|sum| *sum <= chosen)
        };
        let count = 200_000;
        let first = (0..count).filter(|it| browsing(*it) == 0).count() as f64;
        let expected = count as f64 / all;
        assert!(
            (first / expected - 1.0).abs() < 0.05,
            "{first} of {expected}"
        );
    }

    #[test]
    fn the_first_price_of_a_body_is_read() {
        let body = br#"{"id":"p","variants":[{"prices":[{"amount":1299,"currency":"USD"}]}]}"#;
        assert_eq!(price(body), Some(1299));
        assert_eq!(price(b"{}"), None);
    }
}
