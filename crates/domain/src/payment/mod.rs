//! Payments: money asked of a card or a wallet for one attempt of a checkout.
//!
//! A payment is recorded before anybody is asked, and each question before it is sent. What a provider answered moves it on; an answer
//! that does not come leaves it [`State::Unknown`], which only a lookup or the same question again ends.

mod charge;
mod instrument;
#[allow(clippy::module_inception, reason = "the noun of the folder")]
mod payment;
mod tell;

pub use charge::{NO_CHECKOUT, give_up_charge, next_of_charge, tell_charge};
pub use instrument::{Instrument, InstrumentEvent};
pub use payment::{Card, Decline, Event, Method, Origin, Payment, Question, Started, State};
pub use tell::{Answer, Sighting, tell};
