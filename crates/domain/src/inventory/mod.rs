//! Stock: levels per SKU and location, holds on them, moves between locations.
//!
//! The promise: what is promised (reserved, allocated, granted) never exceeds what lies there, unless somebody counted
//! less than was promised, and then nothing more is promised until it fits again.

mod adjust;
mod allocated;
mod configure;
mod count;
mod level;
mod reservation;
mod reserve;
#[cfg(test)]
mod samples;
mod settle;
mod shortage;
mod sourcing;
mod transfer;

pub use adjust::adjust;
pub use allocated::{give_up, restock, ship};
pub use configure::{Configure, configure};
pub use count::{Count, count};
pub use level::{
    Backorder, BackorderMode, Level, LevelKey, Movement, MovementKind, Notice, Settings, Standing,
};
pub use reservation::{Asked, Event as ReservationEvent, Held, Reservation, State};
pub use reserve::{Reserve, reserve};
pub use settle::{Ended, Ending, end, extend};
pub use shortage::{Shortage, accept_shortage};
pub use sourcing::{Candidate, Sourcing, available, source};
pub use transfer::{
    Event as TransferEvent, State as TransferState, Transfer, cancel, receive, start,
};
