//! Shortages: somebody counted less than was promised. Open until it fits again, or until somebody has accepted it.

use super::{Level, Movement, MovementKind};
use crate::Time;
use serde::{Deserialize, Serialize};

/// That more is promised than lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Since when.
    pub since: Time,
    /// How many missing units somebody has accepted.
    #[serde(default)]
    pub accepted: i64,
}

impl Level {
    /// How many units are promised that do not lie there.
    pub fn missing(&self) -> i64 {
        (self.promised() - self.on_hand).max(0)
    }

    /// Whether units are missing that nobody has accepted to miss.
    pub fn is_short(&self) -> bool {
        self.missing() > self.shortage.map_or(0, |it| it.accepted)
    }

    pub(super) fn note_shortage(&mut self, accepted: Option<i64>, at: Time) {
        if self.missing() == 0 {
            self.shortage = None;
            return;
        }
        let shortage = self.shortage.get_or_insert(Shortage {
            since: at,
            accepted: 0,
        });
        if let Some(accepted) = accepted {
            shortage.accepted = accepted;
        }
    }
}

/// Accepts that units are missing: who was promised them is dealt with otherwise. `None` when none are, or it is so already.
pub fn accept_shortage(level: &Level, note: &str) -> Option<Movement> {
    level.is_short().then(|| Movement {
        accepted_shortage: Some(level.missing()),
        reason: Some(note.into()),
        ..level.moved(MovementKind::Configured, 0, 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Entity;
    use crate::inventory::{Count, LevelKey, count};
    use crate::{Sku, StoreId};
    use std::sync::Arc;

    fn after(level: Level, movement: &Movement, at: i64) -> Level {
        let key = level.key.clone();
        let mut state = Some(Arc::new(level));
        Level::apply(&mut state, &key, movement, Time(at));
        Arc::unwrap_or_clone(state.expect("a level"))
    }

    fn counted(level: Level, quantity: i64, at: i64) -> Level {
        let request = Count {
            quantity,
            on_hand_then: None,
        };
        let movement = count(&level, request).expect("a count");
        after(level, &movement, at)
    }

    #[test]
    fn a_shortage_is_open_until_it_fits_or_is_accepted() {
        let key = LevelKey {
            sku: Sku::new("A").expect("a SKU"),
            store: StoreId::new("x").expect("a store"),
        };
        let level = Level {
            on_hand: 10,
            allocated: 6,
            ..Level::empty(key)
        };
        assert_eq!(accept_shortage(&level, "why"), None);
        let short = counted(level, 4, 5);
        let shortage = short.shortage.expect("a shortage");
        assert_eq!((short.missing(), shortage.since), (2, Time(5)));
        let movement = accept_shortage(&short, "why").expect("open");
        let accepted = after(short, &movement, 6);
        assert!(!accepted.is_short());
        assert_eq!(accept_shortage(&accepted, "why"), None);
        // More is missing than was accepted.
        let shorter = counted(accepted, 3, 7);
        assert!(shorter.is_short());
        assert_eq!(shorter.shortage.map(|it| it.since), Some(Time(5)));
        let whole = counted(shorter, 6, 8);
        assert_eq!(whole.shortage, None);
        // What comes later begins anew.
        assert!(counted(whole, 5, 9).is_short());
    }

    #[test]
    fn what_was_accepted_is_kept_with_its_reason() {
        let key = LevelKey {
            sku: Sku::new("A").expect("a SKU"),
            store: StoreId::new("x").expect("a store"),
        };
        let level = Level {
            on_hand: 2,
            allocated: 6,
            ..Level::empty(key)
        };
        let movement = accept_shortage(&level, "stolen").expect("open");
        assert_eq!(movement.kind, MovementKind::Configured);
        assert_eq!(movement.reason, Some("stolen".into()));
        let accepted = after(level, &movement, 6).shortage.expect("still short");
        assert_eq!((accepted.accepted, accepted.since), (4, Time(6)));
    }
}
