use super::super::samples::{A, B, after, paid, payments, placed, sent, usd};
use super::super::{cancel, fulfill, restock};
use super::*;
use crate::order::{PaymentState, Ship, State};

fn of_lines(lines: &[(LineId, i64)]) -> Ask {
    Ask {
        what: What::Lines(lines.to_vec()),
        shipping: Shipping::Kept,
    }
}

fn of_amount(minor: i64) -> Ask {
    Ask {
        what: What::Amount(usd(minor)),
        shipping: Shipping::Kept,
    }
}

fn begin(order: Order, ask: &Ask, id: u128) -> Order {
    let sum = sum(&order, ask).expect("within what is left");
    let started = start(&order, &sum, id, None);
    after(order, &started)
}

fn start(order: &Order, sum: &Sum, id: u128, cause: Option<Cause>) -> Event {
    let payments = payments();
    let borrowed: Vec<&Payment> = payments.iter().collect();
    Event::RefundStarted(Box::new(RefundStarted {
        id: RefundId(id),
        amount: sum.amount,
        shipping: sum.shipping,
        lines: sum.lines.clone(),
        parts: parts(order, &borrowed, sum.amount).expect("the payments have it"),
        to: To::Original,
        reason: "why not".into(),
        credit_note: id as u64,
        asked: None,
        cause,
        by: "clerk".into(),
    }))
}

fn answer(order: Order, id: u128, payment: u128, state: RefundState) -> Order {
    let event = answered(&order, RefundId(id), PaymentId(payment), state).expect("news");
    after(order, &event)
}

fn exceeds(requested: i64, remaining: i64) -> Refusal {
    Refusal::ExceedsRemaining {
        requested,
        remaining,
    }
}

#[test]
fn units_come_to_their_line_exactly_however_they_go_back() {
    // 20.00 for three: 6.66, 6.67, 6.67.
    let mut order = paid();
    let mut amounts = Vec::new();
    for id in 1..=3 {
        amounts.push(sum(&order, &of_lines(&[(A, 1)])).expect("one more").amount);
        order = begin(order, &of_lines(&[(A, 1)]), id);
    }
    assert_eq!(amounts, [666, 667, 667]);
    assert_eq!(sum(&order, &of_lines(&[(A, 1)])), Err(exceeds(1, 0)));
    assert_eq!(
        sum(&paid(), &of_lines(&[(A, 3)])).expect("all").amount,
        2000
    );
    assert_eq!(sum(&paid(), &of_lines(&[(A, 4)])), Err(exceeds(4, 3)));
    assert!(matches!(
        sum(&paid(), &of_lines(&[(LineId(9), 1)])),
        Err(Refusal::NotFound { .. })
    ));
}

#[test]
fn never_more_goes_back_than_was_taken_and_pending_counts() {
    assert_eq!(sum(&placed(), &of_amount(1)), Err(exceeds(1, 0)));
    assert_eq!(sum(&paid(), &of_amount(3600)), Err(exceeds(3600, 3599)));
    let order = begin(paid(), &of_amount(3000), 1);
    assert_eq!(order.refunds[0].state(), RefundState::Pending);
    assert!(order.is_unsettled());
    assert_eq!(sum(&order, &of_amount(600)), Err(exceeds(600, 599)));
    // Units are there, but no money.
    assert_eq!(sum(&order, &of_lines(&[(B, 1)])), Err(exceeds(1000, 599)));
    let other = Ask {
        what: What::Amount(Money::new(1, crate::Currency::new("EUR").expect("EUR"))),
        shipping: Shipping::Kept,
    };
    assert!(matches!(
        sum(&order, &other),
        Err(Refusal::PaymentCurrency { .. })
    ));
}

#[test]
fn payments_give_in_their_order() {
    let order = begin(paid(), &of_amount(2500), 1);
    let given: Vec<_> = order.refunds[0]
        .parts
        .iter()
        .map(|part| (part.payment.0, part.amount))
        .collect();
    assert_eq!(given, [(1, 2000), (2, 500)]);
    let refund = &order.refunds[0];
    assert_eq!(refund.key(PaymentId(1)), format!("{}:refund", refund.id));
    assert_ne!(refund.key(PaymentId(1)), refund.key(PaymentId(2)));
    let order = begin(order, &of_amount(1099), 2);
    assert_eq!(order.refunds[1].parts[0].payment, PaymentId(2));
    assert_eq!(order.money_left(), 0);
}

