//! The end of checkouts that nobody goes on with.

use super::Target;
use super::cancel::ended;
use crate::carts::{AT_ONCE, sweep};
use crate::fault::Fault;
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment, Shop};
use crate::work::{Stop, Work};
use cartwright_domain::checkout;
use cartwright_domain::{CheckoutId, Time};

/// Marks an open checkout whose time is over; any other stays as it is. Refused: `NotFound` (`checkout`).
#[derive(Debug)]
pub struct ExpireCheckout {
    /// Which checkout.
    pub id: CheckoutId,
}

impl Command for ExpireCheckout {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Checkout(self.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let target = Target {
            id: self.id,
            expected_version: None,
        };
        let known = target.find(work)?;
        let event = checkout::expire(known, moment.now);
        Ok(target.decided(ended(work, known, event, moment.now)?))
    }
}

/// Ends the checkouts whose time is over and says how many. Meant to run every minute; a sweep that fails leaves the rest to
/// the next.
///
/// Errors: [`Fault`] when the store or the loop fails.
pub async fn tidy(shop: &Shop) -> Result<usize, Fault> {
    let now = Time(shop.clock().now_ms());
    let list = move |store: &dyn crate::ports::ReadStore| store.stale_checkouts(now, AT_ONCE);
    sweep(shop, list, |id| Box::new(ExpireCheckout { id })).await
}
