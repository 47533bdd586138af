//! Random moments and choices that a seed repeats.

use std::hash::{BuildHasher, Hasher, RandomState};

/// SplitMix64: small, and good enough to choose moments.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed of the environment, or a new one.
    pub(crate) fn seed() -> u64 {
        match std::env::var("CARTWRIGHT_CRASH_SEED") {
            Ok(seed) => seed.parse().expect("CARTWRIGHT_CRASH_SEED is a number"),
            Err(_) => RandomState::new().build_hasher().finish(),
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit`, without it.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn one_in(&mut self, cases: u64) -> bool {
        self.below(cases) == 0
    }
}
