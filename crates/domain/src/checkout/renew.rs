//! Opening a checkout and changing it: what is asked for is priced, and quoted once nothing is missing.

use super::{Against, Change, Checkout, Contact, Event, Field, Fresh, Quote, Terms, price};
use crate::cart::{Cart, Patch};
use crate::{ContactId, Refusal};
use smol_str::SmolStr;

/// What a write to a checkout comes to, before its stock is held.
#[derive(Debug, Clone, PartialEq)]
pub struct Renewed {
    /// What happens to the checkout.
    pub event: Event,
    /// What is known of the person from now on, when that is something else: recorded under the fresh id.
    pub contact: Option<Contact>,
}

impl Renewed {
    /// The terms after it.
    pub fn terms(&self) -> Option<&Terms> {
        match &self.event {
            Event::Opened { terms, .. } | Event::Updated(terms) => Some(terms),
            Event::Cancelled | Event::Expired | Event::Saga(_) => None,
        }
    }
}

/// Opens a checkout for a cart. Refused: `CartClosed`, `Invalid` (`cart_id`: it is empty; `shipping_option`), and for a
/// line that cannot be sold like this `NotFound` (`variant`), `CurrencyMismatch`, `NotSoldHere`, `QuantityLimit`,
/// `CartLimit`.
pub fn open(
    cart: &Cart,
    change: &Change,
    fresh: &Fresh,
    against: Against<'_>,
) -> Result<Renewed, Refusal> {
    cart.require_open(against.now)?;
    let asked = Asked::of(None, &Contact::empty(fresh.checkout), change);
    let terms = asked.terms(cart, change, fresh, against)?;
    Ok(Renewed {
        event: Event::Opened {
            cart_id: cart.id,
            terms: Box::new(terms),
        },
        contact: asked.recorded(),
    })
}

/// Changes an open checkout; `None` when it is so already and its quote binds. Else the cart is priced anew, and a new
/// quote issued unless something is missing. `contact` is what its terms name. Refused: `InvalidState`, and as [`open`] is.
pub fn update(
    checkout: &Checkout,
    contact: Option<&Contact>,
    cart: &Cart,
    change: &Change,
    fresh: &Fresh,
    against: Against<'_>,
) -> Result<Option<Renewed>, Refusal> {
    checkout.require_open(against.now)?;
    cart.require_open(against.now)?;
    let empty = Contact::empty(checkout.id);
    let asked = Asked::of(Some(&checkout.terms), contact.unwrap_or(&empty), change);
    let binds = |quote: Quote| checkout.staleness(quote.id, cart, against.now).is_none();
    if asked.is_as(&checkout.terms) && checkout.terms.quote.is_some_and(binds) {
        return Ok(None);
    }
    let terms = asked.terms(cart, change, fresh, against)?;
    let same = Terms {
        expires_at: checkout.terms.expires_at,
        ..terms.clone()
    };
    if terms.quote.is_none() && same == checkout.terms {
        return Ok(None);
    }
    Ok(Some(Renewed {
        event: Event::Updated(Box::new(terms)),
        contact: asked.recorded(),
    }))
}

/// What is wanted after a change, before it is priced.
struct Asked {
    contact: Contact,
    /// Whether the contact is another one than before.
    is_new: bool,
    known: Option<ContactId>,
    chosen_option: Option<SmolStr>,
    hold: bool,
}

impl Asked {
    fn of(terms: Option<&Terms>, current: &Contact, change: &Change) -> Self {
        let contact = change.contact(current);
        let hold = match change.hold {
            Patch::Keep => terms.is_some_and(|terms| terms.hold),
            Patch::Clear => false,
            Patch::Set(hold) => hold,
        };
        let chosen = terms.and_then(|terms| terms.chosen_option.clone());
        Self {
            is_new: contact != *current,
            known: terms.and_then(|terms| terms.contact_id),
            contact,
            chosen_option: change.shipping_option.applied(&chosen),
            hold,
        }
    }

    fn is_as(&self, terms: &Terms) -> bool {
        !self.is_new && self.chosen_option == terms.chosen_option && self.hold == terms.hold
    }

    fn recorded(self) -> Option<Contact> {
        (self.is_new && !self.contact.is_empty()).then_some(self.contact)
    }

    fn terms(
        &self,
        cart: &Cart,
        change: &Change,
        fresh: &Fresh,
        against: Against<'_>,
    ) -> Result<Terms, Refusal> {
        let Against { goods, rules, now } = against;
        let to = self.contact.shipping_address.as_deref();
        let country = to.map_or(cart.country, |address| address.country);
        let priced = price(cart, country, self.chosen_option.as_ref(), goods, rules);
        if let Patch::Set(wanted) = &change.shipping_option
            && priced.shipping_option.as_ref() != Some(wanted)
        {
            return Err(unknown_option(wanted, &priced.shipping_options, cart));
        }
        if let Some(obstacle) = priced.obstacle {
            return Err(obstacle);
        }
        let missing = self.missing(priced.shipping_option.is_some());
        let expires_at = now.plus_seconds(rules.ttl_seconds);
        let quote = missing.is_empty().then(|| Quote {
            id: fresh.quote,
            issued_at: now,
            expires_at: now.plus_seconds(rules.quote_ttl_seconds).min(expires_at),
            reservation_id: self.hold.then_some(fresh.reservation),
        });
        Ok(Terms {
            contact_id: self.contact_id(fresh),
            country,
            chosen_option: self.chosen_option.clone(),
            hold: self.hold,
            currency: cart.currency,
            coupons: cart.coupons.clone(),
            lines: priced.lines,
            totals: priced.totals,
            shipping_options: priced.shipping_options,
            shipping_option: priced.shipping_option,
            missing,
            quote,
            expires_at,
        })
    }

    fn contact_id(&self, fresh: &Fresh) -> Option<ContactId> {
        if self.contact.is_empty() {
            None
        } else if self.is_new {
            Some(fresh.contact)
        } else {
            self.known
        }
    }

    fn missing(&self, can_be_sent: bool) -> Vec<Field> {
        let wanted = [
            (Field::Email, self.contact.email.is_some()),
            (
                Field::ShippingAddress,
                self.contact.shipping_address.is_some(),
            ),
            (Field::ShippingOption, can_be_sent),
        ];
        let missing = wanted.into_iter().filter(|(_, there)| !there);
        missing.map(|(field, _)| field).collect()
    }
}

fn unknown_option(wanted: &SmolStr, known: &[super::ShippingOption], cart: &Cart) -> Refusal {
    let known: Vec<_> = known.iter().map(|option| option.id.as_str()).collect();
    let detail = if known.is_empty() {
        format!("nothing is sent for {}", cart.currency)
    } else {
        format!(
            "{wanted} is not offered; expected one of {}",
            known.join(", ")
        )
    };
    Refusal::invalid("shipping_option", "unknown", detail)
}

#[cfg(test)]
mod tests;
