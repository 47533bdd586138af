//! The HTTP surface: a registry of routes and one edge that all of them pass.

mod access;
mod auth;
mod body;
mod edge;
mod endpoint;
mod gate;
mod linger;
mod media;
pub(crate) mod metrics;
pub mod openapi;
mod page;
mod query;
mod rate;
mod routes;
mod serve;
mod write;

mod availability;
mod cart_lines;
mod cart_merge;
mod cart_reply;
mod carts;
mod central;
mod checkout_reply;
mod checkouts;
mod docs;
mod imports;
mod keys;
mod legacy;
mod levels;
mod operation;
mod products;
mod rendered_carts;
mod reservations;
mod search;
mod storefront;
mod stores;
mod transfers;
mod variants;

pub use auth::{ROOT_NAME, Who, identify};
pub use edge::{Edge, Options};
pub use endpoint::{Access, BodyKind, Call, Endpoint, QueryParam, Reply, Verb};
pub use keys::SECRET_PREFIX;
pub use metrics::Metrics;
pub use routes::all as routes;
pub use serve::{Grpc, ReplyBody, boxed, serve};
