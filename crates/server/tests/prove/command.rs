//! The command, run to its end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::{ADMIN_KEY, TempDir};

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
    pub(crate) said: String,
    pub(crate) report: Value,
    pub(crate) page: String,
}

/// A run that may still be at work.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    dir: TempDir,
}

pub(crate) fn start(arguments: &[&str]) -> Running {
    start_in(&[], arguments)
}

/// With these variables in its environment.
pub(crate) fn start_in(environment: &[(&str, &str)], arguments: &[&str]) -> Running {
    let dir = TempDir::new("prove");
    let child = Command::new(env!("CARGO_BIN_EXE_cartwright"))
        .arg("prove")
        .args(arguments)
        .args(
            [file(&dir, "json"), file(&dir, "html")]
                .iter()
                .flat_map(|(name, path)| [name.as_ref(), path.as_os_str()]),
        )
        .env_remove("CARTWRIGHT_ADMIN_KEY")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    Running { child, dir }
}

fn file(dir: &TempDir, kind: &str) -> (std::ffi::OsString, PathBuf) {
    (format!("--{kind}").into(), dir.path().join(kind))
}

impl Running {
    pub(crate) fn ends(self) -> Ended {
        let output = self.child.wait_with_output().expect("it ends");
        ended(&output, self.dir.path())
    }
}

fn ended(output: &Output, dir: &Path) -> Ended {
    let read = |kind: &str| std::fs::read_to_string(dir.join(kind)).unwrap_or_default();
    Ended {
        code: output.status.code(),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
        report: serde_json::from_str(&read("json")).unwrap_or_default(),
        page: read("html"),
    }
}

pub(crate) fn prove(arguments: &[&str]) -> Ended {
    start(arguments).ends()
}

/// Against a running shop, with its admin key.
pub(crate) fn prove_at(address: impl std::fmt::Display, more: &[&str]) -> Ended {
    let url = format!("http://{address}");
    let first = ["--server", url.as_str(), "--key", ADMIN_KEY];
    prove(&[first.as_slice(), more].concat())
}

impl Ended {
    #[track_caller]
    pub(crate) fn is(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}{}", self.text, self.said);
        self
    }

    /// A trial of the report.
    #[track_caller]
    pub(crate) fn trial(&self, name: &str) -> &Value {
        let trials = self.report["trials"].as_array().expect("trials");
        let found = trials.iter().find(|it| it["name"] == name);
        found.unwrap_or_else(|| panic!("no trial {name}: {}", self.text))
    }

    /// How often something was done in a trial.
    pub(crate) fn count(&self, trial: &str, what: &str) -> u64 {
        let counts = self.trial(trial)["counts"].as_array().expect("counts");
        let found = counts.iter().find(|it| it["what"] == what);
        found.and_then(|it| it["times"].as_u64()).unwrap_or(0)
    }

    /// Names of what did not hold.
    pub(crate) fn broken(&self) -> Vec<&str> {
        let rows = self.report["invariants"].as_array().expect("invariants");
        let broken = rows.iter().filter(|it| it["broken"] != 0);
        broken.filter_map(|it| it["name"].as_str()).collect()
    }
}
