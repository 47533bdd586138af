//! Planted defects (PRF-3): each is switched on by itself, and worlds are run until one of them shows it.

use crate::world::run;
use cartwright_domain::planted::{Bug, plant};
use parking_lot::Mutex;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What became of one defect.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// Which.
    pub bug: Bug,
    /// What caught it: the name of an invariant, and what was seen; `None`: it survived.
    pub caught: Option<(&'static str, String)>,
    /// How many seeds were run, from 1.
    pub seeds: u64,
    /// How long that took.
    pub took: Duration,
}

/// Runs seeds from 1 until the defect is caught.
pub fn hunt(bug: Bug, budget: u64, seconds: u64) -> Hunt {
    let began = now();
    let mut caught = None;
    let mut seeds = 0;
    while caught.is_none() && seeds < budget {
        seeds += 1;
        plant(Some(bug));
        let report = catch_unwind(|| run(seeds, None, seconds));
        plant(None);
        caught = match report {
            Ok(report) => report
                .violations
                .into_iter()
                .next()
                .map(|it| (it.invariant, it.seen)),
            Err(_) => Some(("nothing-panics", String::new())),
        };
    }
    Hunt {
        bug,
        caught,
        seeds,
        took: now() - began,
    }
}

/// Hunts for all of them on so many threads; `told` hears of each as it ends. In the order of the list.
pub fn hunt_all(
    bugs: &[Bug],
    budget: u64,
    seconds: u64,
    threads: usize,
    told: impl Fn(&Hunt) + Sync,
) -> Vec<Hunt> {
    let (next, hunts) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let hunt = hunt(*bug, budget, seconds);
                    told(&hunt);
                    hunts.lock().push(hunt);
                }
            });
        }
    });
    let mut hunts = hunts.into_inner();
    hunts.sort_by_key(|hunt| bugs.iter().position(|bug| *bug == hunt.bug));
    hunts
}

/// The committed table.
pub fn table(hunts: &[Hunt]) -> String {
    let mut table = String::from(
        "| defect | what it does | caught by | seeds | seconds |\n|---|---|---|---:|---:|\n",
    );
    for hunt in hunts {
        let by = match &hunt.caught {
            Some((invariant, _)) => format!("`{invariant}`"),
            None => "**survives**".to_owned(),
        };
        let (name, what) = (hunt.bug.name(), hunt.bug.what());
        let (seeds, took) = (hunt.seeds, hunt.took.as_secs_f64());
        table += &format!("| `{name}` | {what} | {by} | {seeds} | {took:.1} |\n");
    }
    table
}

#[allow(
    clippy::disallowed_methods,
    reason = "how long the search itself took; no world sees it"
)]
fn now() -> Instant {
    Instant::now()
}
