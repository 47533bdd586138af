//! The real binary on a real Kafka: what happens in the shop lies in its topics, its consumers read from there, the demo's orders are
//! published as there, and the topics can be made again.
#![cfg(feature = "kafka")]
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

#[path = "../grpc/caller.rs"]
#[allow(dead_code, reason = "another binary uses the rest")]
mod caller;
#[path = "../grpc/drop_in_buyer.rs"]
#[allow(dead_code, reason = "another binary uses the rest")]
mod drop_in_buyer;
#[path = "../http/support/mod.rs"]
mod support;

#[allow(dead_code, reason = "another binary lists topics")]
mod lying;
mod shop;
