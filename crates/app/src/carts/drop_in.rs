//! Carts of drop-in services: found by their user, made when first needed.

use super::goods::Loaded;
use super::{Terms, existing, plan_lines, require_products};
use crate::fault::Fault;
use crate::nouns::{Event, Key, Record};
use crate::shop::{Command, Decided, Moment, Shop};
use crate::work::{Stop, Work};
use cartwright_domain::CartId;
use cartwright_domain::cart::{self, Add, Cart, Create, ExternalUser, Rules};
use std::sync::Arc;

fn key(user: &ExternalUser) -> Key {
    Key::UserCart(user.package.clone(), user.user.clone())
}

/// Adds to the cart of a user, who has one after it. Refused as [`cart::add`] is for a drop-in cart.
#[derive(Debug)]
pub struct AddItem {
    /// Whose cart.
    pub user: ExternalUser,
    /// What.
    pub line: Add,
    /// What it is decided against.
    pub terms: Terms,
}

impl Command for AddItem {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(key(&self.user));
        plan_lines(keys, std::slice::from_ref(&self.line));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let known = work.cart_of(&self.user.package, &self.user.user)?.copied();
        require_products(work, [&self.line.sku])?;
        let goods = Loaded {
            work,
            stock: &self.terms.stock,
        };
        let (rules, now) = (&self.terms.rules, moment.now);
        if let Some(id) = known {
            let cart = existing(work, id)?;
            let event = cart::add(cart, &self.line, &goods, rules, now)?;
            return Ok(Decided {
                events: event
                    .map(|event| Event::Cart(id, event))
                    .into_iter()
                    .collect(),
                answer: Key::Cart(id),
                created: false,
            });
        }
        let create = Create {
            external_user: Some(self.user.clone()),
            lines: vec![self.line.clone()],
            ..Create::default()
        };
        let event = cart::create(&create, &goods, rules, now)?;
        let id = CartId(moment.ids.fresh(now));
        Ok(Decided {
            events: vec![Event::Cart(id, event)],
            answer: Key::Cart(id),
            created: true,
        })
    }
}

/// Empties the cart of a user; nothing happens when there is none. Refused as [`cart::clear`] is.
#[derive(Debug)]
pub struct EmptyCart {
    /// Whose cart.
    pub user: ExternalUser,
    /// The shop's.
    pub rules: Rules,
}

impl Command for EmptyCart {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(key(&self.user));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let Some(id) = work.cart_of(&self.user.package, &self.user.user)?.copied() else {
            return Ok(Decided {
                events: Vec::new(),
                answer: key(&self.user),
                created: false,
            });
        };
        let event = cart::clear(existing(work, id)?, &self.rules, moment.now)?;
        Ok(Decided {
            events: event
                .map(|event| Event::Cart(id, event))
                .into_iter()
                .collect(),
            answer: Key::Cart(id),
            created: false,
        })
    }
}

/// The cart of a user, as it was last written: one whose time is over shows its lines until it is written to again, so
/// callers look at [`Cart::state_at`].
pub async fn find_user_cart(shop: &Shop, user: &ExternalUser) -> Result<Option<Arc<Cart>>, Fault> {
    let Some(Record::CartId(id)) = shop.find(&key(user)).await? else {
        return Ok(None);
    };
    match shop.find(&Key::Cart(id)).await? {
        Some(Record::Cart(cart)) => Ok(Some(cart)),
        _ => Ok(None),
    }
}
