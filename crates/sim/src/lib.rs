//! The whole shop in virtual time (PRF-1): the real write loop, sagas and decisions on a simulated clock, network, disk and payment
//! provider, with clients that retry, crash and reuse keys.
//!
//! One thread runs everything, and everything random comes from one seed: the same seed and the same code make the same
//! [trace](Report::trace). A run has two phases. In the first anything may fail; in the second all that was broken is healed, and
//! whatever was begun must end. Some invariants are watched at every commit, read and effect, the [others](invariants) at the end.

#[cfg(feature = "planted-bugs")]
pub mod bugs;
mod clerk;
mod client;
mod disk;
mod found;
pub mod history;
pub mod invariants;
mod knobs;
mod node;
mod op;
mod provider;
mod request;
mod time;
mod watch;
mod wire;
mod world;
pub mod worlds;

pub use found::Violation;
pub use knobs::Knobs;
pub use world::{Report, log, run};
