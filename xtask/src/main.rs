//! The workshop: `cargo xtask <verb>`, one file per verb.
//!
//! Verbs are plain functions that return an error with what to do about it; this file only
//! knows their names and arguments.
#![allow(clippy::print_stdout, reason = "a workshop tool speaks on stdout")]

mod generate;
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
    /// Write what is made from other files: protobuf code, OpenAPI, the configuration reference
    Generate(generate::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().verb {
        Verb::Generate(arguments) => generate::run(&arguments),
    }
}
