//! Changing a checkout.

use super::{Setting, Target, Writing, plan};
use crate::carts::existing;
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::checkout::{Change, Fresh};

/// Changes an open checkout; a new quote if anything changed or the old one is stale. Refused: `NotFound` (`checkout`),
/// `VersionConflict`, `InsufficientStock` (with a hold), and what [`cartwright_domain::checkout::update`] refuses.
#[derive(Debug)]
pub struct UpdateCheckout {
    /// Which checkout.
    pub checkout: Target,
    /// What changes.
    pub change: Change,
    /// Identifiers for what it makes.
    pub fresh: Fresh,
    /// What it is decided against.
    pub setting: Setting,
}

impl Command for UpdateCheckout {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Checkout(self.checkout.id));
        plan(keys, &self.fresh, &self.change);
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let known = self.checkout.find(work)?;
        known.require_open(moment.now)?;
        let cart = existing(work, known.cart_id)?;
        let writing = Writing {
            work,
            change: &self.change,
            fresh: &self.fresh,
            setting: &self.setting,
            prices: None,
            now: moment.now,
        };
        let events = match writing.update(known, cart)? {
            Some(renewed) => writing.events(known.id, Some(known), renewed)?,
            None => Vec::new(),
        };
        Ok(self.checkout.decided(events))
    }
}
