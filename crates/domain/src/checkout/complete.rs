//! Whether a checkout can be completed with a quote: the refusals that come before any business.

use super::{Against, Checkout, Quote, Totals, price};
use crate::cart::Cart;
use crate::{QuoteId, Refusal};

/// The quote, if completing with it binds both sides now. Refused, in this order: `InvalidState` (the checkout),
/// `CartClosed`, `CheckoutIncomplete`, `QuoteStale` with the totals of now.
pub fn accept<'a>(
    checkout: &'a Checkout,
    cart: &Cart,
    quote: QuoteId,
    against: Against<'_>,
) -> Result<&'a Quote, Refusal> {
    checkout.require_open(against.now)?;
    cart.require_open(against.now)?;
    let terms = &checkout.terms;
    if !terms.missing.is_empty() {
        let missing = terms.missing.clone();
        return Err(Refusal::CheckoutIncomplete { missing });
    }
    match (checkout.staleness(quote, cart, against.now), &terms.quote) {
        (None, Some(quote)) => Ok(quote),
        (None, None) => Err(Refusal::CheckoutIncomplete {
            missing: terms.missing.clone(),
        }),
        (Some(reason), _) => Err(Refusal::QuoteStale {
            reason,
            totals: totals_now(checkout, cart, against),
            currency: cart.currency,
        }),
    }
}

/// What it would come to if it were quoted now. Lines that cannot be sold any more are no part of it.
fn totals_now(checkout: &Checkout, cart: &Cart, against: Against<'_>) -> Totals {
    let terms = &checkout.terms;
    let chosen = terms.chosen_option.as_ref();
    price(cart, terms.country, chosen, against.goods, against.rules).totals
}

#[cfg(test)]
mod tests;
