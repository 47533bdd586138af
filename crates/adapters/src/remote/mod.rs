//! The other processes of the shop.

mod breaker;
mod inventory;
mod peers;

pub use breaker::{Breaker, BreakerOptions, Pass};
pub use inventory::RemoteInventory;
pub use peers::{Outgoing, PeerClient};
