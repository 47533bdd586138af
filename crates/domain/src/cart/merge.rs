//! Merging one cart into another, so that no line is lost.

use super::add::line_limit;
use super::draft::Draft;
use super::goods::remembered;
use super::limits::{MERGED_LINES, MERGED_METADATA_BYTES, MERGED_QUANTITY, cart_limit, weight};
use super::{Add, Cart, Event, Goods, Line, Rules};
use crate::{Refusal, Time};

/// What becomes of a line that both carts have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Both quantities together.
    #[default]
    Sum,
    /// The larger quantity.
    Max,
    /// Ours, as it is.
    Keep,
}

/// What a merge does to its two carts, in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// To the cart that receives; `None` when the other had nothing new.
    pub target: Option<Event>,
    /// To the cart that ends; its lines stay as history.
    pub source: Event,
}

/// Moves the lines of `source` into `target`, which keeps what else is said of it. Equal lines join by the strategy, and the
/// note of `source` is the newer one; all others go to the end with new ids, priced anew, or without a price when there is
/// none in the target's currency. Stock, a SKU's limits and the configured limits are left to the checkout. Refused:
/// `Invalid` (`from`: the same cart), `CartClosed` (of either, naming it), `CartLimit` (only far beyond any real cart:
/// [`MERGED_LINES`], [`MERGED_QUANTITY`], [`MERGED_METADATA_BYTES`]).
pub fn merge(
    target: &Cart,
    source: &Cart,
    strategy: Strategy,
    goods: &dyn Goods,
    rules: &Rules,
    now: Time,
) -> Result<Merged, Refusal> {
    if target.id == source.id {
        return Err(Refusal::invalid(
            "from",
            "same_cart",
            "expected another cart than the one merged into",
        ));
    }
    target.require_open(now)?;
    source.require_open(now)?;
    let mut draft = Draft::new(target, now).indexed();
    for line in source.lines.iter().filter(|line| counts(line, target)) {
        take(&mut draft, line, strategy, goods)?;
    }
    check(&draft)?;
    Ok(Merged {
        target: draft.finish(rules, now),
        source: Event::Merged { into: target.id },
    })
}

/// Zero and negative quantities exist in drop-in carts only: elsewhere such a line asks for nothing.
fn counts(line: &Line, target: &Cart) -> bool {
    line.quantity > 0 || target.is_drop_in()
}

fn take(
    draft: &mut Draft<'_>,
    theirs: &Line,
    strategy: Strategy,
    goods: &dyn Goods,
) -> Result<(), Refusal> {
    let wanted = Add {
        sku: theirs.sku.clone(),
        quantity: theirs.quantity,
        store: theirs.store.clone(),
        note: theirs.note.clone(),
        metadata: theirs.metadata.clone(),
    };
    let seen = remembered(theirs, draft.cart.currency, goods);
    let Some(position) = draft.position(&wanted) else {
        return draft.push_new(&wanted, seen);
    };
    let ours = draft.lines[position].quantity;
    let quantity = match strategy {
        Strategy::Keep => return Ok(()),
        Strategy::Max => ours.max(theirs.quantity),
        Strategy::Sum => line_limit(ours.checked_add(theirs.quantity), MERGED_QUANTITY)?,
    };
    draft.write(position, |line| {
        line.quantity = quantity;
        line.note = wanted.note.or(line.note.take());
        seen.write(line);
    });
    Ok(())
}

