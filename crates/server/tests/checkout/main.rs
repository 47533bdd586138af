//! Purchases by real processes: a shop, the providers it asks, and everything that can go wrong between them. After each of them the
//! shop's tables and the providers' ledgers must tell one story ([`books`]).
//!
//! `CARTWRIGHT_CRASH_ROUNDS` (default 2) sets how often processes are killed under load, and `CARTWRIGHT_CRASH_SEED` repeats the
//! moments of an earlier run.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

#[path = "../http/support/mod.rs"]
mod support;

#[path = "../crash/random.rs"]
mod random;

mod accounts;
mod attention;
mod bad_input;
mod books;
mod cancel;
mod correlation;
mod crash;
mod exchanges;
mod faults;
mod gateway;
mod letters;
mod meanwhile;
mod nodes;
mod outside;
mod plans;
mod providers;
mod purchase;
mod race;
mod receiver;
mod refused_letters;
mod webhooks_out;
mod world;
