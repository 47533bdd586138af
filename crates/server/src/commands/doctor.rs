//! `cartwright doctor`: looks at a data directory and the machine it lies on.
#![allow(
    clippy::disallowed_methods,
    reason = "a check of the clock and the disk reads the real clock"
)]

use super::DataDir;
use anyhow::{Context as _, bail};
use cartwright_adapters::search::TantivySearch;
use cartwright_adapters::store::sqlite::DATABASE_FILE;
use cartwright_app::ports::ReadStore;
use cartwright_app::ports::search::Search;
use cartwright_server::{snapshots, wiring};
use clap::Args;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Check a data directory: integrity, log, search index, snapshots, clock, disk.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright doctor --data-dir /var/lib/cartwright
  cartwright doctor --json | jq '.[] | select(.verdict != \"good\")'

The shop must be stopped: the data directory belongs to one process. Exit codes: 0 all good, or only warnings; 1 something
is bad; 2 the data directory cannot be used.")]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    data: DataDir,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    Warning,
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    /// What was found, and what to do when it is not good.
    detail: String,
}

/// What a check comes to; an error is bad.
type Found = anyhow::Result<(Verdict, String)>;

/// Less free space than this is a warning; a tenth of it is bad.
const FREE_BYTES_WANTED: u64 = 2 << 30;
/// Commits that take longer than this on average make a slow shop.
const SYNC_MICROS_WANTED: u128 = 5_000;
const SYNCS: u32 = 64;

pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let config = args.data.config()?;
    args.data.must_exist(&config)?;
    let dir = config.path("data_dir");
    let store = wiring::open_to_read(&config)?;
    let mut found = Vec::new();
    let mut check = |check, result: Found| {
        let (verdict, detail) = result.unwrap_or_else(|error| (Verdict::Bad, format!("{error:#}")));
        found.push(Finding {
            check,
            verdict,
            detail,
        });
    };
    if config.is_postgres() {
        let shown = config.shown("database");
        check(
            "database",
            Ok((Verdict::Good, format!("{shown} answers, with fsync on"))),
        );
    } else {
        check("database", integrity(&dir));
    }
    let log = log(&*store);
    let (position, last_ms) = log
        .as_ref()
        .map_or((0, 0), |log| (log.position, log.last_ms));
    check("log", log.map(|log| (Verdict::Good, log.detail)));
    check("search index", search(&dir, position));
    check("snapshots", snapshot_files(&dir));
    check("clock", clock(last_ms));
    check("disk space", space(&dir));
    check("disk speed", speed(&dir));
    #[cfg(feature = "kafka")]
    if let Some(options) = cartwright_server::buses::kafka(&config)? {
        check("kafka", kafka(&options, &*store, position));
    }
    show(&found, args.json)?;
    let bad = found
        .iter()
        .filter(|finding| finding.verdict == Verdict::Bad)
        .count();
    if bad > 0 {
        bail!("{bad} of {} checks are bad", found.len());
    }
    Ok(())
}

fn show(found: &[Finding], json: bool) -> anyhow::Result<()> {
    if json {
        return super::show(&format!("{}\n", serde_json::to_string_pretty(found)?));
    }
    let line = |finding: &Finding| {
        let Finding {
            check,
            verdict,
            detail,
        } = finding;
        let verdict = match verdict {
            Verdict::Good => "good",
            Verdict::Warning => "WARNING",
            Verdict::Bad => "BAD",
        };
        format!("{check:<14} {verdict:<8} {detail}\n")
    };
    super::show(&found.iter().map(line).collect::<String>())
}

fn integrity(dir: &Path) -> Found {
    let file = dir.join(DATABASE_FILE);
    let connection = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let lines = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let size = std::fs::metadata(&file)?.len();
    Ok(match lines.as_slice() {
        [only] if only == "ok" => (
            Verdict::Good,
            format!("every page and index is sound, {} MiB", size >> 20),
        ),
        lines => (
            Verdict::Bad,
            format!(
                "{}; put the file aside and restore a backup",
                lines.join("; ")
            ),
        ),
    })
}

struct Log {
    position: u64,
    last_ms: i64,
    detail: String,
}

