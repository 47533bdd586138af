//! Holding stock: all lines or none.

use super::{
    Asked, Candidate, Held, Level, LevelKey, Movement, MovementKind, ReservationEvent, Sourcing,
    source,
};
use crate::place::Position;
use crate::refusal::ShortLine;
use crate::{Country, Refusal, ReservationId, Time};
use smol_str::SmolStr;

/// What is asked for. Lines of one SKU and store are already one line, in the order asked.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// The new hold's id.
    pub id: ReservationId,
    /// Whose it will be.
    pub principal: SmolStr,
    /// The client's name for it.
    pub reference: SmolStr,
    /// What is asked for.
    pub asked: Vec<Asked>,
    /// When it ends by itself.
    pub expires_at: Time,
    /// Where it will be sent.
    pub country: Option<Country>,
    /// Where exactly.
    pub near: Option<Position>,
    /// Whether a line may come from several locations.
    pub sourcing: Sourcing,
}

/// Decides a hold over `candidates[i]`, the locations that have a level for `asked[i]` (one for a line that names its store).
///
/// Errors: [`Refusal::InsufficientStock`] naming every line that cannot be had. `requested` and `available` are per line.
pub fn reserve(
    request: &Reserve,
    candidates: &[Vec<Candidate<'_>>],
) -> Result<(ReservationEvent, Vec<(LevelKey, Movement)>), Refusal> {
    let mut parts: Vec<(&Level, i64)> = Vec::new();
    let mut short = Vec::new();
    for (line, candidates) in request.asked.iter().zip(candidates) {
        let taken = |c: &Candidate<'_>| {
            parts
                .iter()
                .filter(|(l, _)| l.key == c.level.key)
                .map(|(_, units)| units)
                .sum()
        };
        let candidates: Vec<_> = candidates
            .iter()
            .map(|c| Candidate {
                taken: taken(c),
                ..*c
            })
            .collect();
        let country = if line.store.is_some() {
            None
        } else {
            request.country
        };
        match source(
            &candidates,
            country,
            request.near.as_ref(),
            request.sourcing,
            line.quantity,
        ) {
            Ok(sourced) => parts.extend(
                sourced
                    .into_iter()
                    .map(|(i, units)| (candidates[i].level, units)),
            ),
            Err(available) => short.push(ShortLine {
                sku: line.sku.clone(),
                requested: line.quantity,
                available,
            }),
        }
    }
    if !short.is_empty() {
        return Err(Refusal::InsufficientStock { lines: short });
    }
    Ok(hold(request, &parts))
}

