//! One line of a cart: so many of a SKU.

use super::Metadata;
use super::stored;
use crate::{Money, ProductId, Sku, StoreId};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::fmt;
use std::str::FromStr;

/// A line within its cart, spelled `ln_1`; numbers rise and are never used again. Kept as the bare number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LineId(pub u32);

/// Not the id of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a line id")]
pub struct BadLineId;

impl fmt::Display for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ln_{}", self.0)
    }
}

impl FromStr for LineId {
    type Err = BadLineId;

    /// Takes exactly what `Display` writes: no sign, no leading zero.
    fn from_str(text: &str) -> Result<Self, BadLineId> {
        let digits = text.strip_prefix("ln_").ok_or(BadLineId)?;
        let plain = digits.starts_with(|c: char| matches!(c, '1'..='9'));
        let number = digits.parse().map_err(|_| BadLineId)?;
        if plain {
            Ok(Self(number))
        } else {
            Err(BadLineId)
        }
    }
}

/// So many of a SKU, as it was at the line's last write. Its names in storage are short: the whole cart is written on each
/// change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Which line of the cart.
    #[serde(rename = "i")]
    pub id: LineId,
    /// What is wanted.
    #[serde(rename = "s")]
    pub sku: Sku,
    /// The product it belongs to; `None` for a SKU the catalogue does not know (drop-in carts).
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
    /// For people; the SKU itself when the catalogue does not know it.
    #[serde(rename = "n")]
    pub name: SmolStr,
    /// How many. At least 1, but in a drop-in cart, where quantities only add up, it may be zero or negative.
    #[serde(rename = "q")]
    pub quantity: i64,
    /// The price of one, seen when the line was last written; `None` when there was none in the cart's currency.
    #[serde(
        rename = "u",
        default,
        with = "stored::money",
        skip_serializing_if = "Option::is_none"
    )]
    pub unit_price: Option<Money>,
    /// Where it shall come from.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
    /// What the buyer wrote.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub note: Option<SmolStr>,
    /// What the client hung on it.
    #[serde(rename = "m", default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl Line {
    /// Whether something of this SKU, store and metadata belongs on this line.
    pub fn joins(&self, sku: &Sku, store: Option<&StoreId>, metadata: &Metadata) -> bool {
        self.sku == *sku && self.store.as_ref() == store && self.metadata == *metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ids_read_back_and_nothing_else_is_one() {
        for number in [1, 9, 10, u32::MAX] {
            assert_eq!(LineId(number).to_string().parse(), Ok(LineId(number)));
        }
        for text in [
            "",
            "ln_",
            "ln_0",
            "ln_01",
            "ln_+1",
            "ln_-1",
            "1",
            "LN_1",
            "ln_4294967296",
            "ln_1 ",
        ] {
            assert_eq!(text.parse::<LineId>(), Err(BadLineId), "{text}");
        }
    }
}
