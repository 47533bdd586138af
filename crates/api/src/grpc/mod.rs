//! gRPC: `cartwright.v1`, the drop-in packages, reflection and health.

pub mod frame;
mod health;
pub mod json;
pub mod lookup;
pub mod lookup_shop;
pub mod methods;
pub(crate) mod metrics;
mod passing;
mod services;
mod shapes;
pub mod status;
mod stream;

pub use services::Services;
