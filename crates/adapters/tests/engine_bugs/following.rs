//! Shared consumers that read from Kafka: each entry has its effect, and has it once, who dies and who joins.

use crate::floor::{Floor, Handed, Noting, until};
use crate::real::{following, options, relayed};
use cartwright_adapters::bus::kafka::KafkaBus;
use cartwright_app::Fault;
use cartwright_app::consumers::{Consumer, Place, Seen};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Notes what it is handed, but dies before that when it comes to a position, once.
struct Dying {
    noting: Noting,
    at: u64,
    has_died: Arc<AtomicBool>,
}

impl Consumer for Dying {
    fn name(&self) -> &'static str {
        self.noting.name
    }

    fn place(&self) -> Place {
        Place::Shared
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        let is_there = seen.iter().any(|it| it.position >= self.at);
        if is_there && !self.has_died.swap(true, Ordering::SeqCst) {
            panic!("planned: it dies before its effect");
        }
        self.noting.handle(seen)
    }

    fn start_over(&mut self) -> Result<u64, Fault> {
        self.noting.start_over()
    }
}

/// What was handed over is all of it, in order and once each.
fn once_each(handed: &Handed, last: u64) -> Result<(), String> {
    let handed = handed.lock().expect("handed");
    let wanted: Vec<_> = (1..=last).collect();
    if *handed == wanted {
        return Ok(());
    }
    let missing: Vec<_> = wanted.iter().filter(|it| !handed.contains(it)).collect();
    let times = |position: &u64| handed.iter().filter(|it| *it == position).count();
    let twice: Vec<_> = wanted.iter().filter(|it| times(it) > 1).collect();
    Err(format!(
        "of {last} entries {} had no effect and {} had it more than once",
        missing.len(),
        twice.len()
    ))
}

/// The one that runs dies before it has done anything, and another one goes on.
pub(crate) fn dies() -> Option<Result<(), String>> {
    let options = options("a consumer's death")?;
    let mut floor = Floor::new();
    let relay = relayed(&floor, &options);
    let bus = Arc::new(KafkaBus::new(&floor.shop, options.clone()));
    let (handed, has_died) = (Handed::default(), Arc::new(AtomicBool::new(false)));
    let one = || -> Box<dyn Consumer> {
        let noting = Noting {
            name: "noting",
            handed: handed.clone(),
        };
        Box::new(Dying {
            noting,
            at: 25,
            has_died: has_died.clone(),
        })
    };
    let first = following(&floor, &bus, vec![one()]);
    floor.grow(20);
    let last = || handed.lock().expect("handed").last().copied();
    until("it follows", || last() == Some(20));
    floor.grow(20);
    until("it dies", || has_died.load(Ordering::SeqCst));
    let second = following(&floor, &bus, vec![one()]);
    floor.grow(20);
    until("another one goes on", || last() == Some(60));
    floor.close();
    for it in [first, second, relay] {
        it.close();
    }
    Some(once_each(&handed, 60))
}

/// A second process joins, and the group gives it what the first one had.
pub(crate) fn rebalanced() -> Option<Result<(), String>> {
    let mut options = options("a rebalance")?;
    let mut floor = Floor::new();
    let relay = relayed(&floor, &options);
    let handed = Handed::default();
    let runs = |floor: &Floor, node: &str| {
        // The first in the order of their names has the partition.
        options.node = node.to_owned();
        let bus = Arc::new(KafkaBus::new(&floor.shop, options.clone()));
        let noting = Noting {
            name: "noting",
            handed: handed.clone(),
        };
        following(floor, &bus, vec![Box::new(noting)])
    };
    let mut runs = runs;
    let count = || handed.lock().expect("handed").len();
    let mut running = Vec::new();
    let mut last = 0;
    for node in ["c", "b", "a"] {
        running.push(runs(&floor, node));
        // Enough of them, one after the other, that the group has settled within.
        for _ in 0..8 {
            floor.grow(5);
            last += 5;
            until("they follow", || count() as u64 >= last);
        }
    }
    floor.close();
    for it in running {
        it.close();
    }
    relay.close();
    Some(once_each(&handed, last))
}
