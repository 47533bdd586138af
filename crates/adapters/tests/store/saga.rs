//! Attempts at completing a checkout, through the write loop on every store: each answer of a provider once, twice and late, and the
//! log makes the state.

use crate::carts::{create, refusal};
use crate::checkouts::{at, open, setting, whole};
use crate::looped::{Floor, on_each, reserve};
use crate::samples::*;
use cartwright_app::checkouts::saga::{Action, Complete, GiveUp, Hear, Nudge, Part, Pay, Resolve};
use cartwright_app::inventory::Configure;
use cartwright_app::shop::Reply;
use cartwright_app::{Key, Record};
use cartwright_domain::cart::{Add, State as CartState};
use cartwright_domain::checkout::{AttemptState, Checkout, FailureCode, State};
use cartwright_domain::inventory::{self, Backorder, BackorderMode, LevelKey};
use cartwright_domain::order::{Order, State as OrderState};
use cartwright_domain::payment::{
    Answer, Decline, Method, Payment, Question, Sighting, State as Paid,
};
use cartwright_domain::{CartId, CheckoutId, Currency, Money, QuoteId, Refusal};
use std::sync::Arc;

const GIVE_UP: i64 = 900;
const DEADLINE: i64 = 120;

fn card(amount: Option<i64>) -> Part {
    let usd = Currency::new("USD").unwrap();
    Part {
        method: Method::Card,
        token: Some("tok_visa".into()),
        provider: Some("a".into()),
        is_fixed: false,
        amount: amount.map(|minor| Money::new(minor, usd)),
    }
}

/// Completing checkout 1 with its quote, by a key, with a body.
fn complete(key: &str, body: &str, parts: Vec<Part>) -> Complete {
    Complete {
        checkout: at(1),
        quote: QuoteId(1),
        pay: Pay { parts },
        key: key.into(),
        body: body.into(),
        deadline_seconds: DEADLINE,
        setting: setting(),
    }
}

fn seen(state: Paid, refunded: i64) -> Answer {
    Answer::Seen(Sighting {
        provider_id: "sim_1".into(),
        state,
        refunded,
        decline: None,
        card: None,
    })
}

/// A checkout of 4 units of A, quoted, without a hold.
fn begin(floor: &Floor) {
    floor.done(create(1, vec![Add::new(sku("A"), 4)]));
    floor.done(open(1, 1, whole(false)));
}

/// What is recorded of the purchase.
struct Scene<'a>(&'a Floor);

