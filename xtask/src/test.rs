//! `test`: real services, then every test: the OpenAPI fuzzer, and all of `cargo test --workspace`.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::services::{self, Ready};
use crate::{fuzz, process, venv};

/// Arguments of `test`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often the crash test kills the server
    #[arg(long, default_value_t = 20)]
    crash_rounds: u32,
    /// Run only what needs nothing but Rust
    #[arg(long)]
    no_services: bool,
    /// Leave the OpenAPI fuzzer out
    #[arg(long)]
    no_fuzz: bool,
    /// Run the black-box tests alone, all of them on each combination of engines
    #[arg(long, conflicts_with = "no_services")]
    combinations: bool,
    /// Passed on to `cargo test --workspace`
    #[arg(last = true)]
    passed_on: Vec<String>,
}

/// The sums of all `test result:` lines.
#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
}

impl Counts {
    /// Prints the line that test readers take for the whole run's.
    pub(crate) fn print(&self) {
        println!("\n{} passed, {} failed", self.passed, self.failed);
    }

    /// Adds a line of `cargo test`'s output when it is a result.
    fn add(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result:") else {
            return;
        };
        for part in result.split([';', '.']) {
            match part.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

/// The verb: runs all and closes on the sums.
///
/// # Errors
/// When a service cannot be had, or a test or the fuzzer fails.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (counts, result) = all(arguments)?;
    counts.print();
    result
}

/// Everything; the counts are there also when something failed.
///
/// # Errors
/// When a service cannot be had; what fails in tests is the inner result.
pub(crate) fn all(arguments: &Arguments) -> anyhow::Result<(Counts, anyhow::Result<()>)> {
    let ready = if arguments.no_services {
        Vec::new()
    } else {
        services::up()?
    };
    let fuzzed = fuzzed(arguments);
    let tested = cargo_test(arguments, &ready);
    let ended = services::end(&ready);
    print_where(&ready, &fuzzed);
    let (counts, tests) = tested?;
    ended?;
    let result = match fuzzed {
        Fuzzed::Failed(error) => tests.and(Err(error)),
        Fuzzed::Clean | Fuzzed::Skipped(_) => tests,
    };
    Ok((counts, result))
}

enum Fuzzed {
    Clean,
    Skipped(&'static str),
    Failed(anyhow::Error),
}

/// Before the tests, so that the run closes on theirs.
fn fuzzed(arguments: &Arguments) -> Fuzzed {
    if arguments.no_fuzz || arguments.combinations || !arguments.passed_on.is_empty() {
        return Fuzzed::Skipped("not asked for");
    }
    if !fuzz::description().is_file() {
        return Fuzzed::Skipped("there is no docs/openapi.json");
    }
    if arguments.no_services && process::find("python3", &[]).is_none() {
        return Fuzzed::Skipped("there is no Python");
    }
    match fuzz::run(&fuzz::Arguments::default()) {
        Ok(()) => Fuzzed::Clean,
        Err(error) => {
            eprintln!("{error:#}");
            Fuzzed::Failed(error)
        }
    }
}

/// The simulation is built apart, for release and with the planted defects: it runs thousands of worlds, and what it needs of tokio
/// would make the rest be compiled twice.
const SIMULATION: &str = "cartwright-sim";

/// Black-box tests that run on other engines than those that a shop brings along, too.
const SUITES: [&str; 4] = ["http", "checkout", "grpc", "lease"];

/// Which engines carry the shops of a run of these tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Combination {
    /// SQLite, the log itself as bus, memory.
    Embedded,
    /// PostgreSQL, the log itself as bus, memory.
    Postgres,
    /// PostgreSQL, Kafka, Redis.
    AllEngines,
}

/// What runs a second time in every run of all tests, so that each combination is met: where most is heard by a bus on all engines, the
/// suite with the most starts and the fewest consumers without Kafka.
const AGAIN: [(Combination, &[&str]); 2] = [
    (Combination::Postgres, &["http"]),
    (Combination::AllEngines, &["checkout", "grpc", "lease"]),
];

impl Combination {
    fn shown(self) -> &'static str {
        match self {
            Self::Embedded => "SQLite, the log as bus, memory",
            Self::Postgres => "PostgreSQL, the log as bus, memory",
            Self::AllEngines => "PostgreSQL, Kafka, Redis",
        }
    }

