//! Changing one line: its quantity, its note, where it comes from.

use super::add::{check_quantity, line_quantity};
use super::draft::Draft;
use super::goods::{refresh, sellable};
use super::{Add, Cart, Event, Goods, Line, LineId, Patch, Rules, limits};
use crate::{Refusal, StoreId, Time};
use smol_str::SmolStr;

/// A new quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// This many; 0 removes the line.
    Set(i64),
    /// So many more, or fewer; a result of 0 removes the line.
    Delta(i64),
}

/// What to change of a line. At least one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeLine {
    /// Which line.
    pub line: LineId,
    /// How many.
    pub amount: Option<Amount>,
    /// What the buyer wrote.
    pub note: Patch<SmolStr>,
    /// Where it shall come from.
    pub store: Patch<StoreId>,
}

/// Changes a line; if it then equals another in SKU, store and metadata, the two become one, under the id that was asked
/// for. Refused: `Invalid` (nothing asked for, a quantity or result that is negative or too large), `CartClosed`, `NotFound`
/// (`line`), and what [`add`](super::add) refuses, where the quantity grows.
pub fn change(
    cart: &Cart,
    request: &ChangeLine,
    goods: &dyn Goods,
    rules: &Rules,
    now: Time,
) -> Result<Option<Event>, Refusal> {
    if request.amount.is_none() && request.note.is_keep() && request.store.is_keep() {
        let detail = "expected quantity, delta, note or store";
        return Err(Refusal::invalid("", "required", detail));
    }
    cart.require_open(now)?;
    let line = cart
        .line(request.line)
        .ok_or_else(|| Refusal::not_found("line", request.line))?;
    let quantity = resulting(line, request.amount, cart.is_drop_in(), rules)?;
    let mut draft = Draft::new(cart, now);
    draft.lines.retain(|known| known.id != line.id);
    if request.amount.is_some() && quantity == 0 {
        return Ok(draft.finish(rules, now));
    }
    let mut changed = Line::clone(line);
    changed.quantity = quantity;
    changed.note = request.note.applied(&line.note);
    changed.store = request.store.applied(&line.store);
    if quantity > line.quantity {
        sellable(cart, goods, &line.sku)?.write(&mut changed);
    } else {
        refresh(&mut changed, cart.currency, goods);
    }
    absorb_equal(&mut draft, &mut changed, rules)?;
    draft.insert(changed);
    limits::check(&draft, goods, rules)?;
    Ok(draft.finish(rules, now))
}

fn resulting(
    line: &Line,
    amount: Option<Amount>,
    drop_in: bool,
    rules: &Rules,
) -> Result<i64, Refusal> {
    match amount {
        None | Some(Amount::Delta(0)) => Ok(line.quantity),
        Some(Amount::Set(0)) => Ok(0),
        Some(Amount::Set(quantity)) => {
            check_quantity(quantity, "quantity", drop_in, rules).map(|()| quantity)
        }
        Some(Amount::Delta(delta)) => {
            let sum = line.quantity.checked_add(delta);
            let sum = sum.filter(|sum| drop_in || *sum >= 0).ok_or_else(|| {
                let detail = format!("the line has {}", line.quantity);
                Refusal::invalid("delta", "out_of_range", detail)
            })?;
            // A line that a merge made too large may still shrink.
            if delta < 0 {
                Ok(sum)
            } else {
                line_quantity(line.quantity, delta, drop_in, rules)
            }
        }
    }
}

