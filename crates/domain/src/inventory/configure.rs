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
    let mut movement = Level { settings, ..level.clone() }.received(MovementKind::Configured, 0);
    movement.settings = Some(settings);
    Some(movement)
}