fn log(store: &dyn ReadStore) -> anyhow::Result<Log> {
    const ENTRIES_AT_ONCE: usize = 20_000;
    let first = store
        .log(0, 1)?
        .first()
        .map_or(1, |batch| batch.first_position);
    let (mut position, mut last_ms) = (first - 1, i64::MIN);
    loop {
        let batches = store
            .log(position, ENTRIES_AT_ONCE)
            .context("the log cannot be read")?;
        if batches.is_empty() {
            break;
        }
        for batch in batches {
            if batch.first_position != position + 1 {
                bail!(
                    "entries {} to {} are missing",
                    position + 1,
                    batch.first_position - 1
                );
            }
            if batch.time_ms < last_ms {
                bail!("time goes back at position {}", batch.first_position);
            }
            position += batch.entries.len() as u64;
            last_ms = batch.time_ms;
        }
    }
    let detail = format!("no gap from {first} to {position}");
    Ok(Log {
        position,
        last_ms,
        detail,
    })
}

fn search(dir: &Path, position: u64) -> Found {
    let index = dir.join(wiring::SEARCH_DIR);
    if !index.join("meta.json").exists() {
        return Ok((
            Verdict::Warning,
            "there is none yet; it is made when the shop starts".into(),
        ));
    }
    let cursor = TantivySearch::open(&index)
        .map_err(|fault| anyhow::anyhow!("{fault}"))?
        .cursor();
    Ok(match position.checked_sub(cursor) {
        None => (
            Verdict::Bad,
            format!(
                "it is at {cursor} and the log ends at {position}: remove {}, it is made again",
                index.display()
            ),
        ),
        Some(0) => (Verdict::Good, format!("it is at the log's end, {cursor}")),
        Some(behind) => (
            Verdict::Good,
            format!("it is {behind} entries behind and follows when the shop starts"),
        ),
    })
}

/// Without Kafka the shop goes on, so that it does not answer is a warning.
#[cfg(feature = "kafka")]
fn kafka(
    options: &cartwright_adapters::bus::kafka::KafkaOptions,
    store: &dyn ReadStore,
    position: u64,
) -> Found {
    use cartwright_adapters::bus::kafka::{Look, look};

    Ok(match look(options, store, position) {
        Err(fault) => (
            Verdict::Warning,
            format!("{fault}; until it answers consumers read the log itself"),
        ),
        Ok(Look { agrees: false, .. }) => (
            Verdict::Bad,
            format!(
                "{} has entries that this log never had: `cartwright bus rebuild` makes the topics again",
                options.log_topic()
            ),
        ),
        Ok(Look {
            is_registered: false,
            ..
        }) => (
            Verdict::Good,
            "it answers; the schemas are registered when the shop starts".into(),
        ),
        Ok(_) => (
            Verdict::Good,
            "it has this log, and the registry its schemas".into(),
        ),
    })
}

fn snapshot_files(dir: &Path) -> Found {
    let found = snapshots::list(dir)?;
    let Some(newest) = found.first() else {
        return Ok((Verdict::Good, "none was taken yet".into()));
    };
    for snapshot in &found {
        snapshots::load(snapshot, &mut |_, _| {})?;
    }
    Ok((
        Verdict::Good,
        format!("{} good, the newest at {}", found.len(), newest.position),
    ))
}

fn clock(last_ms: i64) -> Found {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970: set it")?;
    let ahead = last_ms.saturating_sub(i64::try_from(now.as_millis())?);
    Ok(if ahead > 1000 {
        let detail = format!(
            "it is {} s behind the last entry of the log: times stand still until it has caught up; set it",
            ahead / 1000
        );
        (Verdict::Warning, detail)
    } else {
        (Verdict::Good, "not behind the log".into())
    })
}

fn space(dir: &Path) -> Found {
    let disk = rustix::fs::statvfs(dir)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let verdict = match free {
        free if free < FREE_BYTES_WANTED / 10 => Verdict::Bad,
        free if free < FREE_BYTES_WANTED => Verdict::Warning,
        _ => Verdict::Good,
    };
    Ok((verdict, format!("{} MiB free", free >> 20)))
}

fn speed(dir: &Path) -> Found {
    let path = dir.join("doctor.tmp");
    let mut file = File::create(&path).context("the data directory cannot be written")?;
    let begun = Instant::now();
    let written = (0..SYNCS).try_for_each(|_| {
        file.write_all(&[0; 4096])?;
        file.sync_data()
    });
    let micros = begun.elapsed().as_micros() / u128::from(SYNCS);
    std::fs::remove_file(&path)?;
    written.context("the data directory cannot be written")?;
    let verdict = if micros > SYNC_MICROS_WANTED {
        Verdict::Warning
    } else {
        Verdict::Good
    };
    Ok((verdict, format!("{micros} us a write that is on disk")))
}
