//! Carts: the commands on them, what they are decided against, and the end of those nobody writes to.

mod create;
mod drop_in;
mod goods;
mod lines;
mod merge;
mod stock;
mod tidy;
mod update;

pub use create::CreateCart;
pub use drop_in::{AddItem, EmptyCart, find_user_cart};
pub(crate) use goods::Loaded;
pub use goods::{Shelved, offer};
pub use lines::{AddLine, AddLines, ChangeLine, Clear, RemoveLine, RemoveLines, ReplaceLines};
pub use merge::MergeCarts;
pub use stock::{Place, Stock, stock, stock_elsewhere};
pub(crate) use tidy::{AT_ONCE, sweep};
pub use tidy::{ExpireCart, PurgeCart, Tidied, tidy};
pub use update::{DeleteCart, UpdateCart};

use crate::nouns::{Event, Key};
use crate::shop::Decided;
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::cart::{self, Add, Cart, Rules, State};
use cartwright_domain::{CartId, Refusal, Sku, StoreId, Time};
use std::sync::Arc;

/// What a decision on a cart goes by: what the shop configured, and what stock said before the command was queued.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Limits, defaults and lifetimes.
    pub rules: Rules,
    /// What could be had.
    pub stock: Arc<Stock>,
}

/// Which cart a command is about, and the version it must have.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Which cart.
    pub id: CartId,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Target {
    fn key(self) -> Key {
        Key::Cart(self.id)
    }

    /// The cart, if it is there and as the caller knows it.
    fn find(self, work: &Work) -> Result<&Arc<Cart>, Stop> {
        let cart = existing(work, self.id)?;
        check_version(self.expected_version, cart.version)?;
        Ok(cart)
    }

    /// What a decision on the cart comes to.
    fn decided(self, event: Option<cart::Event>) -> Decided {
        let event = event.map(|event| Event::Cart(self.id, event));
        Decided {
            events: event.into_iter().collect(),
            answer: self.key(),
            created: false,
        }
    }
}

pub(crate) fn existing(work: &Work, id: CartId) -> Result<&Arc<Cart>, Stop> {
    let cart = work.cart(&id)?;
    Ok(cart.ok_or_else(|| Refusal::not_found("cart", id))?)
}

/// What is surely needed to add these.
fn plan_lines(keys: &mut Vec<Key>, lines: &[Add]) {
    for line in lines {
        keys.push(Key::Sku(line.sku.clone()));
        keys.extend(line.store.clone().map(Key::Store));
    }
}

/// Asks for all products of these SKUs at once, as far as they are not loaded.
pub(crate) fn require_products<'a>(
    work: &Work,
    skus: impl IntoIterator<Item = &'a Sku>,
) -> Result<(), Stop> {
    let mut missing = Vec::new();
    for sku in skus {
        let product = match work.product_of(sku) {
            Ok(Some(id)) => work.product(id).map(drop),
            Ok(None) => Ok(()),
            Err(stop) => Err(stop),
        };
        match product {
            Ok(()) => {}
            Err(Stop::Need(keys)) => missing.extend(keys),
            Err(refused) => return Err(refused),
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Stop::Need(missing))
    }
}

/// Refuses a line from a store that is not there; a cart that takes no lines says so first.
fn require_stores<'a>(
    work: &Work,
    stores: impl IntoIterator<Item = &'a StoreId>,
    state: State,
) -> Result<(), Stop> {
    if state != State::Open {
        return Ok(());
    }
    for store in stores {
        work.store(store)?
            .ok_or_else(|| Refusal::not_found("store", store))?;
    }
    Ok(())
}

/// Everything that lines to be added need to be there.
fn require_lines(work: &Work, cart: &Cart, lines: &[Add], now: Time) -> Result<(), Stop> {
    require_products(work, lines.iter().map(|line| &line.sku))?;
    require_stores(
        work,
        lines.iter().filter_map(|line| line.store.as_ref()),
        cart.state_at(now),
    )
}
