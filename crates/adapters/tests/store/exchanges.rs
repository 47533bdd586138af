//! Exchanges, refunds that were settled by hand, and levels that are short: in the stores, and made again by the log.

use crate::desk::check;
use crate::orders::{of, placed, refund, usd_payment};
use crate::samples::*;
use cartwright_app::ports::ReadStore;
use cartwright_app::replay::Replay;
use cartwright_app::{Event, Key, Record};
use cartwright_domain::cart::LineId;
use cartwright_domain::inventory::{Level, Movement, MovementKind};
use cartwright_domain::order::{Event as OrderEvent, ExchangeStarted, RefundLine, RefundState, To};
use cartwright_domain::payment::{Event as PaymentEvent, Origin};
use cartwright_domain::{CheckoutId, ExchangeId, OrderId, PaymentId, RefundId, ReturnId};
use std::sync::Arc;

fn started(id: u128) -> OrderEvent {
    OrderEvent::ExchangeStarted(Box::new(ExchangeStarted {
        id: ExchangeId(id),
        return_id: ReturnId(id),
        checkout: CheckoutId(id),
        lines: vec![RefundLine {
            id: LineId(1),
            units: 1,
            amount: 1298,
        }],
        credit: vec![(PaymentId(1), 1000)],
        due: 298,
        to: To::Wallet,
        asked: ("key".into(), "body".into()),
        by: "clerk".into(),
    }))
}

#[test]
fn the_log_makes_exchanges_again() {
    check(|name, desk| {
        let pay = |id, event| Event::Payment(PaymentId(id), event);
        let origin = Some(Origin {
            payment: PaymentId(1),
            parent: PaymentId(1),
        });
        let exchange = |id| ExchangeId(id);
        desk.commit(&[
            pay(1, usd_payment(4493, None)),
            pay(1, PaymentEvent::Captured),
            placed(1),
            pay(9, usd_payment(4493, origin)),
            placed(9),
            of(1, OrderEvent::Paid { invoice: 1 }),
        ])
        .unwrap();
        let stands = OrderEvent::ExchangePlaced {
            id: exchange(2),
            order: OrderId(9),
            back: ReturnId(2),
        };
        let settled = OrderEvent::RefundResolved {
            id: RefundId(1),
            state: RefundState::Failed,
            note: "as agreed".into(),
            by: "clerk".into(),
        };
        for event in [
            of(1, started(1)),
            of(1, OrderEvent::ExchangeUndone { id: exchange(1) }),
            of(1, started(2)),
            of(1, stands),
            pay(1, PaymentEvent::Moved { amount: 1000 }),
            pay(1, PaymentEvent::MovedBack { amount: 400 }),
            pay(1, PaymentEvent::GivenElsewhere { amount: 298 }),
            pay(1, PaymentEvent::Doubted),
            refund(1, 1, None),
            of(1, settled),
            of(1, OrderEvent::ExchangeCancelled { id: exchange(2) }),
        ] {
            desk.commit(&[event]).unwrap();
        }
        let found = desk.parts.read.load(&Key::Return(ReturnId(2))).unwrap();
        assert_eq!(found, Some(Record::OrderId(OrderId(1))), "{name}");
        let undone = desk.parts.read.load(&Key::Return(ReturnId(1))).unwrap();
        assert_eq!(undone, None, "{name}");
        let Some(Record::Order(order)) = desk.parts.read.load(&Key::Order(OrderId(9))).unwrap()
        else {
            panic!("{name}: no order");
        };
        assert_eq!(order.exchange_of, Some(OrderId(1)), "{name}");
        desk.agrees(name);
        let store = &*desk.parts.read;
        let mut replay = Replay::default();
        replay.follow(store).unwrap();
        let found = replay.compare(store).unwrap();
        assert_eq!(found.told, [""; 0], "{name}");
    });
}

#[test]
fn levels_that_are_short_are_found() {
    check(|name, desk| {
        let moved = |sku: &str, movement| Event::Level(level_key(sku, "berlin"), movement);
        let sold = |units| Movement {
            allocated_delta: units,
            ..Movement::default()
        };
        let counted = |change| Movement {
            kind: MovementKind::Counted,
            on_hand_delta: change,
            ..Movement::default()
        };
        let mut events = vec![store("berlin")];
        for sku in ["A", "B", "C"] {
            events.push(product(sku, &[sku]));
            events.push(receive(sku, "berlin", 5));
            events.push(moved(sku, sold(4)));
        }
        events.extend([moved("C", counted(-2)), moved("A", counted(-5))]);
        assert_eq!(short_levels(&*desk.parts.read), []);
        desk.commit(&events).unwrap();
        let names = |levels: Vec<Arc<Level>>| -> Vec<(String, i64)> {
            let levels = levels.into_iter();
            levels
                .map(|it| (it.key.sku.to_string(), it.missing()))
                .collect()
        };
        let short = names(short_levels(&*desk.parts.read));
        assert_eq!(short, [("A".to_owned(), 4), ("C".to_owned(), 1)]);
        let accepted = Movement {
            kind: MovementKind::Configured,
            accepted_shortage: Some(4),
            ..Movement::default()
        };
        desk.commit(&[moved("A", accepted), moved("C", counted(1))])
            .unwrap();
        let levels = short_levels(&*desk.parts.read);
        assert_eq!(levels.len(), 1, "{name}");
        assert!(!levels[0].is_short(), "{name}");
        desk.agrees(name);
        let store = &*desk.parts.read;
        let mut replay = Replay::default();
        replay.follow(store).unwrap();
        assert_eq!(replay.compare(store).unwrap().told, [""; 0], "{name}");
    });
}

fn short_levels(read: &dyn ReadStore) -> Vec<Arc<Level>> {
    let page = read.list_shortages(10).unwrap();
    let levels = page.items.into_iter().map(|record| match record {
        Record::Level(level) => level,
        other => panic!("{other:?} is no level"),
    });
    levels.collect()
}
