//! Webhooks out (ORD-3): endpoints, and who tells them what happens. Each endpoint is a consumer of the log with a place of its own.

mod dispatch;
mod endpoints;
mod sender;
mod told;

pub use dispatch::{Options, Webhooks};
pub use endpoints::{CreateEndpoint, DeleteEndpoint, consumer_of, secret_of};
pub use told::{NAMES, is_filter};
