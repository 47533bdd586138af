//! What a cart may hold: configured limits, a SKU's own limits, and the stock that is there.

use super::draft::Draft;
use super::{Goods, Line};
use crate::catalog::Limits;
use crate::refusal::ShortLine;
use crate::{Country, Currency, Refusal, Sku, StoreId, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lines a merge may leave in a cart. A merge ignores the configured limits, so this alone stops a chain of merges.
pub const MERGED_LINES: usize = 10_000;
/// Quantity a merge may leave on a line.
pub const MERGED_QUANTITY: i64 = 1_000_000_000_000;
/// Metadata a merge may leave in a cart, in bytes.
pub const MERGED_METADATA_BYTES: usize = 4 * 1024 * 1024;

/// What the shop configured for carts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Currency of a cart that names none.
    pub currency: Currency,
    /// Country of a cart that names none.
    pub country: Country,
    /// Lines a cart.
    pub max_lines: usize,
    /// Quantity a line.
    pub max_quantity: i64,
    /// Sum of price times quantity, in minor units of the cart's currency.
    pub max_value_minor: i64,
    /// Metadata of a cart and all its lines together, in bytes.
    pub max_metadata_bytes: usize,
    /// Seconds from the last write to the expiry.
    pub ttl_seconds: i64,
    /// The same for drop-in carts.
    pub drop_in_ttl_seconds: i64,
    /// Seconds from the expiry or the merge to the removal.
    pub keep_seconds: i64,
}

impl Rules {
    /// The product's defaults: 500 lines, quantities to 10^9, a value to 10^15 minor units, 256 KiB of metadata, 30 days
    /// (drop-in 60 minutes), and closed carts kept 30 days.
    pub fn new(currency: Currency, country: Country) -> Self {
        Self {
            currency,
            country,
            max_lines: 500,
            max_quantity: 1_000_000_000,
            max_value_minor: 1_000_000_000_000_000,
            max_metadata_bytes: 256 * 1024,
            ttl_seconds: 30 * 24 * 3600,
            drop_in_ttl_seconds: 3600,
            keep_seconds: 30 * 24 * 3600,
        }
    }

    pub(super) fn expiry(&self, drop_in: bool, now: Time) -> Time {
        now.plus_seconds(if drop_in {
            self.drop_in_ttl_seconds
        } else {
            self.ttl_seconds
        })
    }
}

pub(super) fn cart_limit<T>(detail: String) -> Result<T, Refusal> {
    Err(Refusal::CartLimit { detail })
}

/// Judges a draft against everything, in this order: limits of each SKU, of the cart, then stock. Only what was written and
/// what grew is judged: a cart beyond a limit (after a merge, a new configuration) can still shrink.
pub(super) fn check(draft: &Draft<'_>, goods: &dyn Goods, rules: &Rules) -> Result<(), Refusal> {
    if !draft.cart.is_drop_in() {
        check_skus(draft, goods)?;
    }
    check_cart(draft, rules)?;
    check_stock(draft, goods)
}

/// Units before and after.
#[derive(Clone, Copy, Default)]
struct Sums {
    before: i64,
    after: i64,
}

/// A SKU's own limits hold for the sum over all lines; a sum that stays the same is not judged again.
fn check_skus(draft: &Draft<'_>, goods: &dyn Goods) -> Result<(), Refusal> {
    let mut sums: BTreeMap<&Sku, Sums> = draft
        .written()
        .map(|line| (&line.sku, Sums::default()))
        .collect();
    for line in draft.before {
        if let Some(sum) = sums.get_mut(&line.sku) {
            sum.before = sum.before.saturating_add(line.quantity);
        }
    }
    for line in &draft.lines {
        if let Some(sum) = sums.get_mut(&line.sku) {
            sum.after = sum.after.saturating_add(line.quantity);
        }
    }
    for (sku, sum) in sums {
        let Some(offer) = goods.find(sku).filter(|_| sum.before != sum.after) else {
            continue;
        };
        let limits = offer.limits;
        if !allows(&limits, sum.after) {
            return Err(Refusal::QuantityLimit {
                min: limits.min,
                max: limits.max,
                multiple: limits.multiple,
            });
        }
    }
    Ok(())
}

/// Whether a SKU's own limits allow so many in one cart.
pub(super) fn allows(limits: &Limits, quantity: i64) -> bool {
    limits.min.is_none_or(|min| quantity >= min)
        && limits.max.is_none_or(|max| quantity <= max)
        && limits
            .multiple
            .is_none_or(|multiple| multiple <= 0 || quantity % multiple == 0)
}

fn check_cart(draft: &Draft<'_>, rules: &Rules) -> Result<(), Refusal> {
    if draft.lines.len() > rules.max_lines && draft.lines.len() > draft.before.len() {
        return cart_limit(format!("a cart takes at most {} lines", rules.max_lines));
    }
    let (before, after) = (value(draft.before), value(&draft.lines));
    if after > i128::from(rules.max_value_minor) && after > before {
        return cart_limit(format!(
            "a cart is worth at most {} minor units",
            rules.max_value_minor
        ));
    }
    let (before, after) = (weight(draft.before), weight(&draft.lines));
    if after > before && after.saturating_add(draft.metadata.weight()) > rules.max_metadata_bytes {
        return cart_limit(format!(
            "a cart takes at most {} bytes of metadata",
            rules.max_metadata_bytes
        ));
    }
    Ok(())
}

