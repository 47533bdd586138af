//! The subcommands, one module each.
//!
//! Exit codes: 0 done; 1 it ran and failed, or found something wrong; 2 it could not start (options, settings, data
//! directory, address) and changed nothing.

mod another;
pub(crate) mod bench;
#[cfg(feature = "kafka")]
mod bus;
mod checkout;
mod completions;
mod config;
mod data_dir;
mod dead_letters;
mod demo;
mod doctor;
mod export;
mod gateway_sim;
mod import;
mod migrate;
mod openapi;
mod prove;
mod remote;
mod replay;
mod serve;

use data_dir::DataDir;

use cartwright_app::failpoint;
use cartwright_server::CannotStart;
use cartwright_server::config::Flags;
use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::process::ExitCode;

/// What the command line may say.
#[derive(Debug, Parser)]
#[command(
    version,
    about = "A shop that answers: catalogue, stock, carts, checkout and orders, durable, from one command",
    after_help = "Without a command: `serve --sample` on ./cartwright-data.

Examples:
  cartwright                                            a shop with sample data on http://127.0.0.1:8080
  cartwright serve --listen 0.0.0.0:8080 --data-dir /var/lib/cartwright
  cartwright doctor --data-dir /var/lib/cartwright

Exit codes: 0 done; 1 it ran and failed or found something wrong; 2 it could not start and changed nothing."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the shop until SIGTERM.
    #[command(after_help = serve::EXAMPLES)]
    Serve(Flags),
    Demo(demo::DemoArgs),
    Checkout(checkout::CheckoutArgs),
    #[command(name = "dead-letters")]
    DeadLetters(dead_letters::DeadLettersArgs),
    Import(Box<import::ImportArgs>),
    Export(export::ExportArgs),
    Migrate(migrate::MigrateArgs),
    Doctor(doctor::DoctorArgs),
    Replay(replay::ReplayArgs),
    Prove(Box<prove::ProveArgs>),
    Bench(Box<bench::BenchArgs>),
    Config(config::ConfigArgs),
    #[cfg(feature = "kafka")]
    Bus(bus::BusArgs),
    /// Print the OpenAPI document of the HTTP surface.
    Openapi(openapi::OpenapiArgs),
    Completions(completions::CompletionsArgs),
    #[command(name = "gateway-sim")]
    GatewaySim(gateway_sim::GatewaySimArgs),
    /// The yardstick of `bench`: a bare JSON handler.
    #[command(name = bench::bare::SUBCOMMAND, hide = true)]
    BenchBare,
}

/// Runs what the command line says; errors are one sentence on standard error.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let armed = std::env::var("FAILPOINTS").map_or(Ok(()), |said| failpoint::arm(&said));
    if let Err(why) = armed {
        eprintln!("cartwright: {why}");
        return ExitCode::from(2);
    }
    let result = match cli.command {
        None => serve::run(Flags {
            file: None,
            set: vec![("sample", "true".to_owned())],
        }),
        Some(Command::Serve(flags)) => serve::run(flags),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Checkout(args)) => checkout::run(&args),
        Some(Command::DeadLetters(args)) => dead_letters::run(&args),
        Some(Command::Import(args)) => import::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Migrate(args)) => migrate::run(&args),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Prove(args)) => prove::run(&args),
        Some(Command::Config(args)) => config::run(args),
        #[cfg(feature = "kafka")]
        Some(Command::Bus(args)) => bus::run(&args),
        Some(Command::Openapi(args)) => openapi::run(&args),
        Some(Command::Completions(args)) => {
            completions::run(&args);
            Ok(())
        }
        Some(Command::GatewaySim(args)) => gateway_sim::run(args),
        Some(Command::Bench(args)) => {
            threads(0).and_then(|runtime| runtime.block_on(bench::run(*args)))
        }
        Some(Command::BenchBare) => {
            threads(0).and_then(|runtime| runtime.block_on(bench::bare::serve()))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cartwright: {error:#}");
            ExitCode::from(if error.is::<CannotStart>() { 2 } else { 1 })
        }
    }
}

/// Prints a long text; a reader who has seen enough (`| head`) is no error.
fn show(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Threads for blocking reads: more than the store has connections only wait.
const BLOCKING_THREADS: usize = 64;

/// The threads that serve; 0: one a core.
fn threads(count: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if count > 0 {
        builder.worker_threads(count);
    }
    builder.max_blocking_threads(BLOCKING_THREADS);
    Ok(builder.enable_all().build()?)
}
