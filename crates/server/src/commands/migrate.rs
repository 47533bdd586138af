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
  cartwright migrate copy --from sqlite:/var/lib/cartwright --to postgres://shop@db/shop

`serve` takes the steps up by itself. In PostgreSQL they are taken while the shop runs; what a process that runs cannot do without is
not taken back. A SQLite data directory must be stopped first. Exit codes: 0 done; 1 a step failed: it changed nothing, and in PostgreSQL those
before it stay; 2 the database cannot be used, or is in use by those who need what would go.")]
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
    /// Move a stopped shop from SQLite into an empty PostgreSQL, and compare both.
    Copy {
        /// The data directory, as `sqlite:DIR`.
        #[arg(long, value_name = "sqlite:DIR")]
        from: String,
        /// Where to.
        #[arg(long, value_name = "postgres://...")]
        to: String,
    },
}

pub(super) fn run(args: &MigrateArgs) -> anyhow::Result<()> {
    if let What::Copy { from, to } = &args.what {
        return copy(from, to, args.json);
    }
    let config = args.data.config()?;
    let direction = match args.what {
        What::Up => Some(Direction::Up),
        What::Down { yes: false, .. } => {
            bail!("nothing was changed: what the steps made is lost; say --yes")
        }
        What::Down { to, .. } => Some(Direction::Down { to }),
        What::Status | What::Copy { .. } => None,
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

fn copy(from: &str, to: &str, json: bool) -> anyhow::Result<()> {
    let dir = from.strip_prefix("sqlite:").map(Path::new);
    let Some(dir) = dir.filter(|dir| dir.join(sqlite::DATABASE_FILE).exists()) else {
        return Err(CannotStart(format!(
            "{from} names no database: write --from sqlite:DIR, with the data directory of the shop"
        ))
        .into());
    };
    let bar = indicatif::ProgressBar::new_spinner();
    let mut progress = |table: &'static str, rows: u64| bar.set_message(format!("{table} {rows}"));
    let copied = postgres::copy(dir, to, &mut progress).map_err(|error| match error {
        error @ (postgres::CopyError::Differs { .. } | postgres::CopyError::Write(_)) => {
            anyhow::Error::new(error)
        }
        error => CannotStart::because(error).into(),
    })?;
    bar.finish_and_clear();
    let all: u64 = copied.iter().map(|(_, rows)| rows).sum();
    if json {
        let tables: serde_json::Map<_, _> = copied
            .iter()
            .map(|(table, rows)| ((*table).to_owned(), serde_json::json!(rows)))
            .collect();
        println!(
            "{}",
            serde_json::json!({"rows": all, "equal": true, "tables": tables})
        );
        return Ok(());
    }
    for (table, rows) in copied.iter().filter(|(_, rows)| *rows > 0) {
        println!("{rows:>12} {table}");
    }
    println!(
        "moved {all} rows; both sides are equal. Start the shop with --database, and keep the old directory as a backup"
    );
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
