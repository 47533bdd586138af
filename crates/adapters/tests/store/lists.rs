//! Lists: in order, page by page, nothing twice and nothing left out.

use crate::desk::check;
use crate::samples::*;
use cartwright_app::ports::{Cursor, Page};
use cartwright_app::{Event, Fault, Record};
use cartwright_domain::cart::Event as CartEvent;
use cartwright_domain::{CartId, Time};

/// All pages of a list, by the name of each item.
fn all(limit: usize, list: impl Fn(&Cursor, usize) -> Result<Page<Record>, Fault>) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let page = list(&cursor, limit).unwrap();
        assert!(page.items.len() <= limit);
        assert!(
            page.next.is_none() || page.items.len() == limit,
            "a page that is not the last is full"
        );
        names.extend(page.items.iter().map(name_of));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return names,
        }
    }
}

fn name_of(record: &Record) -> String {
    match record {
        Record::Product(it) => it.id.to_string(),
        Record::Store(it) => it.id.to_string(),
        Record::Level(it) => format!("{}@{}", it.key.sku, it.key.store),
        Record::Cart(it) => it.id.0.to_string(),
        Record::ApiKey(it) => it.id.0.to_string(),
        other => panic!("{other:?} is in no list"),
    }
}

#[test]
fn lists_go_on_where_the_page_before_ended() {
    check(|name, desk| {
        let ids = ["-", "A", "B.1", "Z", "_", "a", "b"];
        let mut events: Vec<_> = ids
            .iter()
            .map(|id| product(id, &[&format!("sku-{id}")]))
            .collect();
        events.extend(ids.iter().map(|id| store(id)));
        events.extend(
            ids.iter()
                .flat_map(|id| [receive(id, "berlin", 1), receive(id, "paris", 1)]),
        );
        events
            .extend((1..=5).map(|number| cart(number, (number != 3).then_some("cust"), None, NOW)));
        events.extend((1..=5).map(|number| api_key(number, number as u8)));
        desk.commit(&events).unwrap();
        let read = &desk.parts.read;
        let levels: Vec<_> = ids.iter().map(|id| format!("{id}@berlin")).collect();
        for limit in 1..=8 {
            assert_eq!(
                all(limit, |after, limit| read.list_products(after, limit)),
                ids,
                "{name}"
            );
            assert_eq!(
                all(limit, |after, limit| read.list_stores(after, limit)),
                ids,
                "{name}"
            );
            assert_eq!(
                all(limit, |after, limit| read.list_levels(
                    &store_id("berlin"),
                    after,
                    limit
                )),
                levels,
                "{name}"
            );
            assert_eq!(
                all(limit, |after, limit| read.list_carts("cust", after, limit)),
                ["1", "2", "4", "5"],
                "{name}"
            );
            assert_eq!(
                all(limit, |after, limit| read.list_api_keys(after, limit)),
                ["1", "2", "3", "4", "5"],
                "{name}"
            );
        }
        assert!(
            all(3, |after, limit| read.list_carts("nobody", after, limit)).is_empty(),
            "{name}"
        );
    });
}

#[test]
fn stale_carts_come_oldest_first() {
    check(|name, desk| {
        let hour = 3_600_000;
        let at = |hours: i64, minutes: i64| Time(NOW.0 + hours * hour + minutes * 60_000);
        let expiries = [
            at(0, 30),
            at(0, 10),
            at(1, 20),
            at(1, 40),
            at(-2, 0),
            at(0, 5),
        ];
        let events: Vec<_> = (1..)
            .zip(expiries)
            .map(|(number, at)| cart(number, None, None, at))
            .collect();
        desk.commit(&events).unwrap();
        desk.commit(&[
            Event::Cart(CartId(6), CartEvent::Expired),
            touch(5, at(5, 0)),
        ])
        .unwrap();
        let stale = |now, limit| {
            let found = desk.parts.read.stale_carts(now, limit).unwrap();
            found.into_iter().map(|id| id.0).collect::<Vec<_>>()
        };
        assert_eq!(stale(at(0, 9), 9), [0; 0], "{name}");
        assert_eq!(stale(at(0, 10), 9), [2], "{name}: at its very moment");
        assert_eq!(stale(at(1, 20), 9), [2, 1, 3], "{name}");
        assert_eq!(stale(at(6, 0), 2), [2, 1], "{name}");
        assert_eq!(stale(at(6, 0), 9), [2, 1, 3, 4, 5], "{name}");
    });
}
