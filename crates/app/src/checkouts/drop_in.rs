//! Opening the checkout of a drop-in cart: found by its user, priced in the currency that the user pays in.

use super::converted::Converted;
use super::{Setting, Writing};
use crate::carts::{Loaded, Stock, existing, require_products};
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::work::{Stop, Work};
use cartwright_domain::cart::{self, ExternalUser, Patch, Rules, State, Update};
use cartwright_domain::checkout::{Change, Fresh};
use cartwright_domain::entity::Entity;
use cartwright_domain::{Currency, Refusal};

/// Opens a checkout of a user's cart, or goes on with the one it has; the cart moves to the currency first. Refused: `Invalid`
/// (`user_id`: there is nothing in the cart), `NotFound` (`variant`), `CurrencyMismatch` (a price cannot be converted), and what
/// [`super::OpenCheckout`] refuses.
#[derive(Debug)]
pub struct OpenDropIn {
    /// Whose cart.
    pub user: ExternalUser,
    /// What it is paid in.
    pub currency: Currency,
    /// What is said of the buyer.
    pub change: Change,
    /// Identifiers for what it makes.
    pub fresh: Fresh,
    /// What it is decided against, shipping rates in that currency included.
    pub setting: Setting,
    /// The rules of carts.
    pub rules: Rules,
}

impl Command for OpenDropIn {
    fn plan(&self, keys: &mut Vec<Key>) {
        let ExternalUser { package, user } = &self.user;
        keys.push(Key::UserCart(package.clone(), user.clone()));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let now = moment.now;
        let known = work.cart_of(&self.user.package, &self.user.user)?;
        let Some(id) = known.copied() else {
            return Err(empty().into());
        };
        let before = existing(work, id)?;
        require_products(work, before.lines.iter().map(|line| &line.sku))?;
        let has_any = before.lines.iter().any(|line| line.quantity > 0);
        if before.state_at(now) == State::Expired || !has_any {
            return Err(empty().into());
        }
        let stock = Stock::default();
        let listed = Loaded {
            work,
            stock: &stock,
        };
        let prices = Converted::new(listed, before, self.currency);
        let moved = self.moved(before, &prices, now)?;
        let mut cart = Some(before.clone());
        if let Some(event) = &moved {
            cart::Cart::apply(&mut cart, &id, event, now);
        }
        let cart = cart.ok_or_else(|| Refusal::not_found("cart", id))?;
        let writing = Writing {
            work,
            change: &self.change,
            fresh: &self.fresh,
            setting: &self.setting,
            prices: Some(&prices),
            now,
        };
        let mut decided = writing.go_on(&cart, None)?;
        if let Some(event) = moved {
            decided.events.insert(0, Event::Cart(id, event));
        }
        Ok(decided)
    }
}

impl OpenDropIn {
    /// What brings an open cart to the currency; one that takes no changes is named by its checkout.
    fn moved(
        &self,
        cart: &cart::Cart,
        prices: &Converted<'_>,
        now: cartwright_domain::Time,
    ) -> Result<Option<cart::Event>, Refusal> {
        if cart.state_at(now) != State::Open {
            return Ok(None);
        }
        let update = Update {
            currency: Patch::Set(self.currency),
            ..Update::default()
        };
        cart::update(cart, &update, prices, &self.rules, now)
    }
}

fn empty() -> Refusal {
    let detail = "the cart is empty; add something to it first";
    Refusal::invalid("user_id", "empty", detail)
}
