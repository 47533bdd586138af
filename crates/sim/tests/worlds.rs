//! Worlds: the same seed is the same world, nothing that must hold fails in any of them, and every planted defect shows.
//! `cargo xtask test` runs them built for release, with the planted defects in; a debug build runs fewer.

use cartwright_sim::run;
use cartwright_sim::worlds::run_all;
use std::thread::available_parallelism;

/// Seeds that are run with every test.
const SEEDS: u64 = if cfg!(debug_assertions) { 50 } else { 2_000 };
/// How long anything may fail in a world, in seconds.
const SECONDS: u64 = 60;

fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in (1..40).chain([1_000_003]) {
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
    let totals = run_all(1..SEEDS + 1, SECONDS, threads(), |seed, report, _| {
        for violation in &report.violations {
            eprintln!("cargo xtask sim --seed {seed} --seconds {SECONDS}\n{violation}");
        }
    });
    assert_eq!(totals.failed, 0, "{totals}");
    assert_eq!(totals.worlds, SEEDS);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn every_planted_defect_shows() {
    use cartwright_domain::planted::Bug;
    /// Seeds within which each must be caught.
    const BUDGET: u64 = 500;
    std::panic::set_hook(Box::new(|_| {}));
    let hunts = cartwright_sim::bugs::hunt_all(Bug::ALL, BUDGET, SECONDS, threads(), |_| {});
    drop(std::panic::take_hook());
    let survivors: Vec<_> = hunts.iter().filter(|it| it.caught.is_none()).collect();
    assert!(
        survivors.is_empty(),
        "survive {BUDGET} seeds: {survivors:?}"
    );
    assert!(hunts.len() >= 40);
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
        let report = run(seed, None, seconds);
        assert!(
            report.violations.is_empty(),
            "cargo xtask sim --seed {seed} --seconds {seconds}\n{:?}",
            report.violations
        );
    }
}
