//! Orders: what was sold, what became of it, and what it was paid with.
//!
//! A file per decision. An order begins when all its money is held; its stock is its own from that moment on.

mod cancel;
mod event;
mod exchange;
mod fulfill;
mod happened;
mod line;
#[allow(
    clippy::module_inception,
    reason = "the noun and its central type share the field's word"
)]
mod order;
mod refund;
mod restock;
mod returns;
#[cfg(test)]
mod samples;
mod state;

pub use cancel::{Cancelled, cancel};
pub use event::{Event, Placed};
pub use exchange::{Exchange, ExchangeStarted, ExchangeState, Swap, Swapped, swap, take_back};
pub use fulfill::{Ship, Shipped, fulfill};
pub use happened::Happened;
pub use line::{Line, Source};
pub use order::{Fulfillment, Order, Tracking};
pub use refund::{
    Ask, Cause, Refund, RefundLine, RefundPart, RefundStarted, RefundState, Shipping, Sum, To,
    What, answered, owed, parts, resolved, sum,
};
pub use restock::{Restocked, restock};
pub use returns::{
    Return, ReturnState, SendBack, came_from, cancel_return, receive, request_return, taken_to,
};
pub use state::{FulfillmentState, PaymentState, State};
