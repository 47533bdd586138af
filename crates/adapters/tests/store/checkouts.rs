//! Checkouts in the stores and through the write loop: what is held goes with its quote, and the log makes all but persons.

use crate::carts::{create, merge, refusal, rules, target};
use crate::desk::check;
use crate::looped::{Floor, keyed, on_each};
use crate::samples::*;
use cartwright_app::carts::DeleteCart;
use cartwright_app::checkouts::{
    CancelCheckout, OpenCheckout, Setting, Target, UpdateCheckout, tidy,
};
use cartwright_app::ports::CheckoutsWanted;
use cartwright_app::shop::Reply;
use cartwright_app::{Event, Key, Record, events};
use cartwright_domain::cart::{Add, Patch};
use cartwright_domain::checkout::{
    self, Address, Change, Checkout, Email, Fresh, PAST_QUOTES, Rates, Rules, State,
};
use cartwright_domain::inventory::{LevelKey, Sourcing, State as HoldState};
use cartwright_domain::{
    CartId, CheckoutId, ContactId, Country, QuoteId, Refusal, ReservationId, Time,
};
use cartwright_proto::events as proto;
use std::sync::Arc;

#[test]
fn a_checkout_reads_back_and_its_person_apart() {
    check(|name, desk| {
        let far = Time(NOW.0 + 1_000_000);
        desk.commit(&[contact(1, 1), opened(1, 7, far), opened(2, 8, far)])
            .unwrap();
        desk.agrees(name);
        desk.now = Time(NOW.0 + 5);
        let updated = checkout::Event::Updated(terms(9, Time(far.0 + 1)));
        desk.commit(&[
            contact(9, 1),
            Event::Checkout(CheckoutId(1), updated),
            Event::Checkout(CheckoutId(2), checkout::Event::Cancelled),
        ])
        .unwrap();
        desk.agrees(name);
        // The cart of the cancelled one is free for another.
        let of = |desk: &mut crate::desk::Desk, cart: u128| {
            let found = desk.parts.write.load(&[Key::CheckoutOf(CartId(cart))]);
            found.unwrap().remove(0)
        };
        assert_eq!(
            of(desk, 7),
            Some(Record::CheckoutId(CheckoutId(1))),
            "{name}"
        );
        assert_eq!(of(desk, 8), None, "{name}");
        desk.commit(&[opened(3, 8, far)]).unwrap();
        assert_eq!(
            of(desk, 8),
            Some(Record::CheckoutId(CheckoutId(3))),
            "{name}"
        );
        desk.agrees(name);
    });
}

#[test]
fn events_of_checkouts_read_back_and_tell_nothing_of_persons() {
    let entry = |event: &Event| proto::Entry {
        stream: events::stream(&event.key()),
        r#type: events::type_of(event).to_owned(),
        payload: events::encode(event),
        ..proto::Entry::default()
    };
    let at = Time(NOW.0 + 9);
    let id = CheckoutId(4);
    let mut bare = terms(4, at);
    *bare = checkout::Terms {
        contact_id: None,
        chosen_option: None,
        shipping_option: None,
        quote: None,
        ..*bare
    };
    for event in [
        opened(4, 5, at),
        Event::Checkout(id, checkout::Event::Updated(terms(4, at))),
        Event::Checkout(id, checkout::Event::Updated(bare)),
        Event::Checkout(id, checkout::Event::Cancelled),
        Event::Checkout(id, checkout::Event::Expired),
    ] {
        let entry = entry(&event);
        assert!(
            entry.stream.starts_with("checkout:chk_"),
            "{}",
            entry.stream
        );
        assert_eq!(events::decode(&entry).unwrap(), Some(event));
    }
    let recorded = entry(&contact(4, 4));
    assert_eq!(recorded.r#type, "contact.recorded");
    assert_eq!(events::decode(&recorded).unwrap(), None);
    assert!(!String::from_utf8_lossy(&recorded.payload).contains("ada"));
}

#[test]
fn lists_of_checkouts_go_on_and_stale_ones_come_oldest_first() {
    check(|name, desk| {
        let at = |minutes: i64| Time(NOW.0 + minutes * 60_000);
        // A cart has another one when the first has ended.
        let expired = Event::Checkout(CheckoutId(1), checkout::Event::Expired);
        let open = |number, cart, minutes| opened(number, cart, at(minutes));
        for event in [
            open(1, 1, 5),
            open(2, 2, 10),
            open(3, 3, 200),
            open(4, 4, 90),
            expired,
            open(5, 1, 50),
            open(6, 6, 300),
        ] {
            desk.commit(&[event]).unwrap();
        }
        let read = desk.parts.read.clone();
        let list = |cart: Option<u128>, state, limit| {
            let wanted = CheckoutsWanted {
                cart: cart.map(CartId),
                state,
            };
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let page = read.list_checkouts(wanted, &cursor, limit).unwrap();
                assert!(page.items.len() <= limit, "{name}");
                found.extend(page.items.iter().map(|record| match record {
                    Record::Checkout(it) => it.id.0,
                    other => panic!("{other:?}"),
                }));
                match page.next {
                    Some(next) => cursor = Some(next),
                    None => return found,
                }
            }
        };
        for limit in 1..=7 {
            assert_eq!(list(None, None, limit), [1, 2, 3, 4, 5, 6], "{name}");
            assert_eq!(list(Some(1), None, limit), [1, 5], "{name}");
            assert_eq!(list(Some(1), Some(State::Open), limit), [5], "{name}");
            assert_eq!(list(None, Some(State::Expired), limit), [1], "{name}");
        }
        assert_eq!(list(Some(9), None, 3), [0; 0], "{name}");
        assert_eq!(list(None, Some(State::Processing), 3), [0; 0], "{name}");
        let stale = |minutes, limit| -> Vec<_> {
            let found = read.stale_checkouts(at(minutes), limit).unwrap();
            found.into_iter().map(|id| id.0).collect()
        };
        assert_eq!(stale(9, 9), [0; 0], "{name}");
        assert_eq!(stale(10, 9), [2], "{name}: at its very moment");
        assert_eq!(stale(400, 3), [2, 5, 4], "{name}");
        assert_eq!(stale(400, 9), [2, 5, 4, 3, 6], "{name}");
    });
}

