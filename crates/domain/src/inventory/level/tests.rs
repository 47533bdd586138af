use super::super::samples::{after, awaited, level};
use super::*;

fn words<T: Serialize>(value: T) -> serde_json::Value {
    serde_json::to_value(value).expect("a word")
}

fn backorder(mode: BackorderMode, limit: i64) -> Settings {
    Settings {
        backorder: Backorder {
            mode,
            limit,
            available_from: None,
        },
        ..Settings::default()
    }
}

#[test]
fn what_is_promised_or_kept_back_is_not_available() {
    let busy = Level {
        reserved: 1,
        allocated: 2,
        granted: 4,
        settings: Settings {
            safety_stock: 8,
            ..Settings::default()
        },
        ..level(31)
    };
    assert_eq!((busy.promised(), busy.available()), (7, 16));
    assert_eq!((busy.sellable(), busy.backorder_room()), (16, 0));
    for (on_hand, available) in [(16, 1), (15, 0), (14, 0), (0, 0)] {
        let busy = Level {
            on_hand,
            ..busy.clone()
        };
        assert_eq!(busy.available(), available, "{on_hand} on hand");
    }
}

#[test]
fn more_can_be_sold_than_lies_there_up_to_the_limit() {
    let rows = [
        (BackorderMode::None, 5, 0, 0),
        (BackorderMode::Backorder, 5, 0, 5),
        (BackorderMode::Backorder, 5, 2, 3),
        (BackorderMode::Backorder, 5, 5, 0),
        (BackorderMode::Backorder, 5, 6, 0),
        (BackorderMode::Preorder, 5, 2, 3),
    ];
    for (mode, limit, backordered, room) in rows {
        let level = Level {
            backordered,
            settings: backorder(mode, limit),
            ..level(2)
        };
        assert_eq!(level.backorder_room(), room, "{mode:?} {backordered}");
        assert_eq!(level.sellable(), 2 + room, "{mode:?} {backordered}");
    }
}

#[test]
fn who_waits_longest_gets_units_first() {
    let waits = Level {
        reserved: 6,
        settings: Settings {
            safety_stock: 1,
            ..Settings::default()
        },
        ..awaited(10, &[(1, 4), (2, 3)])
    };
    let rows: [(i64, &[(u128, i64)]); 6] = [
        (-3, &[]),
        (-9, &[]),
        (0, &[(1, 3)]),
        (1, &[(1, 4)]),
        (2, &[(1, 4), (2, 1)]),
        (9, &[(1, 4), (2, 3)]),
    ];
    for (received, expected) in rows {
        let fills: Vec<_> = waits
            .fills(received)
            .into_iter()
            .map(|(id, units)| (id.0, units))
            .collect();
        assert_eq!(fills, expected, "{received} received");
    }
}

#[test]
fn a_receipt_becomes_held_units_of_those_who_wait() {
    let waits = awaited(1, &[(1, 3), (2, 2)]);
    let movement = waits.received(MovementKind::Adjusted, 3);
    assert_eq!(
        movement.fills,
        [(ReservationId(1), 3), (ReservationId(2), 1)]
    );
    assert_eq!((movement.on_hand_delta, movement.reserved_delta), (3, 4));
    assert_eq!(movement.backordered_delta, -4);
    let filled = after(&waits, &movement);
    assert_eq!((filled.on_hand, filled.reserved), (4, 4));
    assert_eq!(filled.waiting, [(ReservationId(2), 1)]);
    assert_eq!(filled.backordered, 1);

    let nobody = level(1).received(MovementKind::Adjusted, 3);
    assert_eq!((nobody.reserved_delta, nobody.backordered_delta), (0, 0));
    assert_eq!(after(&level(1), &nobody).available(), 4);
}

#[test]
fn a_movement_says_what_changed_and_what_is_there() {
    let held = Level {
        reserved: 5,
        ..level(10)
    };
    let movement = held.moved(MovementKind::Confirmed, -2, -3);
    let expected = Movement {
        kind: MovementKind::Confirmed,
        on_hand_delta: -2,
        reserved_delta: -3,
        on_hand: 8,
        reserved: 2,
        ..Movement::default()
    };
    assert_eq!(movement, expected);
}

