//! Wallets: money that the shop owes a customer, and the double-entry ledger that says why.
//!
//! A wallet has a balance per currency; what a purchase holds of it is not available to anybody else. Every change of a balance is an
//! entry, whose postings sum to 0 over the accounts; entries are never changed. Holds move no money and have none.

mod book;
mod entry;
mod hold;
#[allow(clippy::module_inception, reason = "the noun of the folder")]
mod wallet;

pub use book::{Booked, Booking, MAX_AMOUNT, credit, debit, is_repeat, refund};
pub use entry::{Account, Entry, EntryData, EntryEvent, Kind, Posting};
pub use hold::{Capture, capture, hold, release};
pub use wallet::{Balance, Event, Hold, Wallet};

#[cfg(test)]
mod tests;
