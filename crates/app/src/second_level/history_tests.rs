//! The rule of positions against a model: several processes, each somewhere behind the log's end, share what they have loaded.

use super::{History, Stamp};
use crate::events;
use crate::nouns::{Event, IndexChange, Key, Record, index_changes};
use cartwright_domain::catalog::{Event as ProductEvent, ProductData, Status, VariantData};
use cartwright_domain::{Currency, Money, ProductId, Sku, Slug, Time};
use cartwright_proto::events as proto;
use std::collections::BTreeMap;

/// Numbers that look random and are the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

type State = BTreeMap<Key, Record>;

/// A log and what was true after each of its batches.
#[derive(Clone, Default)]
struct World {
    batches: Vec<proto::Batch>,
    /// One more than batches: the first is before all.
    states: Vec<State>,
}

const PRODUCTS: u64 = 5;
const SLUGS: u64 = 4;

fn product(number: u64) -> ProductId {
    ProductId::new(&format!("p{number}")).expect("an id")
}

fn slug(number: u64) -> Slug {
    Slug::new(&format!("s{number}")).expect("a slug")
}

fn sku(number: u64) -> Sku {
    Sku::new(&format!("k{number}")).expect("a SKU")
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::new("USD").expect("a currency"))
}

fn put(id: u64, slug: Slug, price: i64) -> Event {
    let data = ProductData {
        slug,
        name: "x".into(),
        description: String::new(),
        status: Status::Active,
        brand: None,
        categories: Vec::new(),
        attributes: serde_json::Map::new(),
        images: Vec::new(),
        options: Vec::new(),
    };
    let variant = VariantData {
        sku: sku(id),
        options: Vec::new(),
        prices: vec![usd(price)],
        compare_at: Vec::new(),
        weight_grams: None,
        dimensions: None,
        limits: Default::default(),
        denied_countries: Vec::new(),
    };
    let event = ProductEvent::Put {
        data: Box::new(data),
        variants: vec![variant],
    };
    Event::Product(product(id), event)
}

fn entry(event: &Event) -> proto::Entry {
    proto::Entry {
        stream: events::stream(&event.key()),
        r#type: events::type_of(event).to_owned(),
        payload: events::encode(event),
        ..proto::Entry::default()
    }
}

/// Something that happens to another noun.
fn noise() -> proto::Entry {
    proto::Entry {
        stream: "cart:x".into(),
        r#type: "cart.deleted".into(),
        ..proto::Entry::default()
    }
}

impl World {
    fn new() -> Self {
        Self {
            batches: Vec::new(),
            states: vec![State::new()],
        }
    }

    fn head(&self, batches: usize) -> u64 {
        let done = &self.batches[..batches];
        done.iter().map(|it| it.entries.len() as u64).sum()
    }

    fn commit(&mut self, numbers: &mut Numbers, batch_id: u128) {
        let mut state = self.states.last().cloned().unwrap_or_default();
        let mut entries = Vec::new();
        for _ in 0..=numbers.below(3) {
            match numbers.below(4) {
                0 => entries.extend((0..=numbers.below(700)).map(|_| noise())),
                kind => {
                    let id = numbers.below(PRODUCTS);
                    let price = numbers.below(1_000_000) as i64;
                    let free = slug(numbers.below(SLUGS));
                    let owner = state.get(&Key::Slug(free.clone()));
                    let is_free = owner.is_none_or(|it| *it == Record::ProductId(product(id)));
                    let exists = state.contains_key(&Key::Product(product(id)));
                    let event = match (kind, exists, is_free) {
                        (1, _, true) => put(id, free, price),
                        (_, true, _) => {
                            let (sku, price) = (sku(id), usd(price));
                            Event::Product(product(id), ProductEvent::PriceSet { sku, price })
                        }
                        _ => continue,
                    };
                    entries.push(entry(&event));
                    apply(&mut state, &event);
                }
            }
        }
        if entries.is_empty() {
            entries.push(noise());
        }
        self.batches.push(proto::Batch {
            first_position: self.head(self.batches.len()) + 1,
            batch_id: batch_id.to_be_bytes().to_vec(),
            entries,
            ..proto::Batch::default()
        });
        self.states.push(state);
    }
}

fn apply(state: &mut State, event: &Event) {
    let before = state.get(&event.key()).cloned();
    let mut after = before.clone();
    event.apply(&mut after, Time(0));
    index_changes(
        before.as_ref(),
        after.as_ref(),
        &mut |change| match change {
            IndexChange::Set(key, value) => drop(state.insert(key, value)),
            IndexChange::Drop(key) => drop(state.remove(&key)),
            other => panic!("{other:?}"),
        },
    );
    if let Some(after) = after {
        state.insert(event.key(), after);
    }
}

/// A process: what it knows, and how many batches it has followed.
struct Process {
    history: History,
    followed: usize,
}

impl Process {
    /// Starts with what a part of the log tells.
    fn start(world: &World, numbers: &mut Numbers) -> Self {
        let mut history = History::with_slots(64);
        let followed = world.batches.len();
        let from = numbers.below(followed as u64 + 1) as usize;
        history.learn(world.batches[from..].iter().cloned(), world.head(followed));
        Self { history, followed }
    }

    fn follow(&mut self, world: &World, numbers: &mut Numbers) {
        let behind = (world.batches.len() - self.followed) as u64;
        for _ in 0..numbers.below(behind + 1) {
            self.history.follow(&world.batches[self.followed]);
            self.followed += 1;
        }
    }
}

