//! What each event of an attempt does to its checkout.

use super::*;
use crate::cart::samples::{NOW, cart, shop};
use crate::checkout::samples::{Desk, whole};
use crate::checkout::{Event, FailureCode};
use crate::{QuoteId, ReservationId};

fn attempt(n: u32, key: &str) -> Attempt {
    Attempt {
        n,
        state: AttemptState::Running,
        quote: QuoteId(1),
        body: "body".into(),
        keys: vec![key.into()],
        reservation: ReservationId(1),
        payments: Vec::new(),
        exchange_of: None,
        order: None,
        started_at: NOW,
        order_by: NOW.plus_seconds(120),
        failure: None,
        cancel: false,
        correlation: SmolStr::default(),
    }
}

fn desk() -> Desk {
    Desk::open(&cart(&[("MUG", 1)]), &whole(), &shop()).unwrap_or_else(|it| panic!("{it}"))
}

fn begun() -> Desk {
    let mut desk = desk();
    happens(&mut desk, SagaEvent::Began(Box::new(attempt(1, "one"))));
    desk
}

/// Each counts one version, and is remembered with it.
fn happens(desk: &mut Desk, event: SagaEvent) {
    let version = desk.checkout.version;
    desk.apply(&Event::Saga(event), Time(NOW.0 + 3));
    assert_eq!(desk.checkout.version, version + 1);
    assert_eq!(desk.checkout.updated_at, Time(NOW.0 + 3));
}

fn stepped(step: Step, state: StepState, tries: u32) -> SagaEvent {
    SagaEvent::Stepped { step, state, tries }
}

#[test]
fn every_event_is_remembered_with_its_version_and_what_it_tells() {
    let order = OrderId(8);
    let failure = Failure {
        code: FailureCode::Cancelled,
        reason: None,
    };
    let (code, detail) = (SmolStr::new("parked"), SmolStr::new("later"));
    let (action, note) = (SmolStr::new("retry"), SmolStr::new("why"));
    let unknown = (Step::Authorize, StepState::Unknown);
    let rows = [
        (
            stepped(unknown.0, unknown.1, 3),
            "stepped",
            State::Processing,
            Some(unknown),
            3,
        ),
        (
            SagaEvent::Attached { key: "k".into() },
            "attached",
            State::Processing,
            None,
            0,
        ),
        (SagaEvent::GivenUp, "given_up", State::Processing, None, 0),
        (
            SagaEvent::WentBack(failure),
            "went_back",
            State::Processing,
            None,
            0,
        ),
        (
            SagaEvent::Ordered(order),
            "ordered",
            State::Processing,
            Some((Step::Order, StepState::Done)),
            0,
        ),
        (
            SagaEvent::Completed,
            "completed",
            State::Completed,
            Some((Step::Notify, StepState::Done)),
            0,
        ),
        (
            SagaEvent::Undone {
                to: State::Cancelled,
            },
            "undone",
            State::Cancelled,
            Some((Step::Reserve, StepState::Undone)),
            0,
        ),
        (
            SagaEvent::NeedsAttention,
            "needs_attention",
            State::NeedsAttention,
            None,
            0,
        ),
        (
            SagaEvent::Resolved { action, note },
            "resolved",
            State::Processing,
            None,
            0,
        ),
        (
            SagaEvent::Told { code, detail },
            "told",
            State::Processing,
            None,
            0,
        ),
    ];
    let began = SagaEvent::Began(Box::new(attempt(1, "one")));
    assert_eq!(began.name(), "began");
    for (event, name, state, step, tries) in rows {
        assert_eq!(event.name(), name);
        let mut desk = begun();
        happens(&mut desk, event);
        let expected = Progress {
            version: 3,
            at: Time(NOW.0 + 3),
            state,
            attempt: 1,
            step,
            tries,
        };
        assert_eq!(desk.checkout.progress.last(), Some(&expected), "{name}");
        assert_eq!(desk.checkout.progress.len(), 3);
        assert_eq!(desk.checkout.state, state);
    }
}

