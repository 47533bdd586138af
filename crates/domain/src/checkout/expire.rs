//! The end of checkouts that nobody goes on with.

use super::{Checkout, Event, State};
use crate::Time;

/// Marks an open checkout whose time has passed; `None` for any other.
pub fn expire(checkout: &Checkout, now: Time) -> Option<Event> {
    let due = checkout.state == State::Open && checkout.state_at(now) == State::Expired;
    due.then_some(Event::Expired)
}
