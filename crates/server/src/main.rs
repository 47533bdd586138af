//! The binary `cartwright`.

mod commands;

use clap::Parser;
use commands::Cli;
use std::process::ExitCode;

/// Much of a write is small things made on one thread and freed on another, which the system's allocator does at twice the cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
