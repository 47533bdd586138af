//! Deleting a cart.

use super::{Cart, Event};
use crate::{Refusal, Time};

/// Deletes an open cart. Refused: `CartClosed`.
pub fn delete(cart: &Cart, now: Time) -> Result<Event, Refusal> {
    cart.require_open(now)?;
    Ok(Event::Deleted)
}

#[cfg(test)]
mod tests {
    use super::super::samples::*;
    use super::*;
    use crate::entity::Entity;
    use std::sync::Arc;

    #[test]
    fn an_open_cart_goes_and_a_closed_one_stays() {
        let cart = cart(&[("MUG", 1)]);
        let mut state = Some(Arc::new(cart.clone()));
        let event = delete(&cart, NOW);
        if let Ok(event) = &event {
            Cart::apply(&mut state, &cart.id, event, NOW);
        }
        assert_eq!((event, state), (Ok(Event::Deleted), None));
        assert!(matches!(
            delete(&cart, cart.expires_at),
            Err(Refusal::CartClosed { .. })
        ));
    }
}
