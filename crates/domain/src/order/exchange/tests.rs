use super::super::samples::{A, B, after, paid, payments, sent, usd};
use super::*;
use crate::order::{Cause, RefundStarted, Sum};

/// What exchanging so many of A, 20.00 for three, for so much comes to.
fn asked(order: &Order, units: i64, price: i64) -> Result<Swapped, Refusal> {
    let payments = payments();
    let borrowed: Vec<&Payment> = payments.iter().collect();
    let back = SendBack {
        id: ReturnId(7),
        lines: vec![(A, units)],
        reason: "exchange".into(),
        by: "clerk".into(),
    };
    swap(order, &borrowed, &Swap { back, price })
}

fn begun(order: Order, units: i64, price: i64) -> Order {
    let swapped = asked(&order, units, price).expect("it can be exchanged");
    let started = ExchangeStarted {
        id: ExchangeId(1),
        return_id: ReturnId(7),
        checkout: CheckoutId(2),
        lines: swapped.lines,
        credit: swapped.credit,
        due: swapped.due,
        to: To::Original,
        asked: ("key".into(), "body".into()),
        by: "clerk".into(),
    };
    after(order, &Event::ExchangeStarted(Box::new(started)))
}

/// As the new order's payment leaves it: the exchange stands, and its refund has gone into the new order.
fn placed(order: Order) -> Order {
    let exchange = order.exchange(ExchangeId(1)).expect("an exchange").clone();
    let stands = Event::ExchangePlaced {
        id: ExchangeId(1),
        order: OrderId(9),
        back: ReturnId(7),
    };
    let order = after(order, &stands);
    let started = RefundStarted {
        id: RefundId(3),
        amount: exchange.credit(),
        shipping: 0,
        lines: exchange.credited(),
        parts: exchange.started.credit.clone(),
        to: To::Exchange,
        reason: "exchange".into(),
        credit_note: 1,
        asked: None,
        cause: Some(Cause::Exchanged(ExchangeId(1))),
        by: "clerk".into(),
    };
    let mut order = after(order, &Event::RefundStarted(Box::new(started)));
    for (payment, _) in &exchange.started.credit {
        let answered = Event::RefundAnswered {
            id: RefundId(3),
            payment: *payment,
            state: RefundState::Succeeded,
        };
        order = after(order, &answered);
    }
    order
}

fn exceeds(requested: i64, remaining: i64) -> Refusal {
    Refusal::ExceedsRemaining {
        requested,
        remaining,
    }
}

fn worth(order: &Order, units: i64) -> Result<Sum, Refusal> {
    let what = What::Lines(vec![(A, units)]);
    let shipping = Shipping::Kept;
    sum(order, &Ask { what, shipping })
}

#[test]
fn what_comes_back_pays_as_far_as_it_goes() {
    // (units of A, price of the new ones) -> (what comes back pays, to pay, goes back)
    for (units, price, (credit, to_pay, due)) in [
        (3, 2000, (2000, 0, 0)),
        (3, 2700, (2000, 700, 0)),
        (3, 1500, (1500, 0, 500)),
        (1, 666, (666, 0, 0)),
        (2, 0, (0, 0, 1333)),
    ] {
        let swapped = asked(&sent(3), units, price).expect("it can be exchanged");
        let paid: i64 = swapped.credit.iter().map(|(_, amount)| amount).sum();
        assert_eq!((paid, swapped.to_pay, swapped.due), (credit, to_pay, due));
    }
    assert_eq!(asked(&paid(), 1, 100), Err(exceeds(1, 0)));
    assert_eq!(asked(&sent(2), 3, 100), Err(exceeds(3, 2)));
}

#[test]
fn what_is_being_exchanged_is_nobody_else_s() {
    let order = begun(sent(3), 2, 900);
    assert_eq!(asked(&order, 2, 100), Err(exceeds(2, 1)));
    assert_eq!(worth(&order, 2), Err(exceeds(2, 1)));
    assert_eq!(order.money_left(), 3599 - 1333);
    assert!(
        order.returns.is_empty(),
        "nothing is expected before it is paid"
    );
    // It was not paid: all is as before.
    let undone = after(order, &Event::ExchangeUndone { id: ExchangeId(1) });
    assert_eq!(undone.money_left(), 3599);
    assert!(asked(&undone, 3, 100).is_ok());
    assert!(worth(&undone, 3).is_ok());
}

#[test]
fn what_goes_back_on_receipt_is_promised_until_then() {
    let order = placed(begun(sent(3), 2, 900));
    let line = order.line(A).expect("A");
    assert_eq!((line.refunded, order.expected_back(A)), (2, 2));
    // 9.00 has gone into the new order, and 4.33 is promised.
    assert_eq!(order.money_left(), 3599 - 1333);
    let exchange = order.exchange(ExchangeId(1)).expect("an exchange");
    assert_eq!(exchange.due_for(&[(A, 2)]), 433);
    assert_eq!(exchange.due_for(&[(A, 1)]), 0);
    let received = Event::ReturnReceived {
        id: ReturnId(7),
        lines: vec![(A, 2)],
        by: "clerk".into(),
    };
    let order = after(order, &received);
    assert_eq!(order.money_left(), 3599 - 900);
    assert_eq!(take_back(&order, ExchangeId(1)), None, "its units are here");
}

