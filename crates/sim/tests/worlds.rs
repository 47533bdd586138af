//! Worlds: the same seed is the same world, and nothing that must hold fails in any of them.

use cartwright_sim::run;

/// Seeds that are run with every test; `cargo xtask sim --all` runs more of them.
const SEEDS: u64 = 250;
/// How long anything may fail in a world, in seconds.
const SECONDS: u64 = 60;

#[track_caller]
fn check(seed: u64, seconds: u64) {
    let report = run(seed, None, seconds);
    let told: Vec<_> = report.violations.iter().map(ToString::to_string).collect();
    assert!(
        told.is_empty(),
        "cargo xtask sim --seed {seed} --seconds {seconds}\n{}",
        told.join("\n")
    );
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [3, 5, 1_000_003] {
        let (once, twice) = (run(seed, None, SECONDS), run(seed, None, SECONDS));
        assert_eq!(once.trace, twice.trace, "seed {seed}");
        assert_eq!(once.faults, twice.faults, "seed {seed}");
        assert!(once.commits > 0, "seed {seed}");
    }
}

#[test]
fn another_seed_is_another_world() {
    assert_ne!(run(1, None, SECONDS).trace, run(2, None, SECONDS).trace);
}

#[test]
fn nothing_fails_in_any_world() {
    (1..=SEEDS).for_each(|seed| check(seed, SECONDS));
}

#[test]
fn what_was_found_once_stays_away() {
    let list = include_str!("../regressions");
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let mut number = || words.next().and_then(|word| word.parse().ok());
        let (seed, seconds) = number()
            .zip(number())
            .expect("seed, seconds, what it found");
        check(seed, seconds);
    }
}
