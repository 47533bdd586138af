//! What is committed is there, all of it or nothing, and the log tells how it came about.

use crate::desk::check;
use crate::samples::*;
use cartwright_app::{Event, Fault, Key, Record, events};
use cartwright_domain::cart::Event as CartEvent;
use cartwright_domain::inventory::{ReservationEvent, State, TransferEvent};
use cartwright_domain::key::Event as KeyEvent;
use cartwright_domain::{ApiKeyId, CartId, ReservationId, Slug, Time, TransferId};

#[test]
fn every_noun_reads_back_as_it_was_committed() {
    check(|name, desk| {
        let far = Time(NOW.0 + 1_000_000);
        desk.commit(&[
            product("lamp", &["A", "B"]),
            store("berlin"),
            receive("A", "berlin", 10),
            receive("A", "aachen", 1),
        ])
        .unwrap();
        desk.commit(&[
            hold(1, "key_1", "order-1", far),
            backorder("A", "berlin", ReservationId(1)),
            transfer(1),
        ])
        .unwrap();
        desk.commit(&[
            cart(1, Some("cust"), None, far),
            cart(2, None, Some(""), far),
            api_key(1, 7),
        ])
        .unwrap();
        desk.agrees(name);
        desk.now = Time(NOW.0 + 5);
        let ended = Event::Reservation(ReservationId(1), ReservationEvent::Ended(State::Confirmed));
        desk.commit(&[
            ended,
            touch(1, far),
            Event::Transfer(TransferId(1), TransferEvent::Received),
        ])
        .unwrap();
        desk.commit(&[receive("A", "berlin", 5)]).unwrap();
        desk.agrees(name);
    });
}

#[test]
fn what_is_gone_is_found_no_more() {
    check(|name, desk| {
        desk.commit(&[
            product_called("lamp", "old", &["A", "B"]),
            cart(2, None, Some("u"), NOW),
            api_key(1, 7),
        ])
        .unwrap();
        let (cart_gone, key_gone) = (CartEvent::Deleted, KeyEvent::Deleted);
        desk.commit(&[
            product_called("lamp", "new", &["B"]),
            Event::Cart(CartId(2), cart_gone),
            Event::ApiKey(ApiKeyId(1), key_gone),
        ])
        .unwrap();
        desk.agrees(name);
        let gone = [
            Key::Sku(sku("A")),
            Key::Slug(Slug::new("old").unwrap()),
            Key::Cart(CartId(2)),
            Key::UserCart("oteldemo".into(), "u".into()),
            Key::ApiKey(ApiKeyId(1)),
            Key::KeyHash([7; 32]),
            Key::StoresOf(sku("A")),
            Key::Transfer(TransferId(1)),
        ];
        assert_eq!(
            desk.parts.write.load(&gone).unwrap(),
            vec![None; gone.len()],
            "{name}"
        );
        // A SKU may move to another product at once.
        desk.commit(&[
            product_called("lamp", "new", &["C"]),
            product("shade", &["B"]),
        ])
        .unwrap();
        desk.agrees(name);
    });
}

#[test]
fn a_batch_that_breaks_uniqueness_is_rejected_whole() {
    check(|name, desk| {
        desk.commit(&[hold(1, "key_1", "order-1", NOW), api_key(1, 7)])
            .unwrap();
        for bad in [hold(2, "key_1", "order-1", NOW), api_key(2, 7)] {
            let refused = desk.commit(&[store("paris"), bad]);
            assert!(
                matches!(refused, Err(Fault::Rejected(_))),
                "{name}: {refused:?}"
            );
            desk.agrees(name);
            assert_eq!(desk.parts.write.head().unwrap(), (2, NOW), "{name}");
        }
        desk.commit(&[hold(2, "key_2", "order-1", NOW), api_key(2, 8)])
            .unwrap();
        desk.agrees(name);
    });
}

#[test]
fn open_holds_are_counted_and_pending_ones_listed() {
    check(|name, desk| {
        let count = Key::OpenHolds("key_1".into());
        assert_eq!(
            desk.parts.read.load(&count).unwrap(),
            Some(Record::Count(0)),
            "{name}"
        );
        desk.commit(&[
            hold(1, "key_1", "a", Time(20)),
            hold(2, "key_1", "b", Time(10)),
            hold(3, "key_2", "a", Time(30)),
        ])
        .unwrap();
        assert_eq!(
            desk.parts.read.load(&count).unwrap(),
            Some(Record::Count(2)),
            "{name}"
        );
        desk.commit(&[
            Event::Reservation(ReservationId(2), ReservationEvent::Ended(State::Expired)),
            Event::Reservation(
                ReservationId(1),
                ReservationEvent::Extended {
                    expires_at: Time(40),
                },
            ),
        ])
        .unwrap();
        desk.agrees(name);
        let mut pending = desk.parts.write.pending_holds().unwrap();
        pending.sort_unstable();
        assert_eq!(
            pending,
            [(Time(30), ReservationId(3)), (Time(40), ReservationId(1))],
            "{name}"
        );
    });
}

