//! What the relay publishes, and that it never loses or leads.

use super::real::{self, lying, options, relay, relayed};
use crate::contract::keeps_the_contract;
use crate::floor::{Floor, until};
use cartwright_adapters::bus::kafka::{KafkaBus, RELAY, Registry};
use cartwright_app::consumers::{Consumer, Seen};
use cartwright_app::{Key, Record};
use cartwright_domain::Time;
use cartwright_proto::events as proto;
use prost::Message as _;
use std::collections::BTreeMap;

pub(crate) fn seen(log: &[proto::Batch]) -> Vec<Seen<'_>> {
    let all = log.iter().flat_map(|batch| {
        (batch.first_position..)
            .zip(&batch.entries)
            .map(|(position, entry)| Seen {
                position,
                time: Time(batch.time_ms),
                origin: &batch.origin,
                batch: &batch.batch_id,
                entry,
            })
    });
    all.collect()
}

#[test]
fn the_kafka_bus_keeps_the_contract() {
    let Some(options) = options("the contract") else {
        return;
    };
    let mut floor = Floor::new();
    let consumers = relayed(&floor, &options);
    let bus = KafkaBus::new(&floor.shop, options.clone());
    floor.grow(1);
    until("the relay works", || {
        floor.shop.store().cursor(RELAY).expect("a place") == Some(1)
    });
    keeps_the_contract(&floor, &bus);
    let (by_kafka, _) = bus.brought();
    assert!(
        by_kafka > 60,
        "read from Kafka, not around it: {:?}",
        bus.brought()
    );
    until("Kafka's tools see how far a group is", || {
        let group = options.group_of("contract");
        real::told(&options, &group).is_some_and(|it| it >= 40)
    });
    floor.close();
    consumers.close();
}

#[test]
fn every_entry_is_published_in_its_keys_order_with_headers_and_a_schema() {
    let Some(options) = options("publishing") else {
        return;
    };
    let mut floor = Floor::new();
    let consumers = relayed(&floor, &options);
    floor.grow(50);
    floor.close();
    consumers.close();

    let found = lying(&options, &options.topic_of("store"));
    assert_eq!(found.len(), 50);
    let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let log = floor.log();
    let entries = seen(&log);
    for message in &found {
        let key = message.key.clone().expect("a key");
        let at = &entries[message.position() as usize - 1];
        assert_eq!(at.entry.stream, key);
        assert_eq!(message.headers["type"], "store.put");
        assert_eq!(
            message.headers["stream-version"],
            at.entry.stream_version.to_string()
        );
        assert_eq!(message.headers["correlation-id"], "request-1");
        assert_eq!(message.headers["origin"], "test");
        assert!(message.headers["event-id"].starts_with("evt_"));
        assert_eq!(message.time_ms, Some(at.time.0));
        assert_eq!(message.value[0], 0, "the wire format of registries");
        assert!(message.value.ends_with(&at.entry.payload));
        by_key
            .entry(key)
            .or_default()
            .push((message.partition, at.entry.stream_version));
    }
    assert_eq!(by_key.len(), 5);
    for (key, versions) in by_key {
        let expected: Vec<_> = (1..=10).map(|version| (versions[0].0, version)).collect();
        assert_eq!(versions, expected, "{key}: one partition, one order");
    }
    let id = i32::from_be_bytes(found[0].value[1..5].try_into().expect("an id"));
    let registry = Registry::new(&options.registry).expect("a registry");
    let schema = registry.schema(id).expect("an answer").expect("the schema");
    assert!(schema.contains("message StorePut"), "{schema}");
    // The first message of its file, so its path is empty.
    let put = proto::StorePut::decode(&found[0].value[6..]).expect("the payload");
    assert!(put.name.starts_with("name "));

    let batches = lying(&options, &options.log_topic());
    let first: Vec<_> = batches.iter().map(|it| it.position()).collect();
    let expected: Vec<_> = log.iter().map(|it| it.first_position).collect();
    assert_eq!(first, expected, "the log in its order");
}

