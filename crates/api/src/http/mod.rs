//! The HTTP surface: a registry of routes and one edge that all of them pass.

mod auth;
mod body;
mod edge;
mod endpoint;
mod metrics;
mod page;
mod query;
mod rate;
mod routes;
mod serve;
mod write;

mod availability;
mod imports;
mod keys;
mod levels;
mod operation;
mod products;
mod reservations;
mod search;
mod storefront;
mod stores;
mod transfers;
mod variants;

pub use auth::{ROOT_NAME, Who, identify};
pub use edge::{Edge, Options};
pub use endpoint::{Access, BodyKind, Call, Endpoint, QueryParam, Reply, Verb};
pub use metrics::Metrics;
pub use routes::all as routes;
pub use serve::{Grpc, ReplyBody, boxed, serve};
