//! Drops from memory what other processes have changed. Ephemeral: a process starts with nothing in memory.
//!
//! What this process writes itself is in memory before anybody is answered, so its own entries are passed over, and what is
//! rendered from memory is checked against it by version: forgetting a thing here is enough.

use super::{Consumer, Place, Seen};
use crate::events;
use crate::fault::Fault;
use crate::nouns::{Event, Key};
use crate::shop::Shop;
use cartwright_domain::cart;

/// The consumer that follows other writers with the committed memory.
#[allow(missing_debug_implementations, reason = "holds the shop")]
pub struct Invalidation {
    shop: Shop,
    origin: String,
}

impl Invalidation {
    /// Follows what others than `origin`, the name of this node in the log, have written.
    pub fn new(shop: Shop, origin: String) -> Self {
        Self { shop, origin }
    }

    fn forget(&self, seen: &Seen<'_>) -> Result<(), Fault> {
        let Some(event) = events::decode(seen.entry)? else {
            return Ok(());
        };
        self.shop.forget(&event.key());
        match &event {
            // A new slug or SKU may be remembered as absent, an old one as present.
            Event::Product(..) | Event::ApiKey(..) => self.shop.forget_all(),
            Event::Level(key, _) => self.shop.forget(&Key::StoresOf(key.sku.clone())),
            Event::Cart(_, cart::Event::Created(created)) => {
                if let Some(user) = &created.external_user {
                    let key = Key::UserCart(user.package.clone(), user.user.clone());
                    self.shop.forget(&key);
                }
            }
            Event::Cart(..)
            | Event::Store(..)
            | Event::Reservation(..)
            | Event::Transfer(..)
            | Event::Notice(..) => {}
        }
        Ok(())
    }
}

impl Consumer for Invalidation {
    fn name(&self) -> &'static str {
        "invalidation"
    }

    fn place(&self) -> Place {
        Place::Anew
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), Fault> {
        let foreign = seen.iter().filter(|seen| seen.origin != self.origin);
        for seen in foreign {
            // What cannot be understood may be anything.
            if self.forget(seen).is_err() {
                self.shop.forget_all();
            }
        }
        Ok(())
    }

    fn start_over(&mut self) -> Result<u64, Fault> {
        let head = *self.shop.head().borrow();
        self.shop.forget_all();
        Ok(head)
    }
}
