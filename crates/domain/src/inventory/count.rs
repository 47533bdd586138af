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
        let detail =
            format!("with the changes since that version on_hand would be {after}; count again");
        return Err(Refusal::invalid("quantity", "out_of_range", detail));
    }
    Ok(level.received(MovementKind::Counted, after - level.on_hand))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{after, level};
    use super::*;

    #[test]
    fn a_count_is_what_lies_there_with_the_changes_since() {
        let rows = [
            (10, 4, None, Some(4)),
            (10, 10, None, Some(10)),
            (10, 0, None, Some(0)),
            (10, 4, Some(10), Some(4)),
            // Three came since.
            (10, 4, Some(7), Some(7)),
            // Three left since.
            (10, 4, Some(13), Some(1)),
            (10, 2, Some(13), None),
            (10, MAX_ON_HAND, None, Some(MAX_ON_HAND)),
            (10, MAX_ON_HAND, Some(9), None),
        ];
        for (on_hand, quantity, on_hand_then, expected) in rows {
            let level = level(on_hand);
            let counted = count(
                &level,
                Count {
                    quantity,
                    on_hand_then,
                },
            );
            let there = counted.ok().map(|movement| {
                assert_eq!(movement.kind, MovementKind::Counted);
                after(&level, &movement).on_hand
            });
            assert_eq!(there, expected, "{quantity} since {on_hand_then:?}");
        }
    }
}
