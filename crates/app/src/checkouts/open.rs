//! Opening a checkout, or going on with the one that the cart has.

use super::{Setting, Target, Writing, held, plan};
use crate::carts::existing;
use crate::inventory::exchange;
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
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
        let known = match work.checkout_of(&self.cart_id)? {
            Some(id) => work.checkout(id)?,
            None => None,
        };
        let writing = Writing {
            work,
            change: &self.change,
            fresh: &self.fresh,
            setting: &self.setting,
            now: moment.now,
        };
        match known.map(|known| (known, known.state_at(moment.now))) {
            None => self.open(&writing, cart, None),
            Some((known, State::Expired | State::Cancelled)) => {
                self.open(&writing, cart, Some(known))
            }
            Some((known, State::Open)) => {
                check_version(self.expected_version, known.version)?;
                let events = match writing.update(known, cart)? {
                    Some(renewed) => writing.events(known.id, Some(known), renewed)?,
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
                check_version(self.expected_version, known.version)?;
                Err(Refusal::CartClosed {
                    id: self.cart_id.to_string(),
                    state: cart.state_at(moment.now).as_str(),
                    checkout_id: Some(known.id),
                }
                .into())
            }
        }
    }
}

impl OpenCheckout {
    /// A new one. One whose time is over ends before it, in the same transaction.
    fn open(
        &self,
        writing: &Writing<'_>,
        cart: &cartwright_domain::cart::Cart,
        over: Option<&Arc<Checkout>>,
    ) -> Result<Decided, Stop> {
        check_version(self.expected_version, 0)?;
        let renewed = writing.open(cart)?;
        let mut events = Vec::new();
        if let Some(over) = over
            && let Some(expired) = expire(over, writing.now)
        {
            events.extend(exchange(writing.work, held(over), None, writing.now)?);
            events.push(Event::Checkout(over.id, expired));
        }
        let id = self.fresh.checkout;
        events.extend(writing.events(id, None, renewed)?);
        Ok(Decided {
            events,
            answer: Key::Checkout(id),
            created: true,
        })
    }
}