/// What the lines are worth by the prices they remember. Wide enough for any number of lines.
fn value(lines: &[Arc<Line>]) -> i128 {
    let worth = |line: &Arc<Line>| {
        line.unit_price
            .map(|price| i128::from(price.minor) * i128::from(line.quantity))
    };
    lines.iter().filter_map(worth).sum()
}

pub(super) fn weight(lines: &[Arc<Line>]) -> usize {
    lines.iter().map(|line| line.metadata.weight()).sum()
}

/// Stock is asked for the sum over all lines of a SKU that name the same store (or none), where that sum grows.
fn check_stock(draft: &Draft<'_>, goods: &dyn Goods) -> Result<(), Refusal> {
    let mut sums: BTreeMap<(&Sku, Option<&StoreId>), Sums> = draft
        .written()
        .map(|line| (place(line), Sums::default()))
        .collect();
    for line in draft.before {
        if let Some(sum) = sums.get_mut(&place(line)) {
            sum.before = sum.before.saturating_add(line.quantity);
        }
    }
    for line in &draft.lines {
        if let Some(sum) = sums.get_mut(&place(line)) {
            sum.after = sum.after.saturating_add(line.quantity);
        }
    }
    let lines: Vec<ShortLine> = sums
        .into_iter()
        .filter(|(_, sum)| sum.after > sum.before)
        .filter_map(|((sku, store), sum)| {
            let available = goods.available(sku, store)?;
            (sum.after > available).then(|| ShortLine {
                sku: sku.clone(),
                requested: sum.after,
                available,
            })
        })
        .collect();
    if lines.is_empty() {
        Ok(())
    } else {
        Err(Refusal::InsufficientStock { lines })
    }
}

fn place(line: &Line) -> (&Sku, Option<&StoreId>) {
    (&line.sku, line.store.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::samples::*;
    use super::super::{Add, ChangeLine, Create, LineId, Patch, add, change};
    use crate::cart::{Amount, Cart, Event};
    use serde_json::json;

    fn tagged(name: &str, tag: i64) -> Add {
        Add {
            metadata: metadata(json!({ "tag": tag })),
            ..wanted(name, 1)
        }
    }

    fn tried(cart: &Cart, request: &Add, rules: &Rules) -> Result<Option<Event>, Refusal> {
        add(cart, request, &shop(), rules, NOW)
    }

    fn is_limit<T>(result: Result<T, Refusal>) -> bool {
        matches!(result, Err(Refusal::CartLimit { .. }))
    }

    #[test]
    fn the_defaults_are_those_of_the_reference() {
        let rules = Rules::new(currency("USD"), country("US"));
        let (day, kib) = (24 * 3600, 1024);
        assert_eq!((rules.max_lines, rules.max_quantity), (500, 1_000_000_000));
        assert_eq!(rules.max_value_minor, 1_000_000_000_000_000);
        assert_eq!(rules.max_metadata_bytes, 256 * kib);
        assert_eq!(
            (rules.ttl_seconds, rules.keep_seconds),
            (30 * day, 30 * day)
        );
        assert_eq!(rules.drop_in_ttl_seconds, 3600);
        assert_eq!(rules.expiry(false, NOW), NOW.plus_seconds(30 * day));
        assert_eq!(rules.expiry(true, NOW), NOW.plus_seconds(3600));
        assert_eq!(MERGED_METADATA_BYTES, 4_194_304);
    }

    #[test]
    fn a_cart_takes_so_many_lines_and_keeps_those_it_has() {
        let cart = cart(&[("MUG", 1), ("TEA", 1)]);
        let of = |max_lines| Rules {
            max_lines,
            ..rules()
        };
        assert!(tried(&cart, &wanted("FREE", 1), &of(3)).is_ok());
        assert!(is_limit(tried(&cart, &wanted("FREE", 1), &of(2))));
        // It has more than it may, and may change what it has.
        assert!(tried(&cart, &wanted("TEA", 1), &of(1)).is_ok());
    }

    #[test]
    fn a_cart_is_worth_so_much() {
        let cart = cart(&[("MUG", 2)]);
        let of = |max_value_minor| Rules {
            max_value_minor,
            ..rules()
        };
        assert!(tried(&cart, &wanted("TEA", 1), &of(2 * 1299 + 450)).is_ok());
        assert!(is_limit(tried(
            &cart,
            &wanted("TEA", 1),
            &of(2 * 1299 + 449)
        )));
        // What costs nothing adds nothing to what is too much already.
        assert!(tried(&cart, &wanted("FREE", 1), &of(1)).is_ok());
        let fewer = ChangeLine {
            line: LineId(1),
            amount: Some(Amount::Set(1)),
            note: Patch::Keep,
            store: Patch::Keep,
        };
        assert!(change(&cart, &fewer, &shop(), &of(1), NOW).is_ok());
    }

    #[test]
    fn a_cart_takes_so_much_metadata_with_that_of_its_lines() {
        let own = metadata(json!({"a": "b"}));
        let cart = made(&Create {
            metadata: own.clone(),
            lines: vec![tagged("MUG", 1)],
            ..Create::default()
        });
        let more = tagged("TEA", 2);
        let all = own.weight() + 2 * more.metadata.weight();
        let of = |max_metadata_bytes| Rules {
            max_metadata_bytes,
            ..rules()
        };
        assert!(tried(&cart, &more, &of(all)).is_ok());
        assert!(is_limit(tried(&cart, &more, &of(all - 1))));
        // A line without any adds none to what is too much already.
        assert!(tried(&cart, &wanted("TEA", 1), &of(1)).is_ok());
    }
}
