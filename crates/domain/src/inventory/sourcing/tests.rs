use super::super::samples::{country, key, place};
use super::super::{Backorder, BackorderMode, Settings};
use super::*;
use crate::location::ShipsTo;

/// A location and its level.
type At = (Store, Level);

/// So many units lie there, and so many more may be promised.
fn at(name: &str, priority: i32, on_hand: i64, beyond: i64) -> At {
    let level = Level {
        on_hand,
        settings: Settings {
            backorder: Backorder {
                mode: BackorderMode::Backorder,
                limit: beyond,
                available_from: None,
            },
            ..Settings::default()
        },
        ..Level::empty(key("A", name))
    };
    (place(name, priority, None), level)
}

fn lies((mut store, level): At, lat: f64, lon: f64) -> At {
    store.details.position = Some(Position { lat, lon });
    (store, level)
}

fn only_to((mut store, level): At, code: &str) -> At {
    store.details.ships_to = Some(ShipsTo::Countries(vec![country(code)]));
    (store, level)
}

fn candidates(all: &[At]) -> Vec<Candidate<'_>> {
    let of = |(store, level)| Candidate {
        store,
        level,
        taken: 0,
    };
    all.iter()
        .map(|(store, level)| of((store, level)))
        .collect()
}

fn sourced(all: &[At], sourcing: Sourcing, quantity: i64) -> Result<Vec<(usize, i64)>, i64> {
    source(&candidates(all), None, None, sourcing, quantity)
}

fn had(all: &[At], to: Option<&str>, sourcing: Sourcing) -> (i64, Option<String>) {
    let (units, store) = available(&candidates(all), to.map(country), sourcing);
    (units, store.map(|id| id.to_string()))
}

#[test]
fn a_line_comes_from_the_first_location_that_has_all_of_it() {
    let all = [at("c", 2, 9, 0), at("b", 1, 3, 0), at("a", 1, 5, 0)];
    for (quantity, expected) in [
        (1, Ok(vec![(2, 1)])),
        (5, Ok(vec![(2, 5)])),
        (6, Ok(vec![(0, 6)])),
        (9, Ok(vec![(0, 9)])),
        (10, Err(9)),
    ] {
        assert_eq!(sourced(&all, Sourcing::Single, quantity), expected);
    }
}

#[test]
fn what_lies_somewhere_comes_before_what_is_promised_beyond_it() {
    let all = [at("first", 1, 2, 5), at("second", 2, 4, 0)];
    for (quantity, expected) in [
        (2, Ok(vec![(0, 2)])),
        (4, Ok(vec![(1, 4)])),
        (5, Ok(vec![(0, 5)])),
        (7, Ok(vec![(0, 7)])),
        (8, Err(7)),
    ] {
        assert_eq!(sourced(&all, Sourcing::Single, quantity), expected);
    }
}

#[test]
fn of_equals_the_nearest_then_the_fullest_then_the_first_by_name_is_asked() {
    let far = || lies(at("far", 1, 9, 0), 50.0, 10.0);
    let near = || lies(at("near", 1, 2, 0), 1.0, 1.0);
    let here = Position { lat: 0.0, lon: 0.0 };
    let first = |all: &[At], near: Option<&Position>| {
        let sourced = source(&candidates(all), None, near, Sourcing::Single, 1);
        sourced.expect("enough").first().map(|(index, _)| *index)
    };
    assert_eq!(first(&[far(), near()], Some(&here)), Some(1));
    assert_eq!(first(&[near(), far()], Some(&here)), Some(0));
    // Nobody asked where to, or nobody knows where one of them is.
    assert_eq!(first(&[near(), far()], None), Some(1));
    assert_eq!(
        first(&[at("somewhere", 1, 3, 0), far()], Some(&here)),
        Some(1)
    );
    assert_eq!(
        first(&[far(), at("somewhere", 1, 3, 0)], Some(&here)),
        Some(0)
    );
    // The order of the locations comes before the distance.
    let wanted = lies(at("wanted", 0, 1, 0), 50.0, 10.0);
    assert_eq!(first(&[near(), wanted], Some(&here)), Some(1));
    assert_eq!(first(&[at("b", 1, 3, 0), at("a", 1, 3, 0)], None), Some(1));
    assert_eq!(first(&[at("a", 1, 3, 0), at("b", 1, 3, 0)], None), Some(0));
}

