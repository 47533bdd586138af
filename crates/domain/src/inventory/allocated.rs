//! What becomes of units that an order has: they leave, are given up, or come back.

use super::{Level, Movement, MovementKind};
use crate::Refusal;

/// Units of an order leave. Errors: [`Refusal::InsufficientStock`] for more than lies there.
pub fn ship(level: &Level, units: i64) -> Result<Movement, Refusal> {
    if level.on_hand < units {
        return Err(Refusal::short(&level.key.sku, units, level.on_hand));
    }
    let mut movement = level.moved(MovementKind::Shipped, -units, 0);
    movement.allocated_delta = -units;
    Ok(movement)
}

/// An order gives up units that have not left; who waits for some gets them.
pub fn give_up(level: &Level, units: i64) -> Movement {
    let mut movement = level.freed(MovementKind::Restocked, 0, units);
    movement.allocated_delta = -units;
    movement
}

/// Units that had left come back and can be sold again.
pub fn restock(level: &Level, units: i64) -> Movement {
    level.received(MovementKind::Restocked, units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Entity;
    use crate::inventory::{LevelKey, Settings};
    use crate::{ReservationId, Sku, StoreId, Time};
    use std::sync::Arc;

    fn level(on_hand: i64, allocated: i64) -> Level {
        let key = LevelKey {
            sku: Sku::new("A").expect("a SKU"),
            store: StoreId::new("S").expect("a store"),
        };
        Level {
            on_hand,
            allocated,
            settings: Settings::default(),
            ..Level::empty(key)
        }
    }

    fn after(level: Level, movement: &Movement) -> Level {
        let key = level.key.clone();
        let mut state = Some(Arc::new(level));
        Level::apply(&mut state, &key, movement, Time(1));
        Arc::unwrap_or_clone(state.expect("a level"))
    }

    #[test]
    fn what_leaves_was_there_and_was_the_orders() {
        let shipped = after(level(5, 3), &ship(&level(5, 3), 2).expect("enough"));
        assert_eq!((shipped.on_hand, shipped.allocated), (3, 1));
        assert_eq!(shipped.available(), level(5, 3).available());
        assert!(ship(&level(1, 3), 2).is_err());
        assert_eq!(
            after(level(2, 3), &ship(&level(2, 3), 2).expect("all")).on_hand,
            0
        );
    }

    #[test]
    fn what_is_given_up_goes_to_those_who_wait_first() {
        let mut short = level(5, 5);
        short.backordered = 2;
        short.waiting = vec![(ReservationId(1), 2)];
        let freed = after(short.clone(), &give_up(&short, 3));
        assert_eq!(
            (freed.allocated, freed.reserved, freed.backordered),
            (2, 2, 0)
        );
        assert_eq!(freed.available(), 1);
    }

    #[test]
    fn what_comes_back_can_be_sold() {
        let back = after(level(5, 5), &restock(&level(5, 5), 2));
        assert_eq!((back.on_hand, back.available()), (7, 2));
    }
}
