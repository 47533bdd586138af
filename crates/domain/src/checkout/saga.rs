//! What an attempt does next. Forward until the order is made and paid, or back until nothing of it is left.
//!
//! Nobody is asked before that question is recorded; one part is asked after the other; and as long as an answer is not known, nothing
//! else happens to the money: it is asked again, by the same key.

use super::{Attempt, Failure, FailureCode};
use crate::Time;
use crate::payment::{Decline, Method, Payment, Question, State};
use crate::planted::{Bug, planted};

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This question about the payment of this place is to be recorded, then sent.
    Ask(usize, Question),
    /// No provider of the payment of this place could be reached: it waits for a while.
    Wait(usize),
    /// The provider of the payment of this place still owes an answer to this recorded question.
    Asked(usize, Question),
    /// All money is held: the order is made.
    Order,
    /// All money is taken: the attempt has succeeded.
    Succeed,
    /// From now on it goes back.
    GoBack(Failure),
    /// No money is held or was taken: the rest is undone in one transaction.
    Undo,
    /// It has ended.
    Nothing,
}

/// What an attempt does next; `payments` are its own, in their order.
pub fn next(attempt: &Attempt, payments: &[&Payment], now: Time) -> Next {
    if attempt.state != super::AttemptState::Running {
        return Next::Nothing;
    }
    if attempt.failure.is_some() {
        return back(payments);
    }
    if attempt.order.is_none() {
        if let Some(failure) = fails(attempt, payments, now) {
            return Next::GoBack(failure);
        }
        return hold(payments, now);
    }
    take(payments)
}

/// Why it goes no further, before there is an order.
fn fails(attempt: &Attempt, payments: &[&Payment], now: Time) -> Option<Failure> {
    if attempt.cancel && !planted(Bug::GiveUpIgnored) {
        return Some(Failure {
            code: FailureCode::Cancelled,
            reason: None,
        });
    }
    let declined = |reason| Failure {
        code: FailureCode::PaymentDeclined,
        reason: Some(reason),
    };
    let refused = payments
        .iter()
        .find(|it| matches!(it.state, State::Declined | State::Voided));
    if let Some(refused) = refused {
        return Some(declined(refused.decline.unwrap_or(Decline::Unavailable)));
    }
    if planted(Bug::DeadlineIgnored) {
        return None;
    }
    (now >= attempt.order_by).then(|| declined(Decline::Unavailable))
}

fn hold(payments: &[&Payment], now: Time) -> Next {
    for (place, payment) in payments.iter().enumerate() {
        match (payment.asked, payment.state) {
            (Some(question), _) => return Next::Asked(place, question),
            (None, State::Pending) if payment.parked_until().is_some_and(|until| now < until) => {
                return Next::Wait(place);
            }
            (None, State::Pending) => return Next::Ask(place, Question::Authorize),
            (None, State::Authorized) if planted(Bug::CaptureBeforeOrder) => {
                return Next::Ask(place, Question::Capture);
            }
            (None, _) if planted(Bug::OrderBeforeLastPart) => return Next::Order,
            (None, _) => {}
        }
    }
    Next::Order
}

fn take(payments: &[&Payment]) -> Next {
    let refused = payments.iter().any(|it| it.is_refused);
    let refused = refused && !planted(Bug::RefusedCaptureRepeated);
    if refused || payments.iter().any(|it| it.state == State::Declined) {
        return Next::GoBack(Failure {
            code: FailureCode::CaptureRefused,
            reason: None,
        });
    }
    for (place, payment) in payments.iter().enumerate() {
        match (payment.asked, payment.state) {
            (Some(question), _) => return Next::Asked(place, question),
            (None, State::Captured) => {}
            (None, _) => return Next::Ask(place, Question::Capture),
        }
    }
    Next::Succeed
}

/// In reverse: what was taken is given back, and whatever else a provider was ever asked for is released by reference, for it
/// may hold what it denies.
fn back(payments: &[&Payment]) -> Next {
    for (place, payment) in payments.iter().enumerate().rev() {
        if planted(Bug::OnlyLastPartUndone) && place + 1 < payments.len() {
            break;
        }
        let wanted = match payment.state {
            State::Declined if planted(Bug::DeclinedNotVoided) => continue,
            _ if payment.captured > payment.refunded => Question::Refund,
            _ if payment.captured > 0 => continue,
            State::Authorized if payment.method != Method::Card => Question::Void,
            _ if payment.is_released || !payment.was_asked => continue,
            _ => Question::Void,
        };
        return if payment.asked == Some(wanted) {
            Next::Asked(place, wanted)
        } else {
            Next::Ask(place, wanted)
        };
    }
    Next::Undo
}

#[cfg(test)]
mod tests;
