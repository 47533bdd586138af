//! Wallets: their rows on every technology, and what the loop lets happen to them.

use crate::desk::check;
use crate::looped::{Floor, on_each, submission};
use crate::samples::*;
use cartwright_app::shop::Reply;
use cartwright_app::wallets::Book;
use cartwright_app::{Event, Fault, Key, Record};
use cartwright_domain::wallet::{
    Account, Booked, Booking, Capture, EntryEvent, Event as WalletEvent, Kind, Wallet, capture,
    credit, hold, refund, release,
};
use cartwright_domain::{Currency, Money, OrderId, PaymentId, Refusal, WalletEntryId};
use std::sync::Arc;

fn booking(number: u128, customer: &str, amount: Money, reference: &str) -> Booking {
    Booking {
        id: WalletEntryId(number),
        customer: customer.into(),
        amount,
        reference: reference.into(),
        reason: Some("Treue".into()),
        order: Some(OrderId(3)),
    }
}

fn events(customer: &str, booked: Booked) -> [Event; 2] {
    [
        Event::Wallet(customer.into(), booked.wallet),
        Event::WalletEntry(booked.id, EntryEvent::Posted(booked.entry)),
    ]
}

/// A credit of so much; the wallet had so much before.
pub(crate) fn credited(number: u128, customer: &str, reference: &str, amount: Money) -> [Event; 2] {
    let booked = credit(None, booking(number, customer, amount, reference)).unwrap();
    events(customer, booked)
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::new("EUR").unwrap())
}

#[test]
fn wallets_read_back_as_they_were_committed() {
    check(|name, desk| {
        desk.commit(&credited(1, "ada", "r1", usd(500))).unwrap();
        desk.commit(&credited(2, "ada", "r2", eur(70))).unwrap();
        desk.commit(&credited(3, "bob", "r1", usd(30))).unwrap();
        desk.agrees(name);
        let ada = |desk: &crate::desk::Desk| match desk.state.get(&Key::Wallet("ada".into())) {
            Some(Record::Wallet(wallet)) => Arc::<Wallet>::clone(wallet),
            other => panic!("{name}: {other:?}"),
        };
        for (payment, amount) in [(1, 300), (2, 100)] {
            let held = hold(Some(&ada(desk)), PaymentId(payment), usd(amount)).unwrap();
            desk.commit(&[Event::Wallet("ada".into(), held)]).unwrap();
        }
        desk.agrees(name);
        let request = Capture {
            id: WalletEntryId(4),
            payment: PaymentId(1),
            order: Some(OrderId(1)),
        };
        let taken = capture(&ada(desk), request).unwrap().unwrap();
        desk.commit(&events("ada", taken)).unwrap();
        let freed = release(&ada(desk), PaymentId(2)).unwrap();
        desk.commit(&[Event::Wallet("ada".into(), freed)]).unwrap();
        let back = refund(Some(&ada(desk)), booking(5, "ada", usd(40), "ref_1")).unwrap();
        desk.commit(&events("ada", back)).unwrap();
        desk.agrees(name);
        let ada = ada(desk);
        let usd_of = |wallet: &Wallet| {
            (
                wallet.balance(usd(0).currency),
                wallet.held(usd(0).currency),
            )
        };
        assert_eq!((usd_of(&ada), ada.version), ((240, 0), 7), "{name}");
        let accounts = desk.parts.read.ledger_accounts().unwrap();
        let expected = [
            (Account::CustomerWallets, eur(70)),
            (Account::CreditIssued, eur(-70)),
            (Account::CustomerWallets, usd(270)),
            (Account::CreditIssued, usd(-530)),
            (Account::Sales, usd(300)),
            (Account::Refunds, usd(-40)),
        ];
        assert_eq!(accounts, expected, "{name}");
    });
}

#[test]
fn a_reference_is_taken_once_for_each_wallet() {
    check(|name, desk| {
        desk.commit(&credited(1, "ada", "r1", usd(1))).unwrap();
        let again = credited(2, "ada", "r1", usd(1));
        let refused = desk.commit(&again);
        assert!(
            matches!(refused, Err(Fault::Rejected(_))),
            "{name}: {refused:?}"
        );
        desk.agrees(name);
        // What follows from purchases has no reference that a client could take.
        for number in [3, 4] {
            let back = refund(None, booking(number, "ada", usd(1), "r1")).unwrap();
            desk.commit(&events("ada", back)).unwrap();
        }
        desk.commit(&credited(5, "bob", "r1", usd(1))).unwrap();
        desk.agrees(name);
    });
}

