//! A shop in memory to try commands on.

use cartwright_adapters::bus::EmbeddedBus;
use cartwright_adapters::search::MemorySearch;
use cartwright_adapters::store::memory;
use cartwright_adapters::system::{SystemClock, SystemRandom};
use cartwright_app::catalog::{CreateProduct, ImportProduct};
use cartwright_app::commit::{Options, Running, start};
use cartwright_app::consumers::{self, Consumer, Consumers, SearchIndex};
use cartwright_app::inventory::Adjust;
use cartwright_app::ports::search::Search;
use cartwright_app::ports::{Bus, StoreParts};
use cartwright_app::shop::{Command, Outcome, Reply, Submission};
use cartwright_app::stores::PutStore;
use cartwright_app::{Key, Record, Shop};
use cartwright_domain::catalog::{
    Create, Draft, Import, Limits, Product, ProductData, Status, StockOf, VariantData,
    slug_candidates,
};
use cartwright_domain::inventory::LevelKey;
use cartwright_domain::location::{Details, Kind};
use cartwright_domain::{Country, Currency, Money, ProductId, Refusal, Sku, StoreId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Floor {
    pub(crate) shop: Shop,
    pub(crate) threads: tokio::runtime::Runtime,
    running: Running,
    made: AtomicU64,
}

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

pub(crate) fn id(text: &str) -> ProductId {
    ProductId::new(text).unwrap()
}

pub(crate) fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::new("USD").unwrap())
}

pub(crate) fn germany() -> Country {
    Country::new("DE").unwrap()
}

pub(crate) fn draft(name: &str, skus: &[&str]) -> Draft {
    let data = ProductData {
        slug: slug_candidates(name).next().unwrap(),
        name: name.into(),
        description: String::new(),
        status: Status::Active,
        brand: Some("Potter".into()),
        categories: vec!["kitchen".into()],
        attributes: serde_json::Map::new(),
        images: Vec::new(),
        options: Vec::new(),
    };
    let variant = |text: &&str| VariantData {
        sku: sku(text),
        options: Vec::new(),
        prices: vec![usd(1000)],
        compare_at: Vec::new(),
        weight_grams: None,
        dimensions: None,
        limits: Limits::default(),
        denied_countries: Vec::new(),
    };
    Draft::new(data, skus.iter().map(variant).collect()).unwrap()
}

pub(crate) fn new_product(name: &str, skus: &[&str]) -> Create {
    Create {
        id: Some(id(&name.to_lowercase())),
        slug: None,
        draft: draft(name, skus),
    }
}

pub(crate) fn row(name: &str, skus: &[&str], stock: &[(&str, &str, i64)]) -> Import {
    let of = |(name, store, quantity): &(&str, &str, i64)| StockOf {
        sku: sku(name),
        store: StoreId::new(store).unwrap(),
        quantity: *quantity,
    };
    Import {
        product: new_product(name, skus),
        stock: stock.iter().map(of).collect(),
    }
}

/// An import of one row that makes no stores and counts nothing.
pub(crate) fn import(row: Import) -> ImportProduct {
    ImportProduct {
        row,
        made_id: id("made"),
        count: false,
        create_stores: None,
        tally: Arc::default(),
    }
}

pub(crate) fn level(name: &str, store: &str) -> LevelKey {
    LevelKey {
        sku: sku(name),
        store: StoreId::new(store).unwrap(),
    }
}

impl Floor {
    /// An empty shop in memory.
    pub(crate) fn new() -> Self {
        Self::on(memory::open(&SystemRandom))
    }

    pub(crate) fn on(parts: StoreParts) -> Self {
        let options = Options {
            max_batch: 64,
            max_waiting: 1024,
            max_kept: 1024,
            cache_bytes: 1 << 20,
            origin: "test".into(),
        };
        let clock = Arc::new(SystemClock::new());
        let threads = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let random = Arc::new(SystemRandom);
        let (shop, running) = start(parts, clock, random, options, threads.handle()).unwrap();
        Self {
            shop,
            threads,
            running,
            made: AtomicU64::new(0),
        }
    }

    /// A shop whose search index is kept fresh by the real consumer.
    pub(crate) fn followed_by(&self, search: &Arc<MemorySearch>) -> Consumers {
        let search: Arc<dyn Search> = search.clone();
        self.followed(Box::new(SearchIndex::new(self.shop.clone(), search)))
    }

    pub(crate) fn followed(&self, consumer: Box<dyn Consumer>) -> Consumers {
        let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::new(&self.shop));
        consumers::start(&self.shop, &bus, vec![consumer]).unwrap()
    }

    /// Ends the shop; then what followed it has seen all of it.
    pub(crate) fn close(self, consumers: Consumers) {
        self.running.close();
        consumers.close();
    }

    pub(crate) fn submit(&self, command: impl Command + 'static) -> Result<Outcome, Refusal> {
        let submission = Submission {
            command: Box::new(command),
            keyed: None,
            actor: "tester".into(),
            correlation: "test".into(),
            deadline_ns: u64::MAX,
        };
        match self
            .threads
            .block_on(self.shop.submit(submission))
            .unwrap()
            .reply
        {
            Reply::Decided(decided) => decided,
            other => panic!("not decided: {other:?}"),
        }
    }

    pub(crate) fn create(&self, create: Create) -> Result<Outcome, Refusal> {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        self.submit(CreateProduct {
            create,
            made_id: id(&format!("made-{made}")),
            expected_version: None,
        })
    }

    pub(crate) fn store(&self, name: &str) {
        let details = Details {
            name: name.into(),
            kind: Kind::Warehouse,
            country: germany(),
            ships_to: None,
            priority: 0,
            position: None,
        };
        let put = PutStore {
            id: StoreId::new(name).unwrap(),
            details,
            expected_version: None,
        };
        self.submit(put).unwrap();
    }

    pub(crate) fn adjust(&self, name: &str, store: &str, delta: i64) {
        let command = Adjust {
            level: level(name, store),
            delta,
            reason: "test".into(),
            expected_version: None,
        };
        self.submit(command).unwrap();
    }

    pub(crate) fn find(&self, key: Key) -> Option<Record> {
        self.threads.block_on(self.shop.find(&key)).unwrap()
    }

    pub(crate) fn on_hand(&self, name: &str, store: &str) -> Option<(i64, u64)> {
        match self.find(Key::Level(level(name, store))) {
            Some(Record::Level(level)) => Some((level.on_hand, level.version)),
            _ => None,
        }
    }
}

/// The product that a command was answered with.
pub(crate) fn product(outcome: Result<Outcome, Refusal>) -> Arc<Product> {
    match outcome.map(|outcome| outcome.record) {
        Ok(Some(Record::Product(product))) => product,
        other => panic!("no product: {other:?}"),
    }
}
