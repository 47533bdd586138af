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
    if arguments.no_fuzz || !arguments.passed_on.is_empty() {
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

/// The black-box tests that run a second time, their shops' state in PostgreSQL.
const IN_POSTGRES: [&str; 4] = ["http", "checkout", "grpc", "lease"];

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
    let result = if arguments.passed_on.is_empty() {
        let mut tests = counted(command.args(["--exclude", SIMULATION]), &mut counts)?;
        for (variable, address) in services::environment(ready) {
            if variable == "CARTWRIGHT_TEST_POSTGRES_URL" {
                eprintln!("once more, with state in PostgreSQL");
                let mut again = process::cargo(&["test", "--no-fail-fast", "-p", "cartwright"]);
                again.args(IN_POSTGRES.iter().flat_map(|test| ["--test", test]));
                tests &= counted(again.env("ON_POSTGRES", address), &mut counts)?;
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
