//! A run: everybody at once, first with faults, then without.

use crate::clerk::Clerk;
use crate::client::{Acknowledged, Client, Doors};
use crate::disk::Disk;
use crate::found::{Found, Violation};
use crate::history::{Deed, Operation, Outcome, Scribe, Story};
use crate::invariants::{Evidence, check};
use crate::knobs::Knobs;
use crate::node::{Node, Site};
use crate::provider::{Provider, Witness};
use crate::request::{country, submit, usd};
use crate::time::{Dice, NodeClock, Now};
use crate::watch::SHOWN_AFTER_US;
use crate::wire::Wire;
use cartwright_app::nouns::{Event, Key, Record};
use cartwright_app::ports::payment::PaymentGateway;
use cartwright_app::shop::{Command, Decided, Moment};
use cartwright_app::work::{Stop, Work};
use cartwright_domain::catalog::{Event as ProductEvent, Limits, ProductData, Status, VariantData};
use cartwright_domain::inventory::{Level, LevelKey, MovementKind};
use cartwright_domain::location::{Details, Event as StoreEvent, Kind, ShipsTo};
use cartwright_domain::{ProductId, Sku, Slug, StoreId};
use cartwright_proto::events as proto;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long the world may take to come to rest once it is healed, in seconds.
const PATIENCE_SECONDS: u64 = 3_600;
/// So long nothing may have been written until it counts as rest, in seconds.
const REST_SECONDS: u64 = 150;
/// After so long without a commit time passes in larger steps, in microseconds.
const IDLE_US: u64 = 10_000_000;
/// Those steps, in milliseconds.
const IDLE_TICK_MS: u64 = 100;

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which run.
    pub seed: u64,
    /// What it was like.
    pub knobs: Knobs,
    /// Hash of all that was written, in order.
    pub trace: String,
    /// Virtual seconds, both phases.
    pub seconds: u64,
    /// Transactions.
    pub commits: u64,
    /// Requests that were answered.
    pub answers: u64,
    /// Checkouts that were completed and said so.
    pub bought: u64,
    /// What was done at the clerks' level.
    pub story: Story,
    /// How often which fault struck.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many requests were refused, and why.
    pub refusals: BTreeMap<String, u64>,
    /// What does not hold.
    pub violations: Vec<Violation>,
}

/// Runs one world for so many seconds of faults, and then until it rests.
pub fn run(seed: u64, knobs: Option<Knobs>, seconds: u64) -> Report {
    let (world, knobs) = live(seed, knobs, seconds);
    world.report(seed, knobs)
}

/// What the shop of one world has written, in order.
pub fn log(seed: u64, seconds: u64) -> Vec<proto::Entry> {
    let (world, _) = live(seed, None, seconds);
    let mut entries = Vec::new();
    loop {
        let batches = world.disk.read.log(entries.len() as u64, 10_000);
        let batches = batches.expect("the disk is whole again");
        if batches.is_empty() {
            return entries;
        }
        entries.extend(batches.into_iter().flat_map(|batch| batch.entries));
    }
}

fn live(seed: u64, knobs: Option<Knobs>, seconds: u64) -> (World, Knobs) {
    let dice = Dice::new(seed);
    let knobs = knobs.unwrap_or_else(|| Knobs::draw(&dice.fork()));
    let mut world = World::new(&dice, knobs.clone(), seconds * 1_000_000);
    world.seed_catalogue();
    world.clients(&dice);
    while world.now.us() < seconds * 1_000_000 && world.found.is_empty() {
        world.step();
        world.strike();
    }
    world.heal();
    let healed = world.now.us();
    while world.now.us() < healed + PATIENCE_SECONDS * 1_000_000 && world.found.is_empty() {
        world.step();
        if world.now.us() > world.quiet_since_us.max(healed) + REST_SECONDS * 1_000_000 {
            break;
        }
    }
    (world, knobs)
}

struct World {
    now: Arc<Now>,
    dice: Dice,
    knobs: Arc<Mutex<Knobs>>,
    wire: Arc<Wire>,
    disk: Arc<Disk>,
    providers: Vec<Arc<Provider>>,
    nodes: Vec<Slot>,
    doors: Doors,
    people: Runtime,
    acknowledged: Arc<Mutex<Acknowledged>>,
    levels: Arc<Vec<LevelKey>>,
    /// The level that only clerks touch, and what they do there.
    desk: LevelKey,
    scribe: Scribe,
    disk_full_until_us: u64,
    until_us: u64,
    faults: BTreeMap<&'static str, u64>,
    found: Found,
    /// When something was written last, and how many commits there were.
    quiet_since_us: u64,
    commits: u64,
}

