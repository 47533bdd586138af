//! The rules that make a cart's totals, as a list. Promotions, tax and shipping are further entries, before the sum.

use super::{About, Cart, Change, Goods, Line, PricedCart, PricedLine, Reason};
use crate::{Money, Sku, StoreId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rule that makes totals.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its name in explanations.
    pub rule: &'static str,
    /// Adds its part to the totals, after the steps before it.
    pub(super) apply: fn(&Cart, &mut PricedCart, &dyn Goods),
    /// Says what it contributed, on the finished figures.
    pub(super) explain: fn(&Cart, &PricedCart, &dyn Goods) -> Vec<Reason>,
}

/// The rules in the order in which they apply.
pub const STEPS: [Step; 4] = [
    Step {
        rule: "list_price",
        apply: list_prices,
        explain: explain_list_prices,
    },
    Step {
        rule: "quantity_limits",
        apply: quantity_limits,
        explain: explain_nothing,
    },
    Step {
        rule: "availability",
        apply: availability,
        explain: explain_availability,
    },
    Step {
        rule: "sum",
        apply: sum,
        explain: explain_sum,
    },
];

fn list_prices(cart: &Cart, priced: &mut PricedCart, goods: &dyn Goods) {
    for line in &cart.lines {
        let mut listed = list_price(cart, line, goods);
        let subtotal = listed.total.map(|total| priced.totals.subtotal.plus(total));
        match subtotal {
            Some(Some(subtotal)) => priced.totals.subtotal = subtotal,
            Some(None) => leave_out(&mut listed),
            None => {}
        }
        priced.lines.push(listed);
    }
}

fn list_price(cart: &Cart, line: &Line, goods: &dyn Goods) -> PricedLine {
    let mut listed = PricedLine {
        id: line.id,
        unit_price: None,
        total: None,
        changes: Vec::new(),
    };
    let from = line.unit_price;
    let Some(offer) = goods.find(&line.sku) else {
        listed.changes.push(Change::NoLongerSold { from });
        return listed;
    };
    listed.unit_price = offer.price(cart.currency);
    match listed.unit_price {
        None => listed.changes.push(Change::NoPrice {
            from,
            currency: cart.currency,
        }),
        Some(to) => {
            if from != Some(to) {
                listed.changes.push(Change::PriceChanged { from, to });
            }
            listed.total = to.times(line.quantity.max(0));
            if listed.total.is_none() {
                leave_out(&mut listed);
            }
        }
    }
    if !offer.sold_in(cart.country) {
        listed.changes.push(Change::NotSoldHere {
            country: cart.country,
        });
    }
    listed
}

fn leave_out(line: &mut PricedLine) {
    line.total = None;
    line.changes.push(Change::TooMuch);
}

fn explain_list_prices(cart: &Cart, priced: &PricedCart, _: &dyn Goods) -> Vec<Reason> {
    let reason = |(line, listed): (&Arc<Line>, &PricedLine)| {
        let detail = match (listed.unit_price, listed.total) {
            (Some(price), Some(_)) => {
                format!(
                    "{} of {} at {} {} (minor units) each",
                    line.quantity, line.sku, price.minor, price.currency
                )
            }
            (Some(_), None) => format!(
                "{} of {} cost more than can be counted",
                line.quantity, line.sku
            ),
            (None, _) => format!("{} has no price in {} today", line.sku, cart.currency),
        };
        Reason {
            about: About::Subtotal,
            rule: "list_price",
            line: Some(line.id),
            detail,
            amount: listed.total,
        }
    };
    cart.lines.iter().zip(&priced.lines).map(reason).collect()
}

/// A SKU's own limits hold for the sum over all lines.
fn quantity_limits(cart: &Cart, priced: &mut PricedCart, goods: &dyn Goods) {
    let mut sums: BTreeMap<&Sku, i64> = BTreeMap::new();
    for line in &cart.lines {
        let sum = sums.entry(&line.sku).or_default();
        *sum = sum.saturating_add(line.quantity);
    }
    for (line, listed) in cart.lines.iter().zip(&mut priced.lines) {
        let limits = goods
            .find(&line.sku)
            .map(|offer| offer.limits)
            .unwrap_or_default();
        if !super::limits::allows(&limits, sums[&line.sku]) {
            let (min, max, multiple) = (limits.min, limits.max, limits.multiple);
            listed
                .changes
                .push(Change::QuantityLimit { min, max, multiple });
        }
    }
}

fn explain_nothing(_: &Cart, _: &PricedCart, _: &dyn Goods) -> Vec<Reason> {
    Vec::new()
}

type Place<'a> = (&'a Sku, Option<&'a StoreId>);

/// How many the lines of each SKU and store ask for together.
fn asked(cart: &Cart) -> BTreeMap<Place<'_>, i64> {
    let mut asked: BTreeMap<Place<'_>, i64> = BTreeMap::new();
    for line in &cart.lines {
        let sum = asked.entry((&line.sku, line.store.as_ref())).or_default();
        *sum = sum.saturating_add(line.quantity);
    }
    asked
}

