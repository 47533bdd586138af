//! Every question with every answer.

use super::*;
use crate::entity::Entity;
use crate::payment::{Method, Started};
use crate::{CheckoutId, Currency, Money, PaymentId, Time};
use std::sync::Arc;

fn after(events: &[Event]) -> Payment {
    let id = PaymentId(7);
    let started = Started {
        checkout: CheckoutId(1),
        attempt: 1,
        method: Method::Card,
        provider: Some("a".into()),
        is_fixed: false,
        origin: None,
        amount: Money::new(500, Currency::new("USD").expect("a currency")),
    };
    let mut state = None;
    let first = std::iter::once(Event::Started(started));
    for event in first.chain(events.iter().cloned()) {
        Payment::apply(&mut state, &id, &event, Time(1));
    }
    Arc::unwrap_or_clone(state.expect("a payment"))
}

fn authorized() -> Event {
    Event::Authorized {
        provider_id: Some("p".into()),
        card: None,
    }
}

fn asked(question: Question) -> Payment {
    match question {
        Question::Authorize => after(&[Event::Asked(question)]),
        Question::Capture | Question::Void => after(&[
            Event::Asked(Question::Authorize),
            authorized(),
            Event::Asked(question),
        ]),
        Question::Refund => after(&[
            Event::Asked(Question::Authorize),
            authorized(),
            Event::Asked(Question::Capture),
            Event::Captured,
            Event::Asked(question),
        ]),
    }
}

fn seen(state: State) -> Answer {
    Answer::Seen(Sighting {
        provider_id: "p".into(),
        state,
        refunded: 0,
        decline: None,
        card: None,
    })
}

fn given_back(refunded: i64) -> Answer {
    Answer::Seen(Sighting {
        provider_id: "p".into(),
        state: State::Captured,
        refunded,
        decline: None,
        card: None,
    })
}

#[test]
fn each_answer_has_one_meaning() {
    use Decline::{Declined, ExpiredCard, Unavailable};
    use Question::{Authorize, Capture, Refund, Void};
    let rows: Vec<(Question, Answer, Vec<Event>)> = vec![
        (Authorize, seen(State::Authorized), vec![authorized()]),
        (
            Authorize,
            seen(State::Captured),
            vec![authorized(), Event::Captured],
        ),
        (
            Authorize,
            seen(State::Declined),
            vec![Event::Declined(Declined)],
        ),
        (
            Authorize,
            seen(State::Voided),
            vec![Event::Declined(Unavailable)],
        ),
        (
            Authorize,
            Answer::Declined(ExpiredCard),
            vec![Event::Declined(ExpiredCard)],
        ),
        (Authorize, Answer::Refused, vec![Event::Declined(Declined)]),
        (Authorize, Answer::Nothing, vec![Event::Unclear]),
        (Authorize, Answer::Lost, vec![Event::Unclear]),
        (
            Authorize,
            Answer::Elsewhere("b".into()),
            vec![Event::Rerouted {
                provider: "b".into(),
            }],
        ),
        (Capture, seen(State::Captured), vec![Event::Captured]),
        (Capture, seen(State::Authorized), vec![Event::Unclear]),
        (Capture, seen(State::Voided), vec![Event::Refused]),
        (Capture, Answer::Declined(Declined), vec![Event::Refused]),
        (Capture, Answer::Refused, vec![Event::Refused]),
        (Capture, Answer::Lost, vec![Event::Asked(Authorize)]),
        (Void, seen(State::Voided), vec![Event::Voided]),
        (Void, seen(State::Declined), vec![Event::Voided]),
        (Void, seen(State::Authorized), vec![Event::Unclear]),
        (Void, seen(State::Captured), vec![Event::Captured]),
        (Void, Answer::Nothing, vec![Event::Voided]),
        (Void, Answer::Refused, vec![Event::Unclear]),
        (Refund, given_back(499), vec![Event::Unclear]),
        (
            Refund,
            given_back(500),
            vec![Event::Refunded { amount: 500 }],
        ),
        (Refund, Answer::Nothing, vec![Event::Unclear]),
    ];
    for (question, answer, expected) in rows {
        let payment = asked(question);
        assert_eq!(
            tell(&payment, question, &answer),
            expected,
            "{question:?} {answer:?}"
        );
        for other in [Authorize, Capture, Void, Refund] {
            if other != question {
                assert_eq!(
                    tell(&payment, other, &answer),
                    [],
                    "{other:?} was not asked"
                );
            }
        }
    }
}

