use super::super::samples::{after, key, level};
use super::super::{Asked, Held};
use super::*;
use crate::entity::Entity;
use crate::{ReservationId, Sku};
use std::sync::Arc;

/// A hold of so many units of A, of which some wait for receipts.
fn hold(quantity: i64, backordered: i64) -> Reservation {
    Reservation {
        id: ReservationId(5),
        principal: "till".into(),
        reference: "r-5".into(),
        asked: vec![Asked {
            sku: key("A", "main").sku,
            store: None,
            quantity,
        }],
        lines: vec![Held {
            level: key("A", "main"),
            quantity,
            backordered,
        }],
        state: State::Pending,
        expires_at: Time(100),
        version: 1,
    }
}

/// The level that such a hold is on.
fn holding(on_hand: i64, hold: &Reservation) -> Level {
    let line = &hold.lines[0];
    let mut level = Level {
        reserved: line.quantity - line.backordered,
        backordered: line.backordered,
        ..level(on_hand)
    };
    if line.backordered > 0 {
        level.waiting = vec![(hold.id, line.backordered)];
    }
    level
}

const ENDINGS: [(Ending, State, MovementKind); 4] = [
    (Ending::Confirm, State::Confirmed, MovementKind::Confirmed),
    (Ending::Release, State::Released, MovementKind::Released),
    (Ending::Expire, State::Expired, MovementKind::Expired),
    (Ending::Allocate, State::Confirmed, MovementKind::Allocated),
];

#[test]
fn a_hold_ends_once_and_stays_so() {
    for (ending, state, _) in ENDINGS {
        for now in [
            State::Pending,
            State::Confirmed,
            State::Released,
            State::Expired,
        ] {
            let hold = Reservation {
                state: now,
                ..hold(2, 0)
            };
            let level = holding(5, &hold);
            let ended = end(&hold, ending, &[&level]);
            if now == State::Pending {
                let (event, _) = ended.expect("it may end").expect("it changes");
                assert_eq!(event, ReservationEvent::Ended(state));
                let mut ended = Some(Arc::new(hold));
                Reservation::apply(&mut ended, &ReservationId(5), &event, Time(1));
                assert_eq!(ended.map(|it| (it.state, it.version())), Some((state, 2)));
            } else if now == state {
                assert_eq!(ended, Ok(None), "{ending:?} again");
            } else {
                let state = now.as_str();
                let refused = Err(Refusal::ReservationFinal { state });
                assert_eq!(ended, refused, "{ending:?} after {state}");
            }
        }
    }
}

#[test]
fn each_end_moves_units_its_own_way() {
    let hold = hold(3, 1);
    let level = Level {
        allocated: 4,
        ..holding(10, &hold)
    };
    for (ending, _, kind) in ENDINGS {
        if ending == Ending::Confirm {
            continue;
        }
        let (_, moved) = end(&hold, ending, &[&level])
            .expect("it may end")
            .expect("it changes");
        let [(moved_key, movement)] = moved.as_slice() else {
            panic!("one level, one movement");
        };
        assert_eq!((moved_key, movement.kind), (&level.key, kind));
        assert_eq!(movement.reservation, Some(hold.id));
        assert_eq!(movement.reference, Some(hold.reference.clone()));
        let ended = after(&level, movement);
        let allocated = if ending == Ending::Allocate { 7 } else { 4 };
        assert_eq!((ended.on_hand, ended.reserved), (10, 0), "{ending:?}");
        assert_eq!((ended.allocated, ended.backordered), (allocated, 0));
        assert_eq!(ended.waiting, []);
    }
}

#[test]
fn a_confirmed_hold_leaves() {
    let hold = hold(3, 0);
    for (on_hand, available) in [(3, None), (4, None), (2, Some(2))] {
        let level = holding(on_hand, &hold);
        let ended = end(&hold, Ending::Confirm, &[&level]);
        match available {
            None => {
                let (_, moved) = ended.expect("enough").expect("it changes");
                let left = after(&level, &moved[0].1);
                assert_eq!((left.on_hand, left.reserved), (on_hand - 3, 0));
                assert_eq!(
                    (left.allocated, moved[0].1.kind),
                    (0, MovementKind::Confirmed)
                );
            }
            Some(available) => {
                assert_eq!(ended, Err(Refusal::short(&a(), 3, available)));
            }
        }
    }
}

#[test]
fn what_waits_for_receipts_cannot_leave() {
    for (on_hand, available) in [(10, 2), (1, 1)] {
        let hold = hold(3, 1);
        let level = holding(on_hand, &hold);
        let refused = Err(Refusal::short(&a(), 3, available));
        assert_eq!(end(&hold, Ending::Confirm, &[&level]), refused);
    }
}

#[test]
fn a_hold_lives_longer_and_never_shorter() {
    let pending = hold(1, 0);
    for (until, expected) in [(99, None), (100, None), (101, Some(101))] {
        let extended = expected.map(|at| ReservationEvent::Extended {
            expires_at: Time(at),
        });
        assert_eq!(extend(&pending, Time(until)), Ok(extended));
    }
    for state in [State::Confirmed, State::Released, State::Expired] {
        let ended = Reservation {
            state,
            ..hold(1, 0)
        };
        let state = state.as_str();
        let refused = Err(Refusal::ReservationFinal { state });
        assert_eq!(extend(&ended, Time(999)), refused);
    }
}

fn a() -> Sku {
    key("A", "main").sku
}