#[test]
fn what_failed_can_be_asked_for_again_and_late_answers_change_nothing() {
    let order = begin(paid(), &of_lines(&[(B, 1)]), 1);
    let order = answer(order, 1, 1, RefundState::Unknown);
    assert_eq!(order.refunds[0].state(), RefundState::Unknown);
    let (id, payment) = (RefundId(1), PaymentId(1));
    assert_eq!(answered(&order, id, payment, RefundState::Unknown), None);
    let order = answer(order, 1, 1, RefundState::Failed);
    assert_eq!(order.line(B).expect("B").refunded, 0);
    assert_eq!((order.money_left(), order.is_unsettled()), (3599, false));
    assert_eq!(answered(&order, id, payment, RefundState::Succeeded), None);
    let order = begin(order, &of_lines(&[(B, 1)]), 2);
    let order = answer(order, 2, 1, RefundState::Succeeded);
    assert_eq!(order.refunds[1].state(), RefundState::Succeeded);
    assert_eq!(order.refunds[1].settled_at, Some(crate::Time(9)));
    assert_eq!(order.line(B).expect("B").refunded, 1);
}

#[test]
fn sending_goes_back_once() {
    let whole = |what| Ask {
        what,
        shipping: Shipping::Whole,
    };
    let ask = whole(What::Lines(vec![(B, 1)]));
    let order = begin(paid(), &ask, 1);
    assert_eq!(
        (order.refunds[0].amount, order.refunds[0].shipping),
        (1599, 599)
    );
    assert_eq!(
        sum(&order, &whole(What::Nothing)).expect("nothing").amount,
        0
    );
    let more = Ask {
        what: What::Nothing,
        shipping: Shipping::Amount(usd(1)),
    };
    assert_eq!(sum(&order, &more), Err(exceeds(1, 0)));
}

#[test]
fn giving_up_what_was_paid_owes_all_that_is_left() {
    let order = begin(paid(), &of_amount(100), 1);
    let cancelled = cancel(&order, "buyer")
        .expect("open")
        .expect("for the first time");
    assert_eq!(cancelled.freed.iter().map(|(_, n)| n).sum::<i64>(), 4);
    let order = after(order, &cancelled.event);
    assert_eq!(order.state, State::Cancelled);
    let sum = owed(&order);
    assert_eq!((sum.amount, sum.shipping), (3499, 599));
    let order = after(
        order.clone(),
        &start(&order, &sum, 2, Some(Cause::Cancelled)),
    );
    assert_eq!(order.money_left(), 0);
    assert_eq!(cancel(&order, "buyer"), Ok(None));
}

#[test]
fn giving_up_the_rest_owes_the_rest_without_sending() {
    let order = sent(2);
    let cancelled = cancel(&order, "buyer").expect("open").expect("first");
    let order = after(order, &cancelled.event);
    assert_eq!(order.state, State::Completed);
    // 20.00 * 1 / 3, and B.
    assert_eq!((owed(&order).amount, owed(&order).shipping), (1666, 0));
}

#[test]
fn what_is_given_up_before_it_is_paid_owes_once_it_is() {
    let order = placed();
    let cancelled = cancel(&order, "buyer").expect("open").expect("first");
    let order = after(order, &cancelled.event);
    assert!(order.owes && !order.is_unsettled());
    let order = after(order, &Event::Paid { invoice: 1 });
    assert_eq!(order.state, State::Cancelled);
    assert!(order.is_unsettled());
    let sum = owed(&order);
    assert_eq!(sum.amount, 3599);
    let order = after(
        order.clone(),
        &start(&order, &sum, 1, Some(Cause::Cancelled)),
    );
    assert!(!order.owes);
}

#[test]
fn restocking_gives_up_what_has_not_left_first() {
    let order = sent(2);
    let done = restock(&order, &[(A, 2)]).expect("three are there");
    // The last unit lay at y; the two that left came from x.
    let told = |units: &[(crate::inventory::LevelKey, i64)]| {
        let one = units.iter();
        one.map(|(key, n)| (key.store.to_string(), *n))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&done.freed), [("y".to_owned(), 1)]);
    assert_eq!(told(&done.back), [("x".to_owned(), 1)]);
    let order = after(order, &done.event);
    let line = order.line(A).expect("A");
    assert_eq!((line.open(), line.cancelled, line.returned), (0, 1, 1));
    assert_eq!(restock(&order, &[(A, 2)]), Err(exceeds(2, 1)));
    let ship = Ship {
        id: crate::FulfillmentId(2),
        lines: vec![(A, 1)],
        tracking: None,
        by: "clerk".into(),
    };
    assert_eq!(fulfill(&order, &ship), Err(exceeds(1, 0)));
}

#[test]
fn tells_where_the_money_is() {
    let mut all = payments();
    let of = |all: &[Payment]| PaymentState::of(all, 3599).as_str();
    assert_eq!(of(&all), "captured");
    all[0].refunded = 5;
    assert_eq!(of(&all), "partially_refunded");
    (all[0].refunded, all[1].refunded) = (2000, 1599);
    assert_eq!(of(&all), "refunded");
    for payment in &mut all {
        (payment.captured, payment.refunded) = (0, 0);
        payment.state = crate::payment::State::Authorized;
    }
    assert_eq!(of(&all), "authorized");
    for payment in &mut all {
        payment.state = crate::payment::State::Voided;
    }
    assert_eq!(of(&all), "voided");
    assert_eq!(PaymentState::of(&[], 0).as_str(), "captured");
}