    /// What tells the tests of it.
    ///
    /// # Errors
    /// When one of its engines is not there.
    fn environment(self, ready: &[Ready]) -> anyhow::Result<Vec<(&'static str, String)>> {
        let all = services::environment(ready);
        let of = |name: &str| {
            let found = all.iter().find(|(known, _)| *known == name);
            found
                .map(|(_, value)| value.clone())
                .with_context(|| format!("{name} is not there, for {}", self.shown()))
        };
        let mut told = Vec::new();
        if self != Self::Embedded {
            told.push(("ON_POSTGRES", of("CARTWRIGHT_TEST_POSTGRES_URL")?));
        }
        if self == Self::AllEngines {
            let (kafka, registry) = (
                of("CARTWRIGHT_TEST_KAFKA")?,
                of("CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL")?,
            );
            told.push(("ON_KAFKA", format!("kafka://{kafka}?registry={registry}")));
            told.push(("ON_REDIS", of("CARTWRIGHT_TEST_REDIS_URL")?));
        }
        Ok(told)
    }

    /// Runs suites on it; whether all passed.
    fn run(self, suites: &[&str], ready: &[Ready], counts: &mut Counts) -> anyhow::Result<bool> {
        eprintln!("{} on {}", suites.join(", "), self.shown());
        let mut command = process::cargo(&["test", "--no-fail-fast", "-p", "cartwright"]);
        command.args(suites.iter().flat_map(|test| ["--test", test]));
        command.envs(services::environment(ready));
        counted(command.envs(self.environment(ready)?), counts)
    }
}

fn cargo_test(
    arguments: &Arguments,
    ready: &[Ready],
) -> anyhow::Result<(Counts, anyhow::Result<()>)> {
    let mut command = process::cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.args(&arguments.passed_on);
    command.env(
        "CARTWRIGHT_CRASH_ROUNDS",
        arguments.crash_rounds.to_string(),
    );
    if !ready.is_empty() {
        command.envs(services::environment(ready));
        // A mail server that keeps what it gets: the test that needs one starts it.
        command.env("CARTWRIGHT_TEST_AIOSMTPD", venv::with(&["aiosmtpd"])?);
    }
    let mut counts = Counts::default();
    let result = if arguments.combinations {
        let mut all = true;
        for combination in [
            Combination::Embedded,
            Combination::Postgres,
            Combination::AllEngines,
        ] {
            all &= combination.run(&SUITES, ready, &mut counts)?;
        }
        all
    } else if arguments.passed_on.is_empty() {
        let mut tests = counted(command.args(["--exclude", SIMULATION]), &mut counts)?;
        if !ready.is_empty() {
            for (combination, suites) in AGAIN {
                tests &= combination.run(suites, ready, &mut counts)?;
            }
        }
        if !ready.is_empty() {
            eprintln!("defects that are planted in what speaks to the engines");
            let mut planted = process::cargo(&["test", "-p", "cartwright-adapters"]);
            planted.args(["--features", "planted-bugs", "--test", "engine_bugs"]);
            tests &= counted(planted.envs(services::environment(ready)), &mut counts)?;
        }
        let words = ["test", "--release", "--features", "planted-bugs", "-p"];
        let worlds = counted(process::cargo(&words).arg(SIMULATION), &mut counts)?;
        tests && worlds
    } else {
        counted(&mut command, &mut counts)?
    };
    let result = match (result, &counts) {
        (true, Counts { passed: 0, .. }) => Err(anyhow::anyhow!("no test ran")),
        (true, _) => Ok(()),
        (false, _) => Err(anyhow::anyhow!(
            "tests failed; `cargo xtask test -- -p CRATE NAME` runs one again"
        )),
    };
    Ok((counts, result))
}

/// Runs `cargo test`, shows what it says and adds up its results; whether all passed.
fn counted(command: &mut Command, counts: &mut Counts) -> anyhow::Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut out = std::io::stdout();
    let mut lines = BufReader::new(child.stdout.take().context("stdout is piped")?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        counts.add(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(child.wait()?.success())
}

fn print_where(ready: &[Ready], fuzzed: &Fuzzed) {
    println!("\nwhat ran where");
    for it in ready {
        println!(
            "  {:<16} {:<13} {}",
            it.service.name,
            it.origin.shown(),
            it.address
        );
    }
    if ready.is_empty() {
        println!("  services         left out, their tests skipped");
    }
    let fuzzed = match fuzzed {
        Fuzzed::Clean => "native, found nothing",
        Fuzzed::Skipped(reason) => reason,
        Fuzzed::Failed(_) => "native, FOUND SOMETHING",
    };
    println!("  {:<16} {fuzzed}", "fuzzer");
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn result_lines_are_summed_and_others_ignored() {
        let mut counts = Counts::default();
        counts.add("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s");
        counts
            .add("test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        counts.add("test says_9_passed ... ok");
        assert_eq!(
            counts,
            Counts {
                passed: 15,
                failed: 2
            }
        );
    }
}
