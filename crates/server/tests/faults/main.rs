//! Real processes under fire (PRF-4): a shop is killed at every failpoint and at random, paused, robbed of its disk, its clients and its
//! provider, while clients record what it acknowledged. Then all is healed, and must be as it was acknowledged. See docs/PROOF.md.
//!
//! `CARTWRIGHT_PROOF_ROUNDS` (default 9) says how many lives a shop has after the walk through all failpoints: in each it is badly
//! treated and then killed. `CARTWRIGHT_CRASH_SEED` repeats the choices of an earlier run.
#![allow(
    clippy::disallowed_methods,
    reason = "a black box is watched with the machine's own clock"
)]

#[path = "../http/support/mod.rs"]
mod support;

#[path = "../crash/random.rs"]
mod random;

#[allow(dead_code, reason = "shared with the crash tests")]
#[path = "../crash/small_disk.rs"]
mod small_disk;

#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/accounts.rs"]
mod accounts;
#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/books.rs"]
mod books;
#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/gateway.rs"]
mod gateway;
#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/receiver.rs"]
mod receiver;
#[allow(dead_code, reason = "shared with the tests of checkouts")]
#[path = "../checkout/world.rs"]
mod world;

mod around;
mod bout;
mod buyers;
mod charges;
#[allow(dead_code, reason = "shared with the tests of engines")]
mod client;
mod counts;
mod fillers;
mod letters;
mod mailbox;
mod nodes;
mod proxy;
mod site;
mod storm;
mod tills;
mod walk;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use bout::{Scene, bout};
use counts::Counts;
use random::Random;
use site::{Ground, Site};
use storm::Lives;
use support::{Setup, TempDir};

/// Rounds between two looks at everything that was acknowledged.
const BOUT: u64 = 8;
/// Bouts on one data directory, before its log is read from the beginning and compared.
const BOUTS: u64 = 4;
/// Up to so many rounds, lives are short.
const SHORT: u64 = 50;
const SHORT_LIVES: Lives = Lives(500, 1_500);
/// Long enough that 1,000 of them see 1,000,000 acknowledged writes in an hour.
const LONG_LIVES: Lives = Lives(1_000, 4_500);
/// Grounds, one after the other.
const GROUNDS: [Ground; 3] = [Ground::Plain, Ground::Shared, Ground::Small];

fn rounds() -> u64 {
    match std::env::var("CARTWRIGHT_PROOF_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("CARTWRIGHT_PROOF_ROUNDS is a number"),
        Err(_) => 9,
    }
}

#[test]
fn what_is_acknowledged_survives_whatever_strikes() {
    let seed = Random::seed();
    eprintln!("CARTWRIGHT_CRASH_SEED={seed} repeats this run's choices");
    let mut random = Random::new(seed);
    let (counts, since) = (Arc::new(Counts::default()), Instant::now());
    at_every_failpoint(&counts, &mut random);
    let (all, mut done) = (rounds(), 0);
    let lives = if all > SHORT { LONG_LIVES } else { SHORT_LIVES };
    for ground in GROUNDS.iter().cycle() {
        // A short run sees every ground.
        let most = (BOUT * BOUTS).min(all.div_ceil(GROUNDS.len() as u64));
        let enough = all.min(done + most);
        let site = Site::open("storm", *ground, &counts);
        let scene = Scene::set(&site);
        while done < enough {
            let left = BOUT.min(enough - done);
            bout(&site, &scene, &mut random, |_, random| match ground {
                Ground::Shared => nodes::changes(&site, left, random),
                Ground::Plain | Ground::Small => storm::storm(&site, left, lives, random),
            });
            done += left;
            storm::progress(&site, done, all, since);
        }
        site.verify_log();
        if done >= all {
            break;
        }
    }
    let mut report = counts.report();
    report["seconds"] = since.elapsed().as_secs().into();
    report["seed"] = seed.into();
    // Past the capture of the test's output: a run is known by this line.
    writeln!(std::io::stdout(), "{report}").expect("standard output");
}

#[test]
fn a_failpoint_that_there_is_not_ends_the_start() {
    let dir = TempDir::new("unknown");
    let refusal = Setup::new(&dir)
        .with("FAILPOINTS", "commit.befor=kill")
        .refusal();
    assert_eq!(refusal.status.code(), Some(2), "{}", refusal.said);
    let says = refusal.said.contains("`commit.befor`") && refusal.said.contains("commit.before");
    assert!(says, "{}", refusal.said);
    assert!(!dir.data().exists(), "nothing is made before that");
}

/// Once through all failpoints; each must be reached.
fn at_every_failpoint(counts: &Arc<Counts>, random: &mut Random) {
    let site = Site::open("walk", Ground::Small, counts);
    if site.disk.is_none() {
        let skipped = "SKIPPED: full disks, and the failpoints after them, need root to mount a small file system";
        writeln!(std::io::stderr(), "{skipped}").expect("standard error");
    }
    let scene = Scene::set(&site);
    let points = walk::points(&site);
    bout(&site, &scene, random, |load, random| {
        walk::walk(&site, load, &points, random)
    });
    let reached = counts.points();
    let missed: Vec<_> = points
        .iter()
        .filter(|it| !reached.contains_key(it.name()))
        .collect();
    assert!(missed.is_empty(), "never reached: {missed:?}");
    site.verify_log();
}
