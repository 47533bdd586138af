//! Payment providers over HTTP, and the signature of webhooks.

mod endpoint;
pub mod providers;
mod shown;
pub mod signature;
mod sim;
mod stripe;
pub mod webhook;

pub use providers::{Provider, ProvidersError, parse};
pub use sim::SimGateway;
pub use stripe::StripeGateway;
