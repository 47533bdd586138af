//! gRPC over real sockets: the generated clients against the real binary, on the port of HTTP.

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
