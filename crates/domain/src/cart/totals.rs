//! What a cart costs today: a pure function of the cart and of what the catalogue and the stock say now.
//!
//! Totals are made by the list of [`STEPS`].

use super::{Cart, Goods, LineId, STEPS};
use crate::{Country, Currency, Money};
use serde::Serialize;

/// What differs from what the buyer saw when the line was last written, or stands in the way of buying it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// The price of one is another today.
    PriceChanged {
        /// Seen at the last write; `None` when there was none.
        from: Option<Money>,
        /// Today's.
        to: Money,
    },
    /// Unknown, a draft or archived: no price, and no part of the totals.
    NoLongerSold {
        /// Seen at the last write.
        from: Option<Money>,
    },
    /// No price in the cart's currency, and no part of the totals.
    NoPrice {
        /// Seen at the last write.
        from: Option<Money>,
        /// The cart's.
        currency: Currency,
    },
    /// Not sold in the cart's country.
    NotSoldHere {
        /// The cart's.
        country: Country,
    },
    /// The cart's quantity of this SKU is outside its limits.
    QuantityLimit {
        /// At least.
        min: Option<i64>,
        /// At most.
        max: Option<i64>,
        /// In multiples of.
        multiple: Option<i64>,
    },
    /// Less is there than the cart's lines of this SKU and store ask for.
    InsufficientStock {
        /// How many the lines ask for together.
        requested: i64,
        /// How many could be had.
        available: i64,
    },
    /// Price times quantity is more than money can count (2^63 minor units): no part of the totals.
    TooMuch,
}

/// One line at today's price.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedLine {
    /// Which line.
    pub id: LineId,
    /// Today's price of one; `None` when there is none.
    pub unit_price: Option<Money>,
    /// Price times quantity, of a quantity below zero nothing; `None` when the line is no part of the totals.
    pub total: Option<Money>,
    /// In the order of [`Change`]; mostly empty.
    pub changes: Vec<Change>,
}

/// What it comes to. `total` = `subtotal` - `discount` + `shipping` + `tax`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The sum of the lines.
    pub subtotal: Money,
    /// Taken off by promotions; never negative.
    pub discount: Money,
    /// For sending it.
    pub shipping: Money,
    /// On top of the prices.
    pub tax: Money,
    /// To be paid.
    pub total: Money,
}

/// A cart at today's prices.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedCart {
    /// One for each line of the cart, in its order.
    pub lines: Vec<PricedLine>,
    /// What it comes to.
    pub totals: Totals,
}

/// What a reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The sum of the lines, or one line's part of it.
    Subtotal,
    /// What promotions take off.
    Discount,
    /// What sending costs.
    Shipping,
    /// Tax on top.
    Tax,
    /// What is to be paid.
    Total,
    /// Whether a line can be had.
    Availability,
}

/// One link of the chain that led to a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Which figure.
    pub about: About,
    /// The name of the rule.
    pub rule: &'static str,
    /// The line's part of the figure; `None`: the figure itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<LineId>,
    /// How the rule came to it.
    pub detail: String,
    /// What the rule contributed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

/// A cart at today's prices, with the reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The figures: those of [`price`].
    pub priced: PricedCart,
    /// In the order in which the rules applied; each total has at least one.
    pub reasons: Vec<Reason>,
}

/// The cart at today's prices.
pub fn price(cart: &Cart, goods: &dyn Goods) -> PricedCart {
    let zero = Money::zero(cart.currency);
    let totals = Totals {
        subtotal: zero,
        discount: zero,
        shipping: zero,
        tax: zero,
        total: zero,
    };
    let mut priced = PricedCart {
        lines: Vec::with_capacity(cart.lines.len()),
        totals,
    };
    for step in &STEPS {
        (step.apply)(cart, &mut priced, goods);
    }
    priced
}

