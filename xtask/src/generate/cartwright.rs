//! What the binary tells about itself: its OpenAPI description and its configuration reference.

use std::path::{Path, PathBuf};

use super::Outcome;
use crate::process;

/// `docs/openapi.json` from `cartwright openapi`.
pub(super) fn openapi(root: &Path) -> anyhow::Result<Outcome> {
    if !lists("openapi")? {
        return Ok(Outcome::Skipped("the binary has no subcommand openapi"));
    }
    save(root, "docs/openapi.json", &["openapi"])
}

/// `docs/guide/who-may-call.md` from `cartwright openapi --who`.
pub(super) fn who(root: &Path) -> anyhow::Result<Outcome> {
    if !lists("openapi")? || !cartwright(&["openapi", "--help"])?.contains("--who") {
        return Ok(Outcome::Skipped(
            "the binary has no subcommand openapi --who",
        ));
    }
    save(root, "docs/guide/who-may-call.md", &["openapi", "--who"])
}

/// `docs/operate/configuration.md` from `cartwright config reference`.
pub(super) fn configuration(root: &Path) -> anyhow::Result<Outcome> {
    if !lists("config")? {
        return Ok(Outcome::Skipped("the binary has no subcommand config"));
    }
    save(
        root,
        "docs/operate/configuration.md",
        &["config", "reference"],
    )
}

/// Whether the binary's help lists the subcommand.
fn lists(subcommand: &str) -> anyhow::Result<bool> {
    let help = cartwright(&["--help"])?;
    Ok(help
        .lines()
        .any(|it| it.split_whitespace().next() == Some(subcommand)))
}

fn save(root: &Path, path: &str, arguments: &[&str]) -> anyhow::Result<Outcome> {
    let mut text = cartwright(arguments)?;
    anyhow::ensure!(
        !text.trim().is_empty(),
        "`cartwright {}` printed nothing",
        arguments.join(" ")
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    let file = root.join(path);
    std::fs::create_dir_all(file.parent().unwrap_or(root))?;
    std::fs::write(file, text)?;
    Ok(Outcome::Written(vec![PathBuf::from(path)]))
}

fn cartwright(arguments: &[&str]) -> anyhow::Result<String> {
    process::output(
        process::cargo(&["run", "--quiet", "--package", "cartwright", "--"]).args(arguments),
    )
}
