//! gRPC over real sockets: the generated clients against the real binary, on the port of HTTP.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

#[path = "../http/support/mod.rs"]
mod support;

#[path = "../crash/small_disk.rs"]
mod small_disk;

mod caller;

mod buying;
mod carts;
mod catalog;
mod drop_in;
mod drop_in_buyer;
mod drop_in_buying;
mod drop_in_services;
mod lookup;
mod read_only;
mod retries;
mod standard;
mod stock;
mod storefront;
mod who;
