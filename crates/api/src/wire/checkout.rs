//! Checkouts as clients write and read them.

mod address;
mod reply;
mod request;

pub use address::Address;
pub use reply::{Checkout, Rendered, Totals, person, render};
pub use request::{OpenCheckout, UpdateCheckout};
