//! `cartwright-sim`: runs worlds, one after the other, and says what does not hold; with `bugs` plants defects and says what catches
//! them.
#![allow(clippy::print_stdout, reason = "it is a command")]

use cartwright_sim::Report;
use cartwright_sim::worlds::{Totals, run_all};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cartwright-sim [--seed N] [--count M] [--seconds S] [--threads T] [--verbose] [--history FILE]
       cartwright-sim bugs [--only NAME] [--budget N] [--seconds S] [--threads T] [--write FILE | --check FILE]
The second needs the feature `planted-bugs`.";

/// Worlds after which it says how far it is.
const TOLD_EVERY: u64 = 5_000;

/// What follows on the command line, by name.
struct Arguments(BTreeMap<String, String>);

impl Arguments {
    fn parse(words: impl Iterator<Item = String>, known: &[&str]) -> Option<Self> {
        let (mut found, mut words) = (BTreeMap::new(), words);
        while let Some(name) = words.next() {
            let name = name
                .strip_prefix("--")
                .filter(|name| known.contains(name))?
                .to_owned();
            let value = if name == "verbose" {
                String::new()
            } else {
                words.next()?
            };
            found.insert(name, value);
        }
        Some(Self(found))
    }

    fn number(&self, name: &str, usual: u64) -> Option<u64> {
        self.0
            .get(name)
            .map_or(Some(usual), |value| value.parse().ok())
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let done = if words.next_if(|word| word == "bugs").is_some() {
        let known = ["only", "budget", "seconds", "threads", "write", "check"];
        Arguments::parse(words, &known).and_then(|it| bugs(&it))
    } else {
        Arguments::parse(
            words,
            &["seed", "count", "seconds", "threads", "verbose", "history"],
        )
        .and_then(|it| worlds(&it))
    };
    done.unwrap_or_else(|| {
        println!("{USAGE}");
        ExitCode::from(2)
    })
}

fn worlds(arguments: &Arguments) -> Option<ExitCode> {
    let (first, count) = (arguments.number("seed", 1)?, arguments.number("count", 1)?);
    let seconds = arguments.number("seconds", 60)?;
    let threads = arguments.number("threads", 1)?;
    let verbose = arguments.0.contains_key("verbose");
    let stories = Mutex::new(Vec::new());
    let told = |seed: u64, report: &Report, so_far: &Totals| {
        if verbose {
            println!("{report:#?}");
        }
        if !report.violations.is_empty() {
            let violations = report.violations.len();
            println!("seed {seed}: {violations} violations; {}", report.trace);
            for violation in report.violations.iter().take(5) {
                println!("  {violation}");
            }
            println!("  again: cargo xtask sim --seed {seed} --seconds {seconds}");
        }
        if arguments.0.contains_key("history") {
            let story = serde_json::json!({ "seed": seed, "story": report.story });
            stories.lock().push(story);
        }
        if so_far.worlds.is_multiple_of(TOLD_EVERY) {
            eprintln!("{so_far}");
        }
    };
    let totals = run_all(first..first + count, seconds, threads as usize, told);
    println!("{totals}");
    if let Some(file) = arguments.0.get("history") {
        let text = serde_json::Value::from(stories.into_inner()).to_string();
        if let Err(error) = std::fs::write(file, text) {
            println!("{file} cannot be written: {error}");
            return Some(ExitCode::FAILURE);
        }
    }
    println!("faults: {:?}", totals.faults);
    Some(ExitCode::from(u8::from(totals.failed > 0)))
}

#[cfg(not(feature = "planted-bugs"))]
fn bugs(_: &Arguments) -> Option<ExitCode> {
    None
}

#[cfg(feature = "planted-bugs")]
fn bugs(arguments: &Arguments) -> Option<ExitCode> {
    use cartwright_domain::planted::Bug;
    use cartwright_sim::bugs::{Hunt, hunt_all, table};
    let only = arguments.0.get("only");
    let all = Bug::ALL.iter().copied();
    let chosen: Vec<_> = all
        .filter(|it| only.is_none_or(|only| only == it.name()))
        .collect();
    if chosen.is_empty() {
        return None;
    }
    let (budget, seconds) = (
        arguments.number("budget", 500)?,
        arguments.number("seconds", 60)?,
    );
    let threads = arguments.number("threads", 2)?;
    // A defect may well make the shop panic: that is one way to be caught.
    std::panic::set_hook(Box::new(|_| {}));
    let told = |hunt: &Hunt| match &hunt.caught {
        Some((invariant, seen)) => {
            let seen: String = seen.chars().take(200).collect();
            println!(
                "{}: {invariant}, {} seeds, {:.1} s: {seen}",
                hunt.bug.name(),
                hunt.seeds,
                hunt.took.as_secs_f64()
            );
        }
        None => println!("{} SURVIVES {} seeds", hunt.bug.name(), hunt.seeds),
    };
    let hunts = hunt_all(&chosen, budget, seconds, threads as usize, told);
    let caught = hunts.iter().filter(|it| it.caught.is_some()).count();
    println!(
        "{caught} of {} planted defects are caught within {budget} seeds",
        hunts.len()
    );
    let told = match (arguments.0.get("write"), arguments.0.get("check")) {
        (Some(path), _) => proof::write(path, &table(&hunts)),
        (None, Some(path)) => proof::check(path, &hunts),
        (None, None) => Ok(()),
    };
    if let Err(error) = &told {
        println!("error: {error}");
    }
    Some(ExitCode::from(u8::from(
        caught < hunts.len() || told.is_err(),
    )))
}

/// The table in the committed document, between its marks.
#[cfg(feature = "planted-bugs")]
mod proof {
    use cartwright_sim::bugs::Hunt;
    use std::fs;

    const BEGIN: &str = "<!-- planted defects: begin -->\n";
    const END: &str = "<!-- planted defects: end -->";

    fn parts(path: &str) -> Result<(String, String, String), String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let marks = format!("{path} has no marks for the table");
        let (before, rest) = text.split_once(BEGIN).ok_or_else(|| marks.clone())?;
        let (table, after) = rest.split_once(END).ok_or(marks)?;
        Ok((before.to_owned(), table.to_owned(), after.to_owned()))
    }

    pub(super) fn write(path: &str, table: &str) -> Result<(), String> {
        let (before, _, after) = parts(path)?;
        let text = format!("{before}{BEGIN}{table}{END}{after}");
        fs::write(path, text).map_err(|error| format!("{path}: {error}"))
    }

    /// Every defect must stand in the committed table.
    pub(super) fn check(path: &str, hunts: &[Hunt]) -> Result<(), String> {
        let (_, table, _) = parts(path)?;
        let is_missing = |hunt: &&Hunt| !table.contains(&format!("| `{}` |", hunt.bug.name()));
        match hunts.iter().find(is_missing) {
            Some(hunt) => Err(format!("{path} does not tell of {}", hunt.bug.name())),
            None => Ok(()),
        }
    }
}
