//! How a hold ends, and how it lives longer.

use super::{Level, LevelKey, Movement, MovementKind, Reservation, ReservationEvent, State};
use crate::planted::{Bug, planted};
use crate::{Refusal, Time};

/// How a hold ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Sold at a till: the units leave.
    Confirm,
    /// Given back.
    Release,
    /// Given back because its time is over.
    Expire,
    /// Sold by an order: the units stay until they are shipped, and nobody else gets them.
    Allocate,
}

impl Ending {
    fn state(self) -> State {
        match self {
            Self::Confirm | Self::Allocate => State::Confirmed,
            Self::Release => State::Released,
            Self::Expire => State::Expired,
        }
    }

    fn kind(self) -> MovementKind {
        match self {
            Self::Confirm => MovementKind::Confirmed,
            Self::Release => MovementKind::Released,
            Self::Expire => MovementKind::Expired,
            Self::Allocate => MovementKind::Allocated,
        }
    }
}

/// The events of a hold's end: its own and one a level.
pub type Ended = (ReservationEvent, Vec<(LevelKey, Movement)>);

/// Ends a hold with all its levels (`levels[i]` belongs to `lines[i]`). `None`: it has ended so already, nothing changes.
///
/// Errors: [`Refusal::ReservationFinal`] when it ended otherwise; [`Refusal::InsufficientStock`] for a confirmation that
/// would take more than lies there (the hold stays).
pub fn end(
    hold: &Reservation,
    ending: Ending,
    levels: &[&Level],
) -> Result<Option<Ended>, Refusal> {
    let frees_again = planted(Bug::ReleaseFreesTwice) && ending == Ending::Release;
    if hold.state == ending.state() && !frees_again {
        return Ok(None);
    }
    let is_late = hold.state == State::Expired && ending == Ending::Confirm;
    let may_be_late = is_late && planted(Bug::ConfirmAfterExpiry);
    if hold.state != State::Pending && !frees_again && !may_be_late {
        return Err(Refusal::ReservationFinal {
            state: hold.state.as_str(),
        });
    }
    let mut movements = Vec::with_capacity(levels.len());
    for (line, level) in hold.lines.iter().zip(levels) {
        let leaving = if ending == Ending::Confirm {
            line.quantity
        } else {
            0
        };
        if leaving > 0 && (line.backordered > 0 || level.on_hand < leaving) {
            return Err(Refusal::short(
                &line.level.sku,
                leaving,
                (leaving - line.backordered).min(level.on_hand),
            ));
        }
        let held = line.quantity - line.backordered;
        let mut movement = freed(level, line.backordered, held, leaving, ending.kind());
        if ending == Ending::Expire && planted(Bug::ExpiryBooksUnits) {
            movement.on_hand_delta += held;
            movement.on_hand += held;
        }
        if ending == Ending::Allocate {
            movement.allocated_delta = line.quantity;
        }
        movement.reservation = Some(hold.id);
        movement.reference = Some(hold.reference.clone());
        movements.push((line.level.clone(), movement));
    }
    Ok(Some((ReservationEvent::Ended(ending.state()), movements)))
}

/// What is given back stays free; it goes to those who wait with the next receipt, so that one movement has one cause.
fn freed(level: &Level, backordered: i64, held: i64, leaving: i64, kind: MovementKind) -> Movement {
    let mut movement = level.moved(kind, -leaving, -held);
    movement.backordered_delta = -backordered;
    movement
}

/// Lets a hold live until `until`, never shorter than before. `None`: nothing changes.
///
/// Errors: [`Refusal::ReservationFinal`] when it has ended.
pub fn extend(hold: &Reservation, until: Time) -> Result<Option<ReservationEvent>, Refusal> {
    if hold.state != State::Pending {
        return Err(Refusal::ReservationFinal {
            state: hold.state.as_str(),
        });
    }
    Ok((until > hold.expires_at).then_some(ReservationEvent::Extended { expires_at: until }))
}

#[cfg(test)]
mod tests;
