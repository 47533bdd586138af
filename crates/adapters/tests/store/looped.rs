//! The write loop on every store: never oversells, answers a retry with the same bytes, and its log makes its state.

use crate::desk::{Desk, check};
use crate::samples::*;
use cartwright_adapters::store::memory;
use cartwright_app::commit::{Options, Running, start};
use cartwright_app::inventory::{Adjust, Place, Reserve, Take};
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::{Clock, Random, StoreParts};
use cartwright_app::shop::{Answer, Command, Keyed, Reply, Submission};
use cartwright_app::{Fault, Key, Record, Shop, events};
use cartwright_domain::inventory::{Asked, Level, State};
use cartwright_domain::{ReservationId, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Hands(pub(crate) AtomicI64);

impl Clock for Hands {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        1
    }
}

/// Numbers that repeat from run to run.
#[derive(Debug)]
pub(crate) struct Sequence(pub(crate) AtomicU64);

impl Random for Sequence {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = (self
                .0
                .fetch_add(1, Ordering::Relaxed)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                >> 56) as u8;
        }
    }
}

pub(crate) struct Floor {
    pub(crate) shop: Shop,
    running: Option<Running>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) threads: tokio::runtime::Runtime,
}

/// A shop with 20 units of A in Berlin, on every technology; replayed and compared when the test is done.
pub(crate) fn on_each(test: impl Fn(&str, &mut Floor)) {
    check(|name, desk| {
        desk.commit(&[
            product("lamp", &["A"]),
            store("berlin"),
            receive("A", "berlin", 20),
        ])
        .unwrap();
        let parts = std::mem::replace(&mut desk.parts, memory::open(&Sequence(AtomicU64::new(0))));
        let read = parts.read.clone();
        let mut floor = Floor::new(parts);
        test(name, &mut floor);
        floor.running.take().unwrap().close();
        replays(name, &*read);
    });
}

fn replays(name: &str, read: &dyn cartwright_app::ports::ReadStore) {
    let (mut replayed, mut position) = (BTreeMap::new(), 0);
    loop {
        let batches = read.log(position, 100).unwrap();
        if batches.is_empty() {
            break;
        }
        for batch in batches {
            assert_eq!(batch.first_position, position + 1, "{name}");
            position += batch.entries.len() as u64;
            for event in batch
                .entries
                .iter()
                .filter_map(|entry| events::decode(entry).unwrap())
            {
                let mut state = replayed.remove(&event.key());
                event.apply(&mut state, Time(batch.time_ms));
                replayed.extend(state.map(|state| (event.key(), state)));
            }
        }
    }
    let mut kept = BTreeMap::new();
    let at = read.visit_all(&mut |key, record| {
        kept.insert(key, record);
        Ok(())
    });
    assert_eq!(
        (kept, at.unwrap()),
        (replayed, position),
        "{name}: the log makes the state"
    );
}

impl Floor {
    fn new(parts: StoreParts) -> Self {
        let clock = Arc::new(Hands(AtomicI64::new(NOW.0)));
        let options = Options {
            max_batch: 64,
            max_waiting: 10_000,
            max_kept: 10_000,
            cache_bytes: 1 << 20,
            origin: "test".into(),
        };
        let threads = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let (shop, running) = start(
            parts,
            clock.clone(),
            Arc::new(Sequence(AtomicU64::new(1))),
            options,
            threads.handle(),
        )
        .unwrap();
        Self {
            shop,
            running: Some(running),
            clock,
            threads,
        }
    }

    pub(crate) fn submit(&self, command: impl Command + 'static, keyed: Option<Keyed>) -> Answer {
        self.threads
            .block_on(self.shop.submit(submission(command, keyed)))
            .unwrap()
    }

    /// All at once, answers in the order of the commands.
    fn submit_all(&self, commands: Vec<Reserve>) -> Vec<Result<Answer, Fault>> {
        self.threads.block_on(async {
            let started = commands.into_iter().map(|command| {
                let shop = self.shop.clone();
                tokio::spawn(async move { shop.submit(submission(command, None)).await })
            });
            let started: Vec<_> = started.collect();
            let mut answers = Vec::new();
            for answer in started {
                answers.push(answer.await.unwrap());
            }
            answers
        })
    }

