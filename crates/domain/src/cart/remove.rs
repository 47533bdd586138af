//! Removing lines, one or many.

use super::draft::Draft;
use super::{Cart, Event, LineId, Rules};
use crate::{Refusal, Time};

/// Removes one line. Refused: `CartClosed`, `NotFound` (`line`).
pub fn remove(
    cart: &Cart,
    line: LineId,
    rules: &Rules,
    now: Time,
) -> Result<Option<Event>, Refusal> {
    cart.require_open(now)?;
    cart.line(line)
        .ok_or_else(|| Refusal::not_found("line", line))?;
    remove_many(cart, &[line], rules, now)
}

/// Removes the lines of these ids; those that are not there are ignored. Refused: `CartClosed`.
pub fn remove_many(
    cart: &Cart,
    lines: &[LineId],
    rules: &Rules,
    now: Time,
) -> Result<Option<Event>, Refusal> {
    cart.require_open(now)?;
    let mut ids = lines.to_vec();
    ids.sort_unstable();
    let mut draft = Draft::new(cart, now);
    draft
        .lines
        .retain(|line| ids.binary_search(&line.id).is_err());
    Ok(draft.finish(rules, now))
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::*;

    #[test]
    fn removes_what_is_there_and_never_uses_an_id_again() {
        let cart = cart(&[("MUG", 1), ("TEA", 2), ("FREE", 3)]);
        assert_eq!(
            remove(&cart, LineId(7), &rules(), NOW),
            Err(Refusal::not_found("line", "ln_7"))
        );
        assert_eq!(remove_many(&cart, &[LineId(7)], &rules(), NOW), Ok(None));
        let event = remove_many(
            &cart,
            &[LineId(3), LineId(9), LineId(1), LineId(1)],
            &rules(),
            NOW,
        );
        let cart = after(&cart, event.unwrap_or_default());
        assert_eq!(quantities(&cart), [("TEA", 2)]);
        let cart = after(&cart, apply_add(&cart, wanted("FREE", 1)));
        assert_eq!(cart.lines[1].id, LineId(4));
    }
}