#[test]
fn what_was_given_up_is_owed_once() {
    let mut order = sent(2);
    // Units that were given up and paid back before: (given up, paid back) -> (units, amount) of A.
    for (cancelled, refunded, expected) in [
        (1, 0, Some((1, 666))),
        (1, 2, Some((1, 667))),
        (1, 3, None),
        (2, 2, Some((1, 667))),
        (0, 0, None),
        (3, 0, Some((3, 2000))),
    ] {
        (order.lines[0].cancelled, order.lines[0].refunded) = (cancelled, refunded);
        let owed = owed(&order);
        let line = owed.lines.first().map(|line| (line.units, line.amount));
        assert_eq!(line, expected, "{cancelled} {refunded}");
        assert_eq!(owed.amount, expected.map_or(0, |(_, amount)| amount));
    }
}

#[test]
fn payments_give_what_they_have_left() {
    let given = |order: &Order, amount| {
        let payments = payments();
        let borrowed: Vec<&Payment> = payments.iter().collect();
        let parts = parts(order, &borrowed, amount)?;
        Ok(parts
            .into_iter()
            .map(|(id, n)| (id.0, n))
            .collect::<Vec<_>>())
    };
    let order = begin(paid(), &of_amount(1500), 1);
    assert_eq!(given(&order, 500), Ok(vec![(1, 500)]));
    assert_eq!(given(&order, 501), Ok(vec![(1, 500), (2, 1)]));
    assert_eq!(given(&order, 2099), Ok(vec![(1, 500), (2, 1599)]));
    assert_eq!(given(&order, 2100), Err(exceeds(2100, 2099)));
    assert_eq!(given(&order, 0), Ok(Vec::new()));
    // What failed can be given again.
    let order = answer(order, 1, 1, RefundState::Failed);
    assert_eq!(given(&order, 2001), Ok(vec![(1, 2000), (2, 1)]));
}

#[test]
fn a_decision_by_hand_is_about_what_is_open() {
    let order = begin(paid(), &of_amount(100), 1);
    let decided =
        |order: &Order, id| resolved(order, RefundId(id), RefundState::Failed, "lost", "clerk");
    let event = decided(&order, 1);
    let expected = Event::RefundResolved {
        id: RefundId(1),
        state: RefundState::Failed,
        note: "lost".into(),
        by: "clerk".into(),
    };
    assert_eq!(event, Some(expected.clone()));
    assert_eq!(decided(&order, 2), None);
    let order = after(order, &expected);
    assert_eq!(decided(&order, 1), None);
}

#[test]
fn where_money_goes_is_said_when_it_goes_elsewhere() {
    let order = begin(paid(), &of_amount(100), 1);
    let mut refund = order.refunds[0].clone();
    for (to, spelled) in [
        (To::Original, None),
        (To::Wallet, Some("wallet")),
        (To::Exchange, Some("exchange")),
    ] {
        refund.to = to;
        let json = serde_json::to_value(&refund).expect("JSON");
        let word = json.get("to").map(|it| it.as_str().expect("a word"));
        assert_eq!(word, spelled);
        assert_eq!(json.get("shipping"), None);
        assert_eq!(
            serde_json::from_value::<Refund>(json).ok(),
            Some(refund.clone())
        );
    }
}

#[test]
fn a_refund_stands_as_its_parts_do() {
    use RefundState::{Failed, Pending, Succeeded, Unknown};
    let order = begin(paid(), &of_amount(2500), 1);
    let rows = [
        ([Pending, Pending], Pending, false, 2500),
        ([Pending, Unknown], Unknown, false, 2500),
        ([Failed, Pending], Pending, false, 500),
        ([Failed, Succeeded], Failed, false, 500),
        ([Failed, Failed], Failed, true, 0),
        ([Succeeded, Succeeded], Succeeded, false, 2500),
    ];
    for (states, state, void, counted) in rows {
        let mut refund = order.refunds[0].clone();
        for (part, state) in refund.parts.iter_mut().zip(states) {
            part.state = state;
        }
        assert_eq!(refund.state(), state, "{states:?}");
        assert_eq!(state.is_open(), matches!(state, Pending | Unknown));
        assert_eq!((refund.is_void(), refund.counted()), (void, counted));
    }
    let mut nothing = order.refunds[0].clone();
    nothing.parts.clear();
    assert_eq!((nothing.is_void(), nothing.state()), (false, Succeeded));
}
