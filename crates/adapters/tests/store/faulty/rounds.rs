//! A round: processes after each other on one data directory, and what they were heard to acknowledge.

use super::control::{Control, KINDS};
use super::steps::Dice;
use super::told::Orders;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Processes of a round.
const LIVES: u64 = 5;
/// Steps of each, unless its power is cut.
const STEPS: u64 = 30;
/// How the disk ends a process whose power is cut.
const POWER_CUT: i32 = 137;

/// What all rounds came to.
#[derive(Debug, Default)]
pub(super) struct Totals {
    rounds: u64,
    lives: u64,
    steps: u64,
    acknowledged: u64,
    recovered: u64,
    open: u64,
    fired: [u64; 10],
    scattered: [u64; 4],
}

impl Totals {
    /// A run without faults would show nothing.
    pub(super) fn shows_something(&self) {
        assert!(self.acknowledged > 0 && self.recovered > 0, "{self}");
        if self.rounds >= 20 {
            assert!(self.fired.iter().all(|times| *times > 0), "{self}");
            assert!(self.open > 0, "{self}");
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [lost, torn, reached, names] = self.scattered;
        write!(
            to,
            "SQLite on a disk that fails: {} rounds, {} processes, {} steps, {} acknowledged, 0 of them lost; {} failed and were looked up, {} were interrupted by a cut;",
            self.rounds, self.lives, self.steps, self.acknowledged, self.recovered, self.open
        )?;
        for ((_, name), times) in KINDS.iter().zip(self.fired) {
            write!(to, " {name} {times},")?;
        }
        write!(
            to,
            " writes that were not synced: {lost} lost, {torn} torn, {reached} kept; names lost {names}"
        )
    }
}

/// One round. The error says what a process found wrong.
pub(super) fn round(shim: &Path, seed: u64, lies: u32, totals: &mut Totals) -> Result<(), String> {
    let directory = tempfile::tempdir().expect("a directory");
    let base = directory.path().canonicalize().expect("its real path");
    let root = base.join("disk");
    std::fs::create_dir(&root).expect("a directory for the disk");
    let control = Control::create(&base.join("control"));
    control.lie(lies);
    let mut orders = Orders {
        root,
        control: base.join("control"),
        seed,
        life: 0,
        steps: STEPS,
        history: String::new(),
        secret: String::new(),
        leases: String::new(),
    };
    for life in 0..LIVES {
        orders.life = life;
        control.off();
        rubbish(&orders);
        live(shim, &mut orders, totals)
            .map_err(|error| format!("seed {seed}, process {life}: {error}"))?;
    }
    // The last one may have been cut: what it acknowledged is looked at once more.
    (orders.life, orders.steps) = (LIVES, 1);
    control.off();
    live(shim, &mut orders, totals).map_err(|error| format!("seed {seed}, at the end: {error}"))?;
    totals.rounds += 1;
    for (sum, fired) in totals.fired.iter_mut().zip(control.fired()) {
        *sum += fired;
    }
    for (sum, writes) in totals.scattered.iter_mut().zip(control.scattered()) {
        *sum += writes;
    }
    Ok(())
}

/// The index of the WAL is memory; after a loss of power its file holds anything.
fn rubbish(orders: &Orders) {
    let index = orders.root.join("data").join("cartwright.db-shm");
    if let Ok(file) = std::fs::OpenOptions::new().write(true).open(index) {
        let mut dice = Dice::new(orders.seed, 2_000_000 + orders.life);
        let words: Vec<u8> = (0..4096).flat_map(|_| dice.next().to_ne_bytes()).collect();
        file.write_all_at(&words, 0).expect("rubbish");
    }
}

/// A process from its start to its end or to the cut of its power.
fn live(shim: &Path, orders: &mut Orders, totals: &mut Totals) -> Result<(), String> {
    let mut process = Command::new(std::env::current_exe().expect("this test's own program"))
        .args([
            "--exact",
            "faulty::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("LD_PRELOAD", shim)
        .env("RUST_BACKTRACE", "0")
        .envs(orders.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut complaints = process.stderr.take().expect("it is piped");
    let complaints = std::thread::spawn(move || {
        let mut text = Vec::new();
        complaints.read_to_end(&mut text).map(|_| text)
    });
    let said = BufReader::new(process.stdout.take().expect("it is piped"));
    let (mut is_open, mut odd) = (false, None);
    for line in said.lines() {
        let line = line.expect("a line");
        let Some(line) = line.strip_prefix("faulty ") else {
            continue;
        };
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["begin", _] => is_open = true,
            ["end", outcome, how] => {
                is_open = false;
                orders.history.push_str(outcome);
                totals.steps += 1;
                totals.acknowledged += u64::from(outcome == "T" && how != "found");
                totals.recovered += u64::from(how == "recovered");
            }
            ["resolved", outcome] => {
                orders.history.pop();
                orders.history.push_str(outcome);
            }
            ["lost", number] => {
                let number: usize = number.parse().expect("the number of a step");
                orders.history.replace_range(number..=number, "N");
            }
            ["secret", secret] => secret.clone_into(&mut orders.secret),
            ["lease", "try", beat] => {
                orders.leases.push(' ');
                orders.leases.push_str(beat);
            }
            ["lease", "done", beat] => beat.clone_into(&mut orders.leases),
            ["opened"] => {}
            _ => odd = Some(line.to_owned()),
        }
    }
    if is_open {
        orders.history.push('O');
        totals.open += 1;
    }
    totals.lives += 1;
    let status = process.wait().expect("its end");
    let text = complaints.join().expect("what it complained of");
    if let Some(line) = odd {
        return Err(format!("nobody understands {line}"));
    }
    if status.success() || status.code() == Some(POWER_CUT) {
        return Ok(());
    }
    let text = text.expect("what it complained of");
    Err(format!("{status}\n{}", String::from_utf8_lossy(&text)))
}
