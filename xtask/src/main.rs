//! The workshop: `cargo xtask <verb>`, one file per verb.
//!
//! Verbs are plain functions that return an error with what to do about it; this file only
//! knows their names and arguments.
#![allow(clippy::print_stdout, reason = "a workshop tool speaks on stdout")]

mod ci;
mod fuzz;
mod generate;
mod process;
mod services;
mod sim;
mod stopwatch;
mod test;
mod tidy;
mod venv;
mod workspace;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The workshop of Cartwright")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// All that must hold before a change lands: fmt, tidy, clippy, docs, generate, test
    Ci(test::Arguments),
    /// Real services, then every test; what follows `--` goes to `cargo test --workspace`
    Test(test::Arguments),
    /// A schema-driven fuzzer over the committed OpenAPI, against a real server
    Fuzz(fuzz::Arguments),
    /// The whole shop in virtual time with seeded faults; `--all`: 2,000 worlds and every planted defect
    Sim(sim::Arguments),
    /// Rules of this repository that no compiler knows
    Tidy,
    /// Write what is made from other files: protobuf code, OpenAPI, the configuration reference
    Generate(generate::Arguments),
    /// PostgreSQL, Redis, Kafka and a schema registry for tests: up, down, status
    Services(services::Arguments),
}

fn main() -> std::process::ExitCode {
    let result = match Arguments::parse().verb {
        Verb::Ci(arguments) => ci::run(&arguments),
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Fuzz(arguments) => fuzz::run(&arguments),
        Verb::Sim(arguments) => sim::run(&arguments),
        Verb::Tidy => tidy::run(),
        Verb::Generate(arguments) => generate::run(&arguments),
        Verb::Services(arguments) => services::run(&arguments),
    };
    if let Err(error) = result {
        // The chain of causes is for people; a backtrace of this tool would tell them nothing.
        eprintln!("error: {error:#}");
        return std::process::ExitCode::FAILURE;
    }
    std::process::ExitCode::SUCCESS
}
