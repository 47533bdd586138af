//! `cartwright prove`: finds nothing on a shop that keeps its promises, finds what a lying proxy breaks, and leaves nothing behind.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

#[path = "../http/support/mod.rs"]
mod support;

mod clean;
mod command;
mod embedded;
mod lies;
mod proxy;
