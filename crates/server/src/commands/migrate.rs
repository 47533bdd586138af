//! `cartwright migrate up|down|status`: the schema of the database.
#![allow(clippy::print_stdout, reason = "a command prints its result")]

use super::DataDir;
use anyhow::bail;
use cartwright_adapters::store::schema::{Direction, SchemaStatus};
use cartwright_adapters::store::{postgres, sqlite};
use cartwright_server::CannotStart;
use clap::{Args, Subcommand};
use std::path::Path;

/// Bring the database schema up to date, back, or show where it stands.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright migrate status --data-dir /var/lib/cartwright
  cartwright migrate up
  cartwright migrate down --to 1 --yes      what the later steps made is lost
  cartwright migrate status --database postgres://shop@db/shop

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
    let direction = match args.what {
        What::Up => Some(Direction::Up),
        What::Down { yes: false, .. } => {
            bail!("nothing was changed: what the steps made is lost; say --yes")
        }
        What::Down { to, .. } => Some(Direction::Down { to }),
        What::Status => None,
    };
    if direction != Some(Direction::Up) {
        args.data.must_exist(&config)?;
    }
    let status = if config.is_postgres() {
        in_postgres(config.text("database"), direction)?
    } else {
        in_sqlite(&config.path("data_dir"), direction)?
    };
    show(&status, args.json);
    Ok(())
}

fn in_sqlite(dir: &Path, direction: Option<Direction>) -> anyhow::Result<SchemaStatus> {
    let done = match direction {
        Some(direction) => sqlite::migrate(dir, direction),
        None => sqlite::status(dir).map_err(sqlite::MigrateError::from),
    };
    done.map_err(|error| match error {
        sqlite::MigrateError::Open(error) => CannotStart::because(error).into(),
        error @ sqlite::MigrateError::Step { .. } => anyhow::Error::new(error),
    })
}

fn in_postgres(url: &str, direction: Option<Direction>) -> anyhow::Result<SchemaStatus> {
    let done = match direction {
        Some(direction) => postgres::migrate(url, direction),
        None => postgres::status(url),
    };
    done.map_err(|error| match error {
        error @ postgres::OpenError::Migrate(_) => anyhow::Error::new(error),
        error => CannotStart::because(error).into(),
    })
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
