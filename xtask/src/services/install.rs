//! Getting what a native service needs: Debian packages when root, jars from Maven Central.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use anyhow::{Context, bail};

use crate::process;

/// The program, installed from a Debian package when it is not there.
///
/// # Errors
/// When it is missing and this is no Debian, or not root.
pub(super) fn program(
    name: &str,
    package: &str,
    directories: fn() -> Vec<PathBuf>,
) -> anyhow::Result<PathBuf> {
    if let Some(found) = process::find(name, &directories()) {
        return Ok(found);
    }
    debian(package).with_context(|| format!("{name} is not installed"))?;
    process::find(name, &directories())
        .with_context(|| format!("the package {package} brought no {name}"))
}

/// For programs that lie in `PATH`.
pub(super) fn nowhere_else() -> Vec<PathBuf> {
    Vec::new()
}

fn debian(package: &str) -> anyhow::Result<()> {
    static UPDATE: Once = Once::new();
    let Some(apt) = process::find("apt-get", &[]).filter(|_| process::is_root()) else {
        bail!("install {package}; only root on Debian has it installed for it");
    };
    UPDATE.call_once(|| {
        // Old lists may still do; the install below says when they don't.
        let _ = process::output(Command::new(&apt).args(["update", "-qq"]));
    });
    eprintln!("installing {package}");
    // RUNLEVEL=1 keeps the package from starting a server of its own.
    let install = ["install", "-y", "-qq", "--no-install-recommends", package];
    process::output(
        Command::new(&apt)
            .args(install)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1"),
    )?;
    Ok(())
}

/// Maven, ready for goals, quiet and without questions.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(super) fn maven(goal: &str, directory: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(program("mvn", "maven", nowhere_else)?);
    command.args(["-q", "-B", goal]).current_dir(directory);
    Ok(command)
}