#[test]
fn an_exchange_that_is_given_up_before_anything_came_leaves_the_order_as_before() {
    let order = placed(begun(sent(3), 2, 900));
    let event = take_back(&order, ExchangeId(1)).expect("nothing came yet");
    let order = after(order, &event);
    assert_eq!(order.money_left(), 3599);
    assert_eq!(order.line(A).expect("A").refunded, 0);
    assert_eq!(order.returns[0].state, ReturnState::Cancelled);
    assert!(order.refunds[0].is_void(), "its credit note is void");
    assert_eq!(take_back(&order, ExchangeId(1)), None);
    assert!(asked(&order, 3, 100).is_ok());
}

#[test]
fn a_credit_note_has_what_pays_in_proportion_to_the_cent() {
    let order = after(
        sent(3),
        &Event::Fulfilled {
            id: crate::FulfillmentId(2),
            lines: vec![(B, 1)],
            taken: Vec::new(),
            tracking: None,
            by: "clerk".into(),
        },
    );
    let line = |id, units, amount| RefundLine { id, units, amount };
    let exchange = Exchange::begun(
        &ExchangeStarted {
            id: ExchangeId(1),
            return_id: ReturnId(7),
            checkout: CheckoutId(2),
            lines: vec![line(A, 1, 666), line(B, 1, 1000)],
            credit: vec![(PaymentId(1), 1001)],
            due: 665,
            to: To::Original,
            asked: ("key".into(), "body".into()),
            by: "clerk".into(),
        },
        order.placed_at,
    );
    let amounts: Vec<_> = exchange.credited().iter().map(|it| it.amount).collect();
    assert_eq!(amounts, [400, 601]);
    assert_eq!(usd(exchange.credit()), usd(1001));
}

#[test]
fn an_exchange_is_found_by_all_that_belongs_to_it() {
    let order = placed(begun(sent(3), 2, 900));
    let exchange = order.exchange(ExchangeId(1));
    assert!(exchange.is_some_and(|it| it.state == ExchangeState::Completed));
    assert_eq!(order.exchange_of_return(ReturnId(7)), exchange);
    assert_eq!(order.exchange_for(OrderId(9)), exchange);
    assert_eq!(exchange.and_then(|it| it.refund), Some(RefundId(3)));
    assert_eq!(order.exchange(ExchangeId(2)), None);
    assert_eq!(order.exchange_of_return(ReturnId(8)), None);
    assert_eq!(order.exchange_for(OrderId(8)), None);
    let back = order.return_of(ReturnId(7)).expect("a return");
    assert_eq!(back.lines, [(A, 2)]);
    assert_eq!(back.state, ReturnState::Requested);
}

#[test]
fn money_of_a_payment_is_set_aside_for_the_exchange_that_takes_it() {
    // 13.33 of the first payment's 20.00.
    let order = begun(sent(3), 2, 2000);
    assert_eq!(order.taken_aside(PaymentId(1)), 1333);
    assert_eq!(order.taken_aside(PaymentId(2)), 0);
    let payments = payments();
    let borrowed: Vec<&Payment> = payments.iter().collect();
    let rest = parts(&order, &borrowed, 700).expect("enough");
    assert_eq!(rest, [(PaymentId(1), 667), (PaymentId(2), 33)]);
    let paid = placed(order);
    assert_eq!(paid.taken_aside(PaymentId(1)), 0);
}

#[test]
fn what_was_paid_back_for_units_that_were_exchanged_can_be_paid_back_again_after_the_end() {
    let order = begun(sent(3), 2, 900);
    assert_eq!((order.units_aside(A), order.units_aside(B)), (2, 0));
    assert_eq!(order.money_aside(), 1333);
    let order = placed(order);
    assert_eq!((order.units_aside(A), order.money_aside()), (0, 433));
    let event = take_back(&order, ExchangeId(1)).expect("nothing came yet");
    let order = after(order, &event);
    assert_eq!(order.money_aside(), 0);
    let back = order.return_of(ReturnId(7)).expect("a return");
    assert_eq!((back.ended_at, &back.received), (Some(Time(9)), &vec![]));
    assert_eq!(order.refunds[0].state(), RefundState::Failed);
    assert_eq!(take_back(&order, ExchangeId(2)), None);
}

#[test]
fn only_what_came_is_due_and_only_where_something_is() {
    let order = begun(sent(3), 2, 900);
    let exchange = order.exchange(ExchangeId(1)).expect("an exchange");
    // 6.66 for one unit, 13.33 for both; 9.00 of that pays.
    let rows = [(0, 0), (1, 0), (2, 433)];
    for (units, due) in rows {
        assert_eq!(exchange.due_for(&[(A, units)]), due, "{units}");
    }
    assert_eq!(exchange.due_for(&[(B, 1), (A, 2)]), 433);
    let mut even = exchange.clone();
    even.started.due = 0;
    assert_eq!(even.due_for(&[(A, 2)]), 0);
}
