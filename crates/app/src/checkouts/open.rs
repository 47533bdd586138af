//! Opening a checkout, or going on with the one that the cart has.

use super::{Setting, Target, Writing, held, plan};
use crate::carts::existing;
use crate::inventory::exchange;
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::cart::Cart;
use cartwright_domain::checkout::{Change, Checkout, Fresh, State, expire};
use cartwright_domain::{CartId, Refusal};
use std::sync::Arc;

/// Opens a checkout of a cart; where there is an open one, changes that instead. Refused: `NotFound` (`cart`),
/// `VersionConflict` (of the checkout; 0: there is none), `CartClosed` (naming the checkout that closes it),
/// `InsufficientStock` (with a hold), and what [`cartwright_domain::checkout::open`] refuses.
#[derive(Debug)]
pub struct OpenCheckout {
    /// Of which cart.
    pub cart_id: CartId,
    /// What is said of it.
    pub change: Change,
    /// Identifiers for what it makes.
    pub fresh: Fresh,
    /// What it is decided against.
    pub setting: Setting,
    /// The version that the cart's open checkout must have.
    pub expected_version: Option<u64>,
}

impl Command for OpenCheckout {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Cart(self.cart_id));
        keys.push(Key::CheckoutOf(self.cart_id));
        plan(keys, &self.fresh, &self.change);
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = existing(work, self.cart_id)?;
        let writing = Writing {
            work,
            change: &self.change,
            fresh: &self.fresh,
            setting: &self.setting,
            prices: None,
            now: moment.now,
        };
        writing.go_on(cart, self.expected_version)
    }
}

impl Writing<'_> {
    /// The cart's open checkout, changed; a new one where there is none.
    pub(super) fn go_on(
        &self,
        cart: &Cart,
        expected_version: Option<u64>,
    ) -> Result<Decided, Stop> {
        let known = match self.work.checkout_of(&cart.id)? {
            Some(id) => self.work.checkout(id)?,
            None => None,
        };
        match known.map(|known| (known, known.state_at(self.now))) {
            None => self.open_anew(cart, None, expected_version),
            Some((known, State::Expired | State::Cancelled)) => {
                self.open_anew(cart, Some(known), expected_version)
            }
            Some((known, State::Open)) => {
                check_version(expected_version, known.version)?;
                let events = match self.update(known, cart)? {
                    Some(renewed) => self.events(known.id, Some(known), renewed)?,
                    None => Vec::new(),
                };
                let target = Target {
                    id: known.id,
                    expected_version: None,
                };
                Ok(target.decided(events))
            }
            Some((
                known,
                State::Processing
                | State::RequiresAction
                | State::Completed
                | State::NeedsAttention,
            )) => {
                check_version(expected_version, known.version)?;
                Err(Refusal::CartClosed {
                    id: cart.id.to_string(),
                    state: cart.state_at(self.now).as_str(),
                    checkout_id: Some(known.id),
                }
                .into())
            }
        }
    }

    /// A new one. One whose time is over ends before it, in the same transaction.
    fn open_anew(
        &self,
        cart: &Cart,
        over: Option<&Arc<Checkout>>,
        expected_version: Option<u64>,
    ) -> Result<Decided, Stop> {
        check_version(expected_version, 0)?;
        let renewed = self.open(cart)?;
        let mut events = Vec::new();
        if let Some(over) = over
            && let Some(expired) = expire(over, self.now)
        {
            events.extend(exchange(self.work, held(over), None, self.now)?);
            events.push(Event::Checkout(over.id, expired));
        }
        let id = self.fresh.checkout;
        events.extend(self.events(id, None, renewed)?);
        Ok(Decided {
            events,
            answer: Key::Checkout(id),
            created: true,
        })
    }
}
