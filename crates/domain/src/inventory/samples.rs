//! Levels and locations for the tests of this noun.

use super::{Level, LevelKey, Movement};
pub(super) use crate::cart::samples::{country, sku, store_id};
use crate::entity::Entity;
use crate::location::{Details, Kind, Store};
use crate::place::Position;
use crate::{ReservationId, Time};
use std::sync::Arc;

pub(super) fn key(name: &str, store: &str) -> LevelKey {
    LevelKey {
        sku: sku(name),
        store: store_id(store),
    }
}

/// So many units of A in `main`.
pub(super) fn level(on_hand: i64) -> Level {
    Level {
        on_hand,
        ..Level::empty(key("A", "main"))
    }
}

/// The same, where these wait for receipts.
pub(super) fn awaited(on_hand: i64, waiting: &[(u128, i64)]) -> Level {
    let waiting: Vec<_> = waiting
        .iter()
        .map(|(id, units)| (ReservationId(*id), *units))
        .collect();
    Level {
        backordered: waiting.iter().map(|(_, units)| units).sum(),
        waiting,
        ..level(on_hand)
    }
}

/// The level after a movement, which says itself what lies there and what is held, and counts one version.
pub(super) fn after(level: &Level, movement: &Movement) -> Level {
    let mut state = Some(Arc::new(level.clone()));
    Level::apply(&mut state, &level.key, movement, Time(9));
    let after = Arc::unwrap_or_clone(state.expect("a level"));
    assert_eq!(
        (after.on_hand, after.reserved),
        (movement.on_hand, movement.reserved)
    );
    assert_eq!(after.version(), level.version() + 1);
    assert_eq!(after.updated_at, Time(9));
    after
}

/// A warehouse in the US.
pub(super) fn place(name: &str, priority: i32, position: Option<(f64, f64)>) -> Store {
    Store {
        id: store_id(name),
        details: Details {
            name: name.into(),
            kind: Kind::Warehouse,
            country: country("US"),
            ships_to: None,
            priority,
            position: position.map(|(lat, lon)| Position { lat, lon }),
        },
        updated_at: Time(0),
        version: 1,
    }
}