#[test]
fn after_a_crash_between_sending_and_keeping_consumers_see_everything_once() {
    let Some(options) = options("a relay's crash") else {
        return;
    };
    let floor = Floor::new();
    floor.grow(30);
    let log = floor.log();
    let entries = seen(&log);
    relay(&floor, &options)
        .handle(&entries[..20])
        .expect("published");
    // The next one finds the place of before, so it sends ten again, and then the rest.
    let mut next = relay(&floor, &options);
    next.handle(&entries[10..25]).expect("published");
    next.handle(&entries[25..]).expect("published");

    let positions: Vec<_> = lying(&options, &options.log_topic())
        .iter()
        .map(|it| it.position())
        .collect();
    let expected: Vec<u64> = (1..=20).chain(11..=30).collect();
    assert_eq!(
        positions, expected,
        "ten are there twice, and are known by their position"
    );
    let events = lying(&options, &options.topic_of("store"));
    let ids: std::collections::BTreeSet<_> =
        events.iter().map(|it| &it.headers["event-id"]).collect();
    assert_eq!((events.len(), ids.len()), (40, 30));

    let bus = KafkaBus::new(&floor.shop, options);
    let mut subscription =
        cartwright_app::ports::Bus::subscribe(&bus, "once", cartwright_app::ports::Readers::Each)
            .expect("a subscription");
    let read = crate::contract::read_to(&mut *subscription, 0, 30, 7);
    assert_eq!(read, log);
    assert_eq!(bus.brought(), (30, 0), "all of it from Kafka");
}

#[test]
fn what_is_too_large_becomes_a_dead_letter_and_parks_its_key_alone() {
    let Some(mut options) = options("a large entry") else {
        return;
    };
    options.max_message_bytes = 2_600;
    let mut floor = Floor::new();
    let consumers = relayed(&floor, &options);
    floor.rename("a", "small");
    let large = "x".repeat(900);
    floor.rename("a", &large);
    floor.rename("a", "small again");
    floor.rename("b", "another");
    let letters = || {
        let store = floor.shop.store();
        let found = store.list_dead_letters(None, &None, 10).expect("letters");
        let letter = found.items.into_iter().map(|it| match it {
            Record::DeadLetter(letter) => letter,
            other => panic!("{other:?}"),
        });
        letter.collect::<Vec<_>>()
    };
    until("both are recorded", || letters().len() == 2);
    let found = letters();
    assert!(found[0].about.cause.contains("too large"), "{:?}", found[0]);
    assert_eq!(found[0].about.attempts, 1);
    assert_eq!(
        (found[1].about.attempts, &*found[1].about.key),
        (0, "store:a")
    );
    let keys = || {
        let all = lying(&options, &options.topic_of("store")).into_iter();
        all.map(|it| it.key.expect("a key")).collect::<Vec<_>>()
    };
    until("the other key goes on", || {
        keys().contains(&"store:b".to_owned())
    });
    assert_eq!(keys().iter().filter(|it| *it == "store:a").count(), 1);
    // Consumers see all of it nevertheless: what the topic does not have the store has.
    let bus = KafkaBus::new(&floor.shop, options.clone());
    let mut subscription =
        cartwright_app::ports::Bus::subscribe(&bus, "large", cartwright_app::ports::Readers::Each)
            .expect("a subscription");
    let read = crate::contract::read_to(&mut *subscription, 0, floor.head(), 100);
    assert_eq!(read, floor.log());

    floor.submit(cartwright_app::dead_letters::DiscardLetter {
        id: found[0].id,
        reason: "too large for anybody".into(),
        expected_version: None,
    });
    until("what waited follows by itself", || {
        keys().iter().filter(|it| *it == "store:a").count() == 2
    });
    until("and is a letter no more", || {
        matches!(floor.shop.read_now(&Key::DeadLetter(found[1].id)), Ok(None))
    });
    floor.close();
    consumers.close();
}
