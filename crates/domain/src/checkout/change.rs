//! What somebody says of a checkout when opening or changing it.

use super::Rules;
use super::{Address, Contact, Email};
use crate::cart::{Goods, Patch};
use crate::{CheckoutId, ContactId, QuoteId, ReservationId, Time};
use smol_str::SmolStr;
use std::sync::Arc;

/// A merge patch of the checkout. An address is one value: it is replaced whole.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// Where to write to.
    pub email: Patch<Email>,
    /// Where to send it.
    pub shipping_address: Patch<Arc<Address>>,
    /// Whom to bill; cleared: who gets it.
    pub billing_address: Patch<Arc<Address>>,
    /// How to send it; cleared: the cheapest way.
    pub shipping_option: Patch<SmolStr>,
    /// Whether stock is held as long as a quote lives; cleared: it is not.
    pub hold: Patch<bool>,
}

impl Change {
    /// What is known of the person after it.
    pub(super) fn contact(&self, current: &Contact) -> Contact {
        Contact {
            checkout_id: current.checkout_id,
            email: self.email.applied(&current.email),
            shipping_address: self.shipping_address.applied(&current.shipping_address),
            billing_address: self.billing_address.applied(&current.billing_address),
        }
    }
}

/// Identifiers for what a decision may make, drawn by the caller, so that deciding twice decides the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// Of a new checkout.
    pub checkout: CheckoutId,
    /// Of the person's data.
    pub contact: ContactId,
    /// Of a new quote.
    pub quote: QuoteId,
    /// Of the hold that lives as long.
    pub reservation: ReservationId,
}

/// What a decision goes by.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "borrows what cannot be shown")]
pub struct Against<'a> {
    /// What is for sale.
    pub goods: &'a dyn Goods,
    /// What the shop has configured.
    pub rules: &'a Rules,
    /// When.
    pub now: Time,
}
