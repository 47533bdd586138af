//! The yardsticks of PostgreSQL: `pgbench`, its simple-update and one hot row, on the database that the shops use. Nothing else runs
//! meanwhile, so it is waited for where it is.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};

/// Rows of `pgbench_accounts`: 1,000,000.
const SCALE: &str = "10";
/// Everybody adds to one and the same row, as everybody wants the same SKU.
const HOT_ROW: &str = "UPDATE pgbench_branches SET bbalance = bbalance + 1 WHERE bid = 1;\n";

/// `pgbench` on one database.
#[derive(Debug)]
pub(crate) struct Pgbench {
    url: String,
    script: PathBuf,
}

/// What a run reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reached {
    /// Transactions per second.
    pub(crate) throughput: f64,
    /// Their mean latency in milliseconds.
    pub(crate) mean_ms: f64,
}

impl Pgbench {
    /// Makes its tables in the database; `url` without a schema.
    ///
    /// # Errors
    /// When `pgbench` is not installed, or the database refuses.
    pub(crate) fn open(url: &str, directory: &Path) -> anyhow::Result<Self> {
        let script = directory.join("hot-row.sql");
        std::fs::write(&script, HOT_ROW)?;
        let this = Self {
            url: url.to_owned(),
            script,
        };
        this.run(&["-i", "-q", "-s", SCALE])?;
        Ok(this)
    }

    /// Updates and inserts all over the tables, for so many seconds.
    ///
    /// # Errors
    /// When `pgbench` fails.
    pub(crate) fn simple_update(&self, clients: usize, seconds: u64) -> anyhow::Result<Reached> {
        self.load(&["-N"], clients, seconds)
    }

    /// Updates one row, for so many seconds.
    ///
    /// # Errors
    /// When `pgbench` fails.
    pub(crate) fn hot_row(&self, clients: usize, seconds: u64) -> anyhow::Result<Reached> {
        let script = self.script.to_string_lossy();
        self.load(&["-f", &script], clients, seconds)
    }

    fn load(&self, what: &[&str], clients: usize, seconds: u64) -> anyhow::Result<Reached> {
        let (clients, seconds) = (clients.to_string(), seconds.max(1).to_string());
        let how = [
            "-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds,
        ];
        let said = self.run(&[&how[..], what].concat())?;
        reached(&said).with_context(|| format!("pgbench said something else:\n{said}"))
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let asked = Command::new("pgbench")
            .args(arguments)
            .arg(&self.url)
            .stdin(Stdio::null())
            .output();
        let answer = asked.context("cannot start pgbench, which comes with PostgreSQL")?;
        let said = String::from_utf8_lossy(&answer.stdout).into_owned();
        ensure!(
            answer.status.success(),
            "pgbench failed:\n{}",
            String::from_utf8_lossy(&answer.stderr)
        );
        Ok(said)
    }
}

/// The figures in what `pgbench` prints.
fn reached(said: &str) -> anyhow::Result<Reached> {
    let after = |what: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(what));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
    };
    match (after("tps = "), after("latency average = ")) {
        (Some(throughput), Some(mean_ms)) => Ok(Reached {
            throughput,
            mean_ms,
        }),
        _ => bail!("no `tps`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_figures_are_read() {
        let said = "number of clients: 64\nlatency average = 27.670 ms\n\
                    tps = 2312.991108 (without initial connection time)\n";
        let figures = Reached {
            throughput: 2_312.991_108,
            mean_ms: 27.67,
        };
        assert_eq!(reached(said).unwrap(), figures);
        assert!(reached("pgbench: fatal").is_err());
    }
}
