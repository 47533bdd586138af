//! `sim`: the whole shop in virtual time with seeded faults. Built for release: a world takes a fraction of a second.

use crate::process;

/// Worlds of `--all`.
const ALL: u64 = 2_000;
/// Where the table of planted defects stands.
const PROOF: &str = "docs/PROOF.md";

/// Arguments of `sim`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The first world
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many worlds
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// How long anything may fail in each, in simulated seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many worlds run side by side
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// 2,000 worlds, then every planted defect: each must be caught
    #[arg(long, conflicts_with_all = ["seed", "count"])]
    all: bool,
    /// Every planted defect; writes the table in docs/PROOF.md
    #[arg(long, conflicts_with_all = ["seed", "count", "all"])]
    bugs: bool,
}

/// # Errors
/// When something does not hold in a world, or a planted defect survives; how to see it again is printed.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let seconds = arguments.seconds;
    if arguments.bugs {
        return sim(true, &format!("bugs --seconds {seconds} --write {PROOF}"));
    }
    let count = if arguments.all { ALL } else { arguments.count };
    let worlds = format!(
        "--seed {} --count {count} --seconds {seconds} --threads {}",
        arguments.seed, arguments.threads
    );
    sim(false, &worlds)?;
    if arguments.all {
        sim(true, &format!("bugs --seconds {seconds} --check {PROOF}"))?;
    }
    Ok(())
}

fn sim(is_planted: bool, words: &str) -> anyhow::Result<()> {
    let mut cargo = process::cargo(&["run", "--release", "--quiet", "-p", "cartwright-sim"]);
    if is_planted {
        cargo.args(["--features", "planted-bugs"]);
    }
    process::run(cargo.arg("--").args(words.split(' ')))
}
