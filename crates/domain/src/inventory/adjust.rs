//! Relative change of what lies there: receipts, breakage, corrections.

use super::{Level, Movement, MovementKind};
use crate::planted::{Bug, planted};
use crate::{Refusal, Sku};
use smol_str::SmolStr;

/// Adds `delta` units (not zero) for a `reason`. A positive one is always taken; a negative one must leave what is promised.
///
/// Errors: [`Refusal::NotFound`] for taking from a level that never received anything, [`Refusal::InsufficientStock`]
/// below what is promised, [`Refusal::Invalid`] where the sum would leave the range of quantities.
pub fn adjust(
    level: Option<&Level>,
    empty: &Level,
    delta: i64,
    reason: SmolStr,
) -> Result<Movement, Refusal> {
    let current = match level {
        Some(level) => level,
        None if delta > 0 => empty,
        None => return Err(missing(&empty.key.sku, empty)),
    };
    let after = current
        .on_hand
        .checked_add(delta)
        .filter(|after| after.abs() <= MAX_ON_HAND);
    let Some(after) = after else {
        return Err(Refusal::invalid(
            "delta",
            "out_of_range",
            format!("on_hand may be at most {MAX_ON_HAND}"),
        ));
    };
    let promised = if planted(Bug::AdjustIgnoresOrders) {
        current.reserved
    } else {
        current.promised()
    };
    if delta < 0 && after < promised {
        return Err(Refusal::short(
            &current.key.sku,
            -delta,
            (current.on_hand - current.promised()).max(0),
        ));
    }
    let mut movement = current.received(MovementKind::Adjusted, delta);
    movement.reason = Some(reason);
    Ok(movement)
}

/// Most units a level may hold, so that sums over levels cannot overflow.
pub(super) const MAX_ON_HAND: i64 = 1_000_000_000_000;

pub(super) fn missing(sku: &Sku, empty: &Level) -> Refusal {
    Refusal::not_found("level", format!("{sku} at {}", empty.key.store))
}

#[cfg(test)]
mod tests {
    use super::super::{LevelKey, Settings};
    use super::*;
    use crate::StoreId;

    fn level(on_hand: i64, reserved: i64) -> Level {
        let key = LevelKey {
            sku: Sku::new("A").expect("a SKU"),
            store: StoreId::new("main").expect("a store"),
        };
        Level {
            on_hand,
            reserved,
            settings: Settings {
                safety_stock: 2,
                ..Settings::default()
            },
            ..Level::empty(key)
        }
    }

    #[test]
    fn takes_every_receipt_and_never_what_is_promised() {
        let full = level(10, 7);
        for (delta, after) in [
            (5, Some(15)),
            (-3, Some(7)),
            (-4, None),
            (MAX_ON_HAND - 10, Some(MAX_ON_HAND)),
            (MAX_ON_HAND - 9, None),
            (MAX_ON_HAND, None),
            (i64::MAX, None),
            (i64::MIN + 1, None),
        ] {
            let moved = adjust(Some(&full), &full, delta, "test".into());
            assert_eq!(
                moved.ok().map(|movement| movement.on_hand),
                after,
                "{delta}"
            );
        }
    }

    #[test]
    fn a_level_that_never_received_anything_gives_nothing() {
        let empty = level(0, 0);
        assert!(matches!(
            adjust(None, &empty, -1, "x".into()),
            Err(Refusal::NotFound { .. })
        ));
        assert!(adjust(None, &empty, 1, "x".into()).is_ok());
    }

    #[test]
    fn a_refusal_says_how_much_may_be_taken() {
        for (reserved, free) in [(7, 3), (10, 0), (12, 0)] {
            let full = level(10, reserved);
            let refused = adjust(Some(&full), &full, -4, "x".into());
            assert_eq!(refused, Err(Refusal::short(&full.key.sku, 4, free)));
        }
        // More is promised than lies there: units may come all the same.
        let short = level(10, 12);
        let movement = adjust(Some(&short), &short, 1, "found".into()).expect("a receipt");
        assert_eq!(movement.reason, Some("found".into()));
        let empty = level(0, 0);
        assert!(adjust(None, &empty, 0, "x".into()).is_err());
    }
}
