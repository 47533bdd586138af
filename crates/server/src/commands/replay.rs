//! `cartwright replay --verify`: rebuilds all state from events and compares it with the live state (INV-4).
#![allow(clippy::print_stdout, reason = "a command prints its result")]

use super::DataDir;
use anyhow::{Context as _, bail};
use cartwright_app::ports::ReadStore;
use cartwright_app::replay::Replay;
use cartwright_server::{snapshots, wiring};
use clap::Args;
use std::path::Path;

/// Rebuild all state from the newest good snapshot and the log after it, and compare it with the live state.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright replay --verify --data-dir /var/lib/cartwright
  cartwright replay --verify --all --json     from the first entry on, archive files included

The shop must be stopped: the data directory belongs to one process. Exit codes: 0 equal; 1 they differ, or the log is
damaged; 2 the data directory cannot be used.")]
pub(super) struct ReplayArgs {
    /// Compare with the live state (what this command is for; required, so that nothing else is ever expected of it).
    #[arg(long, required = true)]
    verify: bool,
    /// Use no snapshot: replay from the first entry.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    data: DataDir,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<()> {
    let config = args.data.config()?;
    let dir = config.path("data_dir");
    args.data.must_exist(&config)?;
    let store = wiring::open_to_read(&config)?;
    let mut replay = Replay::default();
    let from = begin(&mut replay, &dir, args.all, &*store)?;
    replay
        .follow(&*store)
        .context("the log cannot be replayed")?;
    let (position, entries) = (replay.position(), replay.entries());
    let found = replay.compare(&*store)?;
    if args.json {
        let report = serde_json::json!({
            "equal": found.different == 0, "from": from, "position": position, "entries": entries,
            "compared": found.compared, "different": found.different, "differences": found.told,
        });
        println!("{report}");
    } else {
        println!(
            "replayed {entries} entries from {from} to position {position}; compared {} things",
            found.compared
        );
        found
            .told
            .iter()
            .for_each(|difference| println!("differs: {difference}"));
    }
    if found.different > 0 {
        bail!(
            "{} things differ between the live state and the replay: keep the data directory and report this",
            found.different
        );
    }
    if !args.json {
        println!("replay equals state");
    }
    Ok(())
}

/// Loads what the replay starts from, and says what that is.
fn begin(
    replay: &mut Replay,
    dir: &Path,
    all: bool,
    store: &dyn ReadStore,
) -> anyhow::Result<String> {
    if !all {
        for snapshot in snapshots::list(dir)? {
            match snapshots::load(&snapshot, &mut |key, record| replay.put(key, record)) {
                Ok(position) => {
                    replay.starts_after(position);
                    return Ok(format!("the snapshot at {position}"));
                }
                Err(error) => {
                    eprintln!("cartwright: {error:#}; trying the one before");
                    *replay = Replay::default();
                }
            }
        }
    }
    let archived = snapshots::archive_files(dir)?;
    let first = store
        .log(0, 1)?
        .first()
        .map_or(1, |batch| batch.first_position);
    if first > 1 {
        for file in &archived {
            snapshots::read_archive(file, &mut |batch| Ok(replay.batch(&batch)?))?;
        }
    }
    Ok("the first entry".to_owned())
}
