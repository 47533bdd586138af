//! Holding stock: all lines or none.

use super::{Asked, Candidate, Held, Level, LevelKey, Movement, MovementKind, ReservationEvent, Sourcing, source};
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
        let taken = |c: &Candidate<'_>| parts.iter().filter(|(l, _)| l.key == c.level.key).map(|(_, units)| units).sum();
        let candidates: Vec<_> = candidates.iter().map(|c| Candidate { taken: taken(c), ..*c }).collect();
        let country = if line.store.is_some() { None } else { request.country };
        match source(&candidates, country, request.near.as_ref(), request.sourcing, line.quantity) {
            Ok(sourced) => parts.extend(sourced.into_iter().map(|(i, units)| (candidates[i].level, units))),
            Err(available) => short.push(ShortLine { sku: line.sku.clone(), requested: line.quantity, available }),
        }
    }
    if !short.is_empty() {
        return Err(Refusal::InsufficientStock { lines: short });
    }
    Ok(hold(request, &parts))
}

fn hold(request: &Reserve, parts: &[(&Level, i64)]) -> (ReservationEvent, Vec<(LevelKey, Movement)>) {
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
        lines.push(Held { level: level.key.clone(), quantity, backordered });
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
