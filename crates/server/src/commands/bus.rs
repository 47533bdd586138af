//! `cartwright bus`: the topics that carry the log, made again from it.
#![allow(clippy::print_stdout, reason = "a command prints its result")]

use super::DataDir;
use anyhow::{Context as _, bail, ensure};
use cartwright_adapters::bus::kafka::{KafkaOptions, RELAY, Rebuild};
use cartwright_app::ports::ReadStore;
use cartwright_proto::events::Batch;
use cartwright_server::{CannotStart, buses, snapshots, wiring};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Entries published at once, about.
const AT_ONCE: usize = 4_000;
/// Where an interrupted rebuild stands, within the data directory.
const FILE: &str = "bus-rebuild.json";

/// Make the Kafka topics again from the log.
#[derive(Debug, Args)]
pub(super) struct BusArgs {
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
    /// Delete topics and publish the log to them anew; interrupted, the same command goes on.
    #[command(after_help = "Examples:
  CARTWRIGHT_BUS='kafka://localhost:9092?registry=http://localhost:8081' cartwright bus rebuild
  cartwright bus rebuild --topic cartwright.order.v1 --topic cartwright.log.v1 --config shop.toml
  cartwright bus rebuild --from 120001 --json     keeps the topics and publishes what follows once more

The shop must be stopped: the data directory belongs to one process. Archived entries are published too. Exit codes: 0 done; 1 Kafka,
the registry or the log failed, run it again; 2 the settings name no Kafka, or the data directory cannot be used.")]
    Rebuild {
        /// Only this topic; may be given several times [default: all of them]
        #[arg(long = "topic", value_name = "TOPIC")]
        topics: Vec<String>,
        /// Delete nothing, and publish again from this position on.
        #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
        from: Option<u64>,
    },
}

/// Where a rebuild stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stand {
    brokers: String,
    topics: Vec<String>,
    from: Option<u64>,
    /// Everything up to this position is published.
    through: u64,
    messages: u64,
    left_out: u64,
}

pub(super) fn run(args: &BusArgs) -> anyhow::Result<()> {
    let What::Rebuild { topics, from } = &args.what;
    let config = args.data.config()?;
    let no_kafka = "the settings name no Kafka: set bus to kafka://host:port?registry=...";
    let options = buses::kafka(&config)?.ok_or_else(|| CannotStart(no_kafka.into()))?;
    let wanted = wanted(&options, topics)?;
    args.data.must_exist(&config)?;
    let dir = config.path("data_dir");
    let store = wiring::open_to_read(&config)?;
    let begun = Stand {
        brokers: options.brokers.clone(),
        topics: wanted.clone(),
        from: *from,
        through: from.map_or(0, |from| from - 1),
        messages: 0,
        left_out: 0,
    };
    let file = dir.join(FILE);
    let stand = match read(&file).filter(|it| it.is_same(&begun)) {
        Some(stand) => {
            eprintln!("going on after position {}", stand.through);
            stand
        }
        None => {
            if from.is_none() {
                Rebuild::empty(&options, &wanted)?;
            }
            begun
        }
    };
    // What the relay has still to publish it will publish itself.
    let place = store.cursor(RELAY)?;
    let end = place.unwrap_or(u64::MAX);
    let rebuild = Rebuild::new(&options, wanted)?;
    let done = publish(&dir, &*store, rebuild, stand, end)?;
    if place.is_none() && topics.is_empty() {
        store.set_cursor(RELAY, done.through)?;
    }
    std::fs::remove_file(&file).with_context(|| format!("{} cannot be removed", file.display()))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&done)?);
    } else {
        println!(
            "{} messages published to {} topics, up to position {}; {} entries fit no message",
            done.messages,
            done.topics.len(),
            done.through,
            done.left_out
        );
    }
    Ok(())
}

impl Stand {
    fn is_same(&self, other: &Self) -> bool {
        (&self.brokers, &self.topics, self.from) == (&other.brokers, &other.topics, other.from)
    }
}

