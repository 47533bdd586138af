//! An order to try decisions on: three of A in two places and one of B, 35.99 with 5.99 for sending, paid in two parts.

use super::{Event, Line, Order, Placed, Source};
use crate::cart::LineId;
use crate::checkout::Totals;
use crate::entity::Entity;
use crate::payment::{Event as PaymentEvent, Method, Payment, Started};
use crate::{
    CartId, CheckoutId, Country, Currency, Money, OrderId, PaymentId, ReservationId, Sku, StoreId,
    Time,
};
use std::sync::Arc;

pub(super) const ID: OrderId = OrderId(1);
pub(super) const A: LineId = LineId(1);
pub(super) const B: LineId = LineId(2);

pub(super) fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::new("USD").expect("a currency"))
}

pub(super) fn store(name: &str) -> StoreId {
    StoreId::new(name).expect("a store")
}

fn line(id: LineId, quantity: i64, total: i64, sources: &[(&str, i64)]) -> Line {
    Line {
        id,
        sku: Sku::new(if id == A { "A" } else { "B" }).expect("a SKU"),
        name: "thing".into(),
        quantity,
        unit_price: total / quantity,
        discount: 0,
        tax: 0,
        total,
        sources: sources
            .iter()
            .map(|(name, units)| Source {
                store: store(name),
                units: *units,
            })
            .collect(),
        shipped: Vec::new(),
        fulfilled: 0,
        returned: 0,
        refunded: 0,
        cancelled: 0,
    }
}

/// Not paid yet.
pub(super) fn placed() -> Order {
    let placed = Placed {
        number: 7,
        checkout: CheckoutId(1),
        attempt: 1,
        cart: CartId(1),
        customer: None,
        contact: None,
        country: Country::new("US").expect("a country"),
        currency: usd(0).currency,
        lines: vec![
            line(A, 3, 2000, &[("x", 2), ("y", 1)]),
            line(B, 1, 1000, &[("x", 1)]),
        ],
        totals: Totals {
            subtotal: 3000,
            discount: 0,
            shipping: 599,
            tax: 0,
            tax_included: false,
            total: 3599,
        },
        payments: vec![PaymentId(1), PaymentId(2)],
        reservation: ReservationId(1),
        exchange_of: None,
    };
    let mut state = None;
    Order::apply(&mut state, &ID, &Event::Placed(Box::new(placed)), Time(0));
    Arc::unwrap_or_clone(state.expect("an order"))
}

pub(super) fn after(order: Order, event: &Event) -> Order {
    let version = order.version();
    let mut state = Some(Arc::new(order));
    Order::apply(&mut state, &ID, event, Time(9));
    let order = Arc::unwrap_or_clone(state.expect("an order"));
    assert_eq!(order.version(), version + 1);
    assert_eq!(order.updated_at, Time(9));
    order
}

pub(super) fn paid() -> Order {
    after(placed(), &Event::Paid { invoice: 3 })
}

/// 20.00 and 15.99, both taken.
pub(super) fn payments() -> Vec<Payment> {
    [(1, 2000), (2, 1599)]
        .into_iter()
        .map(|(id, minor)| {
            let started = Started {
                checkout: CheckoutId(1),
                attempt: 1,
                method: Method::Card,
                provider: Some("sim".into()),
                is_fixed: false,
                amount: usd(minor),
                origin: None,
            };
            let mut state = None;
            for event in [PaymentEvent::Started(started), PaymentEvent::Captured] {
                Payment::apply(&mut state, &PaymentId(id), &event, Time(1));
            }
            Arc::unwrap_or_clone(state.expect("a payment"))
        })
        .collect()
}

/// An order of which so many units of A have left.
pub(super) fn sent(units: i64) -> Order {
    let ship = super::Ship {
        id: crate::FulfillmentId(1),
        lines: vec![(A, units)],
        tracking: None,
        by: "clerk".into(),
    };
    let order = paid();
    let shipped = super::fulfill(&order, &ship).expect("enough");
    after(order, &shipped.event)
}
