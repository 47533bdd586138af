//! Giving a checkout up.

use super::{Checkout, Event, State};
use crate::{Refusal, Time};

/// Cancels an open checkout; `None` when it is cancelled already. Refused: `InvalidState`.
pub fn cancel(checkout: &Checkout, now: Time) -> Result<Option<Event>, Refusal> {
    match checkout.state_at(now) {
        State::Open => Ok(Some(Event::Cancelled)),
        State::Cancelled => Ok(None),
        state @ (State::Processing
        | State::RequiresAction
        | State::Completed
        | State::Expired
        | State::NeedsAttention) => Err(checkout.closed(state)),
    }
}

/// What becomes of a checkout whose cart ends: an open one is cancelled, any other has ended or holds its cart closed.
pub fn cancel_with_cart(checkout: &Checkout) -> Option<Event> {
    (checkout.state == State::Open).then_some(Event::Cancelled)
}
