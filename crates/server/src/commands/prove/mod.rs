//! `cartwright prove`: the promises of a shop, tried out on a running one or on an embedded one that may be killed.
//!
//! It knows the shop only by its HTTP surface. Everything that it makes bears the names of its run ([`ground`]), what it tries is
//! listed in [`trials`], and what must hold has the names of `cartwright_domain::invariants`.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command prints its result, and a black box is watched with the machine's own clock"
)]

mod buying;
mod caller;
mod finale;
mod found;
mod gateway;
mod goods;
mod ground;
mod limits;
mod own;
mod plan;
mod progress;
mod report;
mod run;
mod signals;
mod stage;
mod sweep;
mod trials;

use super::{show, threads};
use anyhow::{Context as _, bail};
use cartwright_server::CannotStart;
use clap::Args;
use report::{Report, Verdict};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where reports go that are asked for without a file.
const STANDARD_OUTPUT: &str = "-";

/// Try out the promises of a shop: race buyers for the last units, kill -9 and restart, replay keys, duplicate webhooks; and report.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright prove                                    on an embedded shop, killed again and again, thrown away afterwards
  cartwright prove --duration 5m --html report.html
  cartwright prove --database postgres://me@localhost/try
  cartwright prove --server https://shop.example --key $KEY
  cartwright prove --server http://127.0.0.1:8080 --key $KEY --gateway-sim http://127.0.0.1:8090
  cartwright prove --json | jq .verdict

On a running shop it works only with products, carts and orders of its own (prove-...), and cleans up when it ends, also after
Ctrl-C; what an earlier run left behind is cleaned up, too. Nothing is bought there unless --gateway-sim or --buy says so, and
after each round it rests for as long as that took.

Exit codes: 0 everything held; 1 a violation, or a trial could not be finished; 2 wrong options, or the shop cannot be reached.")]
pub(super) struct ProveArgs {
    /// A running shop (http:// or https://). Without it an embedded one is started, with a simulated payment provider.
    #[arg(long, value_name = "URL", requires = "key")]
    server: Option<String>,
    /// An API key of that shop with the scope `admin`.
    #[arg(long, env = "CARTWRIGHT_ADMIN_KEY", hide_env_values = true)]
    key: Option<String>,
    /// The embedded shop keeps its state in this PostgreSQL (`postgres://user:password@host/database`), in a schema of its own that is
    /// dropped in the end.
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    database: Option<String>,
    /// The simulated payment provider of that shop (`cartwright gateway-sim`): purchases are made and compared with its ledger.
    #[arg(long, value_name = "URL", requires = "server", conflicts_with = "buy")]
    gateway_sim: Option<String>,
    /// Make purchases with the payment provider of that shop, whatever it is: with a real one, real money is charged, and paid back.
    #[arg(long, requires = "server")]
    buy: bool,
    /// What is paid with.
    #[arg(long, value_name = "TOKEN", default_value = "tok_visa")]
    card: String,
    /// How long to try, like 30s, 5m or 1h; each trial has at least one round, and cleaning up comes on top.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    duration: Duration,
    /// How long it may take until a purchase has ended and its money is settled. The default is longer than anything is put right in.
    #[arg(long, value_name = "TIME", default_value = "45s", value_parser = duration)]
    patience: Duration,
    /// What the plan is drawn from; drawn itself unless given. The same seed makes the same plan.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Only trials whose name contains this.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Report as JSON into a file; without a file on standard output, in place of the text.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = STANDARD_OUTPUT)]
    json: Option<PathBuf>,
    /// Report as a page of HTML into a file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) fn run(args: &ProveArgs) -> anyhow::Result<()> {
    let report = threads(0)?.block_on(run::prove(args))?;
    deliver(args, &report)?;
    match report.verdict {
        Verdict::Held => Ok(()),
        Verdict::Unreachable => Err(cannot(report.headline())),
        Verdict::Violated | Verdict::Unfinished => {
            bail!("{} Seed {}.", report.headline(), report.seed)
        }
    }
}

fn deliver(args: &ProveArgs, report: &Report) -> anyhow::Result<()> {
    let json = || serde_json::to_string_pretty(report);
    match &args.json {
        Some(file) if file == Path::new(STANDARD_OUTPUT) => show(&format!("{}\n", json()?))?,
        Some(file) => {
            write(file, &json()?)?;
            show(&report::text::render(report))?;
        }
        None => show(&report::text::render(report))?,
    }
    match &args.html {
        Some(file) => write(file, &report::html::render(report)),
        None => Ok(()),
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text)
        .with_context(|| format!("the report cannot be written to {}", file.display()))
}

fn duration(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(7 * 86_400);
    let said: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "a time is like 30s, 5m or 1h30m".to_owned())?;
    match Duration::try_from(said) {
        Ok(it) if !it.is_zero() && it <= MOST => Ok(it),
        _ => Err("a time is more than nothing and at most a week".to_owned()),
    }
}

/// A refusal to start.
fn cannot(reason: impl std::fmt::Display) -> anyhow::Error {
    CannotStart::because(reason).into()
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::time::Duration;

    #[test]
    fn a_duration_is_written_as_people_do() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h", 3600), ("1m 30s", 90)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0s", "-3s", "soon", "30", "8d", "2w"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
