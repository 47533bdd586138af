//! A broker that pauses, dies and comes back: consumers hear of everything, in order, once, and the topics come to have all of it.

use super::broker::Broker;
use super::real::{following, lying, options, relayed};
use crate::floor::{Floor, Handed, Noting, until};
use cartwright_adapters::bus::kafka::KafkaBus;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::sync::Arc;

#[test]
fn a_broker_that_pauses_and_dies_costs_delay_alone() {
    let Some(mut options) = options("a broker's death") else {
        return;
    };
    let Some(mut broker) = Broker::start("a broker's death") else {
        return;
    };
    options.brokers = broker.address();
    let mut floor = Floor::new();
    let handed: Handed = Arc::default();
    let count = || handed.lock().expect("handed").len();
    let fails = || floor.shop.health().outside().get("kafka").copied();
    // It need not be up yet.
    let relay = relayed(&floor, &options);
    let bus = Arc::new(KafkaBus::new(&floor.shop, options.clone()));
    let noting = Noting {
        name: "noting",
        handed: handed.clone(),
    };
    let follower = following(&floor, &bus, vec![Box::new(noting)]);
    floor.grow(20);
    until("they hear while it starts", || count() == 20);
    until("it is published", || fails() == Some(false));

    let before = bus.brought().0;
    until("they read from Kafka", || {
        floor.grow(5);
        let all = floor.head() as usize;
        until("they hear", || count() == all);
        bus.brought().0 > before
    });

    broker.signal(Signal::STOP);
    floor.grow(50);
    let all = floor.head() as usize;
    until("they hear while it is paused", || count() == all);
    broker.signal(Signal::CONT);
    floor.grow(50);

    broker.kill();
    floor.grow(50);
    let all = floor.head() as usize;
    until("they hear while it is dead", || count() == all);
    until("its being dead is told", || fails() == Some(true));
    broker.run();
    floor.grow(50);
    until("its being back is told", || fails() == Some(false));

    let wanted: BTreeSet<_> = (1..=floor.head()).collect();
    until("the topics have everything", || {
        let log = lying(&options, &options.topic_of("store"));
        let found: BTreeSet<_> = log.iter().map(|it| it.position()).collect();
        found == wanted
    });
    let before = bus.brought().0;
    until("they read from Kafka again", || {
        floor.grow(5);
        let all = floor.head() as usize;
        until("they hear", || count() == all);
        bus.brought().0 > before
    });
    let head = floor.head();
    floor.close();
    follower.close();
    relay.close();
    let handed = handed.lock().expect("handed");
    assert_eq!(
        *handed,
        (1..=head).collect::<Vec<_>>(),
        "in order, once each"
    );
}
