//! Many worlds, one seed each, on as many threads as are wanted.

use crate::world::{Report, run};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// What many worlds come to.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// How many were run.
    pub worlds: u64,
    /// Simulated seconds.
    pub seconds: u64,
    /// Batches that were written.
    pub commits: u64,
    /// Requests that were answered.
    pub answers: u64,
    /// Purchases that a client saw completed.
    pub bought: u64,
    /// Worlds in which something does not hold.
    pub failed: u64,
    /// How often which fault struck.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Totals {
    fn add(&mut self, report: &Report) {
        self.worlds += 1;
        self.seconds += report.seconds;
        self.commits += report.commits;
        self.answers += report.answers;
        self.bought += report.bought;
        self.failed += u64::from(!report.violations.is_empty());
        for (fault, count) in &report.faults {
            *self.faults.entry(fault).or_default() += count;
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            worlds,
            seconds,
            commits,
            answers,
            bought,
            failed,
            ..
        } = self;
        write!(
            f,
            "{worlds} worlds, {seconds} simulated seconds, {commits} commits, {answers} answers, {bought} purchases, {failed} failed"
        )
    }
}

/// Runs a world for each seed; `told` hears of each as it ends, with what all so far come to.
pub fn run_all(
    seeds: Range<u64>,
    seconds: u64,
    threads: usize,
    told: impl Fn(u64, &Report, &Totals) + Sync,
) -> Totals {
    let (next, totals) = (AtomicU64::new(seeds.start), Mutex::new(Totals::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let report = run(seed, None, seconds);
            let mut totals = totals.lock();
            totals.add(&report);
            told(seed, &report, &totals);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    totals.into_inner()
}