/// A place where a node runs.
struct Slot {
    node: Option<Node>,
    clock: Arc<NodeClock>,
    random: Arc<Dice>,
    lives: u64,
    /// When a dead one starts again.
    starts_at_us: u64,
    /// Until when nobody reaches it.
    cut_until_us: u64,
}

impl World {
    fn new(dice: &Dice, drawn: Knobs, until_us: u64) -> Self {
        let found = Found::default();
        let now = Arc::new(Now::new(found.clone()));
        let knobs = Arc::new(Mutex::new(drawn.clone()));
        let wire = Arc::new(Wire::new(now.clone(), dice.fork(), knobs.clone()));
        let disk = Arc::new(Disk::new(
            now.clone(),
            &dice.fork(),
            dice.fork(),
            knobs.clone(),
            found.clone(),
        ));
        let witness = Arc::new(Witness {
            store: disk.read.clone(),
            found: found.clone(),
            all: Mutex::default(),
        });
        let providers = (0..drawn.providers).map(|number| {
            let name = ["a", "b"][number];
            let provider = Provider::new(
                name,
                wire.clone(),
                knobs.clone(),
                dice.fork(),
                witness.clone(),
            );
            Arc::new(provider)
        });
        let providers: Vec<Arc<Provider>> = providers.collect();
        disk.watch
            .providers(providers.iter().map(|it| it.books.clone()).collect());
        let nodes = (0..drawn.nodes).map(|_| Slot {
            node: None,
            clock: Arc::new(NodeClock::new(
                now.clone(),
                dice.between(0, drawn.skew_ms as u64) as i64,
            )),
            random: Arc::new(dice.fork()),
            lives: 0,
            starts_at_us: 0,
            cut_until_us: 0,
        });
        let nodes = nodes.collect();
        let stores = (0..drawn.stores).map(|number| format!("store-{number}"));
        let levels = stores.flat_map(|store| {
            (0..drawn.skus).map(move |sku| LevelKey {
                sku: Sku::new(&format!("sku-{sku}")).expect("a SKU"),
                store: StoreId::new(&store).expect("a store"),
            })
        });
        let desk = LevelKey {
            sku: Sku::new("desk").expect("a SKU"),
            store: StoreId::new("store-0").expect("a store"),
        };
        let scribe = Scribe::new(&desk, drawn.units);
        let doors = (0..drawn.nodes).map(|_| Mutex::default()).collect();
        Self {
            now,
            dice: dice.fork(),
            knobs,
            wire,
            disk,
            providers,
            nodes,
            doors: Arc::new(doors),
            people: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime"),
            acknowledged: Arc::default(),
            levels: Arc::new(levels.collect()),
            desk,
            scribe,
            disk_full_until_us: 0,
            until_us,
            faults: BTreeMap::new(),
            found,
            quiet_since_us: 0,
            commits: 0,
        }
    }

    fn gateways(&self) -> Vec<Arc<dyn PaymentGateway>> {
        let gateway = |it: &Arc<Provider>| it.clone() as Arc<dyn PaymentGateway>;
        self.providers.iter().map(gateway).collect()
    }

    fn start(&mut self, number: usize) {
        let gateways = self.gateways();
        let slot = &mut self.nodes[number];
        slot.lives += 1;
        let is_shared = self.doors.len() > 1;
        let site = Site {
            number,
            life: slot.lives,
            is_shared,
            disk: &self.disk,
            clock: slot.clock.clone(),
            random: slot.random.clone(),
            now: &self.now,
            knobs: self.knobs.lock().clone(),
        };
        let started = Node::start(site, gateways);
        slot.node = started.ok();
        self.doors[number].lock().clear();
    }

