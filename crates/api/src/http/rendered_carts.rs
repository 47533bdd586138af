//! Carts as they were rendered last, so that reading one again costs a look-up.

use bytes::Bytes;
use cartwright_app::Shop;
use cartwright_domain::cart::Cart;
use cartwright_domain::{CartId, Time};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Bytes of rendered carts that are kept.
const CAPACITY: u64 = 16 * 1024 * 1024;
/// Guessed bytes of one entry, to size the table.
const TYPICAL_ENTRY: u64 = 1024;
/// Bytes of an entry beside its body.
const OVERHEAD: u64 = 160;

/// What of the shop a rendering depends on, beside the cart itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epochs {
    catalog: u64,
    stock: u64,
}

impl Epochs {
    /// Of this moment: taken before anything that is rendered is read.
    pub(super) fn now(shop: &Shop) -> Self {
        Self {
            catalog: shop.catalog_epoch(),
            stock: shop.stock_epoch(),
        }
    }
}

#[derive(Debug, Clone)]
struct Rendered {
    version: u64,
    epochs: Epochs,
    until: Time,
    body: Bytes,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<CartId, Rendered> for Weight {
    fn weight(&self, _: &CartId, rendered: &Rendered) -> u64 {
        OVERHEAD + rendered.body.len() as u64
    }
}

/// Rendered carts, as many as fit. One is good for the version it was made of, while no price, stock or state changed.
#[derive(Debug)]
pub(super) struct RenderedCarts(Cache<CartId, Rendered, Weight>);

impl Default for RenderedCarts {
    fn default() -> Self {
        Self(Cache::with_weighter(
            (CAPACITY / TYPICAL_ENTRY) as usize,
            CAPACITY,
            Weight,
        ))
    }
}

impl RenderedCarts {
    /// The body of a cart, if it is still right.
    pub(super) fn find(&self, cart: &Cart, epochs: Epochs, now: Time) -> Option<Bytes> {
        let rendered = self.0.get(&cart.id)?;
        let right =
            rendered.version == cart.version && rendered.epochs == epochs && now < rendered.until;
        right.then_some(rendered.body)
    }

    /// Keeps the body of a cart that was rendered after `epochs` were taken, with the state it has until a moment.
    pub(super) fn keep(&self, cart: &Cart, epochs: Epochs, until: Time, body: Bytes) {
        let version = cart.version;
        self.0.insert(
            cart.id,
            Rendered {
                version,
                epochs,
                until,
                body,
            },
        );
    }
}
