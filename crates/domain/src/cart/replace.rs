//! Replacing all lines.

use super::add::{check_quantities, line_quantity};
use super::draft::Draft;
use super::goods::sellable;
use super::{Add, Cart, Event, Goods, Line, Rules, limits};
use crate::{Refusal, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Makes these the cart's lines, in this order; equal ones join. A line that is there already keeps its id as long as the
/// order allows (ids rise from line to line), so replacing with the same changes nothing. Refused as
/// [`add_many`](super::add_many) is; the caller has compared the version.
pub fn replace(
    cart: &Cart,
    requests: &[Add],
    goods: &dyn Goods,
    rules: &Rules,
    now: Time,
) -> Result<Option<Event>, Refusal> {
    check_quantities(requests, cart.is_drop_in(), rules)?;
    cart.require_open(now)?;
    let known = by_sku(cart);
    let mut draft = Draft::new(cart, now).emptied().indexed();
    for request in requests {
        let seen = sellable(cart, goods, &request.sku)?;
        if let Some(position) = draft.position(request) {
            let quantity = line_quantity(
                draft.lines[position].quantity,
                request.quantity,
                cart.is_drop_in(),
                rules,
            )?;
            draft.write(position, |line| {
                line.quantity = quantity;
                line.note = request.note.clone().or(line.note.take());
            });
            continue;
        }
        let last = draft.lines.last().map(|line| line.id);
        let same = known
            .get(request.sku.as_str())
            .into_iter()
            .flatten()
            .find(|line| {
                line.joins(&request.sku, request.store.as_ref(), &request.metadata)
                    && last.is_none_or(|last| line.id > last)
            });
        match same {
            None => draft.push_new(request, seen)?,
            Some(same) => {
                let mut line = Line::clone(same);
                line.quantity = request.quantity;
                line.note.clone_from(&request.note);
                seen.write(&mut line);
                draft.push(line);
            }
        }
    }
    limits::check(&draft, goods, rules)?;
    Ok(draft.finish(rules, now))
}

fn by_sku(cart: &Cart) -> BTreeMap<&str, Vec<&Arc<Line>>> {
    let mut known: BTreeMap<&str, Vec<&Arc<Line>>> = BTreeMap::new();
    for line in &cart.lines {
        known.entry(line.sku.as_str()).or_default().push(line);
    }
    known
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::*;

    fn ids(cart: &Cart) -> Vec<u32> {
        cart.lines.iter().map(|line| line.id.0).collect()
    }

    #[test]
    fn the_lines_are_those_of_the_request_in_its_order() {
        let cart = cart(&[("MUG", 1), ("TEA", 2), ("FREE", 3)]);
        type Row<'a> = (&'a [(&'a str, i64)], &'a [(&'a str, i64)], &'a [u32]);
        let rows: [Row<'_>; 5] = [
            (
                &[("MUG", 2), ("FREE", 3)],
                &[("MUG", 2), ("FREE", 3)],
                &[1, 3],
            ),
            (
                &[("TEA", 2), ("MUG", 1), ("FREE", 3)],
                &[("TEA", 2), ("MUG", 1), ("FREE", 3)],
                &[2, 4, 5],
            ),
            (
                &[("GOLD", 1), ("MUG", 1)],
                &[("GOLD", 1), ("MUG", 1)],
                &[4, 5],
            ),
            (&[("TEA", 2), ("TEA", 3)], &[("TEA", 5)], &[2]),
            (&[], &[], &[]),
        ];
        for (wanted_lines, expected, expected_ids) in rows {
            let requests: Vec<Add> = wanted_lines
                .iter()
                .map(|(sku, quantity)| wanted(sku, *quantity))
                .collect();
            let event = replace(&cart, &requests, &shop(), &rules(), NOW).unwrap_or_default();
            let replaced = after(&cart, event);
            assert_eq!(
                (quantities(&replaced).as_slice(), ids(&replaced).as_slice()),
                (expected, expected_ids)
            );
        }
    }

    #[test]
    fn the_same_again_changes_nothing_and_only_growth_asks_for_stock() {
        let cart = cart(&[("MUG", 4), ("TEA", 2)]);
        assert_eq!(
            replace(
                &cart,
                &[wanted("MUG", 4), wanted("TEA", 2)],
                &shop(),
                &rules(),
                NOW
            ),
            Ok(None)
        );
        let mut shop = shop();
        shop.stock("MUG", 3);
        assert!(replace(&cart, &[wanted("MUG", 4)], &shop, &rules(), NOW).is_ok());
        let refused = replace(&cart, &[wanted("MUG", 5)], &shop, &rules(), NOW);
        assert_eq!(refused, Err(Refusal::short(&sku("MUG"), 5, 3)));
    }
}