/// Of what is no longer sold nobody asks how much there is.
fn availability(cart: &Cart, priced: &mut PricedCart, goods: &dyn Goods) {
    let asked = asked(cart);
    for (line, listed) in cart.lines.iter().zip(&mut priced.lines) {
        if matches!(listed.changes.first(), Some(Change::NoLongerSold { .. })) {
            continue;
        }
        let requested = asked[&(&line.sku, line.store.as_ref())];
        let available = goods.available(&line.sku, line.store.as_ref());
        if let Some(available) = available.filter(|available| requested > *available) {
            listed.changes.push(Change::InsufficientStock {
                requested,
                available,
            });
        }
    }
}

fn explain_availability(cart: &Cart, _: &PricedCart, goods: &dyn Goods) -> Vec<Reason> {
    let asked = asked(cart);
    let reason = |line: &Arc<Line>| {
        let requested = asked[&(&line.sku, line.store.as_ref())];
        let at = line.store.as_ref().map_or_else(
            || "where the cart's country is served from".to_owned(),
            |store| format!("at {store}"),
        );
        let detail = match goods.available(&line.sku, line.store.as_ref()) {
            Some(available) => format!(
                "{requested} of {} wanted, {available} available {at}",
                line.sku
            ),
            None => format!(
                "{requested} of {} wanted, availability {at} is not asked for or not known",
                line.sku
            ),
        };
        Reason {
            about: About::Availability,
            rule: "availability",
            line: Some(line.id),
            detail,
            amount: None,
        }
    };
    cart.lines.iter().map(reason).collect()
}

/// Each part was checked when it was added; a sum beyond what money can count stays at the largest amount.
fn sum(_: &Cart, priced: &mut PricedCart, _: &dyn Goods) {
    let totals = &mut priced.totals;
    let minor = totals.subtotal.minor.saturating_sub(totals.discount.minor);
    let minor = minor
        .saturating_add(totals.shipping.minor)
        .saturating_add(totals.tax.minor);
    totals.total = Money {
        minor,
        ..totals.subtotal
    };
}

fn explain_sum(_: &Cart, priced: &PricedCart, _: &dyn Goods) -> Vec<Reason> {
    let totals = &priced.totals;
    let part = |about, amount: Money, name: &str| {
        let detail = if amount.minor == 0 {
            format!("nothing adds to the {name}")
        } else {
            format!("all that adds to the {name}")
        };
        Reason {
            about,
            rule: "sum",
            line: None,
            detail,
            amount: Some(amount),
        }
    };
    vec![
        part(About::Subtotal, totals.subtotal, "subtotal"),
        part(About::Discount, totals.discount, "discount"),
        part(About::Shipping, totals.shipping, "shipping"),
        part(About::Tax, totals.tax, "tax"),
        Reason {
            about: About::Total,
            rule: "sum",
            line: None,
            detail: "subtotal - discount + shipping + tax".to_owned(),
            amount: Some(totals.total),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::cart::samples::{cart, money, shop};
    use crate::cart::{explain, price};

    #[test]
    fn the_sum_has_every_part_with_its_sign() {
        let cart = cart(&[("MUG", 2)]);
        let mut priced = price(&cart, &shop());
        let totals = &mut priced.totals;
        (totals.discount, totals.shipping) = (money(98, "USD"), money(599, "USD"));
        totals.tax = money(20, "USD");
        sum(&cart, &mut priced, &shop());
        assert_eq!(priced.totals.total, money(2598 - 98 + 599 + 20, "USD"));
        let told: Vec<_> = explain_sum(&cart, &priced, &shop())
            .into_iter()
            .map(|it| (it.detail, it.amount.map(|amount| amount.minor)))
            .collect();
        let row = |detail: &str, minor| (detail.to_owned(), Some(minor));
        let expected = [
            row("all that adds to the subtotal", 2598),
            row("all that adds to the discount", 98),
            row("all that adds to the shipping", 599),
            row("all that adds to the tax", 20),
            row("subtotal - discount + shipping + tax", 3119),
        ];
        assert_eq!(told, expected);
        priced.totals.subtotal = money(i64::MAX, "USD");
        sum(&cart, &mut priced, &shop());
        assert_eq!(priced.totals.total.minor, i64::MAX);
    }

    #[test]
    fn what_nothing_adds_to_says_so() {
        let explained = explain(&cart(&[("MUG", 2)]), &shop());
        let details: Vec<_> = explained
            .reasons
            .iter()
            .map(|it| it.detail.as_str())
            .collect();
        for (name, some) in [("subtotal", "all that"), ("tax", "nothing")] {
            let expected = format!("{some} adds to the {name}");
            assert!(details.contains(&expected.as_str()), "{details:?}");
        }
    }
}
