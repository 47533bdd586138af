//! Two processes that share a Redis before their store: whatever becomes of it, nobody reads an old price.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::nodes::{Nodes, metric};
use crate::redis_server::Redis;
use crate::support::{Item, Shop, eventually, fresh};

const SOON: Duration = Duration::from_secs(20);
/// More than one process's memory holds in these tests, so that most reads go further.
const PRODUCTS: usize = 240;

fn shared(shop: &Shop, name: &str) -> u64 {
    metric(shop, "sharedCache")[name]
        .as_u64()
        .expect("a number")
}

/// So large that a few dozen fill a process's memory.
fn large_product(shop: &Shop) -> Item {
    let (id, sku) = (fresh("product"), fresh("sku"));
    let variant = json!({"sku": sku, "prices": [{"amount": 1, "currency": "USD"}]});
    let description = "x".repeat(10_000);
    let product = json!({"id": id, "name": id, "description": description, "variants": [variant]});
    shop.post("/v1/products")
        .admin()
        .json(product)
        .send()
        .is(201);
    Item { id, sku }
}

/// Two processes; the first writes.
fn pair(redis: &Redis) -> (Nodes, Shop, Shop) {
    pair_waiting(redis, Duration::from_millis(20))
}

/// As [`pair`], where a read waits so long for the cache.
fn pair_waiting(redis: &Redis, timeout: Duration) -> (Nodes, Shop, Shop) {
    let nodes = Nodes::new("shared-cache")
        .with("CARTWRIGHT_CACHE", &redis.url())
        .with(
            "CARTWRIGHT_CACHE_TIMEOUT_MS",
            &timeout.as_millis().to_string(),
        )
        .with("CARTWRIGHT_CACHE_MIB", "1");
    let (writer, reader) = (nodes.start("a"), nodes.start("b"));
    (nodes, writer, reader)
}

fn cache_is(shop: &Shop, how: &str) -> Option<()> {
    let seen = shop.get("/health/readiness").send().ok();
    assert_eq!(seen["ready"], true, "{seen}");
    (seen["dependencies"]["cache"] == how).then_some(())
}

#[test]
fn what_one_process_read_another_finds_in_redis_and_one_that_starts_later_too() {
    let Some(redis) = Redis::start() else { return };
    // A cache that was too slow once is left alone for a while: not on a machine that is busy.
    let (nodes, writer, reader) = pair_waiting(&redis, Duration::from_secs(2));
    let items: Vec<Item> = (0..8).map(|_| large_product(&writer)).collect();
    let read = |shop: &Shop| {
        for item in &items {
            let path = format!("/v1/products/{}", item.id);
            eventually(SOON, "the product is seen", || {
                (shop.get(&path).send().status == 200).then_some(())
            });
        }
    };
    // What is read from the store before this process has heard of it counts for less.
    let position = |shop: &Shop| shop.get("/health/readiness").send().ok()["position"].clone();
    let head = position(&writer);
    eventually(SOON, "the reader follows", || {
        (position(&reader) == head).then_some(())
    });
    read(&reader);
    // What its search index has read while something else was written is in its memory and was not put.
    let put = eventually(SOON, "what was read is put", || {
        let puts = shared(&reader, "puts");
        (puts > 0).then_some(puts)
    });
    let late = nodes.start("c");
    read(&late);
    let seen = metric(&late, "sharedCache");
    assert!(shared(&late, "hits") > 0, "{seen}");
    assert!(
        shared(&late, "misses") <= 8_u64.saturating_sub(put),
        "{seen}"
    );
    assert_eq!(shared(&late, "refused"), 0, "{seen}");
    assert_eq!(late.get("/v1/products/none").send().status, 404);
    cache_is(&late, "ok").expect("it is well");
}

/// What was acknowledged: the price of each product, and the position of the log after it.
#[derive(Default)]
struct Told(Mutex<BTreeMap<usize, (i64, String)>>);

impl Told {
    fn of(&self, place: usize) -> (i64, String) {
        let told = self.0.lock().expect("not poisoned");
        told.get(&place).cloned().unwrap_or((1, "0".into()))
    }
}

