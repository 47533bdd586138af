//! `cartwright migrate up|down|status`: the schema of the database.
#![allow(clippy::print_stdout, reason = "a command prints its result")]

use super::DataDir;
use anyhow::bail;
use cartwright_adapters::store::sqlite::{Direction, MigrateError, SchemaStatus, migrate, status};
use cartwright_server::CannotStart;
use clap::{Args, Subcommand};

/// Bring the database schema up to date, back, or show where it stands.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright migrate status --data-dir /var/lib/cartwright
  cartwright migrate up
  cartwright migrate down --to 1 --yes      what the later steps made is lost

`serve` takes the steps up by itself. Exit codes: 0 done; 1 a step failed and nothing was changed; 2 the data directory
cannot be used.")]
pub(super) struct MigrateArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    data: DataDir,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Take every step that was not taken yet.
    Up,
    /// Take steps back; what they made is lost.
    Down {
        /// How many steps stay.
        #[arg(long, value_name = "N")]
        to: i64,
        /// Yes, the data of the steps taken back may be lost.
        #[arg(long)]
        yes: bool,
    },
    /// Show which steps were taken.
    Status,
}

pub(super) fn run(args: &MigrateArgs) -> anyhow::Result<()> {
    let config = args.data.config()?;
    let dir = config.path("data_dir");
    let done = match args.what {
        What::Up => migrate(&dir, Direction::Up),
        What::Down { yes: false, .. } => {
            bail!("nothing was changed: what the steps made is lost; say --yes")
        }
        What::Down { to, .. } => {
            args.data.must_exist(&config)?;
            migrate(&dir, Direction::Down { to })
        }
        What::Status => {
            args.data.must_exist(&config)?;
            status(&dir).map_err(MigrateError::from)
        }
    };
    let status = done.map_err(|error| match error {
        MigrateError::Open(error) => CannotStart::because(error).into(),
        error @ MigrateError::Step { .. } => anyhow::Error::new(error),
    })?;
    show(&status, args.json);
    Ok(())
}

fn show(status: &SchemaStatus, json: bool) {
    if json {
        let step = |(name, taken): &(&str, bool)| serde_json::json!({"name": name, "taken": taken});
        let steps: Vec<_> = status.steps.iter().map(step).collect();
        println!(
            "{}",
            serde_json::json!({"current": status.current, "latest": status.latest, "steps": steps})
        );
        return;
    }
    println!("schema {} of {}", status.current, status.latest);
    for (number, (name, taken)) in status.steps.iter().enumerate() {
        println!(
            "  {} {} {name}",
            if *taken { "taken  " } else { "missing" },
            number + 1
        );
    }
}
