//! A count is a fact: what lies there, whatever was promised.

use super::adjust::MAX_ON_HAND;
use super::{Level, Movement, MovementKind};
use crate::Refusal;

/// What somebody counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Units counted.
    pub quantity: i64,
    /// What `on_hand` was at the version the count was made at, when it was not made just now: changes since are added.
    pub on_hand_then: Option<i64>,
}

/// Sets what lies there. Always a change, also when the number stays.
///
/// Errors: [`Refusal::Invalid`] where changes since the count would take it below zero or out of range.
pub fn count(level: &Level, count: Count) -> Result<Movement, Refusal> {
    let since = count.on_hand_then.map_or(0, |then| level.on_hand - then);
    let after = count.quantity.saturating_add(since);
    if !(0..=MAX_ON_HAND).contains(&after) {
        let detail = format!("with the changes since that version on_hand would be {after}; count again");
        return Err(Refusal::invalid("quantity", "out_of_range", detail));
    }
    Ok(level.received(MovementKind::Counted, after - level.on_hand))
}
