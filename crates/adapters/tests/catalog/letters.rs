//! What a consumer can never do: it becomes a dead letter, and the consumer goes on.

use crate::floor::Floor;
use cartwright_adapters::bus::EmbeddedBus;
use cartwright_app::consumers::{Consumer, Seen};
use cartwright_app::dead_letters::{DeadLetters, ReplayLetter};
use cartwright_app::notify::{self, Notifier};
use cartwright_app::ports::mailer::{Mail, MailError, Mailer};
use cartwright_app::ports::{Bus, Readers};
use cartwright_app::{Record, events};
use cartwright_domain::Time;
use cartwright_domain::dead_letter::{DeadLetter, State};
use cartwright_proto::events as proto;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A mail server that nobody should have asked.
#[derive(Debug)]
struct Nobody;

impl Mailer for Nobody {
    fn send(&self, mail: &Mail) -> Result<(), MailError> {
        panic!("{mail:?} was sent");
    }
}

fn letters(floor: &Floor) -> Vec<Arc<DeadLetter>> {
    let store = floor.shop.store();
    let found = store.list_dead_letters(Some(notify::CONSUMER), &None, 10);
    let found = found.unwrap().items.into_iter().map(|it| match it {
        Record::DeadLetter(it) => it,
        other => panic!("{other:?}"),
    });
    found.collect()
}

#[test]
fn an_entry_that_nobody_understands_is_put_aside_once() {
    let floor = Floor::new();
    let dead_letters = DeadLetters::new(floor.shop.clone(), notify::CONSUMER, 10);
    let (seller, domain) = ("Shop".to_owned(), "example.com".to_owned());
    let mailer = Arc::new(Nobody);
    let mut mail = Notifier::new(floor.shop.clone(), mailer, seller, domain, dead_letters);
    let entry = |kind: &str, id: u8| proto::Entry {
        stream: "order:ord_00000000000000000000000001".into(),
        stream_version: 2,
        r#type: kind.to_owned(),
        event_id: vec![id; 16],
        correlation_id: "request".into(),
        payload: vec![255],
        ..proto::Entry::default()
    };
    let entries = [
        entry("product.put", 1),
        entry("order.of_tomorrow", 2),
        entry("order.paid", 3),
    ];
    let seen: Vec<_> = (5..)
        .zip(&entries)
        .map(|(position, entry)| Seen {
            position,
            time: Time(9),
            origin: "test",
            batch: b"",
            entry,
        })
        .collect();
    let done = AtomicBool::new(false);
    // The consumer's thread blocks; somebody must hand out the loop's answers meanwhile.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            floor.threads.block_on(async {
                while !done.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            });
        });
        mail.handle(&seen).unwrap();
        mail.handle(&seen).unwrap();
        done.store(true, Ordering::SeqCst);
    });
    let all = letters(&floor);
    let stand: Vec<_> = all.iter().map(|it| (it.about.position, it.state)).collect();
    assert_eq!(stand, [(6, State::Dead), (7, State::Dead)]);
    assert!(all[0].about.cause.contains("order.of_tomorrow"), "{all:#?}");
    let place = floor.shop.store().cursor(notify::CONSUMER).unwrap();
    assert_eq!(place, Some(7), "the place moves with the letters");

    floor
        .submit(ReplayLetter {
            id: all[0].id,
            expected_version: None,
        })
        .unwrap();
    let bus = EmbeddedBus::new(&floor.shop);
    let asked = read(&bus, 0).pop().unwrap();
    let last = asked.entries.last().unwrap();
    assert_eq!(last.r#type, events::REPLAYING);
    let again = Seen {
        position: *bus.head().borrow() + 100,
        entry: last,
        ..seen[0]
    };
    done.store(false, Ordering::SeqCst);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            floor.threads.block_on(async {
                while !done.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
            });
        });
        mail.handle(&[again]).unwrap();
        done.store(true, Ordering::SeqCst);
    });
    let first = &letters(&floor)[0];
    assert_eq!((first.state, first.about.attempts), (State::Dead, 2));
    floor.close(Default::default());
}

fn read(bus: &dyn Bus, after: u64) -> Vec<proto::Batch> {
    let mut subscription = bus.subscribe("x", Readers::Each).unwrap();
    subscription.read(after, 100).unwrap().unwrap()
}

#[test]
fn the_bus_wakes_with_the_head_and_keeps_places() {
    let floor = Floor::new();
    let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::new(&floor.shop));
    let mut head = bus.head();
    assert_eq!(
        (*head.borrow_and_update(), bus.place("x").unwrap()),
        (0, None)
    );
    floor.store("main");
    floor.store("other");
    assert!(head.has_changed().unwrap());
    let all = read(&*bus, 0);
    let last = all.last().unwrap();
    let end = last.first_position + last.entries.len() as u64 - 1;
    assert_eq!((all[0].first_position, end), (1, *head.borrow()));
    let mut next = 1;
    for batch in &all {
        assert_eq!(batch.first_position, next, "without gaps");
        next += batch.entries.len() as u64;
    }
    assert_eq!(read(&*bus, end), []);
    assert_eq!(read(&*bus, 1).last(), all.last());
    bus.keep_place("x", 1).unwrap();
    bus.keep_place("x", 2).unwrap();
    assert_eq!(bus.place("x").unwrap(), Some(2));
    floor.close(Default::default());
}
