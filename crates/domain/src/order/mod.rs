//! Orders: what was sold, what became of it, and what it was paid with.
//!
//! A file per decision. An order begins when all its money is held; its stock is its own from that moment on.

mod cancel;
mod fulfill;
#[allow(
    clippy::module_inception,
    reason = "the noun and its central type share the field's word"
)]
mod order;

pub use cancel::{Cancelled, cancel};
pub use fulfill::{Ship, Shipped, fulfill};
pub use order::{
    Event, Fulfillment, FulfillmentState, Happened, Line, Order, Placed, Source, State, Tracking,
};
