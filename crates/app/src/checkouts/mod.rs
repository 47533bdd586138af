//! Checkouts: the commands on them, what they are decided against, and the end of those nobody goes on with.

mod cancel;
mod converted;
mod drop_in;
mod open;
pub mod saga;
mod tidy;
mod update;

pub use cancel::CancelCheckout;
pub(crate) use cancel::cancel_with_cart;
pub use drop_in::OpenDropIn;
pub use open::OpenCheckout;
pub use tidy::{ExpireCheckout, tidy};
pub use update::UpdateCheckout;

use crate::carts::{Loaded, Stock, require_products};
use crate::inventory::{CHECKOUT, exchange};
use crate::nouns::{Event, Key, Record};
use crate::shop::{Decided, Shop};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::cart::{Cart, Goods};
use cartwright_domain::checkout::{self, Against, Change, Checkout, Fresh, Renewed, Rules, Terms};
use cartwright_domain::inventory::{Held, Reserve, Sourcing, State as HoldState};
use cartwright_domain::{CartId, CheckoutId, Refusal, ReservationId, Time};
use smol_str::{SmolStr, ToSmolStr, format_smolstr};
use std::sync::Arc;

/// What a decision on a checkout goes by.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What the shop has configured for checkouts.
    pub rules: Rules,
    /// Whether a line may come from several locations.
    pub sourcing: Sourcing,
}

/// Which checkout a command is about, and the version it must have.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Which checkout.
    pub id: CheckoutId,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Target {
    /// The checkout, if it is there and as the caller knows it.
    fn find(self, work: &Work) -> Result<&Arc<Checkout>, Stop> {
        let found = work.checkout(&self.id)?;
        let found = found.ok_or_else(|| Refusal::not_found("checkout", self.id))?;
        check_version(self.expected_version, found.version)?;
        Ok(found)
    }

    /// The same checkout, whatever its version.
    fn of_any_version(self) -> Self {
        Self {
            expected_version: None,
            ..self
        }
    }

    /// What a decision on the checkout comes to.
    fn decided(self, events: Vec<Event>) -> Decided {
        Decided {
            events,
            answer: Key::Checkout(self.id),
            created: false,
        }
    }
}

/// What the holds of a checkout are called.
pub fn reference(id: CheckoutId) -> SmolStr {
    format_smolstr!("{CHECKOUT}{id}")
}

/// One write to a checkout: what is asked for, and with which identifiers.
struct Writing<'a> {
    work: &'a Work,
    change: &'a Change,
    fresh: &'a Fresh,
    setting: &'a Setting,
    /// What the catalogue offers in another currency, for carts of drop-in services.
    prices: Option<&'a dyn Goods>,
    now: Time,
}

impl Writing<'_> {
    /// A new checkout of a cart.
    fn open(&self, cart: &Cart) -> Result<Renewed, Stop> {
        self.against(cart, |against| {
            checkout::open(cart, self.change, self.fresh, against)
        })
    }

    /// An open checkout, changed; `None`: nothing changes.
    fn update(&self, known: &Checkout, cart: &Cart) -> Result<Option<Renewed>, Stop> {
        let contact = match &known.terms.contact_id {
            Some(id) => self.work.contact(id)?.map(AsRef::as_ref),
            None => None,
        };
        self.against(cart, |against| {
            checkout::update(known, contact, cart, self.change, self.fresh, against)
        })
    }

    fn against<T>(
        &self,
        cart: &Cart,
        decide: impl FnOnce(Against<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Stop> {
        require_products(self.work, cart.lines.iter().map(|line| &line.sku))?;
        let listed = Loaded {
            work: self.work,
            stock: &Stock::default(),
        };
        let against = Against {
            goods: self.prices.unwrap_or(&listed),
            rules: &self.setting.rules,
            now: self.now,
        };
        Ok(decide(against)?)
    }

    /// The events of what was decided: the person's data, the hold that goes and the one that comes, the checkout itself.
    fn events(
        &self,
        id: CheckoutId,
        before: Option<&Checkout>,
        renewed: Renewed,
    ) -> Result<Vec<Event>, Stop> {
        let held = before.and_then(held);
        let wanted = renewed.terms().and_then(|terms| self.hold(id, terms));
        let mut events = exchange(self.work, held, wanted.as_ref(), self.now)?;
        if let Some(contact) = renewed.contact {
            let recorded = checkout::ContactEvent::Recorded(Arc::new(contact));
            events.push(Event::Contact(self.fresh.contact, recorded));
        }
        events.push(Event::Checkout(id, renewed.event));
        Ok(events)
    }

    /// The hold that lives as long as the quote of these terms, if they ask for one. It belongs to the quote, so that each
    /// quote's hold can have the name of its checkout.
    fn hold(&self, id: CheckoutId, terms: &Terms) -> Option<Reserve> {
        let quote = terms.quote?;
        Some(Reserve {
            id: quote.reservation_id?,
            principal: quote.id.to_smolstr(),
            reference: reference(id),
            asked: terms.asked(),
            expires_at: quote.expires_at,
            country: Some(terms.country),
            near: None,
            sourcing: self.setting.sourcing,
        })
    }
}

/// What the quote of a cart's checkout holds, as far as memory knows: never waits. Whoever changes that cart can have it.
pub fn held_for(shop: &Shop, cart: CartId) -> Vec<Held> {
    let Some(Some(Record::CheckoutId(id))) = shop.peek(&Key::CheckoutOf(cart)) else {
        return Vec::new();
    };
    let Some(Some(Record::Checkout(checkout))) = shop.peek(&Key::Checkout(id)) else {
        return Vec::new();
    };
    let hold = held(&checkout).and_then(|id| shop.peek(&Key::Reservation(id))?);
    match hold {
        Some(Record::Reservation(hold)) if hold.state == HoldState::Pending => hold.lines.clone(),
        _ => Vec::new(),
    }
}

/// The hold of a checkout's quote.
fn held(checkout: &Checkout) -> Option<ReservationId> {
    checkout.terms.quote?.reservation_id
}

/// What a write that may make a hold surely touches.
fn plan(keys: &mut Vec<Key>, fresh: &Fresh, change: &Change) {
    if change.hold == cartwright_domain::cart::Patch::Set(true) {
        keys.push(Key::OpenHolds(fresh.quote.to_smolstr()));
    }
}