#[test]
fn an_attempt_keeps_what_happened_to_it() {
    let mut desk = begun();
    let checkout = &desk.checkout;
    assert_eq!(
        (checkout.state, checkout.attempts.len()),
        (State::Processing, 1)
    );
    let failure = Failure {
        code: FailureCode::CaptureRefused,
        reason: None,
    };
    happens(&mut desk, SagaEvent::Attached { key: "two".into() });
    happens(&mut desk, SagaEvent::GivenUp);
    happens(&mut desk, SagaEvent::Ordered(OrderId(8)));
    happens(&mut desk, SagaEvent::WentBack(failure));
    let attempt = desk.checkout.attempt().expect("an attempt");
    assert_eq!(attempt.keys, ["one", "two"]);
    assert_eq!((attempt.cancel, attempt.order), (true, Some(OrderId(8))));
    assert_eq!(
        (attempt.failure, attempt.state),
        (Some(failure), AttemptState::Running)
    );
    happens(&mut desk, SagaEvent::Undone { to: State::Open });
    assert_eq!(
        desk.checkout.attempt().map(|it| it.state),
        Some(AttemptState::Undone)
    );
    let (code, detail) = ("parked".into(), "later".into());
    happens(&mut desk, SagaEvent::Told { code, detail });
    let told: Vec<_> = desk.checkout.messages.iter().map(|it| &*it.code).collect();
    assert_eq!(
        (told, desk.checkout.messages[0].at),
        (vec!["parked"], Time(NOW.0 + 3))
    );
    let mut second = begun();
    happens(&mut second, SagaEvent::Completed);
    assert_eq!(
        second.checkout.attempt().map(|it| it.state),
        Some(AttemptState::Succeeded)
    );
}

#[test]
fn a_key_answers_to_the_attempt_that_it_came_with() {
    let mut desk = begun();
    assert_eq!(desk.checkout.attempt_of("two"), None);
    happens(&mut desk, SagaEvent::Undone { to: State::Open });
    happens(
        &mut desk,
        SagaEvent::Began(Box::new(super::tests::attempt(2, "two"))),
    );
    let n = |key| desk.checkout.attempt_of(key).map(|it| it.n);
    assert_eq!((n("one"), n("two"), n("three")), (Some(1), Some(2), None));
    assert_eq!(desk.checkout.attempt().map(|it| it.n), Some(2));
}

#[test]
fn a_step_stands_as_the_last_attempt_left_it() {
    let empty = self::desk();
    assert_eq!(empty.checkout.step(Step::Reserve), None);
    let mut desk = begun();
    assert_eq!(
        desk.checkout.step(Step::Reserve),
        Some((StepState::Done, 0))
    );
    assert_eq!(desk.checkout.step(Step::Capture), None);
    happens(&mut desk, stepped(Step::Authorize, StepState::Unknown, 4));
    happens(&mut desk, stepped(Step::Capture, StepState::Running, 0));
    assert_eq!(
        desk.checkout.step(Step::Authorize),
        Some((StepState::Unknown, 4))
    );
    happens(&mut desk, SagaEvent::Undone { to: State::Open });
    assert_eq!(
        desk.checkout.step(Step::Reserve),
        Some((StepState::Undone, 0))
    );
    happens(&mut desk, SagaEvent::Began(Box::new(attempt(2, "two"))));
    assert_eq!(desk.checkout.step(Step::Authorize), None);
}

#[test]
fn so_many_changes_are_remembered() {
    let mut desk = begun();
    for n in 0..300 {
        happens(&mut desk, stepped(Step::Authorize, StepState::Running, n));
        let expected = (n as usize + 3).min(REMEMBERED);
        assert_eq!(desk.checkout.progress.len(), expected);
    }
    let version = desk.checkout.version;
    let first = desk.checkout.progress.first().map(|it| it.version);
    assert_eq!(first, Some(version - REMEMBERED as u64 + 1));
}