    /// One tick for everybody, in some order.
    fn step(&mut self) {
        if self.disk.commits() != self.commits {
            (self.quiet_since_us, self.commits) = (self.now.us(), self.disk.commits());
        }
        let is_idle = self.now.us() > self.quiet_since_us + IDLE_US;
        let ms = if is_idle {
            IDLE_TICK_MS
        } else {
            self.knobs.lock().tick_ms
        };
        self.now.pass(ms * 1_000);
        self.wire.deliver();
        for number in self.dice.shuffled(self.nodes.len()) {
            if self.nodes[number].node.is_none() && self.now.us() >= self.nodes[number].starts_at_us
            {
                self.start(number);
            }
            let is_cut = self.now.us() < self.nodes[number].cut_until_us;
            let asks = std::mem::take(&mut *self.doors[number].lock());
            let Some(node) = &mut self.nodes[number].node else {
                continue;
            };
            if !is_cut {
                asks.into_iter().for_each(|ask| node.take(ask));
            }
            node.step(&self.now, ms * 1_000);
            if self.disk.has_killed(number) {
                self.kill(number);
            }
        }
        self.people
            .block_on(async { tokio::time::sleep(Duration::from_millis(ms)).await });
    }

    fn kill(&mut self, number: usize) {
        let pause = self.dice.between(0, 10_000_000);
        let slot = &mut self.nodes[number];
        // Everything in it stops at whatever it waits for.
        slot.node = None;
        slot.starts_at_us = self.now.us() + pause;
    }

    /// Perhaps something goes wrong.
    fn strike(&mut self) {
        let knobs = self.knobs.lock().clone();
        let share = knobs.tick_ms as f64 / 1_000.0;
        for number in 0..self.nodes.len() {
            if self.dice.chance(knobs.crashes * share) {
                self.count("crash");
                self.kill(number);
            }
            if self.dice.chance(knobs.pauses * share) {
                self.count("pause");
                let until = self.now.us() + self.dice.between(1_000, 8_000_000);
                if let Some(node) = &mut self.nodes[number].node {
                    node.paused_until_us = until;
                }
            }
            if self.dice.chance(knobs.cuts * share) {
                self.count("cut");
                let until = self.now.us() + self.dice.between(1_000, 20_000_000);
                self.nodes[number].cut_until_us = until;
            }
            if self.dice.chance(knobs.clock_steps * share) {
                self.count("clock step");
                let skew = self.dice.between(0, knobs.skew_ms as u64 * 2) as i64 - knobs.skew_ms;
                self.nodes[number].clock.step(skew);
            }
        }
        if self.dice.chance(knobs.full_disks * share) {
            self.count("disk fills");
            self.disk_full_until_us = self.now.us() + self.dice.between(1_000, 10_000_000);
        }
        self.disk.fill(self.now.us() < self.disk_full_until_us);
    }

