//! Every parser, with good input made bad (`mangle.rs`): nothing may panic, and over HTTP nothing may be answered but in the way that
//! is documented. `FUZZ_ROUNDS` says how many tries each gets, `FUZZ_SEED` which.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

mod decoders;
mod mangle;
mod requests;
#[path = "../http/support/mod.rs"]
mod support;

/// Tries of each parser, and the seed of the first.
fn plan(usual: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("FUZZ_SEED").unwrap_or(1);
    seed..seed + number("FUZZ_ROUNDS").unwrap_or(usual)
}
