//! The quote: what the lines of a checkout cost, bindingly, for a while.

use super::Checkout;
use crate::cart::{Cart, LineId};
use crate::{QuoteId, ReservationId, Sku, StoreId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A line of a checkout. Amounts are in minor units of the checkout's currency; `total` = `unit_price` * `quantity` -
/// `discount` + `tax`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which line of the cart.
    #[serde(rename = "i")]
    pub id: LineId,
    /// What.
    #[serde(rename = "s")]
    pub sku: Sku,
    /// For people.
    #[serde(rename = "n")]
    pub name: SmolStr,
    /// How many; at least 1.
    #[serde(rename = "q")]
    pub quantity: i64,
    /// Where it shall come from.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
    /// What one costs.
    #[serde(rename = "u")]
    pub unit_price: i64,
    /// What is taken off.
    #[serde(rename = "d")]
    pub discount: i64,
    /// What is added.
    #[serde(rename = "t")]
    pub tax: i64,
    /// What it comes to.
    #[serde(rename = "a")]
    pub total: i64,
}

/// What it comes to, in minor units: `total` = `subtotal` - `discount` + `shipping` + `tax`, and the lines' totals and
/// `shipping` add up to `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// List price of all lines.
    pub subtotal: i64,
    /// Taken off by promotions; never negative.
    pub discount: i64,
    /// For sending it.
    pub shipping: i64,
    /// On top of the prices.
    pub tax: i64,
    /// Whether tax is inside the prices.
    pub tax_included: bool,
    /// To be paid.
    pub total: i64,
}

/// Lines and totals of a checkout, bindingly until it expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Made by the shop.
    pub id: QuoteId,
    /// From this moment on.
    pub issued_at: Time,
    /// Up to this moment.
    pub expires_at: Time,
    /// The hold that lives as long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<ReservationId>,
}

/// Why a quote binds nobody any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staleness {
    /// Its time is over.
    Expired,
    /// The checkout has a newer one.
    Superseded,
    /// The cart's lines, coupons or currency are others.
    CartChanged,
    /// It is none of this checkout's, or one of long ago.
    Unknown,
}

impl Staleness {
    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::CartChanged => "cart_changed",
            Self::Unknown => "unknown",
        }
    }
}

impl Checkout {
    /// Why the quote of this id does not bind now; `None`: it does.
    pub fn staleness(&self, id: QuoteId, cart: &Cart, now: Time) -> Option<Staleness> {
        match self.terms.quote {
            Some(quote) if quote.id == id => {
                if now >= quote.expires_at {
                    Some(Staleness::Expired)
                } else if !self.follows(cart) {
                    Some(Staleness::CartChanged)
                } else {
                    None
                }
            }
            _ if self.past_quotes.contains(&id) => Some(Staleness::Superseded),
            _ => Some(Staleness::Unknown),
        }
    }

    /// Whether what was priced is what is in the cart: lines and coupons count, not notes or the cart's version.
    pub fn follows(&self, cart: &Cart) -> bool {
        let mut sold = cart.lines.iter().filter(|line| line.quantity > 0);
        let same = self.terms.lines.iter().all(|priced| {
            sold.next().is_some_and(|line| {
                line.id == priced.id
                    && line.sku == priced.sku
                    && line.quantity == priced.quantity
                    && line.store == priced.store
            })
        });
        same && sold.next().is_none()
            && self.terms.currency == cart.currency
            && self.terms.coupons == cart.coupons
    }
}
