//! Every way an attempt can go, one answer after the other.

use super::*;
use crate::checkout::AttemptState;
use crate::entity::Entity;
use crate::payment::{Answer, Event, Sighting, Started, tell};
use crate::{CheckoutId, Currency, Money, OrderId, PaymentId, QuoteId, ReservationId};
use std::sync::Arc;

const NOW: Time = Time(1_000);

/// An attempt and its payments, moved as the commands move them.
struct Run {
    attempt: Attempt,
    payments: Vec<Option<Arc<Payment>>>,
}

impl Run {
    fn begin(parts: usize) -> Self {
        Self::paid(&vec![Method::Card; parts])
    }

    fn paid(methods: &[Method]) -> Self {
        let parts = methods.len();
        let attempt = Attempt {
            n: 1,
            state: AttemptState::Running,
            quote: QuoteId(1),
            body: "body".into(),
            keys: vec!["key".into()],
            reservation: ReservationId(1),
            payments: (0..parts).map(|n| PaymentId(n as u128)).collect(),
            exchange_of: None,
            order: None,
            started_at: NOW,
            order_by: Time(NOW.0 + 120_000),
            failure: None,
            cancel: false,
            correlation: "request".into(),
        };
        let mut run = Self {
            attempt,
            payments: vec![None; parts],
        };
        for (place, method) in methods.iter().copied().enumerate() {
            let started = Started {
                checkout: CheckoutId(1),
                attempt: 1,
                method,
                provider: (method == Method::Card).then(|| "a".into()),
                is_fixed: false,
                origin: None,
                amount: Money::new(500, Currency::new("USD").expect("a currency")),
            };
            run.apply(place, &Event::Started(started));
            if method == Method::Wallet {
                run.settle(place, Authorize);
            }
        }
        run
    }

    fn apply(&mut self, place: usize, event: &Event) {
        Payment::apply(
            &mut self.payments[place],
            &PaymentId(place as u128),
            event,
            NOW,
        );
    }

    /// A wallet answers at once.
    fn settle(&mut self, place: usize, question: Question) {
        let settled = match question {
            Authorize => Event::Authorized {
                provider_id: None,
                card: None,
            },
            Capture => Event::Captured,
            Void => Event::Voided,
            Refund => Event::Refunded { amount: 500 },
        };
        self.apply(place, &settled);
    }

    fn payments(&self) -> Vec<&Payment> {
        self.payments.iter().flatten().map(AsRef::as_ref).collect()
    }

    fn states(&self) -> Vec<State> {
        self.payments().iter().map(|it| it.state).collect()
    }

    fn next_at(&self, now: Time) -> Next {
        next(&self.attempt, &self.payments(), now)
    }

    /// Goes on by itself as far as it can; what it then waits for.
    fn go(&mut self) -> Next {
        loop {
            match self.next_at(NOW) {
                Next::Ask(place, question) => match self.payments()[place].method {
                    Method::Card => self.apply(place, &Event::Asked(question)),
                    Method::Wallet | Method::Exchange => self.settle(place, question),
                },
                Next::Order => self.attempt.order = Some(OrderId(1)),
                Next::GoBack(failure) => self.attempt.failure = Some(failure),
                Next::Succeed => self.attempt.state = AttemptState::Succeeded,
                Next::Undo => self.attempt.state = AttemptState::Undone,
                waits @ (Next::Asked(..) | Next::Wait(_) | Next::Nothing) => return waits,
            }
        }
    }

    fn answer(&mut self, place: usize, question: Question, answer: &Answer) -> Next {
        assert_eq!(self.go(), Next::Asked(place, question));
        let payment = self.payments[place].clone().expect("a payment");
        for event in tell(&payment, question, answer) {
            self.apply(place, &event);
        }
        self.go()
    }
}

