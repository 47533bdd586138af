//! Giving a checkout up, by itself or with its cart. What its quote holds goes back in the same transaction.

use super::{Target, held};
use crate::inventory::exchange;
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::checkout::{self, Checkout};
use cartwright_domain::{CartId, Time};

/// Cancels an open checkout; one that is cancelled stays as it is. Refused: `NotFound` (`checkout`), `VersionConflict`,
/// `InvalidState`.
#[derive(Debug)]
pub struct CancelCheckout {
    /// Which checkout.
    pub checkout: Target,
}

impl Command for CancelCheckout {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Checkout(self.checkout.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let known = self.checkout.find(work)?;
        let event = checkout::cancel(known, moment.now)?;
        Ok(self
            .checkout
            .decided(ended(work, known, event, moment.now)?))
    }
}

/// The events of a checkout's end, its hold given back before it.
pub(super) fn ended(
    work: &Work,
    checkout: &Checkout,
    event: Option<checkout::Event>,
    now: Time,
) -> Result<Vec<Event>, Stop> {
    let Some(event) = event else {
        return Ok(Vec::new());
    };
    let mut events = exchange(work, held(checkout), None, now)?;
    events.push(Event::Checkout(checkout.id, event));
    Ok(events)
}

/// What the end of a cart does to its checkout: an open one is cancelled.
pub(crate) fn cancel_with_cart(work: &Work, cart: CartId, now: Time) -> Result<Vec<Event>, Stop> {
    let Some(id) = work.checkout_of(&cart)? else {
        return Ok(Vec::new());
    };
    match work.checkout(id)? {
        Some(open) => ended(work, open, checkout::cancel_with_cart(open), now),
        None => Ok(Vec::new()),
    }
}