fn price(body: &Value) -> i64 {
    body["prices"][0]["amount"].as_i64().expect("an amount")
}

/// Reads until told to stop: never less than was acknowledged before it asked.
fn watch(shop: &Shop, items: &[Item], told: &Told, stop: &AtomicBool, slowest: &AtomicU64) -> u64 {
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        let place = (reads * 7 % items.len() as u64) as usize;
        let (least, position) = told.of(place);
        let path = format!("/v1/variants/{}", items[place].sku);
        let since = Instant::now();
        let answer = shop.get(&path).header("Min-Position", &position).send();
        slowest.fetch_max(since.elapsed().as_millis() as u64, Ordering::Relaxed);
        let seen = price(&answer.ok());
        assert!(
            seen >= least,
            "product {place} cost {least} and was read at {seen}"
        );
        reads += 1;
    }
    reads
}

/// Raises the price of one product after another until the time is over.
fn raise(writer: &Shop, items: &[Item], told: &Told, time: Duration) {
    let until = Instant::now() + time;
    for round in (0..).take_while(|_| Instant::now() < until) {
        let place = round * 11 % items.len();
        let amount = told.of(place).0 + 1;
        let path = format!("/v1/variants/{}", items[place].sku);
        let version = writer.get(&path).send().etag();
        let put = writer.put(&format!("{path}/prices/USD")).admin();
        let answer = put
            .if_match(version)
            .json(json!({"amount": amount}))
            .send()
            .is(200);
        let position = answer.header("position").expect("a position").to_owned();
        assert_eq!(
            price(&writer.get(&path).send().ok()),
            amount,
            "the writer sees it"
        );
        told.0
            .lock()
            .expect("not poisoned")
            .insert(place, (amount, position));
    }
}

#[test]
fn nobody_reads_an_old_price_whatever_becomes_of_redis() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let (_nodes, writer, reader) = pair(&redis);
    let items: Vec<Item> = (0..PRODUCTS).map(|_| large_product(&writer)).collect();
    let (told, stop, slowest) = (Told::default(), AtomicBool::new(false), AtomicU64::new(0));
    let bout = Duration::from_millis(1500);
    std::thread::scope(|scope| {
        let watchers = [&writer, &reader, &reader]
            .map(|shop| scope.spawn(|| watch(shop, &items, &told, &stop, &slowest)));
        let bouts = std::panic::AssertUnwindSafe(|| {
            raise(&writer, &items, &told, bout);
            eprintln!("well: slowest {} ms", slowest.swap(0, Ordering::Relaxed));
            for _ in 0..5 {
                redis.mangle();
                raise(&writer, &items, &told, bout / 5);
            }
            redis.wipe();
            raise(&writer, &items, &told, bout);
            eprintln!(
                "mangled and wiped: slowest {} ms",
                slowest.swap(0, Ordering::Relaxed)
            );
            redis.signal(Signal::STOP);
            raise(&writer, &items, &told, bout);
            eventually(SOON, "a cache that hangs is seen", || {
                cache_is(&reader, "degraded")
            });
            redis.signal(Signal::CONT);
            eprintln!("paused: slowest {} ms", slowest.swap(0, Ordering::Relaxed));
            eventually(SOON, "it is seen again", || cache_is(&reader, "ok"));
            raise(&writer, &items, &told, bout);
            redis.kill();
            raise(&writer, &items, &told, bout);
            eventually(SOON, "a cache that is gone is seen", || {
                cache_is(&reader, "degraded")
            });
            redis.start_again();
            eprintln!("killed: slowest {} ms", slowest.swap(0, Ordering::Relaxed));
            eventually(SOON, "its return is seen", || cache_is(&reader, "ok"));
            raise(&writer, &items, &told, bout);
        });
        let failed = std::panic::catch_unwind(bouts);
        stop.store(true, Ordering::Relaxed);
        let reads = watchers.map(|it| it.join().expect("no watcher saw an old price"));
        failed.expect("every bout ended well");
        eprintln!("{reads:?} reads");
    });
    for shop in [&writer, &reader] {
        eprintln!("{}", metric(shop, "sharedCache"));
        assert!(shared(shop, "hits") > 0 && shared(shop, "refused") > 0);
    }
}