#[test]
fn the_key_that_signs_quotes_stays() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        use cartwright_adapters::store::sqlite::{SqliteOptions, open};
        let random = cartwright_adapters::system::SystemRandom;
        open(directory.path(), SqliteOptions::default(), &random).unwrap()
    };
    let (key, secret) = {
        let parts = open();
        (parts.read.quote_key(), parts.read.secret())
    };
    assert_ne!(key, secret);
    assert_eq!(open().read.quote_key(), key);
}

pub(crate) fn setting() -> Setting {
    Setting {
        rules: Rules {
            rates: Arc::new(Rates::parse("standard=USD:599, express=USD:1499").unwrap()),
            quote_ttl_seconds: 900,
            ttl_seconds: 21_600,
            attempts_per_hour: 10,
        },
        sourcing: Sourcing::Single,
    }
}

/// All that a quote needs; `hold`: with its stock.
pub(crate) fn whole(hold: bool) -> Change {
    let address = Address {
        name: "Ada".into(),
        company: None,
        line1: "1 Street".into(),
        line2: None,
        city: "Berlin".into(),
        region: None,
        postal_code: "10115".into(),
        country: Country::new("DE").unwrap(),
        phone: None,
    };
    Change {
        email: Patch::Set(Email::new("ada@example.com").unwrap()),
        shipping_address: Patch::Set(Arc::new(address)),
        hold: Patch::Set(hold),
        ..Change::default()
    }
}

fn fresh(number: u128) -> Fresh {
    Fresh {
        checkout: CheckoutId(number),
        contact: ContactId(number),
        quote: QuoteId(number),
        reservation: ReservationId(number),
    }
}

/// With the identifiers of this number.
pub(crate) fn open(number: u128, cart: u128, change: Change) -> OpenCheckout {
    OpenCheckout {
        cart_id: CartId(cart),
        change,
        fresh: fresh(number),
        setting: setting(),
        expected_version: None,
    }
}

pub(crate) fn at(number: u128) -> Target {
    Target {
        id: CheckoutId(number),
        expected_version: None,
    }
}

fn update(number: u128, ids: u128, change: Change) -> UpdateCheckout {
    UpdateCheckout {
        checkout: at(number),
        change,
        fresh: fresh(ids),
        setting: setting(),
    }
}

impl Floor {
    fn checkout(&self, number: u128) -> Arc<Checkout> {
        match self.shop.store().load(&Key::Checkout(CheckoutId(number))) {
            Ok(Some(Record::Checkout(it))) => it,
            other => panic!("{other:?}"),
        }
    }

    fn held(&self) -> i64 {
        let key = LevelKey {
            sku: sku("A"),
            store: store_id("berlin"),
        };
        match self.shop.store().load(&Key::Level(key)) {
            Ok(Some(Record::Level(level))) => level.reserved,
            other => panic!("{other:?}"),
        }
    }

    fn hold_state(&self, number: u128) -> HoldState {
        let key = Key::Reservation(ReservationId(number));
        match self.shop.store().load(&key) {
            Ok(Some(Record::Reservation(hold))) => hold.state,
            other => panic!("{other:?}"),
        }
    }

    fn expired(&self) -> usize {
        self.threads.block_on(tidy(&self.shop)).unwrap()
    }
}

#[test]
fn a_hold_lives_and_ends_with_its_quote() {
    on_each(|name, floor| {
        floor.done(create(1, vec![Add::new(sku("A"), 4)]));
        floor.done(open(1, 1, whole(true)));
        assert_eq!(floor.held(), 4, "{name}");
        // Superseded: released, and a new one made.
        let express = Change {
            shipping_option: Patch::Set("express".into()),
            ..Change::default()
        };
        floor.done(update(1, 2, express));
        assert_eq!(
            (floor.held(), floor.hold_state(1)),
            (4, HoldState::Released),
            "{name}"
        );
        // Expired by time: free before the next decision.
        floor.pass_seconds(900);
        floor.done(update(1, 3, Change::default()));
        assert_eq!(
            (floor.held(), floor.hold_state(2)),
            (4, HoldState::Expired),
            "{name}"
        );
        floor.done(CancelCheckout { checkout: at(1) });
        assert_eq!(
            (floor.held(), floor.hold_state(3)),
            (0, HoldState::Released),
            "{name}"
        );
    });
}