fn wanted(options: &KafkaOptions, named: &[String]) -> anyhow::Result<Vec<String>> {
    let all = Rebuild::topics(options);
    if let Some(unknown) = named.iter().find(|it| !all.contains(it)) {
        let all = all.join(", ");
        return Err(CannotStart(format!("there is no topic {unknown}, only {all}")).into());
    }
    Ok(if named.is_empty() {
        all
    } else {
        named.to_vec()
    })
}

fn read(file: &Path) -> Option<Stand> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

fn publish(
    dir: &Path,
    store: &dyn ReadStore,
    rebuild: Rebuild,
    stand: Stand,
    end: u64,
) -> anyhow::Result<Stand> {
    let archived = snapshots::archive_files(dir)?;
    let first = store.log(0, 1)?.first().map(|it| it.first_position);
    let mut publishing = Publishing {
        rebuild,
        stand,
        end,
        file: dir.join(FILE),
        waiting: Vec::new(),
        entries: 0,
        bar: bar(end),
    };
    publishing.save()?;
    if first.is_none_or(|first| publishing.stand.through + 1 < first) {
        for file in &archived {
            snapshots::read_archive(file, &mut |batch| publishing.take(batch))?;
        }
        publishing.flush()?;
    }
    loop {
        let batches = store.log(publishing.stand.through, AT_ONCE)?;
        let before = publishing.stand.through;
        for batch in batches {
            publishing.take(batch)?;
        }
        publishing.flush()?;
        if publishing.stand.through == before {
            break;
        }
    }
    publishing.bar.finish_and_clear();
    Ok(publishing.stand)
}

fn bar(end: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let target = ProgressDrawTarget::stderr();
    let length = Some(end).filter(|it| *it < u64::MAX);
    let bar = ProgressBar::with_draw_target(length, target);
    let template = match length {
        Some(_) => "publishing {bar:30} {pos}/{len} {per_sec} {eta}",
        None => "publishing {spinner} {pos} {per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

struct Publishing {
    rebuild: Rebuild,
    stand: Stand,
    end: u64,
    file: PathBuf,
    waiting: Vec<Batch>,
    entries: usize,
    bar: ProgressBar,
}

impl Publishing {
    fn take(&mut self, mut batch: Batch) -> anyhow::Result<()> {
        let last = self.waiting.last().map_or(self.stand.through, last_of);
        if last_of(&batch) <= last || batch.first_position > self.end {
            return Ok(());
        }
        if batch.first_position <= last {
            // It begins in the middle of what was committed together.
            batch
                .entries
                .drain(..(last + 1 - batch.first_position) as usize);
            batch.first_position = last + 1;
        }
        ensure!(
            batch.first_position == last + 1 || last == 0 || self.stand.messages == 0,
            "entries {} to {} are neither in the log nor in the archive",
            last + 1,
            batch.first_position - 1
        );
        self.entries += batch.entries.len();
        self.waiting.push(batch);
        if self.entries >= AT_ONCE {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let Some(through) = self.waiting.last().map(last_of) else {
            return Ok(());
        };
        let done = match self.rebuild.publish(&self.waiting) {
            Ok(done) => done,
            Err(fault) => bail!(
                "{fault}; run the command again, it goes on after {}",
                self.stand.through
            ),
        };
        self.stand.messages += done.messages;
        self.stand.left_out += done.left_out;
        self.stand.through = through;
        (self.waiting, self.entries) = (Vec::new(), 0);
        self.bar.set_position(through);
        self.save()
    }

    fn save(&self) -> anyhow::Result<()> {
        let fresh = self.file.with_extension("tmp");
        std::fs::write(&fresh, serde_json::to_vec(&self.stand)?)
            .and_then(|()| std::fs::rename(&fresh, &self.file))
            .with_context(|| format!("{} cannot be written", self.file.display()))
    }
}

fn last_of(batch: &Batch) -> u64 {
    batch.first_position + batch.entries.len() as u64 - 1
}
