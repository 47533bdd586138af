//! Real processes under real accidents: `kill -9`, a full disk, a second process, a damaged database.
//!
//! `CARTWRIGHT_CRASH_ROUNDS` (default 10) sets how often the server is killed under load and
//! `CARTWRIGHT_CRASH_SEED` repeats the moments of an earlier run.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

#[path = "../http/support/mod.rs"]
mod support;

mod deeds;
mod disk;
mod kill;
mod load;
mod random;
#[allow(dead_code, reason = "shared with the tests of faults")]
mod small_disk;
mod start;
mod verify;
