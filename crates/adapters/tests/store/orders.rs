//! Orders in the stores: what finds them, what is listed, and that the log makes all of it again.

use crate::desk::check;
use crate::samples::*;
use cartwright_app::orders::DocumentKind;
use cartwright_app::ports::OrdersWanted;
use cartwright_app::replay::Replay;
use cartwright_app::{Event, Key, Record, events};
use cartwright_domain::cart::LineId;
use cartwright_domain::checkout::Totals;
use cartwright_domain::order::{
    self, Cause, Event as OrderEvent, Line, Placed, RefundLine, RefundStarted, RefundState, Source,
    State, Tracking,
};
use cartwright_domain::payment::{Event as PaymentEvent, Method, Origin, Started};
use cartwright_domain::{
    CartId, CheckoutId, ContactId, Country, FulfillmentId, OrderId, PaymentId, RefundId,
    ReservationId, ReturnId, Time,
};
use cartwright_proto::events as proto;

pub(crate) fn placed(id: u128) -> Event {
    let line = Line {
        id: LineId(1),
        sku: sku("A"),
        name: "Lampe “ä”".into(),
        quantity: 3,
        unit_price: 1299,
        discount: 10,
        tax: 7,
        total: 3894,
        sources: vec![Source {
            store: store_id("berlin"),
            units: 3,
        }],
        shipped: Vec::new(),
        fulfilled: 0,
        returned: 0,
        refunded: 0,
        cancelled: 0,
    };
    let placed = Placed {
        number: id as u64,
        checkout: CheckoutId(id),
        attempt: 2,
        cart: CartId(id),
        customer: id.is_multiple_of(2).then(|| "ada".into()),
        contact: Some(ContactId(id)),
        country: Country::new("DE").unwrap(),
        currency: usd(0).currency,
        lines: vec![line],
        totals: Totals {
            subtotal: 3897,
            discount: 10,
            shipping: 599,
            tax: 7,
            tax_included: true,
            total: 4493,
        },
        payments: vec![PaymentId(id)],
        reservation: ReservationId(id),
        exchange_of: (id == 9).then_some(OrderId(1)),
    };
    of(id, OrderEvent::Placed(Box::new(placed)))
}

pub(crate) fn of(id: u128, event: OrderEvent) -> Event {
    Event::Order(OrderId(id), event)
}

pub(crate) fn refund(order: u128, number: u64, cause: Option<Cause>) -> Event {
    let started = RefundStarted {
        id: RefundId(u128::from(number)),
        amount: 1298,
        shipping: 0,
        lines: vec![RefundLine {
            id: LineId(1),
            units: 1,
            amount: 1298,
        }],
        parts: vec![(PaymentId(order), 1298)],
        to: order::To::Original,
        reason: "zerbrochen".into(),
        credit_note: number,
        asked: cause.is_none().then(|| ("key".into(), "body".into())),
        cause,
        by: "clerk".into(),
    };
    of(order, OrderEvent::RefundStarted(Box::new(started)))
}

/// The beginning of a payment, by a card or by what an exchange brings.
pub(crate) fn usd_payment(minor: i64, origin: Option<Origin>) -> PaymentEvent {
    let by_card = origin.is_none();
    PaymentEvent::Started(Started {
        checkout: CheckoutId(1),
        attempt: 2,
        method: if by_card {
            Method::Card
        } else {
            Method::Exchange
        },
        provider: by_card.then(|| "sim".into()),
        is_fixed: false,
        amount: usd(minor),
        origin,
    })
}

fn answered(order: u128, number: u64, state: RefundState) -> Event {
    let event = OrderEvent::RefundAnswered {
        id: RefundId(u128::from(number)),
        payment: PaymentId(order),
        state,
    };
    of(order, event)
}

fn requested(order: u128, id: u128) -> Event {
    let event = OrderEvent::ReturnRequested {
        id: ReturnId(id),
        lines: vec![(LineId(1), 1)],
        reason: "too small".into(),
        by: "buyer".into(),
    };
    of(order, event)
}

