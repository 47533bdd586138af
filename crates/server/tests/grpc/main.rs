//! gRPC over real sockets: the generated clients against the real binary, on the port of HTTP.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

#[path = "../http/support/mod.rs"]
mod support;

mod caller;

mod carts;
mod catalog;
mod drop_in;
mod retries;
mod standard;
mod stock;
mod storefront;
mod who;
