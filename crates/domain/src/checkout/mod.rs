//! Checkouts: a cart on its way to an order, and the quote that says bindingly what it costs.
//!
//! A file per decision. Each takes the loaded checkout and cart, a request, what the catalogue says now
//! ([`Goods`](crate::cart::Goods)) and the shop's [`Rules`]. Stock is not asked here: who asks for a hold gets it in the
//! same transaction, or the whole is refused.

mod advance;
mod attempt;
mod cancel;
mod change;
#[allow(
    clippy::module_inception,
    reason = "the noun and its central type share the field's word"
)]
mod checkout;
mod complete;
mod contact;
mod expire;
mod price;
mod quote;
mod renew;
mod saga;
mod shipping;

pub use advance::SagaEvent;
pub use attempt::{
    Attempt, AttemptState, ExchangeOf, Failure, FailureCode, Message, Progress, REMEMBERED, Step,
    StepState,
};
pub use cancel::{cancel, cancel_with_cart};
pub use change::{Against, Change, Fresh};
pub use checkout::{Checkout, Event, Field, PAST_QUOTES, State, Terms};
pub use complete::accept;
pub use contact::{Address, BadEmail, Contact, ContactEvent, Email};
pub use expire::expire;
pub use price::{MAX_MINOR, Priced, price};
pub use quote::{Line, Quote, Staleness, Totals};
pub use renew::{Renewed, open, update};
pub use saga::{Next, next};
pub use shipping::{BadRates, Rates, Rules, ShippingOption};

#[cfg(test)]
mod samples;
