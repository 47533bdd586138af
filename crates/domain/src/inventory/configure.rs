//! What an operator sets on a level: safety stock, low-stock mark, backorders.

use super::{Backorder, Level, Movement, MovementKind, Settings};

/// The settings to change; `None` leaves one as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Configure {
    /// Units never promised.
    pub safety_stock: Option<i64>,
    /// Low-stock mark; `Some(None)` takes it away.
    pub low_stock: Option<Option<i64>>,
    /// Promises beyond stock.
    pub backorder: Option<Backorder>,
}

/// Changes settings; `None` when nothing changes. Less safety stock goes to those who wait first.
pub fn configure(level: &Level, request: Configure) -> Option<Movement> {
    let settings = Settings {
        safety_stock: request.safety_stock.unwrap_or(level.settings.safety_stock),
        low_stock: request.low_stock.unwrap_or(level.settings.low_stock),
        backorder: request.backorder.unwrap_or(level.settings.backorder),
    };
    if settings == level.settings {
        return None;
    }
    let mut movement = Level {
        settings,
        ..level.clone()
    }
    .received(MovementKind::Configured, 0);
    movement.settings = Some(settings);
    Some(movement)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{after, awaited};
    use super::super::{BackorderMode, Level};
    use super::*;

    fn set() -> Level {
        let mut level = awaited(5, &[(1, 4)]);
        level.settings = Settings {
            safety_stock: 3,
            low_stock: Some(2),
            backorder: Backorder {
                mode: BackorderMode::Backorder,
                limit: 9,
                available_from: None,
            },
        };
        level
    }

    #[test]
    fn what_is_not_named_stays_as_it_is() {
        let level = set();
        assert_eq!(configure(&level, Configure::default()), None);
        let same = Configure {
            safety_stock: Some(3),
            low_stock: Some(Some(2)),
            backorder: Some(level.settings.backorder),
        };
        assert_eq!(configure(&level, same), None);
        let request = Configure {
            low_stock: Some(None),
            ..Configure::default()
        };
        let movement = configure(&level, request).expect("a change");
        let expected = Settings {
            low_stock: None,
            ..level.settings
        };
        assert_eq!(movement.settings, Some(expected));
        assert_eq!(movement.kind, MovementKind::Configured);
        assert_eq!(movement.on_hand_delta, 0);
    }

    #[test]
    fn less_safety_stock_goes_to_those_who_wait() {
        let level = set();
        let request = Configure {
            safety_stock: Some(2),
            ..Configure::default()
        };
        let movement = configure(&level, request).expect("a change");
        let configured = after(&level, &movement);
        assert_eq!((configured.reserved, configured.backordered), (3, 1));
        assert_eq!(configured.settings.safety_stock, 2);
        assert_eq!(configured.available(), 0);
    }
}
