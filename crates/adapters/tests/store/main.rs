//! The contract of the store, run on every technology, and what the write loop promises on each.

mod carts;
mod checkouts;
mod contract;
mod desk;
mod engine;
mod exchanges;
mod faulty;
mod fence;
mod lease;
mod lists;
mod looped;
mod on_disk;
mod orders;
mod replies;
mod saga;
mod samples;
mod steps;
mod unclear;
mod wallets;
mod webhooks;
mod write_loop;
mod writers;
