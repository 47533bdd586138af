//! The relay: nothing lies in Kafka that is not in the log, and its place is never beyond what brokers have.

use crate::broker::Broker;
use crate::engine::Schema;
use crate::floor::{Floor, until};
use crate::real::{lying, options, relayed};
use cartwright_adapters::bus::kafka::RELAY;
use cartwright_adapters::store::postgres::{PostgresOptions, open};
use cartwright_adapters::system::{SystemClock, SystemRandom};
use cartwright_app::ports::Clock;
use rustix::process::Signal;
use std::collections::BTreeSet;

/// PostgreSQL refuses a batch; others before and after it are taken.
pub(crate) fn ahead() -> Option<Result<(), String>> {
    let options = options("a relay that is ahead")?;
    let schema = Schema::fresh()?;
    let parts = open(&PostgresOptions::new(&schema.url), &SystemRandom).expect("a store");
    let mut floor = Floor::on(parts);
    let relay = relayed(&floor, &options);
    let place = |floor: &Floor| floor.shop.store().cursor(RELAY).expect("a place");
    floor.grow(5);
    let run = |sql: &str| drop(schema.run(sql).expect("PostgreSQL answers"));
    run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    assert!(!floor.try_rename("s1", "never"), "PostgreSQL refuses it");
    run("DROP TRIGGER refuse ON log; DROP FUNCTION refuse()");
    until("it takes again what comes", || {
        floor.try_rename("s2", "later")
    });
    floor.grow(5);
    let head = floor.head();
    until("all is published", || place(&floor) == Some(head));
    let log = floor.log();
    let ids: BTreeSet<String> = log
        .iter()
        .flat_map(|it| &it.entries)
        .map(|it| shown(&it.event_id))
        .collect();
    let topic = lying(&options, &options.topic_of("store"));
    assert!(topic.len() as u64 >= head, "all of it lies there");
    let stranger = topic.iter().find(|it| {
        let id = it.headers["event-id"].trim_start_matches("evt_");
        !ids.contains(id)
    });
    let held = match stranger {
        None => Ok(()),
        Some(it) => Err(format!(
            "{} lies at position {} of a topic, and the log has no such event",
            it.headers["event-id"],
            it.position()
        )),
    };
    floor.close();
    relay.close();
    Some(held)
}

/// As ids are written: 26 characters of Crockford's base 32.
fn shown(id: &[u8]) -> String {
    let bytes: [u8; 16] = id.try_into().expect("16 bytes");
    let number = u128::from_be_bytes(bytes);
    let digits = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digit = |place: u32| digits[(number >> (5 * place) & 31) as usize] as char;
    (0..26).rev().map(digit).collect()
}

/// All brokers stand still: nothing that is sent now is acknowledged.
pub(crate) fn unacknowledged() -> Option<Result<(), String>> {
    /// Longer than a relay takes for what it need not wait for.
    const WATCHED_NS: u64 = 1_500_000_000;
    let mut options = options("a relay without acknowledgements")?;
    let broker = Broker::start("a relay without acknowledgements")?;
    options.brokers = broker.address();
    let mut floor = Floor::new();
    let relay = relayed(&floor, &options);
    let place = || floor.shop.store().cursor(RELAY).expect("a place");
    floor.grow(10);
    let published = || {
        let topic = options.topic_of("store");
        place() == Some(10) && lying(&options, &topic).len() >= 10
    };
    until("it is published", published);
    broker.signal(Signal::STOP);
    floor.grow(10);
    let clock = SystemClock::new();
    let end_ns = clock.monotonic_ns() + WATCHED_NS;
    let mut held = Ok(());
    while held.is_ok() && clock.monotonic_ns() < end_ns {
        std::thread::sleep(std::time::Duration::from_millis(20));
        if place() > Some(10) {
            held = Err(format!(
                "the relay's place is {:?}, and no broker has more than 10",
                place()
            ));
        }
    }
    broker.signal(Signal::CONT);
    until("all is published", || place() == Some(20));
    floor.close();
    relay.close();
    Some(held)
}
