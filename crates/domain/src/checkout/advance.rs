//! How an attempt moves its checkout on.

use super::{Attempt, AttemptState, Checkout, Failure, Message, Progress, State, Step, StepState};
use crate::{OrderId, Time};
use smol_str::SmolStr;

/// What happens to a checkout while it is being completed.
#[derive(Debug, Clone, PartialEq)]
pub enum SagaEvent {
    /// An attempt at completing it begins; its stock is held.
    Began(Box<Attempt>),
    /// Another idempotency key answers to the running attempt.
    Attached {
        /// Its hash.
        key: SmolStr,
    },
    /// A step of the last attempt stands so.
    Stepped {
        /// Which.
        step: Step,
        /// How.
        state: StepState,
        /// How often somebody outside was asked in vain.
        tries: u32,
    },
    /// The buyer wants it given up.
    GivenUp,
    /// The last attempt is to be undone.
    WentBack(Failure),
    /// The last attempt has made its order.
    Ordered(OrderId),
    /// The order is paid.
    Completed,
    /// Nothing is left of the last attempt.
    Undone {
        /// What the checkout is now: open, or cancelled.
        to: State,
    },
    /// Its money could not be settled for too long: somebody must look. It still goes on by itself.
    NeedsAttention,
    /// The buyer is told something.
    Told {
        /// A stable word.
        code: SmolStr,
        /// For people.
        detail: SmolStr,
    },
}

impl SagaEvent {
    /// Its name, after `checkout.`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Began(_) => "began",
            Self::Attached { .. } => "attached",
            Self::Stepped { .. } => "stepped",
            Self::GivenUp => "given_up",
            Self::WentBack(_) => "went_back",
            Self::Ordered(_) => "ordered",
            Self::Completed => "completed",
            Self::Undone { .. } => "undone",
            Self::NeedsAttention => "needs_attention",
            Self::Told { .. } => "told",
        }
    }
}

impl Checkout {
    /// The last attempt, if there is one.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The attempt that an idempotency key answers to.
    pub fn attempt_of(&self, key: &str) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.keys.iter().any(|known| known == key))
    }

    /// How a step of the last attempt stands.
    pub fn step(&self, step: Step) -> Option<&Progress> {
        let n = self.attempt()?.n;
        let told = self.progress.iter().rev();
        told.take_while(|it| it.attempt == n)
            .find(|it| it.step == step)
    }

    pub(super) fn advance(&mut self, event: &SagaEvent, at: Time) {
        let version = self.version;
        let Some(attempt) = self.attempts.last_mut() else {
            if let SagaEvent::Began(first) = event {
                self.begin(first, at);
            }
            return;
        };
        let n = attempt.n;
        let mut told = |step, state, tries| {
            self.progress.push(Progress {
                version,
                at,
                attempt: n,
                step,
                state,
                tries,
            });
        };
        match event {
            SagaEvent::Began(next) => {
                let next = next.clone();
                self.begin(&next, at);
            }
            SagaEvent::Attached { key } => attempt.keys.push(key.clone()),
            SagaEvent::Stepped { step, state, tries } => told(*step, *state, *tries),
            SagaEvent::GivenUp => attempt.cancel = true,
            SagaEvent::WentBack(failure) => {
                attempt.failure = Some(*failure);
                self.state = State::Processing;
            }
            SagaEvent::Ordered(order) => {
                attempt.order = Some(*order);
                told(Step::Order, StepState::Done, 0);
            }
            SagaEvent::Completed => {
                attempt.state = AttemptState::Succeeded;
                told(Step::Notify, StepState::Done, 0);
                self.state = State::Completed;
            }
            SagaEvent::Undone { to } => {
                attempt.state = AttemptState::Undone;
                told(Step::Reserve, StepState::Undone, 0);
                self.state = *to;
            }
            SagaEvent::NeedsAttention => self.state = State::NeedsAttention,
            SagaEvent::Told { code, detail } => self.messages.push(Message {
                code: code.clone(),
                detail: detail.clone(),
                at,
            }),
        }
    }

    fn begin(&mut self, attempt: &Attempt, at: Time) {
        self.state = State::Processing;
        self.attempts.push(attempt.clone());
        self.progress.push(Progress {
            version: self.version,
            at,
            attempt: attempt.n,
            step: Step::Reserve,
            state: StepState::Done,
            tries: 0,
        });
    }
}
