//! `cartwright-sim --seed N --count M --seconds S`: runs worlds, one after the other, and says what does not hold.
#![allow(clippy::print_stdout, reason = "it is a command")]

use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut seed = 1;
    let mut count = 1;
    let mut seconds = 60;
    let mut verbose = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--verbose" {
            verbose = true;
            continue;
        }
        let value = arguments.next().and_then(|value| value.parse().ok());
        let (Some(value), true) = (value, ["--seed", "--count", "--seconds"].contains(&&*name))
        else {
            println!("usage: cartwright-sim [--seed N] [--count M] [--seconds S] [--verbose]");
            return ExitCode::from(2);
        };
        match &*name {
            "--seed" => seed = value,
            "--count" => count = value,
            _ => seconds = value,
        }
    }
    let mut failed = 0;
    let mut total = 0;
    let mut commits = 0;
    let mut faults: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in seed..seed + count {
        let report = cartwright_sim::run(seed, None, seconds);
        total += report.seconds;
        commits += report.commits;
        for (fault, count) in &report.faults {
            *faults.entry(*fault).or_default() += count;
        }
        if verbose {
            println!("{report:#?}");
        }
        if !report.violations.is_empty() {
            failed += 1;
            println!(
                "seed {seed}: {} violations; {}",
                report.violations.len(),
                report.trace
            );
            for violation in report.violations.iter().take(5) {
                println!("  {violation}");
            }
        }
    }
    println!("{count} worlds, {total} simulated seconds, {commits} commits, {failed} failed");
    println!("faults: {faults:?}");
    ExitCode::from(u8::from(failed > 0))
}