    fn level(&self) -> Arc<Level> {
        match self
            .shop
            .store()
            .load(&Key::Level(level_key("A", "berlin")))
            .unwrap()
        {
            Some(Record::Level(level)) => level,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn submission(command: impl Command + 'static, keyed: Option<Keyed>) -> Submission {
    Submission {
        command: Box::new(command),
        keyed,
        actor: "key_1".into(),
        correlation: "req_1".into(),
        deadline_ns: u64::MAX,
    }
}

pub(crate) fn reserve(reference: &str, quantity: i64) -> Reserve {
    Reserve {
        principal: "key_1".into(),
        reference: reference.into(),
        asked: vec![Asked {
            sku: sku("A"),
            store: Some(store_id("berlin")),
            quantity,
        }],
        ttl_seconds: 60,
        place: Place::default(),
        limit: None,
        through: None,
        expected_version: None,
    }
}

/// Keeps the outcome as text.
pub(crate) fn keyed(key: u8, payload: u8) -> Option<Keyed> {
    let render = |outcome: &Result<_, _>, _: &mut dyn FnMut(&_) -> _| KeptReply {
        status: 200,
        body: format!("{outcome:?}").into(),
        ..KeptReply::default()
    };
    Some(Keyed {
        hash: [key; 16],
        payload_hash: [payload; 32],
        keep_ms: 3_600_000,
        render: Box::new(render),
    })
}

fn held(answer: &Answer) -> bool {
    matches!(&answer.reply, Reply::Decided(Ok(_)))
}

#[test]
fn reserving_until_empty_never_oversells() {
    on_each(|name, floor| {
        let commands = (0..500)
            .map(|number| reserve(&format!("r{number}"), 1 + number % 3))
            .collect();
        let answers: Vec<_> = floor
            .submit_all(commands)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let units: i64 = (0..500)
            .zip(&answers)
            .filter(|(_, answer)| held(answer))
            .map(|(number, _)| 1 + number % 3)
            .sum();
        assert_eq!(
            units, 20,
            "{name}: one-unit holds take what larger ones leave"
        );
        assert_eq!(
            (floor.level().on_hand, floor.level().reserved),
            (20, 20),
            "{name}"
        );
    });
}

#[test]
fn a_retry_gets_the_same_bytes_and_happens_once() {
    on_each(|name, floor| {
        let body = |answer: Answer| match answer.reply {
            Reply::Kept(reply, again) => (reply.body.clone(), again),
            other => panic!("{name}: {other:?}"),
        };
        let (first, again) = body(floor.submit(reserve("a", 1), keyed(1, 1)));
        assert!(!again, "{name}");
        let moved = floor.level();
        assert_eq!(
            body(floor.submit(reserve("a", 1), keyed(1, 1))),
            (first.clone(), true),
            "{name}"
        );
        let reused = floor.submit(reserve("a", 2), keyed(1, 2));
        assert!(matches!(reused.reply, Reply::KeyReused), "{name}");
        assert_eq!(floor.level(), moved, "{name}");
        floor.clock.0.fetch_add(3_600_000, Ordering::SeqCst);
        let (later, again) = body(floor.submit(reserve("b", 1), keyed(1, 1)));
        assert!(
            !again && later != first,
            "{name}: the key is free after its time"
        );
    });
}

#[test]
fn a_refused_command_changes_nothing() {
    on_each(|name, floor| {
        let (level, position) = (floor.level(), *floor.shop.head().borrow());
        let unknown = Adjust {
            level: level_key("X", "berlin"),
            delta: 1,
            reason: "".into(),
            expected_version: None,
        };
        let stale = Reserve {
            expected_version: Some(99),
            ..reserve("a", 1)
        };
        for answer in [
            floor.submit(reserve("a", 21), None),
            floor.submit(unknown, None),
            floor.submit(stale, None),
        ] {
            assert!(
                matches!(answer.reply, Reply::Decided(Err(_))),
                "{name}: {answer:?}"
            );
        }
        assert_eq!(
            (floor.level(), *floor.shop.head().borrow()),
            (level, position),
            "{name}"
        );
    });
}

#[test]
fn taking_holds_and_confirms_in_one_command() {
    on_each(|name, floor| {
        let before = floor.level();
        let take = |id: u128, quantity: i64, expected_version: Option<u64>| Take {
            id: ReservationId(id),
            principal: "key_1".into(),
            level: level_key("A", "berlin"),
            quantity,
            expected_version,
        };
        assert!(
            held(&floor.submit(take(1, 5, Some(before.version)), None)),
            "{name}"
        );
        let after = floor.level();
        assert_eq!(
            (after.on_hand, after.reserved, after.version),
            (before.on_hand - 5, before.reserved, before.version + 2),
            "{name}"
        );
        let kinds: Vec<_> = movements_after(floor, before.version);
        assert_eq!(kinds, ["level.reserved", "level.confirmed"], "{name}");
        let hold = floor.shop.store().load(&Key::Reservation(ReservationId(1)));
        let Some(Record::Reservation(hold)) = hold.unwrap() else {
            panic!("{name}: no hold");
        };
        assert_eq!(hold.state, State::Confirmed, "{name}");
        for refused in [
            take(2, after.available() + 1, None),
            take(3, 1, Some(before.version)),
        ] {
            assert!(!held(&floor.submit(refused, None)), "{name}");
        }
        assert_eq!(floor.level(), after, "{name}");
    });
}

/// Types of the level's log entries after a version.
fn movements_after(floor: &Floor, version: u64) -> Vec<String> {
    let store = floor.shop.store();
    let found = store.movements(&sku("A"), &store_id("berlin"), version, 10);
    let kinds = found.unwrap().into_iter().map(|(_, _, entry)| entry.r#type);
    kinds.collect()
}

#[test]
fn the_units_of_an_expired_hold_are_free_for_the_next_command() {
    on_each(|name, floor| {
        assert!(held(&floor.submit(reserve("a", 20), None)), "{name}");
        assert!(!held(&floor.submit(reserve("b", 1), None)), "{name}");
        floor.clock.0.fetch_add(60_000, Ordering::SeqCst);
        let answer = floor.submit(reserve("c", 20), None);
        assert!(held(&answer), "{name}: {answer:?}");
        let key = Key::Reference("key_1".into(), "a".into());
        let Some(Record::ReservationId(id)) = floor.shop.store().load(&key).unwrap() else {
            panic!("{name}")
        };
        let Some(Record::Reservation(hold)) =
            floor.shop.store().load(&Key::Reservation(id)).unwrap()
        else {
            panic!("{name}")
        };
        assert_eq!(hold.state, State::Expired, "{name}");
    });
}

#[test]
fn a_shop_goes_on_where_it_was_closed() {
    let directory = tempfile::tempdir().unwrap();
    let opened = || {
        cartwright_adapters::store::sqlite::open(
            directory.path(),
            Default::default(),
            &Sequence(AtomicU64::new(5)),
        )
        .unwrap()
    };
    let mut desk = Desk::new(opened());
    desk.commit(&[
        product("lamp", &["A"]),
        store("berlin"),
        receive("A", "berlin", 20),
    ])
    .unwrap();
    drop(desk);
    let mut floor = Floor::new(opened());
    assert!(held(&floor.submit(reserve("a", 15), None)));
    floor.submit(reserve("b", 1), keyed(1, 1));
    floor.running.take().unwrap().close();
    drop(floor);
    let mut floor = Floor::new(opened());
    assert!(matches!(
        floor.submit(reserve("b", 1), keyed(1, 1)).reply,
        Reply::Kept(_, true)
    ));
    assert!(!held(&floor.submit(reserve("c", 5), None)));
    floor.clock.0.fetch_add(60_000, Ordering::SeqCst);
    assert!(
        held(&floor.submit(reserve("c", 20), None)),
        "holds from before the restart end in time"
    );
    floor.running.take().unwrap().close();
    replays("reopened", &**floor.shop.store());
}
