//! What the carts of the shop say after a replay: each must add up in itself, and together they make units and money per SKU.

use std::collections::BTreeMap;

use anyhow::ensure;
use serde::Deserialize;

use super::{independent::Sum, replay::CURRENCY};

/// What the carts of the shop say.
#[derive(Debug, Default)]
pub(super) struct ReadBack {
    /// Units and money by SKU without prefix.
    pub(super) sums: BTreeMap<String, Sum>,
    /// The sum of the carts' subtotals in pence.
    pub(super) subtotals: u64,
    /// Lines of all carts.
    pub(super) lines: u64,
}

impl ReadBack {
    /// Takes one cart in; SKUs lose their `prefix`.
    ///
    /// # Errors
    /// When the cart does not add up in itself.
    pub(super) fn add(&mut self, cart: &Cart, prefix: &str) -> anyhow::Result<()> {
        let mut subtotal = 0;
        for line in &cart.lines {
            ensure!(
                line.unit_price.currency == CURRENCY && line.total.currency == CURRENCY,
                "{} is not in {CURRENCY}",
                line.sku
            );
            ensure!(
                line.total.amount == line.quantity * line.unit_price.amount,
                "{} units of {} at {} do not make {}",
                line.quantity,
                line.sku,
                line.unit_price.amount,
                line.total.amount
            );
            let sku = line.sku.strip_prefix(prefix).unwrap_or(&line.sku);
            let sum = self.sums.entry(sku.to_owned()).or_default();
            sum.units += line.quantity;
            sum.pence += line.total.amount;
            subtotal += line.total.amount;
            self.lines += 1;
        }
        ensure!(
            cart.totals.subtotal.amount == subtotal,
            "the lines make {subtotal}, the subtotal says {}",
            cart.totals.subtotal.amount
        );
        self.subtotals += subtotal;
        Ok(())
    }
}

/// What the reconciliation needs of a cart.
#[derive(Debug, Deserialize)]
pub(super) struct Cart {
    lines: Vec<Line>,
    totals: Totals,
}

#[derive(Debug, Deserialize)]
struct Line {
    sku: String,
    quantity: u64,
    unit_price: Money,
    total: Money,
}

#[derive(Debug, Deserialize)]
struct Totals {
    subtotal: Money,
}

#[derive(Debug, Deserialize)]
struct Money {
    amount: u64,
    currency: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cart(quantity: u64, price: u64, total: u64, subtotal: u64, currency: &str) -> Cart {
        let money = |amount| serde_json::json!({"amount": amount, "currency": currency});
        let cart = serde_json::json!({
            "lines": [{"sku": "p-A-5", "quantity": quantity, "unit_price": money(price), "total": money(total)}],
            "totals": {"subtotal": money(subtotal)},
        });
        serde_json::from_value(cart).unwrap()
    }

    #[test]
    fn carts_are_summed_by_sku_without_prefix() {
        let mut read = ReadBack::default();
        read.add(&cart(2, 5, 10, 10, CURRENCY), "p-").unwrap();
        read.add(&cart(1, 5, 5, 5, CURRENCY), "p-").unwrap();
        assert_eq!(
            read.sums["A-5"],
            Sum {
                units: 3,
                pence: 15
            }
        );
        assert_eq!((read.lines, read.subtotals), (2, 15));
    }

    #[test]
    fn a_cart_that_does_not_add_up_is_refused() {
        let rows = [
            cart(2, 5, 11, 11, CURRENCY),
            cart(2, 5, 10, 11, CURRENCY),
            cart(2, 5, 10, 10, "USD"),
        ];
        for cart in rows {
            assert!(ReadBack::default().add(&cart, "p-").is_err(), "{cart:?}");
        }
    }
}
