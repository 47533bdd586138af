//! The binary `cartwright`.

mod commands;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    version,
    about = "A shop that answers: catalog, stock and carts, durable"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(Box<commands::bench::BenchArgs>),
    /// The yardstick of `bench`: a bare JSON handler.
    #[command(name = commands::bench::bare::SUBCOMMAND, hide = true)]
    BenchBare,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Bench(args) => commands::bench::run(*args).await,
        Command::BenchBare => commands::bench::bare::serve().await,
    }
}
