//! Topics that are deleted, rebuilt, or of a log that is gone.

use super::real::{following, lying, options, relayed};
use crate::contract::read_to;
use crate::floor::{Floor, Handed, Noting, until};
use cartwright_adapters::bus::kafka::{KafkaBus, Rebuild};
use cartwright_app::ports::{Bus, Readers};
use std::sync::Arc;

#[test]
fn a_topic_that_is_deleted_is_read_around_and_rebuilt_as_the_log_is() {
    let Some(options) = options("a deleted topic") else {
        return;
    };
    let mut floor = Floor::new();
    let relay = relayed(&floor, &options);
    let bus = Arc::new(KafkaBus::new(&floor.shop, options.clone()));
    let handed: Handed = Arc::default();
    let noting = Noting {
        name: "noting",
        handed: handed.clone(),
    };
    let follower = following(&floor, &bus, vec![Box::new(noting)]);
    floor.grow(40);
    until("they hear", || handed.lock().expect("handed").len() == 40);
    let names = Rebuild::topics(&options);
    assert_eq!(names.len(), 17);
    Rebuild::empty(&options, &names).expect("deleted");
    floor.grow(40);
    until("they hear all the same", || {
        handed.lock().expect("handed").len() == 80
    });
    floor.close();
    follower.close();
    relay.close();
    let heard: Vec<_> = handed.lock().expect("handed").clone();
    assert_eq!(heard, (1..=80).collect::<Vec<_>>());

    let wanted = vec![options.log_topic(), options.topic_of("store")];
    Rebuild::empty(&options, &wanted).expect("deleted");
    let mut rebuild = Rebuild::new(&options, wanted).expect("ready");
    let log = floor.log();
    // In two steps, as one that was interrupted would.
    let (one, two) = log.split_at(30);
    let mut messages = 0;
    for piece in [one, two] {
        let done = rebuild.publish(piece).expect("published");
        assert_eq!(done.left_out, 0);
        messages += done.messages;
    }
    assert_eq!(messages, 80 + log.len() as u64);
    let found = lying(&options, &options.topic_of("store"));
    let mut positions: Vec<_> = found.iter().map(|it| it.position()).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=80).collect::<Vec<_>>(), "each once");
    let bus = KafkaBus::new(&floor.shop, options);
    let mut subscription = bus
        .subscribe("rebuilt", Readers::Each)
        .expect("a subscription");
    assert_eq!(
        read_to(&mut *subscription, 0, 80, 100),
        log,
        "as the log is"
    );
    assert_eq!(bus.brought(), (80, 0), "from Kafka");
}

#[test]
fn entries_of_a_log_that_is_gone_are_never_read() {
    let Some(options) = options("a restored database") else {
        return;
    };
    // What Kafka has is ahead of a database that was restored from an older copy.
    let mut lost = Floor::new();
    let relay = relayed(&lost, &options);
    lost.grow(50);
    lost.close();
    relay.close();

    let mut restored = Floor::new();
    restored.grow(20);
    let bus = KafkaBus::new(&restored.shop, options.clone());
    let mut subscription = bus
        .subscribe("search", Readers::Each)
        .expect("a subscription");
    assert_eq!(read_to(&mut *subscription, 0, 20, 100), restored.log());
    let relay = relayed(&restored, &options);
    restored.grow(60);
    assert_eq!(
        read_to(&mut *subscription, 20, 80, 100),
        restored.log()[20..]
    );
    let mut another = bus
        .subscribe("another", Readers::Each)
        .expect("a subscription");
    assert_eq!(read_to(&mut *another, 0, 80, 100), restored.log());
    until("the relay has emptied and filled its topic", || {
        lying(&options, &options.log_topic()).len() == restored.log().len()
    });
    restored.close();
    relay.close();
}