#[test]
fn what_reached_nobody_waits_before_it_is_asked_again() {
    let mut run = Run::begin(1);
    assert_eq!(run.answer(0, Authorize, &Answer::Unsent), Next::Wait(0));
    let due = run.payments()[0].parked_until().expect("it is parked");
    assert_eq!(due, Time(NOW.0 + 500));
    assert_eq!(run.next_at(Time(due.0 - 1)), Next::Wait(0));
    assert_eq!(run.next_at(due), Next::Ask(0, Authorize));
    run.attempt.cancel = true;
    assert_eq!(run.go(), Next::Nothing, "nobody has to release anything");
    assert_eq!(run.attempt.state, AttemptState::Undone);
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

fn given_back() -> Answer {
    Answer::Seen(Sighting {
        provider_id: "p".into(),
        state: State::Captured,
        refunded: 500,
        decline: None,
        card: None,
    })
}

use Question::{Authorize, Capture, Refund, Void};

#[test]
fn two_parts_are_held_one_after_the_other_then_taken() {
    let mut run = Run::begin(2);
    assert_eq!(run.go(), Next::Asked(0, Authorize));
    run.answer(0, Authorize, &seen(State::Authorized));
    assert!(run.attempt.order.is_none());
    run.answer(1, Authorize, &seen(State::Authorized));
    assert!(run.attempt.order.is_some());
    run.answer(0, Capture, &seen(State::Captured));
    let end = run.answer(1, Capture, &seen(State::Captured));
    assert_eq!(
        (end, run.attempt.state),
        (Next::Nothing, AttemptState::Succeeded)
    );
}

#[test]
fn nothing_to_pay_is_an_order_at_once() {
    let mut run = Run::begin(0);
    assert_eq!(run.go(), Next::Nothing);
    assert_eq!(run.attempt.state, AttemptState::Succeeded);
}

#[test]
fn the_second_part_declined_releases_both() {
    let mut run = Run::begin(2);
    run.answer(0, Authorize, &seen(State::Authorized));
    run.answer(1, Authorize, &Answer::Declined(Decline::ExpiredCard));
    let failure = run.attempt.failure.expect("a failure");
    assert_eq!(failure.reason, Some(Decline::ExpiredCard));
    run.answer(1, Void, &Answer::Nothing);
    run.answer(0, Void, &seen(State::Voided));
    assert_eq!(run.attempt.state, AttemptState::Undone);
    assert_eq!(run.states(), [State::Voided, State::Declined]);
}

#[test]
fn an_unknown_answer_is_asked_again_and_nothing_else() {
    let mut run = Run::begin(1);
    for _ in 0..5 {
        let next = run.answer(0, Authorize, &Answer::Unclear);
        assert_eq!(next, Next::Asked(0, Authorize));
    }
    run.answer(0, Authorize, &seen(State::Authorized));
    assert_eq!(
        run.answer(0, Capture, &Answer::Unclear),
        Next::Asked(0, Capture)
    );
    run.answer(0, Capture, &seen(State::Captured));
    assert_eq!(run.attempt.state, AttemptState::Succeeded);
}

#[test]
fn after_its_time_no_order_is_made_and_all_is_released() {
    for answers in [0, 1] {
        let mut run = Run::begin(1);
        run.go();
        for _ in 0..answers {
            run.answer(0, Authorize, &Answer::Unclear);
        }
        assert_eq!(run.next_at(Time(run.attempt.order_by.0 - 1)), run.go());
        let Next::GoBack(failure) = run.next_at(run.attempt.order_by) else {
            panic!("it goes on");
        };
        assert_eq!(failure.reason, Some(Decline::Unavailable));
        run.attempt.failure = Some(failure);
        assert_eq!(run.go(), Next::Asked(0, Void));
        // The answer to the first question comes after all.
        let late = tell(run.payments()[0], Authorize, &seen(State::Authorized));
        assert_eq!(late, []);
        run.answer(0, Void, &seen(State::Voided));
        assert_eq!(run.attempt.state, AttemptState::Undone);
    }
}

#[test]
fn who_gives_up_gets_it_undone_until_there_is_an_order() {
    let mut run = Run::begin(1);
    run.go();
    run.attempt.cancel = true;
    assert_eq!(run.go(), Next::Asked(0, Void));
    let mut late = Run::begin(1);
    late.answer(0, Authorize, &seen(State::Authorized));
    late.attempt.cancel = true;
    assert_eq!(late.go(), Next::Asked(0, Capture));
}

#[test]
fn a_capture_refused_for_good_gives_back_what_was_taken() {
    let mut run = Run::begin(2);
    run.answer(0, Authorize, &seen(State::Authorized));
    run.answer(1, Authorize, &seen(State::Authorized));
    run.answer(0, Capture, &seen(State::Captured));
    run.answer(1, Capture, &Answer::Refused);
    let failure = run.attempt.failure.expect("a failure");
    assert_eq!(failure.code, FailureCode::CaptureRefused);
    run.answer(1, Void, &seen(State::Voided));
    assert_eq!(
        run.answer(0, Refund, &Answer::Unclear),
        Next::Asked(0, Refund)
    );
    run.answer(0, Refund, &given_back());
    assert_eq!(run.attempt.state, AttemptState::Undone);
    assert_eq!(run.states(), [State::Captured, State::Voided]);
    assert_eq!(run.payments()[0].refunded, 500);
}

#[test]
fn what_was_never_held_is_held_again_before_it_is_taken() {
    let mut run = Run::begin(1);
    run.answer(0, Authorize, &seen(State::Authorized));
    let next = run.answer(0, Capture, &Answer::Lost);
    assert_eq!(next, Next::Asked(0, Authorize));
    run.answer(0, Authorize, &seen(State::Authorized));
    run.answer(0, Capture, &seen(State::Captured));
    assert_eq!(run.attempt.state, AttemptState::Succeeded);
}

#[test]
fn what_cannot_be_held_again_is_undone_with_its_order() {
    let mut run = Run::begin(1);
    run.answer(0, Authorize, &seen(State::Authorized));
    run.answer(0, Capture, &Answer::Lost);
    run.answer(0, Authorize, &Answer::Declined(Decline::Declined));
    run.answer(0, Void, &Answer::Nothing);
    assert_eq!(run.attempt.state, AttemptState::Undone);
}

#[test]
fn money_taken_that_nobody_asked_for_is_given_back() {
    let mut run = Run::begin(1);
    run.go();
    run.attempt.cancel = true;
    run.answer(0, Void, &seen(State::Captured));
    run.answer(0, Refund, &given_back());
    assert_eq!(run.attempt.state, AttemptState::Undone);
    assert_eq!(run.payments()[0].refunded, 500);
}

#[test]
fn a_wallet_pays_without_anybody_outside() {
    let mut run = Run::paid(&[Method::Wallet, Method::Wallet]);
    assert_eq!(run.go(), Next::Nothing);
    assert_eq!(run.attempt.state, AttemptState::Succeeded);
    assert_eq!(run.states(), [State::Captured, State::Captured]);
}

#[test]
fn a_wallet_is_released_when_the_card_beside_it_says_no() {
    for (methods, card) in [
        ([Method::Wallet, Method::Card], 1),
        ([Method::Card, Method::Wallet], 0),
    ] {
        let mut run = Run::paid(&methods);
        run.answer(card, Authorize, &Answer::Declined(Decline::Declined));
        run.answer(card, Void, &Answer::Nothing);
        assert_eq!(run.attempt.state, AttemptState::Undone);
        assert_eq!(run.states()[1 - card], State::Voided);
        assert_eq!(run.states()[card], State::Declined);
    }
}

#[test]
fn a_wallet_that_was_taken_gets_it_back_when_the_card_is_not_captured() {
    let mut run = Run::paid(&[Method::Wallet, Method::Card]);
    run.answer(1, Authorize, &seen(State::Authorized));
    assert_eq!(run.states()[0], State::Captured);
    run.answer(1, Capture, &Answer::Refused);
    run.answer(1, Void, &seen(State::Voided));
    assert_eq!(run.attempt.state, AttemptState::Undone);
    let wallet = run.payments()[0];
    assert_eq!((wallet.captured, wallet.refunded), (500, 500));
}

#[test]
fn a_wallet_is_released_when_its_time_is_over_or_the_buyer_gives_up() {
    for late in [false, true] {
        let mut run = Run::paid(&[Method::Wallet]);
        run.attempt.cancel = !late;
        if late {
            let Next::GoBack(failure) = run.next_at(run.attempt.order_by) else {
                panic!("it goes on");
            };
            run.attempt.failure = Some(failure);
        }
        assert_eq!(run.go(), Next::Nothing);
        assert_eq!(run.attempt.state, AttemptState::Undone);
        assert_eq!(run.states(), [State::Voided]);
    }
}

/// Going back from one part, by what is known of it: what its provider is asked next; `None`: nothing is left of it.
#[test]
fn what_may_be_held_or_taken_is_undone_and_nothing_else() {
    let undone = |method, change: fn(&mut Payment)| {
        let mut run = Run::paid(&[Method::Card]);
        run.attempt.failure = Some(Failure {
            code: FailureCode::Cancelled,
            reason: None,
        });
        let mut payment = Payment::clone(run.payments[0].as_deref().expect("a payment"));
        payment.method = method;
        change(&mut payment);
        next(&run.attempt, &[&payment], NOW)
    };
    use Method::{Card, Wallet};
    type Row = (Method, fn(&mut Payment), Next);
    let rows: [Row; 8] = [
        (Card, |_| {}, Next::Undo),
        (Card, |it| it.was_asked = true, Next::Ask(0, Void)),
        (
            Card,
            |it| (it.was_asked, it.is_released) = (true, true),
            Next::Undo,
        ),
        (Card, |it| it.state = State::Authorized, Next::Undo),
        (
            Wallet,
            |it| it.state = State::Authorized,
            Next::Ask(0, Void),
        ),
        (
            Card,
            |it| (it.state, it.captured) = (State::Captured, 500),
            Next::Ask(0, Refund),
        ),
        (
            Card,
            |it| {
                it.state = State::Captured;
                (it.captured, it.refunded) = (500, 500);
            },
            Next::Undo,
        ),
        (
            Card,
            |it| (it.was_asked, it.asked) = (true, Some(Void)),
            Next::Asked(0, Void),
        ),
    ];
    for (n, (method, change, expected)) in rows.into_iter().enumerate() {
        assert_eq!(undone(method, change), expected, "row {n}");
    }
}
