//! Adding to a cart: the same SKU, store and metadata join one line.

use super::draft::Draft;
use super::goods::sellable;
use super::limits::{self, cart_limit};
use super::{Cart, Event, Goods, Metadata, Rules};
use crate::{Refusal, Sku, StoreId, Time};
use smol_str::SmolStr;
use std::ops::RangeInclusive;

/// What is wanted: so many of a SKU.
#[derive(Debug, Clone, PartialEq)]
pub struct Add {
    /// What.
    pub sku: Sku,
    /// How many: at least 1, but any number in a drop-in cart.
    pub quantity: i64,
    /// Where it shall come from.
    pub store: Option<StoreId>,
    /// What the buyer wrote; replaces the note of the line it joins.
    pub note: Option<SmolStr>,
    /// What the client hangs on it.
    pub metadata: Metadata,
}

impl Add {
    /// So many of a SKU and nothing else said.
    pub fn new(sku: Sku, quantity: i64) -> Self {
        Self {
            sku,
            quantity,
            store: None,
            note: None,
            metadata: Metadata::default(),
        }
    }
}

/// Adds one line's worth. The line written takes today's name and price, others keep theirs. An expired drop-in cart begins
/// afresh. Refused, in this order: `Invalid` (`quantity`), `CartClosed`, `NotFound` (`variant`), `NotSoldHere`,
/// `CurrencyMismatch`, `QuantityLimit`, `CartLimit`, `InsufficientStock`. `None` only for zero units in a drop-in cart.
pub fn add(
    cart: &Cart,
    request: &Add,
    goods: &dyn Goods,
    rules: &Rules,
    now: Time,
) -> Result<Option<Event>, Refusal> {
    check_quantity(request.quantity, "quantity", cart.is_drop_in(), rules)?;
    require_writable(cart, now)?;
    let mut draft = Draft::new(cart, now);
    join(&mut draft, request, goods, rules)?;
    limits::check(&draft, goods, rules)?;
    Ok(draft.finish(rules, now))
}

/// Adds all or nothing, as one change. Refused as [`add`] is, with `lines[n].quantity` for the field; stock that is short is
/// named for every SKU at once.
pub fn add_many(
    cart: &Cart,
    requests: &[Add],
    goods: &dyn Goods,
    rules: &Rules,
    now: Time,
) -> Result<Option<Event>, Refusal> {
    check_quantities(requests, cart.is_drop_in(), rules)?;
    require_writable(cart, now)?;
    let mut draft = Draft::new(cart, now).indexed();
    join_all(&mut draft, requests, goods, rules)?;
    Ok(draft.finish(rules, now))
}

/// Joins every request and judges the whole.
pub(super) fn join_all(
    draft: &mut Draft<'_>,
    requests: &[Add],
    goods: &dyn Goods,
    rules: &Rules,
) -> Result<(), Refusal> {
    for request in requests {
        join(draft, request, goods, rules)?;
    }
    limits::check(draft, goods, rules)
}

fn require_writable(cart: &Cart, now: Time) -> Result<(), Refusal> {
    if cart.restarts(now) {
        Ok(())
    } else {
        cart.require_open(now)
    }
}

fn join(
    draft: &mut Draft<'_>,
    request: &Add,
    goods: &dyn Goods,
    rules: &Rules,
) -> Result<(), Refusal> {
    let seen = sellable(draft.cart, goods, &request.sku)?;
    let Some(position) = draft.position(request) else {
        return draft.push_new(request, seen);
    };
    let quantity = line_quantity(
        draft.lines[position].quantity,
        request.quantity,
        draft.cart.is_drop_in(),
        rules,
    )?;
    draft.write(position, |line| {
        line.quantity = quantity;
        line.note = request.note.clone().or(line.note.take());
        seen.write(line);
    });
    Ok(())
}

/// The sum of two quantities on one line.
pub(super) fn line_quantity(
    one: i64,
    other: i64,
    drop_in: bool,
    rules: &Rules,
) -> Result<i64, Refusal> {
    line_limit(one.checked_add(other), *allowed(drop_in, rules).end())
}

