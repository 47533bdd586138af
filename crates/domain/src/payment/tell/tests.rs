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