pub(crate) fn fulfilled(order: u128) -> Event {
    let event = OrderEvent::Fulfilled {
        id: FulfillmentId(order),
        lines: vec![(LineId(1), 2)],
        taken: vec![(LineId(1), store_id("berlin"), 2)],
        tracking: Some(Tracking {
            carrier: Some("DHL".into()),
            number: None,
            url: Some("https://example.com/1".into()),
        }),
        by: "clerk".into(),
    };
    of(order, event)
}

#[test]
fn events_of_orders_read_back() {
    for event in [
        placed(4),
        of(4, OrderEvent::Paid { invoice: 9 }),
        fulfilled(4),
        of(4, OrderEvent::Cancelled { by: "buyer".into() }),
        of(
            4,
            OrderEvent::Restocked {
                given_up: vec![(LineId(1), 1)],
                taken: vec![(LineId(1), store_id("berlin"), 1)],
                back: vec![(LineId(1), 2)],
            },
        ),
        refund(4, 1, None),
        refund(4, 2, Some(Cause::Cancelled)),
        refund(4, 3, Some(Cause::Returned(ReturnId(8)))),
        answered(4, 1, RefundState::Unknown),
        answered(4, 1, RefundState::Failed),
        requested(4, 8),
        of(
            4,
            OrderEvent::ReturnReceived {
                id: ReturnId(8),
                lines: vec![(LineId(1), 1)],
                by: "clerk".into(),
            },
        ),
        of(
            4,
            OrderEvent::ReturnCancelled {
                id: ReturnId(8),
                by: "buyer".into(),
            },
        ),
    ] {
        let entry = proto::Entry {
            stream: events::stream(&event.key()),
            r#type: events::type_of(&event).to_owned(),
            payload: events::encode(&event),
            ..proto::Entry::default()
        };
        assert!(entry.r#type.starts_with("order."), "{}", entry.r#type);
        assert_eq!(events::decode(&entry).unwrap(), Some(event));
    }
}

#[test]
fn orders_are_found_by_their_numbers_and_those_of_their_documents() {
    check(|name, desk| {
        for id in 1..=3 {
            desk.commit(&[placed(id)]).unwrap();
        }
        // Paid in another order than placed.
        desk.commit(&[of(3, OrderEvent::Paid { invoice: 1 })])
            .unwrap();
        desk.commit(&[of(1, OrderEvent::Paid { invoice: 2 }), fulfilled(1)])
            .unwrap();
        desk.commit(&[refund(3, 1, None)]).unwrap();
        desk.commit(&[refund(1, 2, None), requested(1, 70)])
            .unwrap();
        desk.commit(&[requested(1, 71), answered(3, 1, RefundState::Succeeded)])
            .unwrap();
        desk.agrees(name);
        let read = desk.parts.read.clone();
        for (key, order) in [
            (Key::OrderNumber(2), 2),
            (Key::Invoice(2), 1),
            (Key::CreditNote(1), 3),
            (Key::Return(ReturnId(71)), 1),
        ] {
            let found = read.load(&key).unwrap();
            assert_eq!(
                found,
                Some(Record::OrderId(OrderId(order))),
                "{name} {key:?}"
            );
        }
        assert_eq!(read.load(&Key::Invoice(3)).unwrap(), None, "{name}");

        let documents = |only, after: Option<&str>, limit| {
            let after = after.map(|text| text.parse().unwrap());
            let found = read.list_documents(only, after, limit).unwrap();
            found
                .into_iter()
                .map(|(number, order)| format!("{number}:{}", order.0))
                .collect::<Vec<_>>()
        };
        let all = ["INV-000001:3", "INV-000002:1", "CN-000001:3", "CN-000002:1"];
        assert_eq!(documents(None, None, 10), all, "{name}");
        assert_eq!(documents(None, None, 3), all[..3], "{name}");
        assert_eq!(documents(None, Some("INV-000001"), 2), all[1..3], "{name}");
        assert_eq!(documents(None, Some("CN-000001"), 9), all[3..], "{name}");
        let notes = Some(DocumentKind::CreditNote);
        assert_eq!(documents(notes, Some("INV-000001"), 9), all[2..], "{name}");
        let returns = |after, limit| read.list_returns(after, limit).unwrap();
        let first = (ReturnId(70), OrderId(1));
        let second = (ReturnId(71), OrderId(1));
        assert_eq!(returns(None, 9), [first, second], "{name}");
        assert_eq!(returns(None, 1), [first], "{name}");
        assert_eq!(returns(Some(ReturnId(70)), 9), [second], "{name}");
    });
}

#[test]
fn orders_with_money_on_its_way_back_are_found() {
    check(|name, desk| {
        let by = || OrderEvent::Cancelled { by: "b".into() };
        desk.commit(&[placed(1), placed(2), placed(3), contact(1, 1)])
            .unwrap();
        let unsettled = |desk: &crate::desk::Desk| {
            let wanted = OrdersWanted {
                is_unsettled: true,
                ..OrdersWanted::default()
            };
            let found = desk.parts.read.list_orders(&wanted, &None, 9).unwrap();
            let ids = found.items.into_iter().map(|record| match record {
                Record::Order(it) => it.id.0,
                _ => 0,
            });
            ids.collect::<Vec<_>>()
        };
        // Given up before it was paid: only then it owes.
        desk.commit(&[of(2, by())]).unwrap();
        assert_eq!(unsettled(desk), [0_u128; 0], "{name}");
        desk.commit(&[of(2, OrderEvent::Paid { invoice: 1 })])
            .unwrap();
        assert_eq!(unsettled(desk), [2], "{name}");
        desk.commit(&[
            refund(2, 1, Some(Cause::Cancelled)),
            answered(2, 1, RefundState::Unknown),
        ])
        .unwrap();
        assert_eq!(unsettled(desk), [2], "{name}");
        desk.commit(&[answered(2, 1, RefundState::Succeeded)])
            .unwrap();
        assert_eq!(unsettled(desk), [0_u128; 0], "{name}");
        desk.agrees(name);
        let list = |wanted: OrdersWanted| {
            let found = desk.parts.read.list_orders(&wanted, &None, 9).unwrap();
            found.items.len()
        };
        let cancelled = OrdersWanted {
            state: Some(State::Cancelled),
            ..OrdersWanted::default()
        };
        let of_ada = OrdersWanted {
            email: Some("ADA@example.com".into()),
            ..OrdersWanted::default()
        };
        let of_customer = OrdersWanted {
            customer: Some("ada".into()),
            ..OrdersWanted::default()
        };
        assert_eq!(
            (list(cancelled), list(of_ada), list(of_customer)),
            (1, 1, 1),
            "{name}"
        );
    });
}

#[test]
fn the_log_makes_orders_again() {
    check(|name, desk| {
        let pay = |event| Event::Payment(PaymentId(1), event);
        desk.commit(&[
            pay(usd_payment(4493, None)),
            pay(PaymentEvent::Captured),
            placed(1),
            placed(2),
        ])
        .unwrap();
        desk.now = Time(NOW.0 + 5);
        let received = order::Event::ReturnReceived {
            id: ReturnId(7),
            lines: vec![(LineId(1), 1)],
            by: "clerk".into(),
        };
        for event in [
            // The first order is the last one to be paid and to be paid back.
            of(2, OrderEvent::Paid { invoice: 1 }),
            of(1, OrderEvent::Paid { invoice: 2 }),
            fulfilled(1),
            refund(2, 1, None),
            requested(1, 7),
            of(1, received),
            refund(1, 2, Some(Cause::Returned(ReturnId(7)))),
            answered(1, 2, RefundState::Succeeded),
            pay(PaymentEvent::Refunded { amount: 1298 }),
            of(1, OrderEvent::Cancelled { by: "".into() }),
        ] {
            desk.commit(&[event]).unwrap();
        }
        desk.agrees(name);
        let store = &*desk.parts.read;
        let mut replay = Replay::default();
        replay.follow(store).unwrap();
        let found = replay.compare(store).unwrap();
        assert_eq!(found.told, [""; 0], "{name}");
        assert!(found.compared > 10, "{name}");
    });
}
