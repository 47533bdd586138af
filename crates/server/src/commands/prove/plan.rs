//! The plan: what is tried in each round, drawn from the seed alone. How many rounds there is time for is not part of it.

use sha2::{Digest, Sha256};

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to choose cases and moments.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// What a round of a trial draws from: the same for the same seed, whatever other trials did.
    pub(super) fn of_round(seed: u64, trial: &str, round: u64) -> Self {
        let hash = Sha256::digest(format!("{seed} {trial} {round}"));
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        Self(u64::from_be_bytes(first))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// True once in so many cases.
    pub(super) fn one_in(&mut self, cases: u64) -> bool {
        self.within(1, cases) == 1
    }

    /// One of these.
    pub(super) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.within(0, choices.len() as u64 - 1) as usize]
    }

    /// Draws of its own for somebody who works at the same time.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    fn draws(seed: u64, trial: &str, round: u64) -> Vec<u64> {
        let mut random = Random::of_round(seed, trial, round);
        (0..20).map(|_| random.within(0, 1_000_000)).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_plan_and_another_one_another() {
        assert_eq!(draws(7, "carts", 3), draws(7, "carts", 3));
        assert_ne!(draws(7, "carts", 3), draws(8, "carts", 3));
        assert_ne!(draws(7, "carts", 3), draws(7, "carts", 4));
        assert_ne!(draws(7, "carts", 3), draws(7, "keys", 3));
    }

    #[test]
    fn a_number_stays_within_its_bounds_and_reaches_both() {
        let mut random = Random::of_round(1, "any", 1);
        let drawn: Vec<_> = (0..200).map(|_| random.within(3, 5)).collect();
        assert!(drawn.iter().all(|it| (3..=5).contains(it)));
        assert!(drawn.contains(&3) && drawn.contains(&5));
    }
}
