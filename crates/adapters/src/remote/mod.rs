//! The other processes of the shop.

mod peers;

pub use peers::{Outgoing, PeerClient};
