//! One bout: clients at work while something strikes, then everything is healed and must come to rest as it was acknowledged.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::books;
use crate::buyers::{self, Bought, Goods};
use crate::client::{Load, Stops};
use crate::fillers::{self, Filled};
use crate::random::Random;
use crate::site::{LONG, Site};
use crate::support::eventually;
use crate::tills::{self, Counter, Deed};

/// Clients of each kind.
const TILLS: usize = 3;
const BUYERS: usize = 3;
/// Between two imports of one client.
const IMPORT_PAUSE: Duration = Duration::from_millis(400);

/// What all clients of a site want.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    goods: Goods,
    store: String,
}

impl Scene {
    pub(crate) fn set(site: &Site) -> Self {
        let shop = site.world.shop();
        let prices = serde_json::json!({"prices": [{"amount": 1700, "currency": "USD"}]});
        Self {
            goods: Goods {
                sku: site.world.sku().to_owned(),
                dearer: shop.stocked_with(1_000_000, prices).sku,
            },
            store: shop.warehouse(),
        }
    }
}

/// What the clients of a bout were told.
#[derive(Debug, Default)]
struct Record {
    deeds: Vec<Deed>,
    bought: Vec<Bought>,
    carts: Vec<Filled>,
    imported: Vec<String>,
}

/// Lets clients work while `strikes` does its worst and leaves the shop running; then all must hold.
pub(crate) fn bout(
    site: &Site,
    scene: &Scene,
    random: &mut Random,
    strikes: impl FnOnce(&Load, &mut Random),
) {
    let load = Load::through([site.front.address], &site.counts);
    let counter = Counter::set(&site.world.shop());
    let record = work(site, scene, &counter, &load, random, strikes);
    rests(site);
    check(site, scene, &counter, &load, &record);
    let broken = site.front.broken() + site.around.back.broken();
    site.counts.connections.fetch_add(broken, Ordering::Relaxed);
}

fn work(
    site: &Site,
    scene: &Scene,
    counter: &Counter,
    load: &Load,
    random: &mut Random,
    strikes: impl FnOnce(&Load, &mut Random),
) -> Record {
    let mut seeds = Random::new(random.next());
    let mut seed = move || seeds.next();
    std::thread::scope(|scope| {
        let stops = Stops(load);
        let tills: Vec<_> = (0..TILLS)
            .map(|_| (load.clone(), seed()))
            .map(|(load, seed)| scope.spawn(move || tills::work(&load, counter, seed)))
            .collect();
        let goods = &scene.goods;
        let buyers: Vec<_> = (0..BUYERS)
            .map(|_| (load.clone(), seed()))
            .map(|(load, seed)| scope.spawn(move || buyers::buy(&load, goods, seed)))
            .collect();
        let seed = seed();
        let filler = scope.spawn(move || fillers::fill(load, &goods.sku, seed));
        let importer = scope.spawn(move || fillers::import(load, &scene.store, IMPORT_PAUSE));
        strikes(load, random);
        site.heal();
        drop(stops);
        let tills = tills.into_iter();
        let buyers = buyers.into_iter();
        Record {
            deeds: tills.flat_map(|it| it.join().expect("a till")).collect(),
            bought: buyers.flat_map(|it| it.join().expect("a buyer")).collect(),
            carts: filler.join().expect("a filler"),
            imported: importer.join().expect("an importer"),
        }
    })
}

/// Whatever was begun ends, or is named to those who must look.
fn rests(site: &Site) {
    eventually(LONG, "every-saga-ends", || {
        let named = site.read("/v1/attention")["items"]
            .as_array()
            .expect("items")
            .len();
        let stuck = site.world.in_state("needs_attention").len();
        let runs = site.world.in_state("processing").len();
        (runs == 0 && stuck <= named).then_some(())
    });
}

fn check(site: &Site, scene: &Scene, counter: &Counter, load: &Load, record: &Record) {
    let shop = site.world.shop();
    buyers::check(&site.world, load, &record.bought);
    fillers::check_carts(&shop, &record.carts);
    fillers::check_imports(&shop, &scene.store, &record.imported);
    tills::check(&shop, counter, &record.deeds, site.has_movements());
    if site.has_movements() {
        books::agree_within(&site.world, LONG);
    } else {
        books::balance_within(&site.world, LONG);
    }
    let orders: Vec<_> = buyers::orders(&record.bought).map(str::to_owned).collect();
    site.around.check_told(&site.world, &orders);
}