#[test]
fn an_unclear_authorization_is_never_asked_elsewhere() {
    let payment = after(&[Event::Asked(Question::Authorize), Event::Unclear]);
    assert_eq!((payment.state, payment.tries), (State::Unknown, 1));
    let answer = Answer::Elsewhere("b".into());
    assert_eq!(
        tell(&payment, Question::Authorize, &answer),
        [Event::Unclear]
    );
}

#[test]
fn a_second_answer_changes_nothing() {
    let payment = after(&[Event::Asked(Question::Authorize), authorized()]);
    assert_eq!(
        tell(&payment, Question::Authorize, &seen(State::Authorized)),
        []
    );
}

#[test]
fn a_declined_payment_that_was_released_stays_declined() {
    let payment = after(&[
        Event::Asked(Question::Authorize),
        Event::Declined(Decline::ExpiredCard),
        Event::Asked(Question::Void),
        Event::Voided,
    ]);
    assert_eq!(payment.state, State::Declined);
    assert!(payment.is_released && !payment.is_open());
}

#[test]
fn what_was_not_sent_is_open_again_only_while_nobody_knows_of_it() {
    let pending = after(&[Event::Asked(Question::Authorize)]);
    let unsent = tell(&pending, Question::Authorize, &Answer::Unsent);
    assert_eq!(unsent, [Event::Unsent]);
    let unclear = after(&[Event::Asked(Question::Authorize), Event::Unclear]);
    assert_eq!(tell(&unclear, Question::Authorize, &Answer::Unsent), []);
    for question in [Question::Capture, Question::Void, Question::Refund] {
        let payment = asked(question);
        assert_eq!(tell(&payment, question, &Answer::Unsent), []);
        let unclear = tell(&payment, question, &Answer::Unclear);
        assert_eq!(unclear, [Event::Unclear], "{question:?}");
    }
}

#[test]
fn what_went_back_before_is_not_booked_again() {
    let mut payment = asked(Question::Refund);
    payment.refunded = 120;
    for (seen, expected) in [
        (120, Event::Unclear),
        (499, Event::Unclear),
        (500, Event::Refunded { amount: 380 }),
        (501, Event::Refunded { amount: 380 }),
    ] {
        assert_eq!(
            tell(&payment, Question::Refund, &given_back(seen)),
            [expected]
        );
    }
}

#[test]
fn a_card_that_says_why_is_declined_so() {
    let answer = Answer::Seen(Sighting {
        provider_id: "p".into(),
        state: State::Declined,
        refunded: 0,
        decline: Some(Decline::InsufficientFunds),
        card: None,
    });
    let payment = asked(Question::Authorize);
    let events = tell(&payment, Question::Authorize, &answer);
    assert_eq!(events, [Event::Declined(Decline::InsufficientFunds)]);
    for state in [State::Pending, State::Unknown] {
        let events = tell(&payment, Question::Authorize, &seen(state));
        assert_eq!(events, [Event::Unclear]);
    }
    let capture = asked(Question::Capture);
    for answer in [Answer::Nothing, seen(State::Declined)] {
        let events = tell(&capture, Question::Capture, &answer);
        assert_eq!(events, [Event::Refused]);
    }
    let elsewhere = Answer::Elsewhere("b".into());
    for question in [Question::Capture, Question::Void] {
        let events = tell(&asked(question), question, &elsewhere);
        assert_eq!(events, [Event::Unclear]);
    }
    let lost = tell(&asked(Question::Void), Question::Void, &Answer::Lost);
    assert_eq!(lost, [Event::Voided]);
    let declined = Answer::Declined(Decline::Declined);
    let events = tell(&asked(Question::Void), Question::Void, &declined);
    assert_eq!(events, [Event::Unclear]);
}