fn absorb_equal(draft: &mut Draft<'_>, changed: &mut Line, rules: &Rules) -> Result<(), Refusal> {
    let key = Add {
        store: changed.store.clone(),
        metadata: changed.metadata.clone(),
        ..Add::new(changed.sku.clone(), 0)
    };
    if let Some(position) = draft.position(&key) {
        let other = draft.lines.remove(position);
        changed.quantity = line_quantity(
            changed.quantity,
            other.quantity,
            draft.cart.is_drop_in(),
            rules,
        )?;
        changed.note = changed.note.take().or_else(|| other.note.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::*;
    use serde_json::json;

    fn request(line: u32) -> ChangeLine {
        ChangeLine {
            line: LineId(line),
            amount: None,
            note: Patch::Keep,
            store: Patch::Keep,
        }
    }

    fn amount(line: u32, amount: Amount) -> ChangeLine {
        ChangeLine {
            amount: Some(amount),
            ..request(line)
        }
    }

    fn invalid(field: &str, detail: &str) -> Refusal {
        Refusal::invalid(field, "out_of_range", detail)
    }

    #[test]
    fn quantities_are_set_or_moved_and_zero_removes() {
        let cart = cart(&[("MUG", 3), ("PEN", 4)]);
        let limit = Refusal::QuantityLimit {
            min: Some(2),
            max: Some(10),
            multiple: Some(2),
        };
        type Row<'a> = (ChangeLine, Result<&'a [(&'a str, i64)], Refusal>);
        let rows: [Row<'_>; 14] = [
            (amount(1, Amount::Set(5)), Ok(&[("MUG", 5), ("PEN", 4)])),
            (amount(1, Amount::Set(3)), Ok(&[("MUG", 3), ("PEN", 4)])),
            (amount(1, Amount::Set(0)), Ok(&[("PEN", 4)])),
            (
                amount(1, Amount::Set(-1)),
                Err(invalid("quantity", "expected 1 to 1000")),
            ),
            (
                amount(1, Amount::Set(1001)),
                Err(invalid("quantity", "expected 1 to 1000")),
            ),
            (
                amount(1, Amount::Set(11)),
                Err(Refusal::short(&sku("MUG"), 11, 10)),
            ),
            (amount(1, Amount::Delta(-3)), Ok(&[("PEN", 4)])),
            (
                amount(1, Amount::Delta(-4)),
                Err(invalid("delta", "the line has 3")),
            ),
            (
                amount(1, Amount::Delta(i64::MIN)),
                Err(invalid("delta", "the line has 3")),
            ),
            (
                amount(1, Amount::Delta(i64::MAX)),
                Err(invalid("delta", "the line has 3")),
            ),
            (amount(1, Amount::Delta(0)), Ok(&[("MUG", 3), ("PEN", 4)])),
            (amount(2, Amount::Delta(-1)), Err(limit.clone())),
            (amount(2, Amount::Delta(8)), Err(limit)),
            (
                amount(9, Amount::Set(1)),
                Err(Refusal::not_found("line", "ln_9")),
            ),
        ];
        for (request, expected) in rows {
            let result = change(&cart, &request, &shop(), &rules(), NOW);
            match (result, expected) {
                (Ok(event), Ok(lines)) => {
                    assert_eq!(quantities(&after(&cart, event)), lines, "{request:?}")
                }
                (Err(refusal), Err(expected)) => assert_eq!(refusal, expected, "{request:?}"),
                (got, expected) => panic!("{request:?}: {got:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn what_changes_nothing_is_no_event_and_an_empty_patch_is_refused() {
        let cart = cart(&[("MUG", 3)]);
        assert_eq!(
            change(&cart, &amount(1, Amount::Set(3)), &shop(), &rules(), NOW),
            Ok(None)
        );
        assert_eq!(
            change(&cart, &amount(1, Amount::Delta(0)), &shop(), &rules(), NOW),
            Ok(None)
        );
        let empty = change(&cart, &request(1), &shop(), &rules(), NOW);
        assert!(matches!(empty, Err(Refusal::Invalid { .. })));
    }

    #[test]
    fn shrinking_asks_neither_stock_nor_catalogue() {
        let cart = cart(&[("MUG", 9)]);
        let mut shop = shop();
        shop.stock("MUG", 0);
        assert!(change(&cart, &amount(1, Amount::Set(8)), &shop, &rules(), NOW).is_ok());
        shop.remove("MUG");
        let event =
            change(&cart, &amount(1, Amount::Delta(-1)), &shop, &rules(), NOW).unwrap_or_default();
        assert_eq!(
            after(&cart, event).lines[0]
                .unit_price
                .map(|price| price.minor),
            Some(1299)
        );
        let grown = change(&cart, &amount(1, Amount::Delta(1)), &shop, &rules(), NOW);
        assert_eq!(grown, Err(Refusal::not_found("variant", "MUG")));
    }

    #[test]
    fn a_new_store_is_asked_and_equal_lines_become_one() {
        let mut cart = cart(&[("MUG", 2), ("TEA", 1)]);
        cart = after(
            &cart,
            apply_add(
                &cart,
                Add {
                    store: store("north"),
                    note: Some("old".into()),
                    ..wanted("MUG", 1)
                },
            ),
        );
        let north = ChangeLine {
            store: Patch::Set(store_id("north")),
            ..request(1)
        };
        let event = change(&cart, &north, &shop(), &rules(), NOW).unwrap_or_default();
        let joined = after(&cart, event);
        assert_eq!(quantities(&joined), [("MUG", 3), ("TEA", 1)]);
        assert_eq!(
            (joined.lines[0].id, joined.lines[0].note.as_deref()),
            (LineId(1), Some("old"))
        );
        let back = ChangeLine {
            store: Patch::Clear,
            note: Patch::Set("new".into()),
            ..request(3)
        };
        let event = change(&cart, &back, &shop(), &rules(), NOW).unwrap_or_default();
        let joined = after(&cart, event);
        assert_eq!(quantities(&joined), [("TEA", 1), ("MUG", 3)]);
        assert_eq!(
            (joined.lines[1].id, joined.lines[1].note.as_deref()),
            (LineId(3), Some("new"))
        );
        let too_many = ChangeLine {
            amount: Some(Amount::Set(3)),
            ..north
        };
        let refused = change(&cart, &too_many, &shop(), &rules(), NOW);
        assert_eq!(refused, Err(Refusal::short(&sku("MUG"), 4, 3)));
    }

    #[test]
    fn notes_change_alone() {
        let mut cart = cart(&[("MUG", 2)]);
        cart = after(
            &cart,
            apply_add(
                &cart,
                Add {
                    metadata: metadata(json!({"a": 1})),
                    ..wanted("MUG", 1)
                },
            ),
        );
        let noted = ChangeLine {
            note: Patch::Set("x".into()),
            ..request(2)
        };
        let event = change(&cart, &noted, &shop(), &rules(), NOW).unwrap_or_default();
        let cart = after(&cart, event);
        assert_eq!(cart.lines[1].note.as_deref(), Some("x"));
        let cleared = ChangeLine {
            note: Patch::Clear,
            ..request(2)
        };
        let event = change(&cart, &cleared, &shop(), &rules(), NOW).unwrap_or_default();
        assert_eq!(after(&cart, event).lines[1].note, None);
    }

    #[test]
    fn what_does_not_grow_asks_no_catalogue() {
        let cart = cart(&[("MUG", 2)]);
        let mut shop = shop();
        shop.remove("MUG");
        let noted = ChangeLine {
            note: Patch::Set("x".into()),
            ..request(1)
        };
        let event = change(&cart, &noted, &shop, &rules(), NOW).expect("nothing grows");
        let line = after(&cart, event).lines[0].clone();
        assert_eq!((line.note.as_deref(), line.quantity), (Some("x"), 2));
    }

    #[test]
    fn a_line_beyond_its_limit_may_shrink_and_not_grow() {
        let cart = cart(&[("FREE", 1000)]);
        let tight = Rules {
            max_quantity: 10,
            ..rules()
        };
        let run = |delta| {
            let request = amount(1, Amount::Delta(delta));
            change(&cart, &request, &shop(), &tight, NOW)
        };
        let fewer = after(&cart, run(-1).expect("fewer"));
        assert_eq!(quantities(&fewer), [("FREE", 999)]);
        assert_eq!(run(0), Ok(None));
        let detail = "a line takes at most 10".to_owned();
        assert_eq!(run(1), Err(Refusal::CartLimit { detail }));
    }

    #[test]
    fn a_line_that_changes_is_all_that_an_event_says() {
        let cart = cart(&[("MUG", 1), ("TEA", 2), ("FREE", 3)]);
        for (id, name) in [(1, "MUG"), (2, "TEA"), (3, "FREE")] {
            let event = change(&cart, &amount(id, Amount::Set(5)), &shop(), &rules(), NOW);
            let Ok(Some(Event::LinesChanged(changed))) = event else {
                panic!("lines changed: {event:?}");
            };
            let set: Vec<_> = changed
                .set
                .iter()
                .map(|it| (it.id.0, it.sku.as_str()))
                .collect();
            assert_eq!((set, changed.removed), (vec![(id, name)], vec![]));
            let event = change(&cart, &amount(id, Amount::Set(0)), &shop(), &rules(), NOW);
            let Ok(Some(Event::LinesChanged(changed))) = event else {
                panic!("lines changed: {event:?}");
            };
            assert_eq!((changed.set, changed.removed), (vec![], vec![LineId(id)]));
        }
    }
}
