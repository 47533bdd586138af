//! A Python environment of its own under `target/`, for tools that come from PyPI.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::{process, workspace};

/// The environment's Python, once it has the packages (`name` or `name==version`).
///
/// # Errors
/// When there is no Python 3 with `venv`, or a package cannot be installed.
pub(crate) fn with(packages: &[&str]) -> anyhow::Result<PathBuf> {
    let home = workspace::target().join("venv");
    let python = home.join("bin/python");
    if !home.join("bin/pip").is_file() {
        process::output(Command::new("python3").args(["-m", "venv"]).arg(&home))
            .context("install Python 3 with venv (on Debian: python3-venv)")?;
    }
    for package in packages {
        let mark = home.join(format!("installed-{package}"));
        if !mark.is_file() {
            eprintln!("installing {package} into {}", workspace::shown(&home));
            process::output(Command::new(&python).args(["-m", "pip", "install", "-q", package]))?;
            std::fs::write(mark, "")?;
        }
    }
    Ok(python)
}
