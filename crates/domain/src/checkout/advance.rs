//! How an attempt moves its checkout on.

use super::attempt::REMEMBERED;
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
    /// Somebody who operates the shop has done something about it.
    Resolved {
        /// `retry`, `undo` or `close`.
        action: SmolStr,
        /// Why.
        note: SmolStr,
    },
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
            Self::Resolved { .. } => "resolved",
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

    /// How a step of the last attempt stands, and how often somebody outside was asked in vain for it.
    pub fn step(&self, step: Step) -> Option<(StepState, u32)> {
        let n = self.attempt()?.n;
        let told = self.progress.iter().rev();
        told.take_while(|it| it.attempt == n)
            .find_map(|it| match it.step {
                Some((known, state)) if known == step => Some((state, it.tries)),
                _ => None,
            })
    }

    /// What an event of the saga does; which step it tells of.
    pub(super) fn advance(&mut self, event: &SagaEvent, at: Time) -> Option<Told> {
        if let SagaEvent::Began(attempt) = event {
            self.state = State::Processing;
            self.attempts.push(Attempt::clone(attempt));
            return Some((Step::Reserve, StepState::Done, 0));
        }
        let attempt = self.attempts.last_mut()?;
        match event {
            SagaEvent::Began(_) => None,
            SagaEvent::Attached { key } => {
                attempt.keys.push(key.clone());
                None
            }
            SagaEvent::Stepped { step, state, tries } => Some((*step, *state, *tries)),
            SagaEvent::Resolved { .. } => None,
            SagaEvent::GivenUp => {
                attempt.cancel = true;
                None
            }
            SagaEvent::WentBack(failure) => {
                attempt.failure = Some(*failure);
                None
            }
            SagaEvent::Ordered(order) => {
                attempt.order = Some(*order);
                Some((Step::Order, StepState::Done, 0))
            }
            SagaEvent::Completed => {
                attempt.state = AttemptState::Succeeded;
                self.state = State::Completed;
                Some((Step::Notify, StepState::Done, 0))
            }
            SagaEvent::Undone { to } => {
                attempt.state = AttemptState::Undone;
                self.state = *to;
                Some((Step::Reserve, StepState::Undone, 0))
            }
            SagaEvent::NeedsAttention => {
                self.state = State::NeedsAttention;
                None
            }
            SagaEvent::Told { code, detail } => {
                self.messages.push(Message {
                    code: code.clone(),
                    detail: detail.clone(),
                    at,
                });
                None
            }
        }
    }

    /// Remembers a change, for those who watch.
    pub(super) fn remember(&mut self, told: Option<Told>, at: Time) {
        if self.progress.len() == REMEMBERED {
            self.progress.remove(0);
        }
        self.progress.push(Progress {
            version: self.version,
            at,
            state: self.state,
            attempt: self.attempts.last().map_or(0, |attempt| attempt.n),
            step: told.map(|(step, state, _)| (step, state)),
            tries: told.map_or(0, |(.., tries)| tries),
        });
    }
}

/// A step, how it stands, and how often somebody outside was asked in vain.
pub(super) type Told = (Step, StepState, u32);

#[cfg(test)]
mod tests;