#[test]
fn each_count_of_a_level_follows_its_own_change() {
    let full = Level {
        reserved: 20,
        allocated: 30,
        granted: 40,
        backordered: 50,
        version: 6,
        ..level(10)
    };
    let movement = Movement {
        allocated_delta: 3,
        granted_delta: -4,
        backordered_delta: 5,
        settings: Some(backorder(BackorderMode::Preorder, 9)),
        ..full.moved(MovementKind::Granted, 1, -2)
    };
    let moved = after(&full, &movement);
    assert_eq!((moved.on_hand, moved.reserved), (11, 18));
    assert_eq!((moved.allocated, moved.granted), (33, 36));
    assert_eq!((moved.backordered, moved.version()), (55, 7));
    assert_eq!(Some(moved.settings), movement.settings);

    let mut first = None;
    let key = full.key.clone();
    let receipt = level(0).moved(MovementKind::Adjusted, 2, 0);
    Level::apply(&mut first, &key, &receipt, Time(3));
    let first = first.expect("a level");
    assert_eq!((first.on_hand, first.version()), (2, 1));
    assert_eq!((&first.key, first.updated_at), (&key, Time(3)));
}

#[test]
fn a_hold_waits_until_it_is_filled_or_ends() {
    let of = |id, backordered_delta, fills: &[(u128, i64)]| Movement {
        reservation: Some(ReservationId(id)),
        backordered_delta,
        fills: fills
            .iter()
            .map(|(id, units)| (ReservationId(*id), *units))
            .collect(),
        ..level(0).moved(MovementKind::Reserved, 0, 0)
    };
    let rows: [(Movement, &[(u128, i64)]); 6] = [
        (of(3, 5, &[]), &[(1, 3), (2, 2), (3, 5)]),
        (of(1, 0, &[]), &[(1, 3), (2, 2)]),
        (of(1, -3, &[]), &[(2, 2)]),
        (of(2, -2, &[]), &[(1, 3)]),
        (of(9, -2, &[(1, 2)]), &[(1, 1), (2, 2)]),
        (of(1, -4, &[(1, 3), (2, 1), (9, 1)]), &[(2, 1)]),
    ];
    for (movement, expected) in rows {
        let moved = after(&awaited(0, &[(1, 3), (2, 2)]), &movement);
        let waiting: Vec<_> = moved.waiting.iter().map(|(id, n)| (id.0, *n)).collect();
        assert_eq!(waiting, expected, "{movement:?}");
    }
}

#[test]
fn a_movement_kind_is_the_same_word_and_number_everywhere() {
    for (number, (kind, word)) in MovementKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, number, "{word}");
        assert_eq!(kind.as_str(), word);
        assert_eq!(words(kind), word);
    }
}

#[test]
fn a_level_tells_what_becomes_of_it_once() {
    use Notice::{BackInStock, Low, OutOfStock};
    let rows: [(Option<i64>, i64, &[Notice]); 11] = [
        (None, 9, &[]),
        (None, 0, &[]),
        (Some(9), 4, &[]),
        (Some(4), 3, &[Low]),
        (Some(9), 2, &[Low]),
        (Some(3), 2, &[]),
        (Some(2), 0, &[OutOfStock]),
        (Some(9), 0, &[Low, OutOfStock]),
        (Some(0), 0, &[]),
        (Some(0), 1, &[BackInStock]),
        (Some(1), 2, &[]),
    ];
    for (before, now, expected) in rows {
        let mut now = level(now);
        now.settings.low_stock = Some(3);
        let before = before.map(|units| level(units).standing());
        let told: Vec<_> = Notice::between(before, &now).collect();
        assert_eq!(told, expected, "{before:?} then {}", now.on_hand);
    }
}

#[test]
fn a_shortage_is_told_when_it_begins() {
    let sold = |on_hand| Level {
        allocated: 5,
        ..level(on_hand)
    };
    let rows: [(Option<i64>, i64, &[Notice]); 5] = [
        (Some(6), 5, &[Notice::OutOfStock]),
        (Some(5), 4, &[Notice::Shortage]),
        (Some(4), 3, &[]),
        (Some(4), 5, &[]),
        (None, 4, &[Notice::Shortage]),
    ];
    for (before, now, expected) in rows {
        let before = before.map(|units| sold(units).standing());
        let told: Vec<_> = Notice::between(before, &sold(now)).collect();
        assert_eq!(told, expected, "{before:?} then {now}");
    }
}

#[test]
fn a_notice_has_its_type_in_the_log() {
    let rows = [
        (Notice::Low, "stock.low"),
        (Notice::OutOfStock, "stock.out"),
        (Notice::BackInStock, "stock.back"),
        (Notice::Shortage, "stock.shortage"),
    ];
    for (notice, name) in rows {
        assert_eq!(notice.as_str(), name);
    }
}
