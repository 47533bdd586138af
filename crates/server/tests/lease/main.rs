//! Several real processes on one data directory (INV-7): one writes, the others serve reads, pass writes on
//! where that is configured, and take over.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

#[path = "../http/support/mod.rs"]
mod support;

#[path = "../grpc/caller.rs"]
mod caller;
#[path = "../crash/deeds.rs"]
mod deeds;
#[path = "../crash/load.rs"]
mod load;
#[path = "../faults/proxy.rs"]
#[allow(dead_code, reason = "some weather is for other tests")]
mod proxy;
#[path = "../crash/random.rs"]
mod random;
#[path = "../crash/verify.rs"]
mod verify;

mod failover;
mod forwarding;
mod nodes;
mod reading;
mod redis_server;
mod roles;
mod shared_cache;
mod starting;
mod steps;
mod takeover;
