//! What follows the log: the search index, and the runner's promises.

use crate::floor::*;
use cartwright_adapters::search::MemorySearch;
use cartwright_adapters::store::sqlite::{SqliteOptions, open};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::Fault;
use cartwright_app::catalog::{ArchiveProduct, SetPrice};
use cartwright_app::consumers::{Consumer, Place, Seen};
use cartwright_app::inventory::{Place as Whereto, Reserve};
use cartwright_app::ports::search::{Search, SearchQuery};
use cartwright_domain::inventory::Asked;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::Arc;
use std::time::Duration;

fn found(search: &MemorySearch, query: SearchQuery) -> Vec<String> {
    let query = SearchQuery {
        currency: "USD".into(),
        limit: 50,
        ..query
    };
    search
        .query(&query)
        .unwrap()
        .ids
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn in_stock(search: &MemorySearch) -> Vec<String> {
    found(
        search,
        SearchQuery {
            in_stock: Some(true),
            ..SearchQuery::default()
        },
    )
}

fn hold(floor: &Floor, name: &str) {
    let asked = Asked {
        sku: sku(name),
        store: None,
        quantity: 1,
    };
    let reserve = Reserve {
        principal: "tester".into(),
        reference: name.into(),
        asked: vec![asked],
        ttl_seconds: 600,
        place: Whereto::default(),
        limit: None,
        through: None,
        expected_version: None,
    };
    floor.submit(reserve).unwrap();
}

#[test]
fn the_index_follows_products_prices_and_stock() {
    let (floor, search) = (Floor::new(), Arc::new(MemorySearch::new()));
    let consumers = floor.followed_by(&search);
    floor.store("main");
    for (name, one) in [("Mug", "A"), ("Cup", "B"), ("Jug", "C"), ("Old", "D")] {
        floor.create(new_product(name, &[one])).unwrap();
    }
    floor.adjust("A", "main", 2);
    floor.adjust("B", "main", 1);
    hold(&floor, "A");
    hold(&floor, "B");
    floor
        .submit(SetPrice {
            sku: sku("C"),
            price: usd(5),
            expected_version: Some(1),
        })
        .unwrap();
    floor
        .submit(ArchiveProduct {
            id: id("old"),
            expected_version: None,
        })
        .unwrap();
    let head = *floor.shop.head().borrow();
    floor.close(consumers);
    assert_eq!(in_stock(&search), ["mug"]);
    let cheap = SearchQuery {
        price_max: Some(10),
        ..SearchQuery::default()
    };
    assert_eq!(found(&search, cheap), ["jug"]);
    let mut all = found(&search, SearchQuery::default());
    all.sort();
    assert_eq!(all, ["cup", "jug", "mug"]);
    assert!(search.cursor() <= head);
}

#[test]
fn an_index_that_is_lost_is_filled_from_the_shop() {
    let directory = tempfile::tempdir().unwrap();
    let reopen =
        || Floor::on(open(directory.path(), SqliteOptions::default(), &SystemRandom).unwrap());
    let floor = reopen();
    floor.store("main");
    floor.create(new_product("Mug", &["A"])).unwrap();
    floor.create(new_product("Cup", &["B"])).unwrap();
    floor.adjust("A", "main", 1);
    floor.close(Default::default());

    let (floor, search) = (reopen(), Arc::new(MemorySearch::new()));
    let consumers = floor.followed_by(&search);
    floor.create(new_product("Jug", &["C"])).unwrap();
    floor.close(consumers);
    assert_eq!(found(&search, SearchQuery::default()).len(), 3);
    assert_eq!(in_stock(&search), ["mug"]);
}

#[test]
fn an_index_behind_a_cut_log_or_ahead_of_it_is_filled_again() {
    let floor = Floor::new();
    for (name, one) in [("Mug", "A"), ("Cup", "B"), ("Jug", "C"), ("Old", "D")] {
        floor.create(new_product(name, &[one])).unwrap();
    }
    let head = *floor.shop.head().borrow();
    floor.shop.store().truncate_log(head - 1).unwrap();
    for position in [2, head + 10] {
        let search = Arc::new(MemorySearch::new());
        // It says to be further than the log reaches back, or than the log is; and knows nothing.
        search.apply(&[], position).unwrap();
        let consumers = floor.followed_by(&search);
        let mut left = 1_000_000;
        while found(&search, SearchQuery::default()).len() < 4 {
            left -= 1;
            assert!(left > 0, "position {position}");
            std::thread::yield_now();
        }
        drop(consumers);
    }
}

/// Fails at first, then tells what it sees.
struct Clumsy {
    failures: u32,
    told: Sender<u64>,
    began: bool,
}

impl Consumer for Clumsy {
    fn name(&self) -> &'static str {
        "clumsy"
    }

    fn place(&self) -> Place {
        Place::Shared
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(Fault::Unavailable("not yet".into()));
        }
        seen.iter()
            .for_each(|seen| self.told.send(seen.position).unwrap());
        Ok(())
    }

    /// The first time, from the beginning; never again, for the log is whole.
    fn start_over(&mut self) -> Result<u64, Fault> {
        assert!(!self.began, "it has a place");
        self.began = true;
        Ok(0)
    }
}

fn clumsy(failures: u32) -> (Box<dyn Consumer>, Receiver<u64>) {
    let (told, heard) = unbounded();
    let began = false;
    let consumer = Clumsy {
        failures,
        told,
        began,
    };
    (Box::new(consumer), heard)
}

#[test]
fn a_consumer_that_fails_sees_everything_once_it_works_and_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let reopen =
        || Floor::on(open(directory.path(), SqliteOptions::default(), &SystemRandom).unwrap());
    let floor = reopen();
    let (consumer, heard) = clumsy(2);
    let consumers = floor.followed(consumer);
    for name in ["a", "b", "c"] {
        floor.store(name);
    }
    let first: Vec<_> = (0..3)
        .map(|_| heard.recv_timeout(Duration::from_secs(10)).unwrap())
        .collect();
    assert_eq!(first, [1, 2, 3]);
    floor.close(consumers);

    let floor = reopen();
    let (consumer, heard) = clumsy(0);
    let consumers = floor.followed(consumer);
    floor.store("d");
    assert_eq!(
        consumers
            .positions()
            .map(|(name, _)| name)
            .collect::<Vec<_>>(),
        ["clumsy"]
    );
    floor.close(consumers);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [4]);
}