#[test]
fn the_log_is_in_order_and_without_a_gap() {
    check(|name, desk| {
        assert_eq!(desk.parts.write.head().unwrap(), (0, Time(0)), "{name}");
        for number in 1..=9 {
            desk.now = Time(NOW.0 + number);
            desk.commit(&[receive("A", "berlin", number), store("berlin")])
                .unwrap();
        }
        assert_eq!(
            desk.parts.write.head().unwrap(),
            (18, Time(NOW.0 + 9)),
            "{name}"
        );
        for after in 0..=18 {
            let batches = desk.parts.read.log(after, 5).unwrap();
            let expected: Vec<u64> = (1..=18)
                .step_by(2)
                .filter(|first| first + 1 > after)
                .take(3)
                .collect();
            assert_eq!(
                batches
                    .iter()
                    .map(|batch| batch.first_position)
                    .collect::<Vec<_>>(),
                expected,
                "{name} after {after}"
            );
        }
        let first = &desk.parts.read.log(0, 1).unwrap()[0];
        let decoded: Vec<_> = first
            .entries
            .iter()
            .map(|entry| events::decode(entry).unwrap())
            .collect();
        assert_eq!(
            decoded,
            [Some(receive("A", "berlin", 1)), Some(store("berlin"))],
            "{name}"
        );
        desk.position = 20;
        let refused = desk.commit(&[store("paris")]);
        assert!(
            matches!(refused, Err(Fault::Unavailable(_))),
            "{name}: {refused:?}"
        );
        assert_eq!(desk.parts.write.recover().unwrap(), 18, "{name}");
    });
}

#[test]
fn movements_are_paged_over_batches() {
    check(|name, desk| {
        let mut committed = 0;
        for batch in 1..=6 {
            let mut events = vec![receive("B", "berlin", 1), receive("A", "paris", 1)];
            events.extend((0..batch % 3).map(|_| receive("A", "berlin", 1)));
            committed += batch % 3;
            desk.commit(&events).unwrap();
        }
        let read = |after, limit| {
            let found = desk
                .parts
                .read
                .movements(&sku("A"), &store_id("berlin"), after, limit)
                .unwrap();
            found
                .into_iter()
                .map(|(position, _, entry)| (position, entry.stream_version))
                .collect::<Vec<_>>()
        };
        let all = read(0, 100);
        assert_eq!(
            all.iter().map(|(_, version)| *version).collect::<Vec<_>>(),
            (1..=committed).collect::<Vec<_>>(),
            "{name}"
        );
        let log = desk.parts.read.log(0, 1000).unwrap();
        let entries: Vec<_> = log.into_iter().flat_map(|batch| batch.entries).collect();
        for (position, version) in &all {
            let entry = &entries[*position as usize - 1];
            assert_eq!(
                (entry.stream.as_str(), entry.stream_version),
                ("level:A@berlin", *version),
                "{name}"
            );
        }
        for after in 0..=committed {
            for limit in 1..=4 {
                let expected: Vec<_> = all
                    .iter()
                    .copied()
                    .filter(|(_, version)| *version > after)
                    .take(limit)
                    .collect();
                assert_eq!(
                    read(after, limit),
                    expected,
                    "{name}: after {after}, at most {limit}"
                );
            }
        }
    });
}

#[test]
fn a_shortened_log_keeps_its_head_and_its_state() {
    check(|name, desk| {
        for units in 1..=5 {
            desk.commit(&[receive("A", "berlin", units), store("berlin")])
                .unwrap();
        }
        desk.parts.read.truncate_log(5).unwrap();
        let firsts = |desk: &crate::desk::Desk| {
            desk.parts
                .read
                .log(0, 100)
                .unwrap()
                .iter()
                .map(|batch| batch.first_position)
                .collect::<Vec<_>>()
        };
        assert_eq!(firsts(desk), [5, 7, 9], "{name}");
        assert_eq!(
            desk.parts
                .read
                .movements(&sku("A"), &store_id("berlin"), 0, 9)
                .unwrap()
                .len(),
            3,
            "{name}"
        );
        desk.parts.read.truncate_log(u64::MAX).unwrap();
        assert_eq!(firsts(desk), [9], "{name}");
        assert_eq!(desk.parts.write.head().unwrap().0, 10, "{name}");
        desk.commit(&[receive("A", "berlin", 1)]).unwrap();
        desk.agrees(name);
    });
}

#[test]
fn consumers_remember_how_far_they_have_read() {
    check(|name, desk| {
        assert_eq!(desk.parts.read.cursor("search").unwrap(), None, "{name}");
        desk.parts.read.set_cursor("search", 7).unwrap();
        desk.parts.read.set_cursor("relay", 1).unwrap();
        desk.parts.read.set_cursor("search", 9).unwrap();
        assert_eq!(desk.parts.read.cursor("search").unwrap(), Some(9), "{name}");
        assert_eq!(desk.parts.read.cursor("relay").unwrap(), Some(1), "{name}");
    });
}
