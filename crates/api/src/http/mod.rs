//! The HTTP surface: a registry of routes and one edge that all of them pass.

mod auth;
mod body;
mod edge;
mod endpoint;
mod metrics;
pub mod openapi;
mod page;
mod query;
mod rate;
mod routes;
mod serve;
mod write;

mod availability;
mod central;
mod docs;
mod keys;
mod legacy;
mod levels;
mod operation;
mod reservations;
mod stores;
mod transfers;

pub use auth::{ROOT_NAME, Who};
pub use edge::{Edge, Options};
pub use endpoint::{Access, BodyKind, Call, Endpoint, QueryParam, Reply, Verb};
pub use metrics::Metrics;
pub use routes::all as routes;
pub use serve::serve;
