//! Running other programs, and ending those that this tool started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::stopwatch::Deadline;

/// Runs a command to its end with its output shown.
///
/// # Errors
/// When it cannot be started or does not end with 0.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", name(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Runs a command to its end and answers its stdout; its stderr becomes the error's text.
///
/// # Errors
/// When it cannot be started, does not end with 0, or prints what is no UTF-8.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", name(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{}` ended with {}: {}",
            line(command),
            output.status,
            said.trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} printed what is no text", name(command)))
}

/// Cargo, as it runs this tool, in the workspace's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(arguments)
        .current_dir(crate::workspace::root());
    command
}

/// The first of `directories`, then of `PATH`, that has the program.
pub(crate) fn find(program: &str, directories: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    directories
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path))
        .map(|it| it.join(program))
        .find(|it| it.is_file())
}

/// Whether this process runs as root, by who owns its entry in `/proc`.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

/// Starts a process that outlives this one, its output in `log`, and answers its id.
///
/// # Errors
/// When the log cannot be written or the process cannot be started.
pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<u32> {
    use std::os::unix::process::CommandExt as _;
    let log =
        std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {}", name(command)))?;
    Ok(child.id())
}

/// Whether the process runs and its command line still names `mark`: a process id may have
/// been given to somebody else meanwhile.
pub(crate) fn lives(pid: u32, mark: &str) -> bool {
    let Ok(arguments) = std::fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    if arguments.is_empty() {
        // One that just becomes another program has none for a moment; one that ended has none for good.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        return stat
            .rsplit_once(") ")
            .is_some_and(|it| !it.1.starts_with(['Z', 'X']));
    }
    String::from_utf8_lossy(&arguments).contains(mark)
}

/// Ends a process with `signal`, and with KILL when it has not gone after 15 seconds.
///
/// # Errors
/// When it is still there after that.
pub(crate) fn stop(pid: u32, mark: &str, signal: &str) -> anyhow::Result<()> {
    for (signal, seconds) in [(signal, 15), ("KILL", 5)] {
        if !lives(pid, mark) {
            return Ok(());
        }
        // A process that went between the two lines makes `kill` fail; the loop below decides.
        let _ = Command::new("kill")
            .args(["-s", signal, &pid.to_string()])
            .stderr(Stdio::null())
            .status();
        let deadline = Deadline::after(Duration::from_secs(seconds));
        while lives(pid, mark) && !deadline.passed() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    if lives(pid, mark) {
        bail!("process {pid} does not end");
    }
    Ok(())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|it| it.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
