//! Rules over the texts of tracked files.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Report;
use crate::{generate, process, workspace};

/// Lines from which a file under `crates/` gets a note, and that none may exceed.
const LONG: usize = 400;
const TOO_LONG: usize = 600;
/// Lines of ARCHITECTURE.md at most: it is read, not searched.
const ARCHITECTURE: usize = 200;

/// What no source may hold, each with what to do. Split, so that this file does not hold them.
const LEFTOVERS: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or file an issue"),
    (concat!("FIX", "ME"), "fix it, or file an issue"),
    (concat!("todo", "!("), "write it"),
    (concat!("unimplemented", "!("), "write it"),
    (
        concat!("#[ign", "ore"),
        "make the test fast and sure, or delete it",
    ),
];

/// Directories that only one machine has. Split, for the same reason.
const PLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/t", "mp/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
];

pub(super) fn lengths(report: &mut Report) -> anyhow::Result<()> {
    for (path, text) in sources()? {
        let lines = text.lines().count();
        if !path.starts_with("crates") || lines <= LONG {
            continue;
        }
        let line = format!("{} has {lines} lines", path.display());
        if lines > TOO_LONG {
            report.fault(format!("{line}, at most {TOO_LONG}: split it by idea"));
        } else {
            report.note(line);
        }
    }
    if let Ok(text) = std::fs::read_to_string(workspace::root().join("ARCHITECTURE.md")) {
        let lines = text.lines().count();
        if lines > ARCHITECTURE {
            report.fault(format!(
                "ARCHITECTURE.md has {lines} lines, at most {ARCHITECTURE}"
            ));
        }
    }
    Ok(())
}

pub(super) fn leftovers(report: &mut Report) -> anyhow::Result<()> {
    for (path, text) in sources()? {
        for (number, line) in text.lines().enumerate() {
            for (mark, remedy) in LEFTOVERS.iter().filter(|it| has(line, it.0)) {
                report.fault(format!(
                    "{}:{}: {mark}: {remedy}",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn machines(report: &mut Report) -> anyhow::Result<()> {
    let root = workspace::root().display().to_string();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // A short or everyday host name would be found in any text.
    let host = Some(host.trim()).filter(|it| it.len() >= 8 && *it != "localhost");
    for path in tracked()? {
        let Ok(text) = std::fs::read_to_string(workspace::root().join(&path)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let place = PLACES.iter().any(|it| names_place(line, it)) || line.contains(&root);
            if place || host.is_some_and(|it| line.contains(it)) {
                report.fault(format!(
                    "{}:{} names a place of one machine",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    Ok(())
}

/// Files that must be there.
pub(super) fn furniture(report: &mut Report) -> anyhow::Result<()> {
    for file in ["clippy.toml", "CONTRIBUTING.md", ".ci/run"] {
        if !workspace::root().join(file).is_file() {
            report.fault(format!("{file} is missing"));
        }
    }
    for file in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        if !workspace::root().join(file).is_file() {
            report.note(format!("{file} is missing"));
        }
    }
    Ok(())
}

/// Whether the mark stands in the line as a word of its own.
fn has(line: &str, mark: &str) -> bool {
    let word = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    line.match_indices(mark).any(|(at, _)| {
        let ends_open = mark.ends_with(|it: char| !it.is_alphanumeric());
        !word(line[..at].chars().next_back())
            && (ends_open || !word(line[at + mark.len()..].chars().next()))
    })
}

/// Whether the line names an absolute path below `place`, not a relative one or a URL's.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || "._-/}*)".contains(it))
    })
}

/// Rust sources by hand, with their texts.
fn sources() -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for path in tracked()? {
        let is_source = path
            .extension()
            .is_some_and(|it| it == "rs" || it == "proto" || it == "sql");
        if is_source && !path.starts_with(generate::PROTOBUF) {
            found.push((path.clone(), read(&path)?));
        }
    }
    Ok(found)
}

fn read(path: &Path) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(workspace::root().join(path))?)
}

/// All files that git tracks or would track, those that were just deleted aside.
fn tracked() -> anyhow::Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(workspace::root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let list = process::output(&mut git)?;
    let paths = list
        .split('\0')
        .filter(|it| !it.is_empty())
        .map(PathBuf::from);
    Ok(paths
        .filter(|it| workspace::root().join(it).is_file())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::{has, names_place};

    #[test]
    fn marks_are_words_and_places_are_absolute() {
        let mark = concat!("TO", "DO");
        assert!(has(&format!("// {mark}: later"), mark));
        assert!(!has(&format!("MAS{mark}NS"), mark));
        let place = concat!("/t", "mp/");
        assert!(names_place(&format!("cd {place}x"), place));
        assert!(!names_place(&format!("a{place}x"), place));
    }
}