/// A quantity that is no more than `max`; `None` has overflowed.
pub(super) fn line_limit(quantity: Option<i64>, max: i64) -> Result<i64, Refusal> {
    match quantity.filter(|quantity| *quantity <= max) {
        Some(quantity) => Ok(quantity),
        None => cart_limit(format!("a line takes at most {max}")),
    }
}

/// What a request may ask for. The wire of drop-in services has 32 bits.
fn allowed(drop_in: bool, rules: &Rules) -> RangeInclusive<i64> {
    if drop_in {
        i64::from(i32::MIN)..=i64::from(i32::MAX)
    } else {
        1..=rules.max_quantity
    }
}

pub(super) fn check_quantities(
    requests: &[Add],
    drop_in: bool,
    rules: &Rules,
) -> Result<(), Refusal> {
    requests.iter().enumerate().try_for_each(|(n, request)| {
        let range = allowed(drop_in, rules);
        if range.contains(&request.quantity) {
            return Ok(());
        }
        check_quantity(
            request.quantity,
            &format!("lines[{n}].quantity"),
            drop_in,
            rules,
        )
    })
}

pub(super) fn check_quantity(
    quantity: i64,
    field: &str,
    drop_in: bool,
    rules: &Rules,
) -> Result<(), Refusal> {
    let range = allowed(drop_in, rules);
    if range.contains(&quantity) {
        return Ok(());
    }
    let detail = format!("expected {} to {}", range.start(), range.end());
    Err(Refusal::invalid(field, "out_of_range", detail))
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::super::samples::*;
    use super::*;
    use crate::refusal::ShortLine;
    use serde_json::json;

    fn check(cart: &Cart, request: Add, expected: Result<&[(&str, i64)], Refusal>) {
        let shop = shop();
        let after = add(cart, &request, &shop, &rules(), NOW).map(|event| after(cart, event));
        match (after, expected) {
            (Ok(after), Ok(lines)) => assert_eq!(quantities(&after), lines, "{request:?}"),
            (Err(refusal), Err(expected)) => assert_eq!(refusal, expected, "{request:?}"),
            (got, expected) => panic!("{request:?}: {got:?}, expected {expected:?}"),
        }
    }

    fn limit(min: Option<i64>, max: Option<i64>, multiple: Option<i64>) -> Refusal {
        Refusal::QuantityLimit { min, max, multiple }
    }

    #[test]
    fn joins_equal_lines_and_keeps_the_order_of_insertion() {
        let cart = cart(&[("MUG", 1), ("TEA", 2)]);
        check(&cart, wanted("MUG", 4), Ok(&[("MUG", 5), ("TEA", 2)]));
        check(
            &cart,
            wanted("PEN", 2),
            Ok(&[("MUG", 1), ("TEA", 2), ("PEN", 2)]),
        );
        let elsewhere = Add {
            store: store("north"),
            ..wanted("MUG", 1)
        };
        check(&cart, elsewhere, Ok(&[("MUG", 1), ("TEA", 2), ("MUG", 1)]));
        let engraved = Add {
            metadata: metadata(json!({"text": "Ada"})),
            ..wanted("MUG", 1)
        };
        check(&cart, engraved, Ok(&[("MUG", 1), ("TEA", 2), ("MUG", 1)]));
        check(
            &cart,
            Add {
                metadata: metadata(json!({})),
                ..wanted("MUG", 1)
            },
            Ok(&[("MUG", 2), ("TEA", 2)]),
        );
    }

    #[test]
    fn refuses_what_cannot_be_sold() {
        let cart = cart(&[("MUG", 1), ("TEA", 2)]);
        let usd = cart.currency;
        let rows = [
            (wanted("NONE", 1), Refusal::not_found("variant", "NONE")),
            (
                wanted("KNIFE", 1),
                Refusal::NotSoldHere {
                    sku: sku("KNIFE"),
                    country: cart.country,
                },
            ),
            (
                wanted("EURO", 1),
                Refusal::CurrencyMismatch {
                    sku: sku("EURO"),
                    currency: usd,
                },
            ),
            (wanted("PEN", 1), limit(Some(2), Some(10), Some(2))),
            (wanted("PEN", 12), limit(Some(2), Some(10), Some(2))),
            (wanted("PEN", 3), limit(Some(2), Some(10), Some(2))),
            (wanted("MUG", 10), Refusal::short(&sku("MUG"), 11, 10)),
            (
                wanted("GOLD", 11),
                Refusal::CartLimit {
                    detail: "a cart is worth at most 10000000 minor units".into(),
                },
            ),
        ];
        for (request, refusal) in rows {
            check(&cart, request, Err(refusal));
        }
        for quantity in [0, -1, i64::MIN, i64::MAX, 1001] {
            check(
                &cart,
                wanted("MUG", quantity),
                Err(Refusal::invalid(
                    "quantity",
                    "out_of_range",
                    "expected 1 to 1000",
                )),
            );
        }
        check(
            &cart,
            wanted("FREE", 1000),
            Ok(&[("MUG", 1), ("TEA", 2), ("FREE", 1000)]),
        );
    }

    #[test]
    fn counts_a_sku_over_all_lines_of_the_same_store() {
        let mut cart = cart(&[("MUG", 6)]);
        let text = metadata(json!({"text": "Ada"}));
        cart = after(
            &cart,
            apply_add(
                &cart,
                Add {
                    metadata: text.clone(),
                    ..wanted("MUG", 4)
                },
            ),
        );
        check(
            &cart,
            wanted("MUG", 1),
            Err(Refusal::short(&sku("MUG"), 11, 10)),
        );
        let north = |quantity| Add {
            store: store("north"),
            ..wanted("MUG", quantity)
        };
        check(&cart, north(4), Err(Refusal::short(&sku("MUG"), 4, 3)));
        check(&cart, north(3), Ok(&[("MUG", 6), ("MUG", 4), ("MUG", 3)]));
    }

    #[test]
    fn the_newer_note_wins_and_the_written_line_takes_todays_price() {
        let mut cart = cart(&[("MUG", 1), ("TEA", 1)]);
        cart = after(
            &cart,
            apply_add(
                &cart,
                Add {
                    note: Some("gift".into()),
                    ..wanted("MUG", 1)
                },
            ),
        );
        let mut shop = shop();
        shop.reprice("MUG", 999);
        shop.reprice("TEA", 999);
        let event = add(&cart, &wanted("MUG", 1), &shop, &rules(), NOW).unwrap_or_default();
        let cart = after(&cart, event);
        let prices: Vec<_> = cart
            .lines
            .iter()
            .filter_map(|line| line.unit_price)
            .map(|price| price.minor)
            .collect();
        assert_eq!(
            (cart.lines[0].note.as_deref(), prices),
            (Some("gift"), vec![999, 450])
        );
        let cart = after(
            &cart,
            apply_add(
                &cart,
                Add {
                    note: Some("wrap".into()),
                    ..wanted("MUG", 1)
                },
            ),
        );
        assert_eq!(cart.lines[0].note.as_deref(), Some("wrap"));
    }

    #[test]
    fn many_lines_are_all_or_nothing() {
        let cart = cart(&[("MUG", 1)]);
        let requests = [
            wanted("TEA", 1),
            wanted("MUG", 10),
            wanted("TEA", 200),
            wanted("FREE", 1),
        ];
        let short = |sku_name: &str, requested, available| ShortLine {
            sku: sku(sku_name),
            requested,
            available,
        };
        let lines = vec![short("MUG", 11, 10), short("TEA", 201, 100)];
        let refused = add_many(&cart, &requests, &shop(), &rules(), NOW);
        assert_eq!(refused, Err(Refusal::InsufficientStock { lines }));
        let event = add_many(&cart, &requests[..1], &shop(), &rules(), NOW).unwrap_or_default();
        assert_eq!(quantities(&after(&cart, event)), [("MUG", 1), ("TEA", 1)]);
        let bad = add_many(
            &cart,
            &[wanted("TEA", 1), wanted("TEA", 0)],
            &shop(),
            &rules(),
            NOW,
        );
        assert_eq!(
            bad,
            Err(Refusal::invalid(
                "lines[1].quantity",
                "out_of_range",
                "expected 1 to 1000"
            ))
        );
    }

    #[test]
    fn limits_hold_for_lines_and_metadata() {
        let limited = Rules {
            max_lines: 2,
            max_metadata_bytes: 40,
            ..rules()
        };
        let cart = cart(&[("MUG", 1), ("TEA", 1)]);
        let refused = add(&cart, &wanted("FREE", 1), &shop(), &limited, NOW);
        assert_eq!(
            refused,
            Err(Refusal::CartLimit {
                detail: "a cart takes at most 2 lines".into()
            })
        );
        assert!(add(&cart, &wanted("TEA", 1), &shop(), &limited, NOW).is_ok());
        let limited = Rules {
            max_lines: 3,
            ..limited
        };
        let heavy = Add {
            metadata: metadata(json!({"text": "x".repeat(40)})),
            ..wanted("TEA", 1)
        };
        let refused = add(&cart, &heavy, &shop(), &limited, NOW);
        assert_eq!(
            refused,
            Err(Refusal::CartLimit {
                detail: "a cart takes at most 40 bytes of metadata".into()
            })
        );
    }

    #[test]
    fn closed_and_expired_carts_take_nothing() {
        let cart = cart(&[("MUG", 1)]);
        let closed = |state| {
            Err(Refusal::CartClosed {
                id: cart.id.to_string(),
                state,
                checkout_id: None,
            })
        };
        assert_eq!(
            add(&cart, &wanted("TEA", 1), &shop(), &rules(), cart.expires_at),
            closed("expired")
        );
        let states = [
            State::CheckingOut,
            State::Ordered,
            State::Merged,
            State::Expired,
        ];
        for state in states {
            let cart = Cart {
                state,
                ..cart.clone()
            };
            assert_eq!(
                add(&cart, &wanted("TEA", 1), &shop(), &rules(), NOW),
                closed(state.as_str())
            );
        }
    }

    #[test]
    fn drop_in_carts_only_add_up() {
        let mut shop = shop();
        shop.validation = false;
        let mut cart = drop_in();
        let rows = [
            ("NONE", 2, 2),
            ("NONE", -5, -3),
            ("MUG", 5000, 5000),
            ("PEN", 1, 1),
            ("KNIFE", 0, 0),
        ];
        for (name, quantity, expected) in rows {
            let event =
                add(&cart, &wanted(name, quantity), &shop, &rules(), NOW).unwrap_or_default();
            cart = after(&cart, event);
            assert_eq!(
                quantities(&cart).iter().find(|(sku, _)| *sku == name),
                Some(&(name, expected))
            );
        }
        assert_eq!(cart.lines[0].unit_price, None);
        assert_eq!(cart.expires_at, NOW.plus_seconds(3600));
        shop.validation = true;
        let refused = add(&cart, &wanted("NONE", 9), &shop, &rules(), NOW);
        assert_eq!(refused, Err(Refusal::short(&sku("NONE"), 6, 0)));
        assert!(add(&cart, &wanted("NONE", -1), &shop, &rules(), NOW).is_ok());
    }

    #[test]
    fn an_expired_drop_in_cart_begins_afresh() {
        let cart = drop_in();
        let cart = after(&cart, apply_add(&cart, wanted("MUG", 2)));
        let later = cart.expires_at;
        let event = add(&cart, &wanted("TEA", 1), &shop(), &rules(), later).unwrap_or_default();
        let fresh = after_at(&cart, event, later);
        assert_eq!(quantities(&fresh), [("TEA", 1)]);
        assert_eq!(
            (fresh.state_at(later), fresh.version),
            (State::Open, cart.version + 1)
        );
    }
}
