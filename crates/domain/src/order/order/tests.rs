//! What becomes of an order by what happens to it.

use super::super::samples::{A, B, after, paid, placed, sent, store};
use super::super::{Ship, cancel, fulfill, restock};
use super::*;
use crate::order::{ExchangeStarted, RefundLine, To};
use crate::{ExchangeId, Refusal};

fn ship(order: &Order, id: u128, lines: &[(LineId, i64)]) -> Order {
    let ship = Ship {
        id: FulfillmentId(id),
        lines: lines.to_vec(),
        tracking: None,
        by: "clerk".into(),
    };
    let shipped = fulfill(order, &ship).expect("they are there");
    after(order.clone(), &shipped.event)
}

fn give_up(order: Order) -> Order {
    let cancelled = cancel(&order, "buyer").expect("open").expect("first");
    after(order, &cancelled.event)
}

fn requested(order: Order, id: u128, lines: &[(LineId, i64)]) -> Order {
    let event = Event::ReturnRequested {
        id: ReturnId(id),
        lines: lines.to_vec(),
        reason: "too small".into(),
        by: "buyer".into(),
    };
    after(order, &event)
}

fn refund(id: u128, amount: i64, shipping: i64, cause: Option<Cause>) -> Event {
    Event::RefundStarted(Box::new(RefundStarted {
        id: RefundId(id),
        amount,
        shipping,
        lines: Vec::new(),
        parts: vec![(PaymentId(1), amount)],
        to: To::Original,
        reason: "why not".into(),
        credit_note: 1,
        asked: None,
        cause,
        by: "clerk".into(),
    }))
}

fn exchange(id: u128, units: i64) -> Event {
    Event::ExchangeStarted(Box::new(ExchangeStarted {
        id: ExchangeId(id),
        return_id: ReturnId(100 + id),
        checkout: CheckoutId(2),
        lines: vec![RefundLine {
            id: A,
            units,
            amount: 600,
        }],
        credit: vec![(PaymentId(1), 600)],
        due: 0,
        to: To::Original,
        asked: ("key".into(), "body".into()),
        by: "clerk".into(),
    }))
}

#[test]
fn an_order_is_completed_once_all_of_it_has_left() {
    let order = placed();
    assert_eq!(order.fulfillment_state(), FulfillmentState::None);
    let order = ship(&paid(), 1, &[(A, 3)]);
    assert_eq!(order.state, State::Placed);
    assert_eq!(order.fulfillment_state(), FulfillmentState::Partial);
    let order = ship(&order, 2, &[(B, 1)]);
    assert_eq!(order.state, State::Completed);
    assert_eq!(order.fulfillment_state(), FulfillmentState::Fulfilled);
    let left: Vec<_> = order.fulfillments.iter().map(|it| it.id.0).collect();
    assert_eq!(left, [1, 2]);
    assert_eq!(order.fulfillments[0].lines, [(A, 3)]);
    let again = cancel(&order, "buyer");
    assert!(matches!(again, Err(Refusal::InvalidState { .. })));
    // It stays so, whatever comes back.
    let order = requested(order, 1, &[(A, 1)]);
    assert_eq!(order.state, State::Completed);
}

#[test]
fn an_order_whose_rest_is_given_up_ends_by_what_has_left() {
    for (units, state) in [(0, State::Cancelled), (1, State::Completed)] {
        let order = if units == 0 { paid() } else { sent(units) };
        let order = give_up(order);
        assert_eq!(order.state, state);
        assert!(order.lines.iter().all(|line| line.sources.is_empty()));
        assert_eq!(order.line(A).map(|it| it.cancelled), Some(3 - units));
        assert_eq!(order.line(B).map(|it| it.cancelled), Some(1));
    }
    // What was given up before stays cancelled when its money comes all the same.
    let order = after(give_up(placed()), &Event::Paid { invoice: 4 });
    assert_eq!((order.state, order.invoice), (State::Cancelled, Some(4)));
    // What is restocked unit by unit is done too.
    let done = restock(&paid(), &[(A, 3), (B, 1)]).expect("nothing left yet");
    assert_eq!(after(paid(), &done.event).state, State::Cancelled);
}

