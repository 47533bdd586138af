//! What moves an attempt on: an answer, the passing of time, the buyer's change of mind.

use super::desk::Desk;
use crate::checkouts::{CancelCheckout, Target};
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::checkout::{
    Attempt, AttemptState, Checkout, SagaEvent, State, Step, StepState,
};
use cartwright_domain::payment::{Answer, Event as PaymentEvent, Question, tell};
use cartwright_domain::{CheckoutId, EventId, PaymentId, Time};
use smol_str::SmolStr;

/// Hands in what came of a recorded question. A late or a second answer changes nothing, nor does one after
/// the attempt was closed by hand. Refused: `NotFound` (`checkout`).
#[derive(Debug)]
pub struct Hear {
    /// Which checkout.
    pub checkout: CheckoutId,
    /// Which of its payments.
    pub payment: PaymentId,
    /// What was asked.
    pub question: Question,
    /// What came of it.
    pub answer: Answer,
    /// What the buyer is told: a stable word, and a sentence.
    pub message: Option<(&'static str, SmolStr)>,
    /// What led to the question, if that is known.
    pub cause: Option<EventId>,
}

impl Command for Hear {
    fn cause(&self) -> Option<EventId> {
        self.cause
    }

    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Checkout(self.checkout));
        keys.push(Key::Payment(self.payment));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let checkout = target(self.checkout).find(work)?;
        let mut desk = Desk::take(work, checkout, moment.now)?;
        let runs = |it: &Attempt| it.state == AttemptState::Running;
        let Some(payment) = desk
            .payment(self.payment)
            .filter(|_| checkout.attempt().is_some_and(runs))
        else {
            return Ok(desk.decided(false));
        };
        let events = tell(payment, self.question, &self.answer);
        for event in events {
            let unclear = event == PaymentEvent::Unclear;
            desk.pay(self.payment, event);
            if unclear {
                let tries = desk.payment(self.payment).map_or(0, |it| it.tries);
                let (step, state) = match self.question {
                    Question::Authorize => (Step::Authorize, StepState::Unknown),
                    Question::Capture => (Step::Capture, StepState::Unknown),
                    Question::Void => (Step::Authorize, StepState::Undoing),
                    Question::Refund => (Step::Capture, StepState::Undoing),
                };
                desk.step(step, state, tries);
            }
        }
        if let Some((code, detail)) = &self.message {
            let attempt = desk.checkout().attempt();
            let began = attempt.map_or(Time(0), |it| it.started_at);
            let mut told = desk.checkout().messages.iter();
            if !told.any(|it| it.code == *code && it.detail == *detail && it.at >= began) {
                desk.tell(SagaEvent::Told {
                    code: SmolStr::new_static(code),
                    detail: detail.clone(),
                });
            }
        }
        desk.go(moment)?;
        Ok(desk.decided(false))
    }
}

/// Looks at an attempt again because time has passed: an order that can no longer be made is given up, and money that stays undecided
/// for too long is put before somebody's eyes. Refused: `NotFound` (`checkout`).
#[derive(Debug)]
pub struct Nudge {
    /// Which checkout.
    pub checkout: CheckoutId,
    /// How long money may stay undecided, in seconds.
    pub give_up_seconds: i64,
    /// What went before, if that is known.
    pub cause: Option<EventId>,
}

impl Command for Nudge {
    fn cause(&self) -> Option<EventId> {
        self.cause
    }

    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Checkout(self.checkout));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let checkout = target(self.checkout).find(work)?;
        let mut desk = Desk::take(work, checkout, moment.now)?;
        let gone = desk.go(moment);
        if let Err(Stop::Refuse(refusal)) = &gone
            && is_late(checkout, self.give_up_seconds, moment.now)
        {
            // It cannot go on by itself: what it has begun stays as it is, and somebody must look.
            tracing::error!(checkout = %self.checkout, %refusal, "an attempt cannot go on");
            desk = Desk::take(work, checkout, moment.now)?;
        } else {
            gone?;
        }
        if is_late(desk.checkout(), self.give_up_seconds, moment.now) {
            desk.tell(SagaEvent::NeedsAttention);
        }
        Ok(desk.decided(false))
    }
}

/// The buyer gives up, before or while it is being completed; given up already: nothing changes. Refused: `NotFound` (`checkout`),
/// `VersionConflict`, `InvalidState` once there is an order.
#[derive(Debug)]
pub struct GiveUp {
    /// Which checkout.
    pub checkout: Target,
}

impl Command for GiveUp {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Checkout(self.checkout.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let checkout = self.checkout.find(work)?;
        let running = checkout
            .attempt()
            .filter(|it| it.state == AttemptState::Running && it.order.is_none());
        let Some(running) = running else {
            let checkout = self.checkout;
            return CancelCheckout { checkout }.decide(work, moment);
        };
        let already = running.cancel;
        let mut desk = Desk::take(work, checkout, moment.now)?;
        if !already {
            desk.tell(SagaEvent::GivenUp);
        }
        desk.go(moment)?;
        Ok(desk.decided(false))
    }
}

/// Whether an attempt runs for too long, and nobody was told.
fn is_late(checkout: &Checkout, give_up_seconds: i64, now: Time) -> bool {
    let running = checkout
        .attempt()
        .filter(|it| it.state == AttemptState::Running);
    let late = running.is_some_and(|it| now >= it.started_at.plus_seconds(give_up_seconds));
    late && checkout.state == State::Processing
}

fn target(id: CheckoutId) -> Target {
    Target {
        id,
        expected_version: None,
    }
}