fn check(draft: &Draft<'_>) -> Result<(), Refusal> {
    if draft.lines.len() > MERGED_LINES {
        return cart_limit(format!("a merged cart takes at most {MERGED_LINES} lines"));
    }
    if weight(&draft.lines).saturating_add(draft.metadata.weight()) > MERGED_METADATA_BYTES {
        return cart_limit(format!(
            "a merged cart takes at most {MERGED_METADATA_BYTES} bytes of metadata"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::super::{Create, Patch, State, Update, update};
    use super::*;
    use serde_json::json;

    fn other(lines: &[(&str, i64)]) -> Cart {
        let lines = lines
            .iter()
            .map(|(name, quantity)| wanted(name, *quantity))
            .collect();
        made_as(
            99,
            &Create {
                lines,
                ..Create::default()
            },
        )
    }

    fn merged(target: &Cart, source: &Cart, strategy: Strategy) -> (Cart, Cart) {
        let merged = merge(target, source, strategy, &shop(), &rules(), NOW);
        let merged = merged.unwrap_or_else(|refusal| panic!("{refusal}"));
        (
            after(target, merged.target),
            after(source, Some(merged.source)),
        )
    }

    #[test]
    fn strategies_decide_for_lines_that_both_have() {
        let (ours, theirs) = (
            cart(&[("MUG", 3), ("TEA", 5)]),
            other(&[("FREE", 1), ("TEA", 2), ("MUG", 8)]),
        );
        let rows = [
            (Strategy::Sum, [("MUG", 11), ("TEA", 7), ("FREE", 1)]),
            (Strategy::Max, [("MUG", 8), ("TEA", 5), ("FREE", 1)]),
            (Strategy::Keep, [("MUG", 3), ("TEA", 5), ("FREE", 1)]),
        ];
        for (strategy, expected) in rows {
            let (target, source) = merged(&ours, &theirs, strategy);
            assert_eq!(quantities(&target), expected, "{strategy:?}");
            assert_eq!(
                (source.state, source.merged_into),
                (State::Merged, Some(ours.id))
            );
            assert_eq!(source.lines, theirs.lines);
        }
    }

    #[test]
    fn nothing_new_leaves_the_target_as_it_is() {
        let (ours, theirs) = (cart(&[("MUG", 3)]), other(&[("MUG", 2)]));
        for (theirs, strategy) in [(theirs, Strategy::Keep), (other(&[]), Strategy::Sum)] {
            let (target, source) = merged(&ours, &theirs, strategy);
            assert_eq!((&target, source.state), (&ours, State::Merged));
        }
    }

    #[test]
    fn neither_stock_nor_limits_nor_currency_lose_a_line() {
        let ours = cart(&[("MUG", 10), ("PEN", 10)]);
        let euro = Create {
            currency: Some(currency("EUR")),
            lines: vec![wanted("EURO", 2), wanted("MUG", 10)],
            ..Create::default()
        };
        let theirs = made_as(99, &euro);
        let (target, _) = merged(&ours, &theirs, Strategy::Sum);
        assert_eq!(quantities(&target), [("MUG", 20), ("PEN", 10), ("EURO", 2)]);
        let prices: Vec<_> = target
            .lines
            .iter()
            .map(|line| line.unit_price.map(|price| price.minor))
            .collect();
        assert_eq!(prices, [Some(1299), Some(200), None]);
        let tight = Rules {
            max_lines: 1,
            max_value_minor: 1,
            ..rules()
        };
        assert!(merge(&ours, &theirs, Strategy::Sum, &shop(), &tight, NOW).is_ok());
        let dollars = Update {
            currency: Patch::Set(currency("EUR")),
            ..Update::default()
        };
        assert!(matches!(
            update(&target, &dollars, &shop(), &rules(), NOW),
            Err(Refusal::CurrencyMismatch { .. })
        ));
    }

    #[test]
    fn the_note_that_comes_in_is_the_newer_one() {
        let noted = |id, note: &str| {
            let line = Add {
                note: Some(note.into()),
                metadata: metadata(json!({"a": 1})),
                ..wanted("MUG", 1)
            };
            made_as(
                id,
                &Create {
                    lines: vec![line],
                    ..Create::default()
                },
            )
        };
        let (ours, theirs) = (noted(1, "ours"), noted(2, "theirs"));
        let note = |cart: &Cart| cart.lines[0].note.clone();
        assert_eq!(
            note(&merged(&ours, &theirs, Strategy::Sum).0).as_deref(),
            Some("theirs")
        );
        assert_eq!(
            note(&merged(&ours, &theirs, Strategy::Keep).0).as_deref(),
            Some("ours")
        );
    }

    #[test]
    fn refuses_itself_and_closed_carts() {
        let (ours, theirs) = (cart(&[("MUG", 1)]), other(&[("TEA", 1)]));
        let run = |target: &Cart, source: &Cart| {
            merge(target, source, Strategy::Sum, &shop(), &rules(), NOW)
        };
        let same = run(&ours, &ours);
        assert!(matches!(same, Err(Refusal::Invalid { errors }) if errors[0].field == "from"));
        let (_, ended) = merged(&ours, &theirs, Strategy::Sum);
        let closed = |cart: &Cart| {
            Err(Refusal::CartClosed {
                id: cart.id.to_string(),
                state: "merged",
                checkout_id: None,
            })
        };
        assert_eq!(run(&ours, &ended), closed(&ended));
        assert_eq!(run(&ended, &ours), closed(&ended));
    }

    #[test]
    fn only_hard_ceilings_refuse() {
        let with = |id, quantity| {
            let mut cart = made_as(
                id,
                &Create {
                    lines: vec![wanted("FREE", 1)],
                    ..Create::default()
                },
            );
            cart.lines[0] = std::sync::Arc::new(Line {
                quantity,
                ..Line::clone(&cart.lines[0])
            });
            cart
        };
        let run = |ours, theirs| {
            merge(
                &with(1, ours),
                &with(2, theirs),
                Strategy::Sum,
                &shop(),
                &rules(),
                NOW,
            )
        };
        assert!(run(MERGED_QUANTITY - 1, 1).is_ok());
        assert!(matches!(
            run(MERGED_QUANTITY, 1),
            Err(Refusal::CartLimit { .. })
        ));
        assert!(matches!(
            run(i64::MAX, i64::MAX),
            Err(Refusal::CartLimit { .. })
        ));
    }

    fn times(id: u128, count: usize, first: u32, quantity: i64) -> Cart {
        let mut cart = made_as(id, &Create::default());
        let numbers = first..first + count as u32;
        let line = |number: u32| {
            let mut line = Line::clone(&super::super::samples::cart(&[("FREE", 1)]).lines[0]);
            line.id = crate::cart::LineId(number);
            line.sku = sku(&format!("S{number}"));
            line.quantity = quantity;
            std::sync::Arc::new(line)
        };
        cart.lines = numbers.map(line).collect();
        cart.next_line = first + count as u32;
        cart
    }

    #[test]
    fn only_so_many_lines_and_so_much_metadata_come_together() {
        let run =
            |ours: &Cart, theirs: &Cart| merge(ours, theirs, Strategy::Sum, &shop(), &rules(), NOW);
        let ours = times(1, MERGED_LINES - 1, 1, 1);
        assert!(run(&ours, &times(2, 1, 50_000, 1)).is_ok());
        let refused = run(&ours, &times(2, 2, 50_000, 1));
        assert!(matches!(refused, Err(Refusal::CartLimit { detail }) if detail.contains("lines")));

        let heavy = |id, bytes: usize| {
            let mut cart = made_as(id, &Create::default());
            cart.metadata = metadata(json!({"a": "x".repeat(bytes)}));
            cart
        };
        let empty = heavy(1, 0).metadata.weight();
        let most = MERGED_METADATA_BYTES - empty;
        let light = times(2, 1, 1, 1);
        assert!(run(&heavy(1, most), &light).is_ok());
        let refused = run(&heavy(1, most + 1), &light);
        assert!(matches!(refused, Err(Refusal::CartLimit { detail }) if detail.contains("bytes")));
    }

    #[test]
    fn only_drop_in_carts_take_lines_that_ask_for_nothing() {
        for (quantity, usual, dropped_in) in [(-1, 0, 1), (0, 0, 1), (1, 1, 1)] {
            let theirs = times(2, 1, 1, quantity);
            let lines = |ours: &Cart| merged(ours, &theirs, Strategy::Sum).0.lines.len();
            assert_eq!(lines(&cart(&[])), usual, "{quantity}");
            assert_eq!(lines(&drop_in()), dropped_in, "{quantity}");
        }
    }

    #[test]
    fn a_price_that_was_seen_stays_in_its_currency_only() {
        let theirs = times(2, 1, 1, 1);
        let price = |ours: &Cart| merged(ours, &theirs, Strategy::Sum).0.lines[0].unit_price;
        assert_eq!(price(&cart(&[])), Some(money(0, "USD")));
        let euro = Create {
            currency: Some(currency("EUR")),
            ..Create::default()
        };
        assert_eq!(price(&made_as(5, &euro)), None);
    }
}
