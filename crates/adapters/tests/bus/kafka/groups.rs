//! Members of one group: what one has had no other gets, whoever comes and goes.

use super::real::{following, options, relayed};
use crate::floor::{Floor, Handed, Noting, until};
use cartwright_adapters::bus::kafka::KafkaBus;
use cartwright_app::consumers::Consumer;
use cartwright_app::ports::{Bus, Readers};
use std::sync::Arc;

#[test]
fn two_members_share_a_group_and_a_rebalance_loses_and_repeats_nothing() {
    let Some(options) = options("a rebalance") else {
        return;
    };
    let mut floor = Floor::new();
    let relay = relayed(&floor, &options);
    let bus = KafkaBus::new(&floor.shop, options.clone());
    let mut handed = Vec::new();
    floor.grow(50);
    // The first has it.
    let mut first = bus.subscribe("shared", Readers::One).expect("a member");
    let mut take = |subscription: &mut Box<dyn cartwright_app::ports::Subscription>| {
        let place = bus.place("shared").expect("a place").unwrap_or(0);
        // Put out, it would begin again from the place: the next call does.
        let Ok(Some(batches)) = subscription.read(place, 10) else {
            return None;
        };
        let mut place = place;
        for batch in batches {
            for position in batch.first_position..batch.first_position + batch.entries.len() as u64
            {
                if position > place {
                    handed.push(position);
                    place = position;
                }
            }
        }
        bus.keep_place("shared", place).expect("kept");
        subscription.kept(place);
        Some(place)
    };
    until("the first reads", || {
        take(&mut first).is_some_and(|it| it >= 20)
    });
    // A second one joins, in the middle; one of them has it, never both.
    let mut second = bus.subscribe("shared", Readers::One).expect("a member");
    floor.grow(50);
    let (mut by_first, mut by_second) = (false, false);
    until("one of them reads on", || {
        let one = take(&mut first);
        let other = take(&mut second);
        by_first |= one.is_some();
        by_second |= other.is_some();
        one.max(other).is_some_and(|it| it >= 100)
    });
    // The one that has it leaves, and the other goes on.
    floor.grow(50);
    if by_second {
        drop(second);
        until("the first goes on", || {
            take(&mut first).is_some_and(|it| it >= 150)
        });
    } else {
        drop(first);
        until("the second goes on", || {
            take(&mut second).is_some_and(|it| it >= 150)
        });
    }
    assert_eq!(handed, (1..=150).collect::<Vec<_>>(), "in order, once each");
    floor.close();
    relay.close();
}

#[test]
fn runners_of_two_processes_hand_over_without_gap() {
    let Some(options) = options("a handover") else {
        return;
    };
    let mut floor = Floor::new();
    let relay = relayed(&floor, &options);
    let handed: Handed = Arc::default();
    let noting = || -> Box<dyn Consumer> {
        Box::new(Noting {
            name: "noting",
            handed: handed.clone(),
        })
    };
    let bus = Arc::new(KafkaBus::new(&floor.shop, options.clone()));
    floor.grow(60);
    let one = following(&floor, &bus, vec![noting()]);
    until("one follows", || handed.lock().expect("handed").len() == 60);
    let other = following(&floor, &bus, vec![noting()]);
    floor.grow(60);
    until("they follow", || {
        handed.lock().expect("handed").len() >= 120
    });
    floor.close();
    one.close();
    other.close();
    relay.close();
    let handed = handed.lock().expect("handed");
    assert_eq!(*handed, (1..=120).collect::<Vec<_>>(), "once each");
}