/// The same, with the chain of rules behind each total and each line's availability.
pub fn explain(cart: &Cart, goods: &dyn Goods) -> Explanation {
    let priced = price(cart, goods);
    let reasons = STEPS
        .iter()
        .flat_map(|step| (step.explain)(cart, &priced, goods))
        .collect();
    Explanation { priced, reasons }
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::super::{Add, Create, Patch, Update, add, update};
    use super::*;
    use crate::entity::Entity;
    use std::sync::Arc;

    fn minors(priced: &PricedCart) -> Vec<Option<i64>> {
        priced
            .lines
            .iter()
            .map(|line| line.total.map(|total| total.minor))
            .collect()
    }

    #[test]
    fn lines_cost_todays_price_and_totals_are_their_sum() {
        let cart = cart(&[("MUG", 2), ("TEA", 3), ("FREE", 1)]);
        let priced = price(&cart, &shop());
        assert_eq!(minors(&priced), [Some(2598), Some(1350), Some(0)]);
        assert_eq!(
            (priced.totals.subtotal, priced.totals.total),
            (money(3948, "USD"), money(3948, "USD"))
        );
        assert!(priced.lines.iter().all(|line| line.changes.is_empty()));
        assert_eq!(
            price(&super::super::samples::cart(&[]), &shop())
                .totals
                .total,
            money(0, "USD")
        );
    }

    #[test]
    fn what_changed_since_the_last_write_is_listed() {
        let cart = cart(&[("MUG", 4), ("TEA", 3), ("PEN", 2), ("GOLD", 1)]);
        let mut shop = shop();
        shop.reprice("MUG", 1000);
        shop.stock("MUG", 1);
        shop.remove("TEA");
        shop.limit("PEN", 4);
        shop.deny("GOLD", "US");
        let priced = price(&cart, &shop);
        assert_eq!(
            minors(&priced),
            [Some(4000), None, Some(400), Some(1_000_000)]
        );
        assert_eq!(priced.totals.total, money(1_004_400, "USD"));
        let changes: Vec<_> = priced
            .lines
            .iter()
            .map(|line| line.changes.clone())
            .collect();
        let expected = [
            vec![
                Change::PriceChanged {
                    from: Some(money(1299, "USD")),
                    to: money(1000, "USD"),
                },
                Change::InsufficientStock {
                    requested: 4,
                    available: 1,
                },
            ],
            vec![Change::NoLongerSold {
                from: Some(money(450, "USD")),
            }],
            vec![Change::QuantityLimit {
                min: Some(4),
                max: None,
                multiple: None,
            }],
            vec![Change::NotSoldHere {
                country: country("US"),
            }],
        ];
        assert_eq!(changes, expected);
        shop.validation = false;
        assert_eq!(price(&cart, &shop).lines[0].changes.len(), 1);
    }

    #[test]
    fn a_sku_on_two_lines_is_counted_once_for_each_store() {
        let mut cart = cart(&[("MUG", 6)]);
        cart = after(
            &cart,
            apply_add(
                &cart,
                Add {
                    metadata: metadata(serde_json::json!({"a": 1})),
                    ..wanted("MUG", 4)
                },
            ),
        );
        cart = after(
            &cart,
            apply_add(
                &cart,
                Add {
                    store: store("north"),
                    ..wanted("MUG", 3)
                },
            ),
        );
        let mut shop = shop();
        shop.stock("MUG", 9);
        let changes: Vec<_> = price(&cart, &shop)
            .lines
            .into_iter()
            .map(|line| line.changes)
            .collect();
        let short = vec![Change::InsufficientStock {
            requested: 10,
            available: 9,
        }];
        assert_eq!(changes, [short.clone(), short, vec![]]);
    }

    #[test]
    fn a_line_without_a_price_in_the_currency_is_no_part_of_the_totals() {
        let cart = cart(&[("MUG", 1), ("TEA", 1)]);
        let request = Update {
            currency: Patch::Set(currency("EUR")),
            ..Update::default()
        };
        let euro = after(
            &cart,
            update(&cart, &request, &shop(), &rules(), NOW).unwrap_or_default(),
        );
        let mut shop = shop();
        shop.reprice("MUG", 1);
        let priced = price(&euro, &shop);
        let change = Change::NoPrice {
            from: Some(money(1199, "EUR")),
            currency: currency("EUR"),
        };
        assert_eq!(
            (minors(&priced), &priced.lines[0].changes),
            (vec![None, Some(400)], &vec![change])
        );
    }

    #[test]
    fn money_that_cannot_be_counted_is_left_out_and_named() {
        let cart = cart(&[("MUG", 2), ("TEA", 1), ("FREE", 1)]);
        let mut shop = shop();
        shop.reprice("MUG", i64::MAX);
        shop.reprice("TEA", i64::MAX);
        shop.reprice("FREE", 1);
        let priced = price(&cart, &shop);
        assert_eq!(minors(&priced), [None, Some(i64::MAX), None]);
        assert_eq!(priced.totals.total.minor, i64::MAX);
        assert!(priced.lines[0].changes.contains(&Change::TooMuch));
        assert!(priced.lines[2].changes.contains(&Change::TooMuch));
    }

    #[test]
    fn unknown_and_negative_lines_of_drop_in_carts_cost_nothing() {
        let mut cart = drop_in();
        let mut shop = shop();
        shop.validation = false;
        for (name, quantity) in [("NONE", 2), ("MUG", -2), ("TEA", 1)] {
            let event =
                add(&cart, &wanted(name, quantity), &shop, &rules(), NOW).unwrap_or_default();
            cart = after(&cart, event);
        }
        let priced = price(&cart, &shop);
        assert_eq!(minors(&priced), [None, Some(0), Some(450)]);
        assert_eq!(
            priced.lines[0].changes,
            [Change::NoLongerSold { from: None }]
        );
    }

    #[test]
    fn every_total_is_explained_and_line_reasons_add_up() {
        let cart = made(&Create {
            lines: vec![wanted("MUG", 2), wanted("TEA", 1)],
            ..Create::default()
        });
        let explanation = explain(&cart, &shop());
        assert_eq!(explanation.priced, price(&cart, &shop()));
        for about in [
            About::Subtotal,
            About::Discount,
            About::Shipping,
            About::Tax,
            About::Total,
            About::Availability,
        ] {
            assert!(
                explanation
                    .reasons
                    .iter()
                    .any(|reason| reason.about == about),
                "{about:?}"
            );
        }
        let lines = explanation
            .reasons
            .iter()
            .filter(|reason| reason.about == About::Subtotal && reason.line.is_some());
        let sum: i64 = lines
            .filter_map(|reason| reason.amount)
            .map(|amount| amount.minor)
            .sum();
        assert_eq!(sum, explanation.priced.totals.subtotal.minor);
        assert_eq!(
            explanation.reasons[0].detail,
            "2 of MUG at 1299 USD (minor units) each"
        );
    }

    #[test]
    fn storage_is_compact_and_reads_back() -> Result<(), serde_json::Error> {
        let cart = Cart {
            token_hash: Some([0xA5; 32]),
            ..cart(&[("MUG", 2)])
        };
        let text = serde_json::to_string(&cart)?;
        assert!(
            text.contains(
                r#"{"i":1,"s":"MUG","p":"prd-MUG","n":"the MUG","q":2,"u":[1299,"USD"]}"#
            ),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Cart>(&text)?, cart);
        assert_eq!(cart.version(), Arc::new(cart.clone()).version);
        Ok(())
    }
}