#[test]
fn entries_are_paged_wallet_by_wallet() {
    check(|name, desk| {
        for number in 1..=7 {
            let customer = if number % 3 == 0 { "bob" } else { "ada" };
            let reference = format!("r{number}");
            desk.commit(&credited(number, customer, &reference, usd(1)))
                .unwrap();
        }
        for limit in 1..=5 {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = desk
                    .parts
                    .read
                    .list_wallet_entries("ada", &after, limit)
                    .unwrap();
                found.extend(page.items.iter().map(|record| match record {
                    Record::WalletEntry(it) => it.id.0,
                    other => panic!("{name}: {other:?}"),
                }));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, [1, 2, 4, 5, 7], "{name}: {limit} at once");
        }
    });
}

fn book(kind: Kind, reference: &str, amount: Money) -> Book {
    Book {
        kind,
        customer: "ada".into(),
        amount,
        reference: reference.into(),
        reason: "test".into(),
        expected_version: None,
    }
}

/// The entry's number and whether it was made now, or why not.
fn booked(floor: &Floor, command: Book) -> Result<(WalletEntryId, bool), Refusal> {
    match floor.submit(command, None).reply {
        Reply::Decided(Ok(outcome)) => match outcome.record {
            Some(Record::WalletEntry(it)) => Ok((it.id, outcome.created)),
            other => panic!("{other:?}"),
        },
        Reply::Decided(Err(refusal)) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_loop_books_each_reference_once_and_never_overdraws() {
    on_each(|name, floor| {
        let (first, made) = booked(floor, book(Kind::Credit, "a", usd(100))).unwrap();
        assert!(made, "{name}");
        let again = booked(floor, book(Kind::Credit, "a", usd(100)));
        assert_eq!(again, Ok((first, false)), "{name}");
        for other in [
            book(Kind::Credit, "a", usd(99)),
            book(Kind::Debit, "a", usd(100)),
        ] {
            let refused = booked(floor, other);
            assert!(
                matches!(refused, Err(Refusal::AlreadyExists { .. })),
                "{name}: {refused:?}"
            );
        }
        let debits: Vec<_> = (0..30)
            .map(|n| book(Kind::Debit, &format!("d{n}"), usd(7)))
            .collect();
        let answers = floor.threads.block_on(async {
            let started = debits.into_iter().map(|command| {
                let shop = floor.shop.clone();
                tokio::spawn(async move { shop.submit(submission(command, None)).await })
            });
            let started: Vec<_> = started.collect();
            let mut answers = Vec::new();
            for answer in started {
                answers.push(answer.await.unwrap().unwrap().reply);
            }
            answers
        });
        let taken = answers
            .iter()
            .filter(|it| matches!(it, Reply::Decided(Ok(_))))
            .count();
        assert_eq!(taken, 14, "{name}");
        let Some(Record::Wallet(wallet)) =
            floor.shop.store().load(&Key::Wallet("ada".into())).unwrap()
        else {
            panic!("{name}: no wallet");
        };
        assert_eq!(wallet.balance(usd(0).currency), 2, "{name}");
        assert_eq!(wallet.version, 15, "{name}");
        let stale = Book {
            expected_version: Some(3),
            ..book(Kind::Credit, "b", usd(1))
        };
        let conflict = Refusal::VersionConflict { current: 15 };
        assert_eq!(booked(floor, stale), Err(conflict), "{name}");
        let accounts = floor.shop.store().ledger_accounts().unwrap();
        let expected = [
            (Account::CustomerWallets, usd(2)),
            (Account::CreditIssued, usd(-100)),
            (Account::CreditWithdrawn, usd(98)),
        ];
        assert_eq!(accounts, expected, "{name}");
    });
}

#[test]
fn events_of_wallets_survive_the_log() {
    check(|name, desk| {
        let happened = [
            WalletEvent::Held {
                payment: PaymentId(9),
                amount: eur(5),
            },
            WalletEvent::Released {
                payment: PaymentId(9),
            },
            WalletEvent::Captured {
                payment: PaymentId(9),
                entry: WalletEntryId(8),
            },
        ];
        let mut events: Vec<_> = credited(1, "ada", "r1", usd(5)).into();
        events.extend(happened.map(|event| Event::Wallet("ada".into(), event)));
        desk.commit(&events).unwrap();
        let batches = desk.parts.read.log(0, 100).unwrap();
        let entries = batches.iter().flat_map(|batch| &batch.entries);
        let decoded: Vec<_> = entries
            .filter_map(|entry| cartwright_app::events::decode(entry).unwrap())
            .collect();
        assert_eq!(decoded, events, "{name}");
    });
}