#[test]
fn only_money_that_is_still_to_come_is_owed() {
    assert!(give_up(placed()).owes);
    assert!(!give_up(paid()).owes);
    let mut free = placed();
    free.totals = Totals::default();
    assert!(!give_up(free).owes);
}

#[test]
fn units_leave_where_they_lie_and_are_remembered_there() {
    let order = sent(3);
    let line = order.line(A).expect("A");
    let units: Vec<_> = line.sources.iter().map(|it| it.units).collect();
    assert_eq!((line.fulfilled, line.open(), units), (3, 0, vec![0, 0]));
    let shipped = |name, units| Source {
        store: store(name),
        units,
    };
    assert_eq!(line.shipped, [shipped("x", 2), shipped("y", 1)]);
    assert_eq!(order.line(B).map(Line::open), Some(1));
}

#[test]
fn a_refund_is_kept_with_the_return_that_caused_it() {
    let order = requested(sent(3), 1, &[(A, 1)]);
    let order = requested(order, 2, &[(A, 2)]);
    let cause = Some(Cause::Returned(ReturnId(2)));
    let order = after(order, &refund(5, 1333, 0, cause));
    let refunds: Vec<_> = order.returns.iter().map(|it| it.refund).collect();
    assert_eq!(refunds, [None, Some(RefundId(5))]);
    assert_eq!(order.return_of(ReturnId(2)), order.returns.get(1));
}

#[test]
fn a_refund_is_kept_with_the_exchange_that_caused_it() {
    let order = after(after(sent(3), &exchange(1, 1)), &exchange(2, 1));
    let cause = Some(Cause::Exchanged(ExchangeId(2)));
    let order = after(order, &refund(5, 600, 0, cause));
    let refunds: Vec<_> = order.exchanges.iter().map(|it| it.refund).collect();
    assert_eq!(refunds, [None, Some(RefundId(5))]);
}

#[test]
fn what_is_expected_back_is_asked_for_or_being_exchanged() {
    let order = requested(sent(3), 1, &[(A, 1), (B, 7)]);
    assert_eq!((order.expected_back(A), order.expected_back(B)), (1, 7));
    let order = after(order, &exchange(1, 2));
    assert_eq!((order.expected_back(A), order.expected_back(B)), (3, 7));
    let order = after(order, &Event::ExchangeUndone { id: ExchangeId(1) });
    assert_eq!(order.expected_back(A), 1);
}

#[test]
fn what_is_left_of_sending_goes_down_with_each_refund_that_is_not_void() {
    let order = after(paid(), &refund(1, 200, 200, None));
    let order = after(order, &refund(2, 300, 300, None));
    assert_eq!((order.shipping_left(), order.money_left()), (99, 3099));
    let failed = Event::RefundAnswered {
        id: RefundId(2),
        payment: PaymentId(1),
        state: RefundState::Failed,
    };
    let order = after(order, &failed);
    assert_eq!((order.shipping_left(), order.money_left()), (399, 3399));
    assert_eq!(placed().money_left(), 0);
    assert_eq!(paid().money_left(), 3599);
}

#[test]
fn a_decision_by_hand_settles_what_is_open() {
    let order = after(paid(), &refund(1, 200, 0, None));
    assert!(order.is_unsettled());
    let resolved = Event::RefundResolved {
        id: RefundId(1),
        state: RefundState::Succeeded,
        note: "paid in cash".into(),
        by: "clerk".into(),
    };
    let order = after(order, &resolved);
    let refund = order.refund(RefundId(1)).expect("a refund");
    assert_eq!(refund.state(), RefundState::Succeeded);
    assert_eq!(refund.settled_at, Some(Time(9)));
    assert!(!order.is_unsettled());
    assert_eq!(order.refund(RefundId(2)), None);
}
