//! This program once more, as a process of its own that a command starts for itself.

use std::process::Command;

/// Variables that it keeps; the others may be settings, of a shop that is not its own.
const KEPT: [&str; 7] = [
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "TMPDIR",
];

/// It, without any settings from the environment: with those it could serve somebody's real shop.
///
/// # Errors
/// When the system does not say where this program is.
pub(crate) fn another() -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    Ok(command)
}
