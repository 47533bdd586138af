//! A line of an order, and where its units lie.

use crate::cart::LineId;
use crate::{Sku, StoreId};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Where units of a line lie until they leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// At which location.
    pub store: StoreId,
    /// How many are still allocated there.
    pub units: i64,
}

/// A line of an order. Amounts are in minor units of the order's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which line of the cart it was.
    pub id: LineId,
    /// What.
    pub sku: Sku,
    /// For people.
    pub name: SmolStr,
    /// How many were bought.
    pub quantity: i64,
    /// What one cost.
    pub unit_price: i64,
    /// What was taken off.
    pub discount: i64,
    /// What was added, or is inside.
    pub tax: i64,
    /// What it came to.
    pub total: i64,
    /// Where its units lie that are not fulfilled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// Where those that have left came from, the first to leave first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipped: Vec<Source>,
    /// How many have left.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fulfilled: i64,
    /// How many of those came back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned: i64,
    /// How many were paid back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refunded: i64,
    /// How many were given up before they left.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cancelled: i64,
}

impl Line {
    /// Whether nothing was ever received of it where it was sold: its units lie nowhere, and leave no stock. Only carts of
    /// drop-in services sell such things.
    pub fn is_untracked(&self) -> bool {
        self.sources.is_empty() && self.shipped.is_empty()
    }

    /// How many units have neither left nor been given up.
    pub fn open(&self) -> i64 {
        self.quantity - self.fulfilled - self.cancelled
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
pub(super) fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::super::samples::{A, placed, sent, store};
    use super::*;

    fn source() -> Vec<Source> {
        vec![Source {
            store: store("x"),
            units: 1,
        }]
    }

    #[test]
    fn a_line_of_which_nothing_lies_anywhere_is_untracked() {
        for (lies, left, expected) in [
            (false, false, true),
            (true, false, false),
            (false, true, false),
            (true, true, false),
        ] {
            let mut line = placed().lines[0].clone();
            line.sources = if lies { source() } else { Vec::new() };
            line.shipped = if left { source() } else { Vec::new() };
            assert_eq!(line.is_untracked(), expected, "{lies} {left}");
        }
    }

    #[test]
    fn what_neither_left_nor_was_given_up_is_open() {
        let mut line = placed().lines[0].clone();
        line.quantity = 9;
        (line.fulfilled, line.cancelled) = (4, 2);
        assert_eq!(line.open(), 3);
    }

    #[test]
    fn counts_of_nothing_are_not_written() {
        let spelled = |line: &Line| serde_json::to_value(line).expect("JSON");
        let new = spelled(&placed().lines[0]);
        let sent = sent(2);
        let sent = spelled(sent.line(A).expect("A"));
        for name in ["fulfilled", "returned", "refunded", "cancelled"] {
            assert_eq!(new.get(name), None, "{name}");
        }
        assert_eq!(sent["fulfilled"], 2);
        let read: Line = serde_json::from_value(new).expect("a line");
        assert_eq!(read, placed().lines[0]);
    }
}
