//! Completing a checkout: an attempt is begun, moved on by what providers answer, and ends completed or undone.
//!
//! Each command is one transaction that goes on as far as it can without anybody outside; the last thing it records is what is asked
//! next. So whoever drives ([`Driver`]) only sends recorded questions and hands in their answers, and may die at any moment.

mod ask;
mod begin;
mod charge;
mod desk;
mod driver;
mod exchange;
mod hear;
mod resolve;
mod take_down;
mod verify;

pub use ask::{Provider, Providers};
pub use begin::{Complete, Part, Pay};
pub use charge::was_charged;
pub use driver::{Driver, Saga, Tenure};
pub use exchange::{Exchange, ExchangeIds};
pub use hear::{GiveUp, Hear, Nudge};
pub use resolve::{Action, Resolve};
pub use take_down::TakeDown;
pub use verify::Difference;

use cartwright_domain::Time;

/// When a hold ends that ends with its checkout: never by itself.
const PINNED: Time = Time(253_402_300_799_000);
