//! Commands on the cart itself.

use super::goods::Loaded;
use super::{Target, Terms, require_products};
use crate::checkouts::cancel_with_cart;
use crate::nouns::Key;
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::cart::{self, Update};

/// Changes what is said of a cart. Refused: `NotFound` (`cart`), `VersionConflict`, and what [`cart::update`] refuses.
#[derive(Debug)]
pub struct UpdateCart {
    /// Which cart.
    pub cart: Target,
    /// What changes.
    pub update: Update,
    /// What it is decided against; stock is not asked.
    pub terms: Terms,
}

impl Command for UpdateCart {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = self.cart.find(work)?;
        if !self.update.country.is_keep() || !self.update.currency.is_keep() {
            require_products(work, cart.lines.iter().map(|line| &line.sku))?;
        }
        let goods = Loaded {
            work,
            stock: &self.terms.stock,
        };
        let event = cart::update(cart, &self.update, &goods, &self.terms.rules, moment.now)?;
        Ok(self.cart.decided(event))
    }
}

/// Deletes an open cart and cancels its open checkout. Refused: `NotFound` (`cart`), `VersionConflict`, `CartClosed`.
#[derive(Debug)]
pub struct DeleteCart {
    /// Which cart.
    pub cart: Target,
}

impl Command for DeleteCart {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(self.cart.key());
        keys.push(Key::CheckoutOf(self.cart.id));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let cart = self.cart.find(work)?;
        let event = cart::delete(cart, moment.now)?;
        let mut decided = self.cart.decided(Some(event));
        let cancelled = cancel_with_cart(work, self.cart.id, moment.now)?;
        decided.events.splice(..0, cancelled);
        Ok(decided)
    }
}