#[test]
fn what_cannot_be_held_changes_nothing() {
    on_each(|name, floor| {
        for cart in 1..=5 {
            floor.done(create(cart, vec![Add::new(sku("A"), 5)]));
        }
        for cart in 1..=4 {
            floor.done(open(cart, cart, whole(true)));
        }
        assert_eq!(floor.held(), 20, "{name}");
        let position = floor.position();
        let short = refusal(floor.submit(open(5, 5, whole(true)), None));
        assert_eq!(short, Refusal::short(&sku("A"), 5, 0), "{name}");
        // A quote that holds all there is can be renewed: what it gives back is there for it.
        let express = Change {
            shipping_option: Patch::Set("express".into()),
            ..Change::default()
        };
        floor.done(update(1, 11, express));
        assert_eq!(floor.held(), 20, "{name}");
        floor.done(open(6, 5, whole(false)));
        let held = Change {
            hold: Patch::Set(true),
            ..Change::default()
        };
        let before = floor.checkout(6);
        let short = refusal(floor.submit(update(6, 12, held), None));
        assert_eq!(short, Refusal::short(&sku("A"), 5, 0), "{name}");
        assert_eq!(floor.checkout(6), before, "{name}");
        assert!(floor.position() > position, "{name}");
    });
}

#[test]
fn the_end_of_a_cart_ends_its_checkout_and_frees_what_it_held() {
    on_each(|name, floor| {
        for cart in 1..=4 {
            floor.done(create(cart, vec![Add::new(sku("A"), 2)]));
            floor.done(open(cart, cart, whole(true)));
        }
        assert_eq!(floor.held(), 8, "{name}");
        floor.done(DeleteCart { cart: target(1) });
        floor.done(merge(3, 2));
        assert_eq!(floor.held(), 4, "{name}");
        let states = |numbers: &[u128]| -> Vec<_> {
            numbers
                .iter()
                .map(|number| floor.checkout(*number).state)
                .collect()
        };
        let (still, cancelled) = (State::Open, State::Cancelled);
        assert_eq!(
            states(&[1, 2, 3, 4]),
            [cancelled, cancelled, still, still],
            "{name}"
        );
        // By time: first the quote's hold, then the checkout, long before the cart.
        floor.pass_seconds(21_600);
        assert_eq!(floor.expired(), 2, "{name}");
        assert_eq!(floor.expired(), 0, "{name}");
        assert_eq!(
            (floor.held(), states(&[3, 4])),
            (0, vec![State::Expired; 2]),
            "{name}"
        );
        // A cart whose time is over takes the checkout with it that was opened at the last moment.
        floor.pass_seconds(rules().ttl_seconds - 21_600 - 1);
        floor.done(open(9, 4, whole(true)));
        floor.pass_seconds(1);
        floor.tidy();
        assert_eq!(
            (floor.checkout(9).state, floor.held()),
            (cancelled, 0),
            "{name}"
        );
    });
}

#[test]
fn a_cart_has_one_checkout_and_the_next_one_after_its_end() {
    on_each(|name, floor| {
        floor.done(create(1, vec![Add::new(sku("A"), 1)]));
        floor.done(open(1, 1, whole(false)));
        floor.done(open(2, 1, whole(false)));
        assert_eq!(floor.checkout(1).version, 1, "{name}: nothing changed");
        // Its time is over and nobody has swept it: it ends in the transaction that opens the next.
        floor.pass_seconds(21_600);
        floor.done(open(3, 1, whole(false)));
        assert_eq!(floor.checkout(1).state, State::Expired, "{name}");
        assert_eq!(floor.checkout(3).state, State::Open, "{name}");
        assert_eq!(floor.expired(), 0, "{name}");
        for number in 0..PAST_QUOTES as u128 + 3 {
            let option = if number % 2 == 0 {
                "express"
            } else {
                "standard"
            };
            let change = Change {
                shipping_option: Patch::Set(option.into()),
                ..Change::default()
            };
            floor.done(update(3, 100 + number, change));
        }
        assert_eq!(floor.checkout(3).past_quotes.len(), PAST_QUOTES, "{name}");
    });
}

#[test]
fn a_retried_opening_happens_once() {
    on_each(|name, floor| {
        floor.done(create(1, vec![Add::new(sku("A"), 1)]));
        let first = floor.submit(open(1, 1, whole(true)), keyed(1, 1)).reply;
        let again = floor.submit(open(2, 1, whole(true)), keyed(1, 1)).reply;
        let (Reply::Kept(first, false), Reply::Kept(again, true)) = (first, again) else {
            panic!("{name}: not kept");
        };
        assert_eq!(first, again, "{name}");
        assert_eq!((floor.checkout(1).version, floor.held()), (1, 1), "{name}");
    });
}
