//! What a checkout costs now: list prices and a flat rate for sending. Promotions and tax are further terms of the sum.

use super::{Line, Rules, ShippingOption, Totals};
use crate::cart::{self, Cart, Change, Goods, PricedLine};
use crate::{Country, Currency, Refusal, Sku};
use smol_str::SmolStr;
use std::borrow::Cow;

/// The largest amount of a quote: 2^53 - 1, which every JSON reader reads exactly (RFC 8785, 3.2.2.3).
pub const MAX_MINOR: i64 = (1 << 53) - 1;

/// A cart's lines at list price, and how they can be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Priced {
    /// The lines that have a price, in the order of the cart.
    pub lines: Vec<Line>,
    /// What these come to.
    pub totals: Totals,
    /// The cheapest first.
    pub shipping_options: Vec<ShippingOption>,
    /// The chosen one where it can be had, else the cheapest.
    pub shipping_option: Option<SmolStr>,
    /// Why it cannot be sold like this: the first reason. Stock is none: the hold decides.
    pub obstacle: Option<Refusal>,
}

/// Prices a cart that goes to a country.
pub fn price(
    cart: &Cart,
    country: Country,
    chosen: Option<&SmolStr>,
    goods: &dyn Goods,
    rules: &Rules,
) -> Priced {
    let cart = if cart.country == country {
        Cow::Borrowed(cart)
    } else {
        Cow::Owned(Cart {
            country,
            ..cart.clone()
        })
    };
    let listed = cart::price(&cart, goods);
    let mut obstacle = None;
    let mut lines = Vec::with_capacity(cart.lines.len());
    for (line, listed) in cart.lines.iter().zip(&listed.lines) {
        if line.quantity <= 0 {
            continue;
        }
        obstacle = obstacle.or_else(|| stands_in_the_way(&line.sku, listed));
        if let (Some(one), Some(total)) = (listed.unit_price, listed.total) {
            lines.push(Line {
                id: line.id,
                sku: line.sku.clone(),
                name: line.name.clone(),
                quantity: line.quantity,
                store: line.store.clone(),
                unit_price: one.minor,
                discount: 0,
                tax: 0,
                total: total.minor,
            });
        }
    }
    if lines.is_empty() && obstacle.is_none() {
        obstacle = Some(empty());
    }
    let shipping_options = rules.rates.options(cart.currency);
    let wanted = shipping_options.iter().find(|it| chosen == Some(&it.id));
    let option = wanted.or(shipping_options.first());
    let totals = sum(&lines, option.map_or(0, |option| option.price));
    if totals.is_none() && obstacle.is_none() {
        obstacle = Some(too_much(cart.currency));
    }
    Priced {
        totals: totals.unwrap_or_default(),
        lines,
        shipping_option: option.map(|option| option.id.clone()),
        shipping_options,
        obstacle,
    }
}

/// `None` beyond [`MAX_MINOR`].
fn sum(lines: &[Line], shipping: i64) -> Option<Totals> {
    let mut totals = Totals {
        shipping,
        ..Totals::default()
    };
    for line in lines {
        let listed = line.unit_price.checked_mul(line.quantity)?;
        totals.subtotal = totals.subtotal.checked_add(listed)?;
        totals.discount = totals.discount.checked_add(line.discount)?;
        totals.tax = totals.tax.checked_add(line.tax)?;
    }
    totals.total = totals
        .subtotal
        .checked_sub(totals.discount)?
        .checked_add(shipping)?
        .checked_add(totals.tax)?;
    (totals.subtotal <= MAX_MINOR && totals.total <= MAX_MINOR).then_some(totals)
}

fn empty() -> Refusal {
    Refusal::invalid(
        "cart_id",
        "empty",
        "the cart has no lines; add something to it first",
    )
}

fn too_much(currency: Currency) -> Refusal {
    Refusal::CartLimit {
        detail: format!("a checkout comes to at most {MAX_MINOR} {currency} (minor units)"),
    }
}

fn stands_in_the_way(sku: &Sku, listed: &PricedLine) -> Option<Refusal> {
    listed.changes.iter().find_map(|change| match *change {
        Change::PriceChanged { .. } | Change::InsufficientStock { .. } => None,
        Change::NoLongerSold { .. } => Some(Refusal::not_found("variant", sku)),
        Change::NoPrice { currency, .. } => Some(Refusal::CurrencyMismatch {
            sku: sku.clone(),
            currency,
        }),
        Change::NotSoldHere { country } => Some(Refusal::NotSoldHere {
            sku: sku.clone(),
            country,
        }),
        Change::QuantityLimit { min, max, multiple } => {
            Some(Refusal::QuantityLimit { min, max, multiple })
        }
        Change::TooMuch => Some(Refusal::CartLimit {
            detail: format!("{sku} times its quantity costs more than can be counted"),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::cart::LineId;
    use crate::cart::samples::sku;

    fn line(unit_price: i64, quantity: i64, discount: i64, tax: i64) -> Line {
        Line {
            id: LineId(1),
            sku: sku("MUG"),
            name: "Mug".into(),
            quantity,
            store: None,
            unit_price,
            discount,
            tax,
            total: unit_price * quantity - discount + tax,
        }
    }

    #[test]
    fn a_sum_is_what_its_lines_and_sending_come_to() {
        let lines = [line(500, 3, 100, 20), line(7, 2, 1, 3)];
        let expected = Totals {
            subtotal: 1514,
            discount: 101,
            shipping: 599,
            tax: 23,
            tax_included: false,
            total: 2035,
        };
        assert_eq!(sum(&lines, 599), Some(expected));
        let totals = lines.iter().map(|it| it.total).sum::<i64>() + 599;
        assert_eq!(totals, expected.total);
    }

    #[test]
    fn a_sum_is_one_that_every_reader_of_json_reads_exactly() {
        assert_eq!(MAX_MINOR, 9_007_199_254_740_991);
        let total = |lines: &[Line], shipping| sum(lines, shipping).map(|it| it.total);
        assert_eq!(total(&[line(MAX_MINOR, 1, 0, 0)], 0), Some(MAX_MINOR));
        assert_eq!(total(&[line(MAX_MINOR, 1, 0, 0)], 1), None);
        assert_eq!(total(&[line(MAX_MINOR + 1, 1, 0, 0)], 0), None);
        // Too much before the discount is too much.
        assert_eq!(total(&[line(MAX_MINOR + 1, 1, 2, 0)], 0), None);
        assert_eq!(total(&[line(MAX_MINOR, 1, 2, 0)], 1), Some(MAX_MINOR - 1));
        assert_eq!(
            total(
                &[line(i64::MAX / 2, 1, 0, 0), line(i64::MAX / 2, 2, 0, 0)],
                0
            ),
            None
        );
    }
}