impl Scene<'_> {
    fn checkout(&self) -> Arc<Checkout> {
        match self.0.shop.store().load(&Key::Checkout(CheckoutId(1))) {
            Ok(Some(Record::Checkout(it))) => it,
            other => panic!("{other:?}"),
        }
    }

    fn payments(&self) -> Vec<Arc<Payment>> {
        let checkout = self.checkout();
        let ids = &checkout.attempt().expect("an attempt").payments;
        ids.iter()
            .map(|id| match self.0.shop.store().load(&Key::Payment(*id)) {
                Ok(Some(Record::Payment(it))) => it,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn order(&self) -> Option<Arc<Order>> {
        let id = self.checkout().attempt()?.order?;
        match self.0.shop.store().load(&Key::Order(id)) {
            Ok(Some(Record::Order(it))) => Some(it),
            other => panic!("{other:?}"),
        }
    }

    /// Reserved and allocated units of A.
    fn stock(&self) -> (i64, i64) {
        let key = LevelKey {
            sku: sku("A"),
            store: store_id("berlin"),
        };
        match self.0.shop.store().load(&Key::Level(key)) {
            Ok(Some(Record::Level(level))) => (level.reserved, level.allocated),
            other => panic!("{other:?}"),
        }
    }

    fn cart(&self) -> CartState {
        match self.0.shop.store().load(&Key::Cart(CartId(1))) {
            Ok(Some(Record::Cart(cart))) => cart.state,
            other => panic!("{other:?}"),
        }
    }

    /// The only question that waits, and whose.
    fn asked(&self) -> (usize, Question) {
        let payments = self.payments();
        let mut asked = payments.iter().enumerate();
        let found = asked.find_map(|(place, it)| Some((place, it.asked?)));
        let waiting = payments.iter().filter(|it| it.asked.is_some()).count();
        assert_eq!(waiting, 1, "{payments:#?}");
        found.expect("a question")
    }

    /// Answers the question that waits, which must be this one of this payment; then once more, and with every other answer: the
    /// second and the late ones change nothing.
    fn answer(&self, place: usize, question: Question, answer: Answer) {
        assert_eq!(self.asked(), (place, question));
        let payment = self.payments()[place].id;
        let hear = |answer| Hear {
            checkout: CheckoutId(1),
            payment,
            question,
            answer,
            message: None,
            cause: None,
        };
        self.0.done(hear(answer.clone()));
        let settled = self.payments()[place].asked != Some(question);
        if settled {
            let before = (self.checkout(), self.payments());
            let late = [
                answer,
                Answer::Unclear,
                Answer::Nothing,
                Answer::Declined(Decline::Declined),
                seen(Paid::Authorized, 0),
                seen(Paid::Captured, 0),
            ];
            for answer in late {
                self.0.done(hear(answer));
            }
            assert_eq!((self.checkout(), self.payments()), before);
        }
    }

    fn nudge(&self) {
        self.0.done(Nudge {
            checkout: CheckoutId(1),
            give_up_seconds: GIVE_UP,
            cause: None,
        });
    }

    #[track_caller]
    fn stands(&self, name: &str) {
        let (checkout, order) = (self.checkout(), self.order().expect("an order"));
        assert_eq!(checkout.state, State::Completed, "{name}");
        assert_eq!(order.state, OrderState::Placed, "{name}");
        assert!(order.is_paid && order.invoice == Some(1), "{name}");
        assert_eq!(
            (self.stock(), self.cart()),
            ((0, 4), CartState::Ordered),
            "{name}"
        );
        let payments = self.payments();
        let taken: i64 = payments.iter().map(|it| it.captured - it.refunded).sum();
        assert_eq!(taken, checkout.terms.totals.total, "{name}");
        self.is_over(name);
    }

    #[track_caller]
    fn is_undone(&self, name: &str, to: State, code: FailureCode) {
        let checkout = self.checkout();
        let attempt = checkout.attempt().expect("an attempt");
        assert_eq!(checkout.state, to, "{name}");
        assert_eq!(attempt.state, AttemptState::Undone, "{name}");
        assert_eq!(attempt.failure.map(|it| it.code), Some(code), "{name}");
        assert_eq!(
            (self.stock(), self.cart()),
            ((0, 0), CartState::Open),
            "{name}"
        );
        if let Some(order) = self.order() {
            assert_eq!(order.state, OrderState::Cancelled, "{name}");
        }
        for payment in self.payments() {
            assert_eq!(payment.captured, payment.refunded, "{name}: {payment:#?}");
        }
        self.is_over(name);
    }

    /// Nobody is asked any more, and no card can be charged.
    #[track_caller]
    fn is_over(&self, name: &str) {
        for payment in self.payments() {
            assert!(!payment.is_open(), "{name}: {payment:#?}");
            let token = self.0.shop.store().load(&Key::Instrument(payment.id));
            assert_eq!(token.unwrap(), None, "{name}");
        }
        let before = self.checkout();
        self.nudge();
        assert_eq!(self.checkout(), before, "{name}");
    }
}

#[test]
fn two_parts_are_held_in_order_and_taken_once() {
    on_each(|name, floor| {
        begin(floor);
        let total = Scene(floor).checkout().terms.totals.total;
        let parts = vec![card(Some(1000)), card(Some(total - 1000))];
        floor.done(complete("k1", "b", parts.clone()));
        let scene = Scene(floor);
        assert_eq!(
            (scene.stock(), scene.cart()),
            ((4, 0), CartState::CheckingOut)
        );
        scene.answer(0, Question::Authorize, Answer::Unclear);
        scene.answer(0, Question::Authorize, seen(Paid::Authorized, 0));
        scene.answer(1, Question::Authorize, Answer::Elsewhere("b".into()));
        assert_eq!(scene.payments()[1].provider.as_deref(), Some("b"));
        scene.answer(1, Question::Authorize, seen(Paid::Authorized, 0));
        assert_eq!(scene.stock(), (0, 4));
        let refused = refusal(floor.submit(GiveUp { checkout: at(1) }, None));
        assert!(
            matches!(refused, Refusal::InvalidState { .. }),
            "{refused:?}"
        );
        scene.answer(0, Question::Capture, Answer::Lost);
        scene.answer(0, Question::Authorize, seen(Paid::Authorized, 0));
        scene.answer(0, Question::Capture, seen(Paid::Captured, 0));
        scene.answer(1, Question::Capture, Answer::Unclear);
        scene.answer(1, Question::Capture, seen(Paid::Captured, 0));
        scene.stands(name);
        // Who asks again is told the same, whatever version it expected.
        let mut again = complete("k1", "b", parts.clone());
        again.checkout.expected_version = Some(1);
        floor.done(again);
        floor.done(complete("k2", "b", parts.clone()));
        let refused = refusal(floor.submit(complete("k1", "c", parts.clone()), None));
        assert_eq!(refused, Refusal::KeyReused, "{name}");
        let refused = refusal(floor.submit(complete("k3", "c", parts), None));
        assert!(
            matches!(refused, Refusal::InvalidState { .. }),
            "{refused:?}"
        );
        scene.stands(name);
    });
}

#[test]
fn a_declined_part_undoes_the_others_in_reverse() {
    on_each(|name, floor| {
        begin(floor);
        let total = Scene(floor).checkout().terms.totals.total;
        let parts = vec![card(Some(1000)), card(Some(total - 1000))];
        floor.done(complete("k1", "b", parts.clone()));
        let scene = Scene(floor);
        scene.answer(0, Question::Authorize, seen(Paid::Authorized, 0));
        scene.answer(
            1,
            Question::Authorize,
            Answer::Declined(Decline::ExpiredCard),
        );
        scene.answer(1, Question::Void, Answer::Nothing);
        scene.answer(0, Question::Void, Answer::Unclear);
        scene.answer(0, Question::Void, seen(Paid::Voided, 0));
        scene.is_undone(name, State::Open, FailureCode::PaymentDeclined);
        // The next key tries again with the same quote.
        floor.done(complete("k1", "b", parts));
        assert_eq!(scene.checkout().attempts.len(), 1, "{name}");
        floor.done(complete("k2", "b", vec![card(None)]));
        scene.answer(0, Question::Authorize, seen(Paid::Captured, 0));
        scene.stands(name);
    });
}

#[test]
fn each_way_back_ends_with_nothing_held() {
    type Told = fn() -> Answer;
    type Way = (Vec<(Question, Told)>, (State, FailureCode));
    use Question::{Authorize, Capture, Refund, Void};
    let authorized: Told = || seen(Paid::Authorized, 0);
    let captured: Told = || seen(Paid::Captured, 0);
    let voided: Told = || seen(Paid::Voided, 0);
    let refunded: Told = || seen(Paid::Captured, 1_000_000);
    let (unclear, refused): (Told, Told) = (|| Answer::Unclear, || Answer::Refused);
    let (nothing, lost): (Told, Told) = (|| Answer::Nothing, || Answer::Lost);
    let declined: Told = || Answer::Declined(Decline::Declined);
    let back = (State::Open, FailureCode::PaymentDeclined);
    let late = (State::Cancelled, FailureCode::CaptureRefused);
    let ways: Vec<Way> = vec![
        (vec![(Authorize, declined), (Void, nothing)], back),
        (vec![(Authorize, refused), (Void, voided)], back),
        (
            vec![(Authorize, voided), (Void, unclear), (Void, lost)],
            back,
        ),
        (
            vec![
                (Authorize, declined),
                (Void, declined),
                (Void, authorized),
                (Void, voided),
            ],
            back,
        ),
        // It was taken although the card had said no.
        (
            vec![
                (Authorize, declined),
                (Void, captured),
                (Refund, unclear),
                (Refund, captured),
                (Refund, refunded),
            ],
            back,
        ),
        (
            vec![(Authorize, authorized), (Capture, refused), (Void, voided)],
            late,
        ),
        (
            vec![
                (Authorize, authorized),
                (Capture, declined),
                (Void, nothing),
            ],
            late,
        ),
        (
            vec![(Authorize, authorized), (Capture, voided), (Void, voided)],
            late,
        ),
        (
            vec![
                (Authorize, authorized),
                (Capture, lost),
                (Authorize, declined),
                (Void, nothing),
            ],
            late,
        ),
        (
            vec![
                (Authorize, authorized),
                (Capture, refused),
                (Void, captured),
                (Refund, refunded),
            ],
            late,
        ),
    ];
    for (questions, (to, code)) in ways {
        on_each(|name, floor| {
            begin(floor);
            floor.done(complete("k1", "b", vec![card(None)]));
            let scene = Scene(floor);
            for (question, answer) in &questions {
                scene.answer(0, *question, answer());
            }
            scene.is_undone(name, to, code);
        });
    }
}

#[test]
fn giving_up_stops_it_at_each_question_before_the_order() {
    for answers in [vec![], vec![Answer::Unclear]] {
        on_each(|name, floor| {
            begin(floor);
            floor.done(complete("k1", "b", vec![card(None)]));
            let scene = Scene(floor);
            for answer in &answers {
                scene.answer(0, Question::Authorize, answer.clone());
            }
            floor.done(GiveUp { checkout: at(1) });
            let given_up = scene.checkout();
            floor.done(GiveUp { checkout: at(1) });
            assert_eq!(scene.checkout(), given_up, "{name}");
            scene.answer(0, Question::Void, Answer::Nothing);
            scene.is_undone(name, State::Cancelled, FailureCode::Cancelled);
            floor.done(GiveUp { checkout: at(1) });
        });
    }
    // Declined at the same time: the buyer's wish counts.
    on_each(|name, floor| {
        begin(floor);
        floor.done(complete("k1", "b", vec![card(None)]));
        let scene = Scene(floor);
        scene.answer(0, Question::Authorize, Answer::Declined(Decline::Declined));
        floor.done(GiveUp { checkout: at(1) });
        scene.answer(0, Question::Void, Answer::Nothing);
        scene.is_undone(name, State::Cancelled, FailureCode::PaymentDeclined);
    });
}

#[test]
fn what_reached_nobody_waits_longer_each_time_and_is_asked_again() {
    on_each(|name, floor| {
        begin(floor);
        floor.done(complete("k1", "b", vec![card(None)]));
        let scene = Scene(floor);
        for (pause, round) in [1, 1, 2, 4, 5, 5].into_iter().zip(1..) {
            scene.answer(0, Question::Authorize, Answer::Unsent);
            let payment = &scene.payments()[0];
            assert_eq!((payment.asked, payment.parked), (None, round), "{name}");
            assert!(!payment.was_asked, "{name}: nothing can be held");
            scene.nudge();
            assert_eq!(scene.payments()[0].asked, None, "{name}: it waits");
            floor.pass_seconds(pause);
            scene.nudge();
        }
        assert_eq!(scene.asked(), (0, Question::Authorize), "{name}");
        scene.answer(0, Question::Authorize, Answer::Unsent);
        // Nobody was ever asked, so nobody has to be asked to release anything.
        floor.done(GiveUp { checkout: at(1) });
        scene.is_undone(name, State::Cancelled, FailureCode::Cancelled);
    });
}

#[test]
fn too_many_attempts_within_an_hour_are_refused_until_the_first_is_an_hour_old() {
    on_each(|name, floor| {
        begin(floor);
        let scene = Scene(floor);
        let limit = setting().rules.attempts_per_hour;
        for n in 0..limit {
            let (key, body) = (format!("k{n}"), format!("b{n}"));
            floor.done(complete(&key, &body, vec![card(None)]));
            scene.answer(0, Question::Authorize, Answer::Declined(Decline::Declined));
            scene.answer(0, Question::Void, Answer::Nothing);
            floor.pass_seconds(1);
        }
        let again = || complete("last", "b", vec![card(None)]);
        let refused = refusal(floor.submit(again(), None));
        let Refusal::TooManyAttempts {
            retry_after_seconds,
            ..
        } = refused
        else {
            panic!("{name}: {refused:?}");
        };
        assert_eq!(retry_after_seconds, 3_600 - limit as u32, "{name}");
        floor.done(complete("k0", "b0", vec![card(None)]));
    });
}

#[test]
fn time_takes_it_back_and_then_calls_for_somebody() {
    on_each(|name, floor| {
        begin(floor);
        floor.done(complete("k1", "b", vec![card(None)]));
        let scene = Scene(floor);
        scene.answer(0, Question::Authorize, Answer::Unclear);
        floor.pass_seconds(DEADLINE - 1);
        scene.nudge();
        assert_eq!(scene.asked(), (0, Question::Authorize), "{name}");
        floor.pass_seconds(1);
        scene.nudge();
        assert_eq!(scene.asked(), (0, Question::Void), "{name}");
        floor.pass_seconds(GIVE_UP);
        scene.nudge();
        assert_eq!(scene.checkout().state, State::NeedsAttention, "{name}");
        assert_eq!(scene.stock(), (4, 0), "what it holds is not lost");
        let version = scene.checkout().version;
        scene.nudge();
        assert_eq!(scene.checkout().version, version, "it calls once");
        // Later truth still ends it.
        scene.answer(0, Question::Void, seen(Paid::Voided, 0));
        scene.is_undone(name, State::Open, FailureCode::PaymentDeclined);
    });
}

#[test]
fn many_keys_answer_to_one_attempt_but_not_endlessly() {
    on_each(|name, floor| {
        begin(floor);
        for key in 0..256 {
            floor.done(complete(&format!("k{key}"), "b", vec![card(None)]));
        }
        let refused = refusal(floor.submit(complete("more", "b", vec![card(None)]), None));
        assert!(
            matches!(refused, Refusal::InvalidState { .. }),
            "{refused:?}"
        );
        let known = floor.submit(complete("k255", "b", vec![card(None)]), None);
        assert!(matches!(known.reply, Reply::Decided(Ok(_))), "{name}");
        let scene = Scene(floor);
        scene.answer(0, Question::Authorize, seen(Paid::Authorized, 0));
        scene.answer(0, Question::Capture, seen(Paid::Captured, 0));
        scene.stands(name);
    });
}

#[test]
fn what_was_closed_by_hand_hears_no_more() {
    on_each(|name, floor| {
        begin(floor);
        floor.done(complete("k1", "b", vec![card(None)]));
        let scene = Scene(floor);
        scene.answer(0, Question::Authorize, Answer::Unclear);
        floor.done(Resolve {
            checkout: CheckoutId(1),
            action: Action::Close,
            note: "settled with the provider".into(),
        });
        let closed = (scene.checkout(), scene.payments());
        assert_eq!(closed.0.state, State::Cancelled, "{name}");
        assert_eq!(scene.stock(), (0, 0), "{name}");
        floor.done(Hear {
            checkout: CheckoutId(1),
            payment: closed.1[0].id,
            question: Question::Authorize,
            answer: seen(Paid::Authorized, 0),
            message: Some(("parked", "too late".into())),
            cause: None,
        });
        assert_eq!((scene.checkout(), scene.payments()), closed, "{name}");
    });
}

#[test]
fn stock_of_an_order_that_is_undone_goes_to_those_who_wait() {
    on_each(|name, floor| {
        begin(floor);
        floor.done(complete("k1", "b", vec![card(None)]));
        let level = LevelKey {
            sku: sku("A"),
            store: store_id("berlin"),
        };
        let backorder = Backorder {
            mode: BackorderMode::Backorder,
            limit: 5,
            available_from: None,
        };
        floor.done(Configure {
            level,
            change: inventory::Configure {
                safety_stock: None,
                low_stock: None,
                backorder: Some(backorder),
            },
            expected_version: None,
        });
        // 16 are left of 20.
        let held = floor.done(reserve("all", 18));
        let Some(Record::Reservation(held)) = held else {
            panic!("{held:?}");
        };
        assert_eq!(held.lines[0].backordered, 2, "{name}");
        let scene = Scene(floor);
        scene.answer(0, Question::Authorize, seen(Paid::Authorized, 0));
        assert_eq!(scene.stock(), (16, 4), "{name}");
        scene.answer(0, Question::Capture, Answer::Refused);
        scene.answer(0, Question::Void, seen(Paid::Voided, 0));
        assert_eq!(scene.stock(), (18, 0), "{name}");
        let filled = floor.shop.store().load(&Key::Reservation(held.id));
        let Ok(Some(Record::Reservation(filled))) = filled else {
            panic!("{filled:?}");
        };
        assert_eq!(filled.lines[0].backordered, 0, "{name}");
    });
}