fn hold(
    request: &Reserve,
    parts: &[(&Level, i64)],
) -> (ReservationEvent, Vec<(LevelKey, Movement)>) {
    let mut sums: Vec<(&Level, i64)> = Vec::new();
    for (level, units) in parts {
        match sums.iter_mut().find(|(known, _)| known.key == level.key) {
            Some(sum) => sum.1 += units,
            None => sums.push((level, *units)),
        }
    }
    let mut lines = Vec::with_capacity(sums.len());
    let mut movements = Vec::with_capacity(sums.len());
    for (level, quantity) in sums {
        let backordered = (quantity - level.available()).max(0);
        let mut movement = level.moved(MovementKind::Reserved, 0, quantity - backordered);
        movement.backordered_delta = backordered;
        movement.reservation = Some(request.id);
        movement.reference = Some(request.reference.clone());
        lines.push(Held {
            level: level.key.clone(),
            quantity,
            backordered,
        });
        movements.push((level.key.clone(), movement));
    }
    let event = ReservationEvent::Held {
        principal: request.principal.clone(),
        reference: request.reference.clone(),
        asked: request.asked.clone(),
        lines,
        expires_at: request.expires_at,
    };
    (event, movements)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{after, country, key, place, sku, store_id};
    use super::super::{Backorder, BackorderMode, Reservation, Settings};
    use super::*;
    use crate::entity::Entity;
    use crate::location::{ShipsTo, Store};

    fn asked(name: &str, store: Option<&str>, quantity: i64) -> Asked {
        Asked {
            sku: sku(name),
            store: store.map(store_id),
            quantity,
        }
    }

    fn request(asked: Vec<Asked>) -> Reserve {
        Reserve {
            id: ReservationId(6),
            principal: "till".into(),
            reference: "r-6".into(),
            asked,
            expires_at: Time(50),
            country: Some(country("US")),
            near: None,
            sourcing: Sourcing::Single,
        }
    }

    fn level(name: &str, store: &str, on_hand: i64, beyond: i64) -> Level {
        Level {
            on_hand,
            settings: Settings {
                backorder: Backorder {
                    mode: BackorderMode::Backorder,
                    limit: beyond,
                    available_from: None,
                },
                ..Settings::default()
            },
            ..Level::empty(key(name, store))
        }
    }

    fn of<'a>(store: &'a Store, level: &'a Level) -> Vec<Candidate<'a>> {
        vec![Candidate {
            store,
            level,
            taken: 0,
        }]
    }

    #[test]
    fn lines_at_one_level_are_held_together_and_take_units_from_each_other() {
        let main = place("main", 1, None);
        let stock = level("A", "main", 5, 3);
        let lines = || vec![asked("A", Some("main"), 3), asked("A", None, 4)];
        let candidates = [of(&main, &stock), of(&main, &stock)];
        let (event, movements) = reserve(&request(lines()), &candidates).expect("enough");
        let ReservationEvent::Held { lines: held, .. } = &event else {
            panic!("held: {event:?}");
        };
        let expected = Held {
            level: stock.key.clone(),
            quantity: 7,
            backordered: 2,
        };
        assert_eq!(held, &[expected]);
        let [(at, movement)] = movements.as_slice() else {
            panic!("one movement: {movements:?}");
        };
        assert_eq!((at, movement.kind), (&stock.key, MovementKind::Reserved));
        assert_eq!(movement.reservation, Some(ReservationId(6)));
        assert_eq!(movement.reference, Some("r-6".into()));
        let level = after(&stock, movement);
        assert_eq!((level.on_hand, level.reserved), (5, 5));
        assert_eq!(level.backordered, 2);
        assert_eq!(level.waiting, [(ReservationId(6), 2)]);

        let mut state = None;
        Reservation::apply(&mut state, &ReservationId(6), &event, Time(1));
        let hold = state.expect("a hold");
        assert_eq!((hold.version(), hold.expires_at), (1, Time(50)));
        assert_eq!((&*hold.principal, &*hold.reference), ("till", "r-6"));
        assert_eq!(hold.asked, lines());

        let more = vec![asked("A", Some("main"), 3), asked("A", None, 6)];
        let short = reserve(&request(more), &candidates).map(|_| ());
        assert_eq!(short, Err(Refusal::short(&sku("A"), 6, 5)));
    }

    #[test]
    fn every_line_that_cannot_be_had_is_named_and_nothing_is_held() {
        let main = place("main", 1, None);
        let levels = [
            level("A", "main", 1, 0),
            level("B", "main", 9, 0),
            level("C", "main", 0, 2),
        ];
        let candidates: Vec<_> = levels.iter().map(|it| of(&main, it)).collect();
        let lines = ["A", "B", "C"].map(|name| asked(name, None, 3));
        let refused = reserve(&request(lines.to_vec()), &candidates);
        let short = |name, available| ShortLine {
            sku: sku(name),
            requested: 3,
            available,
        };
        let lines = vec![short("A", 1), short("C", 2)];
        assert_eq!(
            refused.map(|_| ()),
            Err(Refusal::InsufficientStock { lines })
        );
    }

    #[test]
    fn a_line_that_names_its_store_comes_from_there_whatever_it_ships_to() {
        let mut shop = place("shop", 1, None);
        shop.details.ships_to = Some(ShipsTo::Countries(vec![country("GB")]));
        let stock = level("A", "shop", 5, 0);
        let candidates = [of(&shop, &stock)];
        let named = reserve(&request(vec![asked("A", Some("shop"), 2)]), &candidates);
        assert!(named.is_ok());
        let open = reserve(&request(vec![asked("A", None, 2)]), &candidates);
        assert_eq!(open.map(|_| ()), Err(Refusal::short(&sku("A"), 2, 0)));
    }
}