#[test]
fn only_locations_that_ship_there_count() {
    let all = [only_to(at("uk", 1, 9, 0), "GB"), at("all", 2, 4, 0)];
    let to = |code| {
        let to = Some(country(code));
        source(&candidates(&all), to, None, Sourcing::Single, 3)
    };
    assert_eq!(to("GB"), Ok(vec![(0, 3)]));
    assert_eq!(to("US"), Ok(vec![(1, 3)]));
    let rows = [
        (Some("US"), Sourcing::Single, 4, "all"),
        (Some("US"), Sourcing::Split, 4, "all"),
        (Some("GB"), Sourcing::Single, 9, "uk"),
        (Some("GB"), Sourcing::Split, 13, "uk"),
        (None, Sourcing::Split, 13, "uk"),
    ];
    for (to, sourcing, units, store) in rows {
        assert_eq!(had(&all, to, sourcing), (units, Some(store.to_owned())));
    }
    let uk = [only_to(at("uk", 1, 9, 0), "GB")];
    assert_eq!(had(&uk, Some("US"), Sourcing::Split), (0, None));
    assert_eq!(had(&uk, Some("US"), Sourcing::Single), (0, None));
}

#[test]
fn most_can_be_had_where_most_is_and_of_equals_at_the_first_in_order() {
    let rows = [
        ([at("a", 1, 2, 0), at("b", 2, 3, 0)], 3, "b"),
        ([at("a", 1, 2, 2), at("b", 2, 3, 0)], 4, "a"),
        ([at("a", 2, 3, 0), at("b", 1, 3, 0)], 3, "b"),
        ([at("a", 1, 3, 0), at("b", 1, 3, 0)], 3, "a"),
        ([at("b", 1, 3, 0), at("a", 1, 3, 0)], 3, "a"),
    ];
    for (all, units, store) in rows {
        let expected = (units, Some(store.to_owned()));
        assert_eq!(had(&all, None, Sourcing::Single), expected);
    }
}

#[test]
fn units_that_earlier_lines_took_are_not_there() {
    let (store, level) = at("a", 1, 5, 2);
    let with = |taken| {
        [Candidate {
            store: &store,
            level: &level,
            taken,
        }]
    };
    for (taken, had) in [(0, 7), (3, 4), (7, 0), (9, 0)] {
        assert_eq!(available(&with(taken), None, Sourcing::Single).0, had);
        assert_eq!(
            source(&with(taken), None, None, Sourcing::Single, 8),
            Err(had)
        );
    }
    assert_eq!(with(3)[0].stock(), 2);
    assert_eq!(with(6)[0].stock(), 0);
}

#[test]
fn a_line_that_is_split_takes_stock_in_order_and_then_what_is_beyond() {
    let all = [at("b", 2, 4, 3), at("a", 1, 2, 1), at("c", 3, 0, 9)];
    type Row = (i64, Result<Vec<(usize, i64)>, i64>);
    let rows: [Row; 8] = [
        // One that has all of it is still the first choice.
        (3, Ok(vec![(0, 3)])),
        (4, Ok(vec![(0, 4)])),
        (5, Ok(vec![(0, 5)])),
        (9, Ok(vec![(2, 9)])),
        (10, Ok(vec![(1, 3), (0, 7)])),
        (11, Ok(vec![(1, 3), (0, 7), (2, 1)])),
        (19, Ok(vec![(1, 3), (0, 7), (2, 9)])),
        (20, Err(19)),
    ];
    for (quantity, expected) in rows {
        let sourced = sourced(&all, Sourcing::Split, quantity);
        assert_eq!(sourced, expected, "{quantity}");
    }
    let spread = [at("a", 1, 2, 0), at("b", 2, 2, 5)];
    assert_eq!(
        sourced(&spread, Sourcing::Split, 8),
        Ok(vec![(0, 2), (1, 6)])
    );
    let little = [at("a", 1, 2, 0), at("b", 2, 2, 0), at("c", 3, 2, 0)];
    assert_eq!(
        sourced(&little, Sourcing::Split, 3),
        Ok(vec![(0, 2), (1, 1)])
    );
    assert_eq!(sourced(&little, Sourcing::Single, 3), Err(2));
}