    fn count(&mut self, fault: &'static str) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// From now on nothing fails any more.
    fn heal(&mut self) {
        self.knobs.lock().heal();
        self.disk.fill(false);
        for slot in &mut self.nodes {
            slot.cut_until_us = 0;
            slot.starts_at_us = 0;
            if let Some(node) = &mut slot.node {
                node.paused_until_us = 0;
            }
        }
    }

    /// Products, locations and stock, before anything fails.
    fn seed_catalogue(&mut self) {
        let knobs = self.knobs.lock().clone();
        self.knobs.lock().heal();
        let mut events = Vec::new();
        for sku in 0..knobs.skus {
            events.push(product(&format!("sku-{sku}"), 700 + sku as i64 * 111));
        }
        events.push(product(self.desk.sku.as_str(), 700));
        let mut last = None;
        for level in self.levels.iter().chain([&self.desk]) {
            if last.as_ref() != Some(&level.store) {
                events.push(store(&level.store));
                last = Some(level.store.clone());
            }
            let movement =
                Level::empty(level.clone()).moved(MovementKind::Adjusted, knobs.units, 0);
            events.push(Event::Level(level.clone(), movement));
        }
        // The first that has the lease writes it.
        let done = Arc::new(Mutex::new(false));
        while !*done.lock() {
            self.step();
            for slot in &self.nodes {
                if let Some(node) = &slot.node
                    && !node.shop().health().is_reader()
                {
                    let (shop, done, events) = (node.shop().clone(), done.clone(), events.clone());
                    node.spawn(async move {
                        if submit(&shop, Seed(events), None).await.is_ok() {
                            *done.lock() = true;
                        }
                    });
                    break;
                }
            }
            for _ in 0..20 {
                self.step();
            }
        }
        *self.knobs.lock() = knobs;
    }

    fn clients(&self, dice: &Dice) {
        let knobs = self.knobs.lock().clone();
        let client = |name: String| Client {
            name: name.into(),
            wire: self.wire.clone(),
            doors: self.doors.clone(),
            dice: Arc::new(dice.fork()),
            keys: Arc::new(AtomicU64::new(1)),
            acknowledged: self.acknowledged.clone(),
            levels: self.levels.clone(),
            now: self.now.clone(),
            until_us: self.until_us,
            knobs: knobs.clone(),
            found: self.found.clone(),
        };
        for number in 0..knobs.buyers {
            self.people
                .spawn(client(format!("customer-{number}")).buy());
        }
        for number in 0..knobs.tills {
            self.people.spawn(client(format!("till-{number}")).till());
        }
        for number in 0..knobs.clerks {
            let clerk = Clerk {
                number,
                client: client(format!("clerk-{number}")),
                level: self.desk.clone(),
                scribe: self.scribe.clone(),
                lag_us: if knobs.nodes > 1 { SHOWN_AFTER_US } else { 0 },
            };
            self.people.spawn(clerk.work());
        }
    }

    /// What the clerks did, with what they left: some order of it must make sense.
    fn story(&self) -> Story {
        let left = self.disk.read.load(&Key::Level(self.desk.clone()));
        if let Ok(Some(Record::Level(level))) = left {
            self.scribe.note(Operation {
                clerk: 0,
                deed: Deed::Read,
                outcome: Outcome::Seen {
                    on_hand: level.on_hand,
                    reserved: level.reserved,
                },
                from_us: self.now.us(),
                until_us: self.now.us(),
            });
        }
        let story = self.scribe.story();
        if self.found.is_empty() {
            let is_linearizable = story.is_linearizable() != Some(false);
            self.found
                .must("histories-are-linearizable", is_linearizable, || {
                    format!("{story:?}")
                });
        }
        story
    }

    fn report(&self, seed: u64, knobs: Knobs) -> Report {
        let acknowledged = self.acknowledged.lock();
        let books: Vec<_> = self
            .providers
            .iter()
            .map(|it| (it.name(), it.books.lock()))
            .collect();
        check(&Evidence {
            found: &self.found,
            now_ms: self.now.ms(),
            tries: knobs.tries,
            units: self
                .levels
                .iter()
                .chain([&self.desk])
                .map(|level| (level.clone(), knobs.units))
                .collect(),
            store: &*self.disk.read,
            providers: books
                .iter()
                .map(|(name, books)| (*name, &**books))
                .collect(),
            acknowledged: &acknowledged,
        });
        drop(books);
        let story = self.story();
        let mut faults = self.faults.clone();
        faults.extend(self.disk.faults());
        for provider in &self.providers {
            for (name, count) in provider.faults() {
                *faults.entry(name).or_default() += count;
            }
        }
        Report {
            seed,
            knobs,
            trace: self.disk.trace(),
            seconds: self.now.us() / 1_000_000,
            commits: self.disk.commits(),
            answers: acknowledged.answers,
            bought: acknowledged.bought.len() as u64,
            story,
            faults,
            refusals: acknowledged.refusals.clone(),
            violations: self.found.all(),
        }
    }
}

/// Things that are there from the beginning.
#[derive(Debug)]
struct Seed(Vec<Event>);

impl Command for Seed {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.extend(self.0.iter().map(Event::key));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let first = self.0.first().map(Event::key);
        let answer = first.ok_or_else(|| Stop::Need(Vec::new()))?;
        // Told twice, there once.
        let is_there = work.value(&answer).is_some();
        Ok(Decided {
            events: if is_there { Vec::new() } else { self.0.clone() },
            answer,
            created: !is_there,
        })
    }
}

fn product(sku: &str, price: i64) -> Event {
    let data = ProductData {
        slug: Slug::new(sku).expect("a slug"),
        name: sku.into(),
        description: String::new(),
        status: Status::Active,
        brand: None,
        categories: Vec::new(),
        attributes: Default::default(),
        images: Vec::new(),
        options: Vec::new(),
    };
    let variant = VariantData {
        sku: Sku::new(sku).expect("a SKU"),
        options: Vec::new(),
        prices: vec![usd(price)],
        compare_at: Vec::new(),
        weight_grams: None,
        dimensions: None,
        limits: Limits::default(),
        denied_countries: Vec::new(),
    };
    let event = ProductEvent::Put {
        data: Box::new(data),
        variants: vec![variant],
    };
    Event::Product(ProductId::new(sku).expect("an id"), event)
}

fn store(id: &StoreId) -> Event {
    let details = Details {
        name: "A warehouse".into(),
        kind: Kind::Warehouse,
        country: country(),
        ships_to: Some(ShipsTo::Everywhere),
        priority: 0,
        position: None,
    };
    Event::Store(id.clone(), StoreEvent::Put(details))
}
