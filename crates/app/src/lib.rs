//! The use cases of the shop: the write loop, the services of each noun, and the ports to the outside.
//!
//! `app` loads and commits; `domain` decides; adapters keep. Every write goes through [`Shop::submit`].

pub mod commit;
pub mod committed;
pub mod events;
pub mod failpoint;
pub mod fault;
pub mod ids;
pub mod kept;
pub mod nouns;
pub mod ports;
pub mod replay;
pub mod second_level;
pub mod shop;
pub mod work;

pub mod attention;
pub mod carts;
pub mod catalog;
pub mod checkouts;
pub mod consumers;
pub mod dead_letters;
pub mod inventory;
pub mod keys;
pub mod notify;
pub mod orders;
pub mod stores;
mod tasks;
pub mod wallets;
pub mod webhooks;

pub use fault::Fault;
pub use nouns::{Event, Key, Record};
pub use shop::{Reply, Shop};
