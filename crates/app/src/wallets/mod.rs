//! Wallets: money in and out by hand, and what purchases hold, take and get back of it.

mod book;
mod part;

pub use book::Book;
pub(crate) use part::{Purse, purse};
pub use part::{Refund, refund};
