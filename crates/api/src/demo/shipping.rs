//! What sending costs, and how a parcel is called.

use super::carts::Item;
use super::catalog::Price;
use crate::http::Edge;
use crate::problem::Problem;
use cartwright_app::kept::payload_hash;
use cartwright_domain::checkout::Rates;
use cartwright_domain::{Currency, Money};
use std::fmt::Write;

/// What quotes are in.
const DOLLARS: &str = "USD";

/// What sending some items costs, in dollars: the shop's cheapest way. Nothing costs nothing.
///
/// # Errors
/// `dependency_unavailable` when the shop has no rate in dollars.
pub fn quote(edge: &Edge, items: &[Item]) -> Result<Price, Problem> {
    let dollars = dollars()?;
    if items.iter().all(|item| item.quantity <= 0) {
        return Ok(Money::zero(dollars).into());
    }
    let options = edge.options.checkout_rules.rates.options(dollars);
    let cheapest = options.first().ok_or_else(none)?;
    Ok(Money::new(cheapest.price, dollars).into())
}

/// What the shop's ways of sending cost in a currency: their prices in dollars, converted.
pub(super) fn rates(edge: &Edge, currency: Currency) -> Result<Rates, Problem> {
    let rates = &edge.options.checkout_rules.rates;
    Ok(rates.converted(dollars()?, currency))
}

/// Nothing can be sent for dollars.
pub(super) fn none() -> Problem {
    let detail = "the shop has no shipping rate in USD: set `shipping_rates`";
    Problem::new("dependency_unavailable", detail)
}

fn dollars() -> Result<Currency, Problem> {
    Currency::new(DOLLARS).map_err(|error| Problem::new("internal", error.to_string()))
}

/// A fresh name for a parcel.
pub fn ship(edge: &Edge) -> String {
    tracking_id(&edge.fresh_id().to_string())
}

/// The name of an order's parcel: the same whenever it is asked for.
pub(super) fn tracking_id(of: &str) -> String {
    let hash = payload_hash("tracking", of.as_bytes());
    let mut text = String::with_capacity(36);
    for (place, byte) in hash.iter().take(16).enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // A UUID of version 8: its bits mean what its maker says (RFC 9562, 5.8).
        let byte = match place {
            6 => byte & 0x0F | 0x80,
            8 => byte & 0x3F | 0x80,
            _ => *byte,
        };
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_s_name_is_a_uuid_of_its_order() {
        let name = tracking_id("ord_1");
        assert_eq!((name.len(), &name[14..15]), (36, "8"), "{name}");
        assert_eq!(name, tracking_id("ord_1"));
        assert_ne!(name, tracking_id("ord_2"));
    }
}
