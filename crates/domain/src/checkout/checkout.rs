//! The checkout, what happens to it, and its state after that.

use super::advance::Told;
use super::{Attempt, Line, Message, Progress, Quote, SagaEvent, ShippingOption, Totals};
use crate::entity::Entity;
use crate::inventory::Asked;
use crate::words::words;
use crate::{CartId, CheckoutId, ContactId, Country, Currency, QuoteId, Refusal, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// Superseded quotes that a checkout remembers.
pub const PAST_QUOTES: usize = 32;

/// Where a checkout is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Takes changes.
    Open,
    /// Being paid for.
    Processing,
    /// Waits for the buyer; reserved for 3-D Secure.
    RequiresAction,
    /// Has become an order.
    Completed,
    /// Given up.
    Cancelled,
    /// Nobody went on with it for too long.
    Expired,
    /// Somebody must look: its money or stock cannot be settled by itself.
    NeedsAttention,
}

words!(State {
    Open = "open",
    Processing = "processing",
    RequiresAction = "requires_action",
    Completed = "completed",
    Cancelled = "cancelled",
    Expired = "expired",
    NeedsAttention = "needs_attention",
});

impl State {
    /// Whether its cart is free for another checkout.
    pub fn frees_cart(self) -> bool {
        match self {
            Self::Cancelled | Self::Expired => true,
            Self::Open
            | Self::Processing
            | Self::RequiresAction
            | Self::Completed
            | Self::NeedsAttention => false,
        }
    }
}

/// What completing a checkout still wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Where to write to.
    Email,
    /// Where to send it.
    ShippingAddress,
    /// How to send it: nothing is configured for the currency.
    ShippingOption,
}

impl Field {
    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::ShippingAddress => "shipping_address",
            Self::ShippingOption => "shipping_option",
        }
    }
}

/// What is asked for and what it costs, as of the last write. Amounts are in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Under which id the person's data stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// Where it goes: the address's country, else the cart's.
    pub country: Country,
    /// The shipping option that the buyer chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen_option: Option<SmolStr>,
    /// Whether stock is held as long as a quote lives.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// What the prices are in.
    pub currency: Currency,
    /// Coupon codes of the cart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<SmolStr>,
    /// In the order of the cart.
    pub lines: Vec<Line>,
    /// What it comes to.
    pub totals: Totals,
    /// The cheapest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipping_options: Vec<ShippingOption>,
    /// The one that counts: chosen, else the cheapest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_option: Option<SmolStr>,
    /// What completing still wants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Field>,
    /// None as long as something is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// From this moment on an open checkout counts as expired.
    pub expires_at: Time,
}

impl Terms {
    /// What must be held for it: lines of one SKU and store summed, in their order.
    pub fn asked(&self) -> Vec<Asked> {
        let mut asked: Vec<Asked> = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            match asked
                .iter_mut()
                .find(|known| known.sku == line.sku && known.store == line.store)
            {
                Some(known) => known.quantity = known.quantity.saturating_add(line.quantity),
                None => asked.push(Asked {
                    sku: line.sku.clone(),
                    store: line.store.clone(),
                    quantity: line.quantity,
                }),
            }
        }
        asked
    }
}

/// A cart on its way to an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkout {
    /// Made by the shop.
    pub id: CheckoutId,
    /// Raised by each change.
    pub version: u64,
    /// As last written; [`Checkout::state_at`] knows of the time that has passed since.
    pub state: State,
    /// What is bought.
    pub cart_id: CartId,
    /// What is asked for and what it costs.
    pub terms: Terms,
    /// Quotes that a newer one has superseded, the latest last; at most [`PAST_QUOTES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past_quotes: Vec<QuoteId>,
    /// The attempts at completing it, the first one first; only the last can be running.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Its last changes, oldest first; at most [`REMEMBERED`](super::REMEMBERED).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<Progress>,
    /// What the buyer is told meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// When it was opened.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

impl Checkout {
    /// Its state at a moment: an open one whose time has passed is expired, swept or not.
    pub fn state_at(&self, now: Time) -> State {
        if self.state == State::Open && now >= self.terms.expires_at {
            State::Expired
        } else {
            self.state
        }
    }

    /// Refuses a write to a checkout that takes none.
    pub fn require_open(&self, now: Time) -> Result<(), Refusal> {
        match self.state_at(now) {
            State::Open => Ok(()),
            state => Err(self.closed(state)),
        }
    }

    fn end(&mut self, state: State) -> Option<Told> {
        self.state = state;
        None
    }

    pub(super) fn closed(&self, state: State) -> Refusal {
        let name = state.as_str();
        Refusal::InvalidState {
            state: name,
            detail: format!("checkout {} is {name} and takes no changes", self.id),
        }
    }
}

/// What happens to a checkout.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Somebody begins to buy a cart.
    Opened {
        /// Which one.
        cart_id: CartId,
        /// On these terms.
        terms: Box<Terms>,
    },
    /// Its terms are these now.
    Updated(Box<Terms>),
    /// It was given up, or its cart is gone.
    Cancelled,
    /// Nobody went on with it for too long.
    Expired,
    /// Something of an attempt at completing it.
    Saga(SagaEvent),
}

impl Entity for Checkout {
    type Key = CheckoutId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &CheckoutId, event: &Event, at: Time) {
        match event {
            Event::Opened { cart_id, terms } => {
                let mut opened = Self {
                    id: *key,
                    version: 1,
                    state: State::Open,
                    cart_id: *cart_id,
                    terms: Terms::clone(terms),
                    past_quotes: Vec::new(),
                    attempts: Vec::new(),
                    progress: Vec::new(),
                    messages: Vec::new(),
                    created_at: at,
                    updated_at: at,
                };
                opened.remember(None, at);
                *state = Some(Arc::new(opened));
            }
            Event::Updated(terms) => write(state, at, |it| {
                let was = it.terms.quote.map(|quote| quote.id);
                it.terms = Terms::clone(terms);
                let is = it.terms.quote.map(|quote| quote.id);
                if let Some(was) = was.filter(|was| Some(*was) != is) {
                    let first = (it.past_quotes.len() + 1).saturating_sub(PAST_QUOTES);
                    it.past_quotes.drain(..first);
                    it.past_quotes.push(was);
                }
                None
            }),
            Event::Cancelled => write(state, at, |it| it.end(State::Cancelled)),
            Event::Expired => write(state, at, |it| it.end(State::Expired)),
            Event::Saga(event) => write(state, at, |it| it.advance(event, at)),
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

fn write(
    state: &mut Option<Arc<Checkout>>,
    at: Time,
    change: impl FnOnce(&mut Checkout) -> Option<Told>,
) {
    if let Some(checkout) = state.as_mut().map(Arc::make_mut) {
        checkout.version += 1;
        checkout.updated_at = at;
        let told = change(checkout);
        checkout.remember(told, at);
    }
}

#[cfg(test)]
mod tests;
