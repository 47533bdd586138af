//! Emptying a cart.

use super::draft::Draft;
use super::{Cart, Event, Rules};
use crate::{Refusal, Time};

/// Removes all lines; `None` when there are none, as in a drop-in cart that has expired. Refused: `CartClosed`.
pub fn clear(cart: &Cart, rules: &Rules, now: Time) -> Result<Option<Event>, Refusal> {
    if cart.restarts(now) {
        return Ok(None);
    }
    cart.require_open(now)?;
    Ok(Draft::new(cart, now).emptied().finish(rules, now))
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::*;

    #[test]
    fn clears_once() {
        let cart = cart(&[("MUG", 1), ("TEA", 2)]);
        let cart = after(&cart, clear(&cart, &rules(), NOW).unwrap_or_default());
        assert_eq!((cart.lines.len(), cart.version, cart.next_line), (0, 2, 3));
        assert_eq!(clear(&cart, &rules(), NOW), Ok(None));
        assert!(matches!(
            clear(&cart, &rules(), cart.expires_at),
            Err(Refusal::CartClosed { .. })
        ));
        let expired = drop_in();
        assert_eq!(clear(&expired, &rules(), expired.expires_at), Ok(None));
    }
}