fn keys() -> Vec<Key> {
    let products = (0..PRODUCTS).flat_map(|it| [Key::Product(product(it)), Key::Sku(sku(it))]);
    products
        .chain((0..SLUGS).map(|it| Key::Slug(slug(it))))
        .collect()
}

/// How many entries counted, and how many there were.
fn run(seed: u64) -> (u64, u64) {
    let mut numbers = Numbers(seed);
    let (mut world, mut id) = (World::new(), 0);
    let mut shared: BTreeMap<Key, (Stamp, Option<Record>)> = BTreeMap::new();
    let mut processes: Vec<Process> = (0..3)
        .map(|_| Process::start(&world, &mut numbers))
        .collect();
    let (mut counted, mut asked) = (0, 0);
    // Either the database is restored now and then, or the store shows more than who reads it has followed.
    let restores = seed.is_multiple_of(2);
    for step in 0..300 {
        if restores && step % 100 == 99 {
            let to = numbers.below(world.batches.len() as u64 + 1) as usize;
            world.batches.truncate(to);
            world.states.truncate(to + 1);
            processes.clear();
            processes.extend((0..3).map(|_| Process::start(&world, &mut numbers)));
        }
        match numbers.below(12) {
            0 | 1 => {
                id += 1;
                world.commit(&mut numbers, id);
            }
            2 => processes[numbers.below(3) as usize] = Process::start(&world, &mut numbers),
            3 if numbers.below(4) == 0 => {
                // It was not told of some batches: a gap.
                let process = &mut processes[numbers.below(3) as usize];
                process.history.lose();
                process.followed = world.batches.len();
            }
            5..=7 => processes[numbers.below(3) as usize].follow(&world, &mut numbers),
            _ => {}
        }
        for key in keys() {
            let process = &processes[numbers.below(3) as usize];
            if let Some((stamp, value)) = shared.get(&key) {
                asked += 1;
                if process.history.counts(stamp, &key, value.as_ref()) {
                    counted += 1;
                    let true_now = world.states[process.followed..]
                        .iter()
                        .any(|state| state.get(&key) == value.as_ref());
                    assert!(
                        true_now,
                        "seed {seed}, step {step}: {key:?} is {value:?} from {stamp:?}"
                    );
                    continue;
                }
            }
            let behind = (world.batches.len() - process.followed) as u64;
            let ahead = if restores {
                0
            } else {
                numbers.below(behind + 1)
            };
            let value = world.states[process.followed + ahead as usize].get(&key);
            if let Some(stamp) = process.history.stamp() {
                shared.insert(key, (stamp, value.cloned()));
            }
        }
    }
    (counted, asked)
}

#[test]
fn what_counts_is_true_now_whoever_loaded_it() {
    let (counted, asked) = (0..400)
        .map(run)
        .fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    assert!(
        counted * 3 > asked,
        "a cache that refuses all is no use: {counted} of {asked}"
    );
}

#[test]
fn a_gap_makes_everything_before_it_worthless() {
    let mut numbers = Numbers(1);
    let mut world = World::new();
    (1..=40).for_each(|id| world.commit(&mut numbers, id));
    let mut history = History::with_slots(64);
    history.learn(world.batches[..20].iter().cloned(), world.head(20));
    let stamp = history.stamp().expect("a stamp");
    let key = Key::Product(ProductId::new("unknown").expect("an id"));
    assert!(history.counts(&stamp, &key, None));
    world.batches[25..]
        .iter()
        .for_each(|batch| history.follow(batch));
    assert!(!history.counts(&stamp, &key, None));
    assert!(
        history
            .stamp()
            .is_some_and(|it| history.counts(&it, &key, None))
    );
}

#[test]
fn a_log_that_ends_too_early_teaches_nothing() {
    let mut numbers = Numbers(2);
    let mut world = World::new();
    (1..=10).for_each(|id| world.commit(&mut numbers, id));
    let mut history = History::with_slots(64);
    history.learn(world.batches[..9].iter().cloned(), world.head(10));
    assert_eq!(history.stamp(), None);
}

#[test]
fn an_entry_of_a_product_that_cannot_be_understood_may_be_anything() {
    let mut numbers = Numbers(3);
    let mut world = World::new();
    (1..=10).for_each(|id| world.commit(&mut numbers, id));
    let mut history = History::with_slots(64);
    history.learn(world.batches.iter().cloned(), world.head(10));
    let stamp = history.stamp().expect("a stamp");
    let key = Key::Product(product(1));
    history.follow(&proto::Batch {
        first_position: world.head(10) + 1,
        batch_id: vec![9; 16],
        entries: vec![proto::Entry {
            r#type: "product.renamed".into(),
            ..proto::Entry::default()
        }],
        ..proto::Batch::default()
    });
    assert!(!history.counts(&stamp, &key, None));
}

#[test]
fn what_was_true_in_a_time_that_was_lost_does_not_count() {
    let told = |price: i64, id: u8| proto::Batch {
        first_position: 1,
        batch_id: vec![id; 16],
        entries: vec![entry(&put(1, slug(1), price))],
        ..proto::Batch::default()
    };
    let know = |batch: proto::Batch| {
        let mut history = History::with_slots(64);
        history.learn(std::iter::once(batch), 1);
        history
    };
    let (lost, restored) = (know(told(100, 1)), know(told(200, 2)));
    let stamp = lost.stamp().expect("a stamp");
    let key = Key::Product(product(1));
    assert!(lost.counts(&stamp, &key, None));
    assert!(
        !restored.counts(&stamp, &key, None),
        "the same position of another history"
    );
}
