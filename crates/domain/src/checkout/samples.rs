//! A checkout for the tests of this noun.

use super::*;
use crate::cart::samples::{NOW, Shop, country};
use crate::cart::{Cart, Patch};
use crate::entity::Entity;
use crate::{CheckoutId, ContactId, QuoteId, ReservationId, Time};
use std::sync::Arc;

pub(crate) fn rules() -> Rules {
    let rates = Rates::parse("standard=USD:599 EUR:499, express=USD:1499")
        .unwrap_or_else(|error| panic!("{error}"));
    Rules {
        rates: Arc::new(rates),
        quote_ttl_seconds: 900,
        ttl_seconds: 21_600,
        attempts_per_hour: 10,
    }
}

pub(crate) fn address(code: &str) -> Arc<Address> {
    Arc::new(Address {
        name: "Ada Lovelace".into(),
        company: None,
        line1: "12 St James's Square".into(),
        line2: None,
        city: "London".into(),
        region: None,
        postal_code: "SW1Y 4JH".into(),
        country: country(code),
        phone: None,
    })
}

pub(crate) fn email() -> Email {
    Email::new("ada@example.com").unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn contact() -> Contact {
    Contact {
        checkout_id: CheckoutId(1),
        email: Some(email()),
        shipping_address: Some(address("US")),
        billing_address: None,
    }
}

/// All that a quote needs.
pub(crate) fn whole() -> Change {
    Change {
        email: Patch::Set(email()),
        shipping_address: Patch::Set(address("US")),
        ..Change::default()
    }
}

/// The identifiers of the n-th write.
pub(crate) fn fresh(n: u128) -> Fresh {
    Fresh {
        checkout: CheckoutId(1),
        contact: ContactId(n),
        quote: QuoteId(n),
        reservation: ReservationId(n),
    }
}

/// A checkout and the person it knows.
pub(crate) struct Desk {
    pub(crate) checkout: Checkout,
    pub(crate) contact: Option<Contact>,
    pub(crate) rules: Rules,
    writes: u128,
}

impl Desk {
    pub(crate) fn open(cart: &Cart, change: &Change, shop: &Shop) -> Result<Self, crate::Refusal> {
        let rules = rules();
        let against = Against {
            goods: shop,
            rules: &rules,
            now: NOW,
        };
        let renewed = open(cart, change, &fresh(1), against)?;
        let mut state = None;
        Checkout::apply(&mut state, &CheckoutId(1), &renewed.event, NOW);
        Ok(Self {
            checkout: Arc::unwrap_or_clone(state.unwrap_or_else(|| panic!("not opened"))),
            contact: renewed.contact,
            rules,
            writes: 1,
        })
    }

    /// Whether anything changed.
    pub(crate) fn update(
        &mut self,
        cart: &Cart,
        change: &Change,
        shop: &Shop,
        now: Time,
    ) -> Result<bool, crate::Refusal> {
        self.writes += 1;
        let against = Against {
            goods: shop,
            rules: &self.rules,
            now,
        };
        let (checkout, contact) = (&self.checkout, self.contact.as_ref());
        let fresh = fresh(self.writes);
        let Some(renewed) = update(checkout, contact, cart, change, &fresh, against)? else {
            return Ok(false);
        };
        self.apply(&renewed.event, now);
        if renewed.contact.is_some() {
            self.contact = renewed.contact;
        }
        Ok(true)
    }

    pub(crate) fn apply(&mut self, event: &Event, at: Time) {
        let mut state = Some(Arc::new(self.checkout.clone()));
        Checkout::apply(&mut state, &self.checkout.id, event, at);
        if let Some(state) = state {
            self.checkout = Arc::unwrap_or_clone(state);
        }
    }

    pub(crate) fn quote(&self) -> Quote {
        self.checkout
            .terms
            .quote
            .unwrap_or_else(|| panic!("no quote: {:?}", self.checkout.terms.missing))
    }
}
