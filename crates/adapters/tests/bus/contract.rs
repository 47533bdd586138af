//! What every bus promises.

use crate::floor::{Floor, until};
use cartwright_adapters::bus::EmbeddedBus;
use cartwright_app::ports::{Bus, Readers, Subscription};
use cartwright_proto::events as proto;

/// Reads until `end`, checking that nothing is missing.
pub(crate) fn read_to(
    subscription: &mut dyn Subscription,
    mut after: u64,
    end: u64,
    limit: usize,
) -> Vec<proto::Batch> {
    let mut all = Vec::new();
    until("the bus brings all", || {
        let batches = subscription.read(after, limit).expect("read");
        for batch in batches.unwrap_or_default() {
            assert!(batch.first_position <= after + 1, "a gap after {after}");
            let last = batch.first_position + batch.entries.len() as u64 - 1;
            assert!(last > after, "entries up to {after} come again");
            after = last;
            all.push(batch);
        }
        subscription.kept(after);
        after >= end
    });
    all
}

pub(crate) fn keeps_the_contract(floor: &Floor, bus: &dyn Bus) {
    let mut head = bus.head();
    assert_eq!(*head.borrow_and_update(), floor.head());
    assert_eq!(bus.place("x").expect("a place"), None);
    floor.grow(40);
    assert!(head.has_changed().expect("open"), "the head wakes");

    for readers in [Readers::One, Readers::Each] {
        let mut subscription = bus.subscribe("contract", readers).expect("a subscription");
        let all = read_to(&mut *subscription, 0, floor.head(), usize::MAX);
        assert_eq!(all, floor.log(), "{readers:?}: all of the log, as it is");
        floor.grow(10);
        let more = read_to(&mut *subscription, all.len() as u64, floor.head(), 3);
        assert_eq!(more, floor.log()[all.len()..], "{readers:?}: what is new");
        subscription.rest();
    }

    let mut later = bus
        .subscribe("later", Readers::One)
        .expect("a subscription");
    let rest = read_to(&mut *later, 37, floor.head(), usize::MAX);
    assert_eq!(rest, floor.log()[37..], "from the middle");
    drop(later);
    let mut again = bus
        .subscribe("later", Readers::One)
        .expect("a subscription");
    let rest = read_to(&mut *again, 20, floor.head(), usize::MAX);
    assert_eq!(rest, floor.log()[20..], "back again");

    bus.keep_place("x", 7).expect("kept");
    bus.keep_place("y", 9).expect("kept");
    let places = (bus.place("x").expect("x"), bus.place("y").expect("y"));
    assert_eq!(places, (Some(7), Some(9)));
}

#[test]
fn the_embedded_bus_keeps_the_contract() {
    let mut floor = Floor::new();
    let bus = EmbeddedBus::new(&floor.shop);
    keeps_the_contract(&floor, &bus);
    floor.close();
    assert!(bus.head().has_changed().is_err(), "its end is heard");
}
