//! One bout: clients at all doors while something strikes; then all must come to rest as it was acknowledged.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::around::LONG;
use crate::books;
use crate::buyers::{self, Goods};
use crate::client::{Load, Stops};
use crate::cluster::Cluster;
use crate::counts::one;
use crate::fillers;
use crate::lying::{lying, topics};
use crate::prices::{self, Prices};
use crate::probe::Probe;
use crate::random::Random;
use crate::recovery::Recovery;
use crate::strikes::{Strike, strike};
use crate::support::{eventually, whole};
use crate::tills::{self, Counter};

/// Clients of each kind.
const TILLS: usize = 2;
const BUYERS: usize = 3;
/// Between two imports of one client.
const IMPORT_PAUSE: Duration = Duration::from_millis(400);

/// Lets clients work while these strike, one after the other; then all must hold.
pub(crate) fn bout(
    cluster: &Cluster,
    strikes: &[Strike],
    random: &mut Random,
    recovery: &mut Recovery,
) {
    meanwhile(cluster, random, |load, probes, random| {
        for it in strikes {
            std::thread::sleep(Duration::from_millis(200 + random.below(600)));
            let struck = strike(cluster, *it, random);
            recovery.note(&struck, probes, load);
        }
    });
}

/// Lets clients work while this is done, which leaves all running; then all must hold.
pub(crate) fn meanwhile(
    cluster: &Cluster,
    random: &mut Random,
    done: impl FnOnce(&Load, &[Probe], &mut Random),
) {
    let load = &Load::through(cluster.doors(), &cluster.counts);
    cluster.world.moved(cluster.nodes[cluster.writer()].shop());
    let shop = cluster.world.shop();
    let dearer = serde_json::json!({"prices": [{"amount": 1700, "currency": "USD"}]});
    let goods = &Goods {
        sku: cluster.world.sku().to_owned(),
        dearer: shop.stocked_with(1_000_000, dearer).sku,
    };
    let (counter, store) = (&Counter::set(&shop), &shop.warehouse());
    let doors = cluster.doors().into_iter();
    let probes: Vec<_> = doors.map(|door| Probe::at(door, &shop)).collect();
    let prices = Prices::set(&shop);
    let mut seeds = Random::new(random.next());
    let record = std::thread::scope(|scope| {
        let stops = Stops(load);
        let tills = [(); TILLS].map(|()| {
            let seed = seeds.next();
            scope.spawn(move || tills::work(load, counter, seed))
        });
        let buyers = [(); BUYERS].map(|()| {
            let seed = seeds.next();
            scope.spawn(move || buyers::buy(load, goods, seed))
        });
        let seed = seeds.next();
        let filler = scope.spawn(move || fillers::fill(load, &goods.sku, seed));
        let importer = scope.spawn(|| fillers::import(load, store, IMPORT_PAUSE));
        let pricer = scope.spawn(|| prices::work(load, prices));
        let writing: Vec<_> = probes
            .iter()
            .map(|it| scope.spawn(|| it.work(load)))
            .collect();
        done(load, &probes, random);
        cluster.heal();
        drop(stops);
        writing
            .into_iter()
            .for_each(|it| it.join().expect("a probe"));
        let tills = tills.into_iter().flat_map(|it| it.join().expect("a till"));
        let buyers = buyers
            .into_iter()
            .flat_map(|it| it.join().expect("a buyer"));
        (
            tills.collect::<Vec<_>>(),
            buyers.collect::<Vec<_>>(),
            filler.join().expect("a filler"),
            importer.join().expect("an importer"),
            pricer.join().expect("one who prices"),
        )
    });
    let (deeds, bought, carts, imported, priced) = record;
    rests(cluster);
    cluster.settles();
    let (world, shop) = (&cluster.world, cluster.world.shop());
    probes.iter().for_each(|it| it.check(&shop));
    buyers::check(world, load, &bought);
    fillers::check_carts(&shop, &carts);
    fillers::check_imports(&shop, store, &imported);
    let shops: Vec<_> = cluster.nodes.iter().map(|it| it.shop()).collect();
    prices::check(&shops, &priced);
    tills::check(&shop, counter, &deeds, true);
    books::agree_within(world, LONG);
    let orders: Vec<_> = buyers::orders(&bought).map(str::to_owned).collect();
    cluster.around.check_told(world, &orders);
    carried(cluster);
    for node in &cluster.nodes {
        node.said_nothing_bad();
    }
}

/// Whatever was begun ends, or is named to those who must look.
fn rests(cluster: &Cluster) {
    cluster.world.moved(cluster.nodes[cluster.writer()].shop());
    eventually(LONG, "every-saga-ends", || {
        let attention = cluster.world.shop().get("/v1/attention").admin().send();
        let named = attention.ok()["items"].as_array().expect("items").len();
        let stuck = cluster.world.in_state("needs_attention").len();
        let runs = cluster.world.in_state("processing").len();
        (runs == 0 && stuck <= named).then_some(())
    });
}

/// Where there is a Kafka the shop is well with it again, and every entry of the log lies there, for each key in its order.
fn carried(cluster: &Cluster) {
    let Some(brokers) = cluster.broker().map(|it| it.address()) else {
        return;
    };
    for node in &cluster.nodes {
        eventually(LONG, "Kafka is taken up again", || {
            let ready = node.shop().get("/health/readiness").send().ok();
            // Only the process that publishes has seen it.
            let is_known = ready["role"] != "writer" || ready["dependencies"]["kafka"] == "ok";
            (is_known && ready["dependencies"]["kafka"] != "degraded").then_some(())
        });
    }
    let ready = cluster.world.shop().get("/health/readiness").send().ok();
    let head = whole(&ready["position"]) as u64;
    eventually(
        LONG,
        "what-happened-is-told: all lies in the topics",
        || published(&brokers, &cluster.prefix, head).then_some(()),
    );
    one(&cluster.counts.carried);
}

/// Whether each entry up to this one lies in the topic of its noun; in a key's order where it lies first.
fn published(brokers: &str, prefix: &str, head: u64) -> bool {
    let mut all = BTreeSet::new();
    for topic in topics(brokers, prefix) {
        let mut last: HashMap<String, u64> = HashMap::new();
        for message in lying(brokers, &topic) {
            let (Some(key), Some(position)) = (message.key, message.position) else {
                continue;
            };
            let last = last.entry(key).or_default();
            if all.insert(position) {
                assert!(position > *last, "{topic}: {position} lies behind {last}");
                *last = position;
            }
        }
    }
    (1..=head).all(|it| all.contains(&it))
}
