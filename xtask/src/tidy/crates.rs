//! Rules over crates: who may know whom, and what they are made of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Report;
use crate::{process, workspace};

/// For each crate the crates of this workspace that it may use, tests aside: those may stand
/// on any technology. `api -> app <- adapters`, `app -> domain`; only `cartwright` (the server)
/// and the simulation see both sides.
const MAY_USE: &[(&str, &[&str])] = &[
    ("cartwright-domain", &[]),
    ("cartwright-proto", &[]),
    ("cartwright-app", &["cartwright-domain", "cartwright-proto"]),
    (
        "cartwright-memory",
        &["cartwright-app", "cartwright-domain", "cartwright-proto"],
    ),
    (
        "cartwright-adapters",
        &[
            "cartwright-app",
            "cartwright-domain",
            "cartwright-memory",
            "cartwright-proto",
        ],
    ),
    (
        "cartwright-api",
        &["cartwright-app", "cartwright-domain", "cartwright-proto"],
    ),
    ("cartwright", ALL),
    ("cartwright-sim", ALL),
    ("xtask", &[]),
];

const ALL: &[&str] = &[
    "cartwright-domain",
    "cartwright-proto",
    "cartwright-app",
    "cartwright-memory",
    "cartwright-adapters",
    "cartwright-api",
];

/// Crates that may end an error in `anyhow`; everywhere else errors are types.
const MAY_USE_ANYHOW: &[&str] = &["cartwright", "cartwright-sim", "xtask"];

/// What the domain may never know: the outside world.
const NOT_IN_DOMAIN: &[&str] = &[
    "tokio",
    "axum",
    "tonic",
    "rusqlite",
    "sqlx",
    "reqwest",
    "getrandom",
    "rand",
];

struct Package {
    name: String,
    /// Names of what it uses outside tests.
    uses: Vec<String>,
    /// Names of all it uses, tests included.
    all: Vec<String>,
}

pub(super) fn edges(report: &mut Report) -> anyhow::Result<()> {
    let packages = packages()?;
    let ours: BTreeSet<&str> = packages.iter().map(|it| it.name.as_str()).collect();
    for package in &packages {
        let Some((_, allowed)) = MAY_USE.iter().find(|it| it.0 == package.name) else {
            report.fault(format!(
                "crate {} is in no row of MAY_USE (xtask/src/tidy/crates.rs); a new crate needs a decision record",
                package.name
            ));
            continue;
        };
        for used in package.uses.iter().filter(|it| ours.contains(it.as_str())) {
            if !allowed.contains(&used.as_str()) {
                report.fault(format!("{} may not use {used}", package.name));
            }
        }
        if package.name == "cartwright-domain" {
            for used in package
                .uses
                .iter()
                .filter(|it| NOT_IN_DOMAIN.contains(&it.as_str()))
            {
                report.fault(format!(
                    "the domain does no I/O and has no clock: it may not use {used}"
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn anyhow(report: &mut Report) -> anyhow::Result<()> {
    for package in packages()? {
        let uses = package.uses.iter().any(|it| it == "anyhow");
        if uses && !MAY_USE_ANYHOW.contains(&package.name.as_str()) {
            report.fault(format!(
                "{} may not use anyhow; give its errors a type",
                package.name
            ));
        }
    }
    Ok(())
}

/// A note, not a fault: the other version usually is somebody else's choice.
pub(super) fn versions(report: &mut Report) -> anyhow::Result<()> {
    let direct: BTreeSet<String> = packages()?.into_iter().flat_map(|it| it.all).collect();
    let lock = std::fs::read_to_string(workspace::root().join("Cargo.lock"))?;
    for (name, versions) in locked(&lock) {
        if versions.len() > 1 && direct.contains(name) {
            report.note(format!(
                "{name} is built in versions {}",
                versions.join(", ")
            ));
        }
    }
    Ok(())
}

/// Names with their versions, from the text of `Cargo.lock`.
fn locked(lock: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(it) = line.strip_prefix("name = ") {
            name = it.trim_matches('"');
        } else if let Some(it) = line.strip_prefix("version = ").filter(|_| !name.is_empty()) {
            found.entry(name).or_default().push(it.trim_matches('"'));
        }
    }
    found
}

fn packages() -> anyhow::Result<Vec<Package>> {
    let text = process::output(&mut process::cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let packages = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|package| {
            let dependencies = || package["dependencies"].as_array().into_iter().flatten();
            let name = |it: &Value| it["name"].as_str().unwrap_or_default().to_owned();
            Package {
                name: name(package),
                uses: dependencies()
                    .filter(|it| it["kind"].as_str() != Some("dev"))
                    .map(name)
                    .collect(),
                all: dependencies().map(name).collect(),
            }
        });
    Ok(packages.collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_lock_file_tells_the_versions_of_each_crate() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"0.1.0\"\n";
        let locked = super::locked(lock);
        assert_eq!(locked["a"], ["1.0.0", "2.0.0"]);
        assert_eq!(locked["b"], ["0.1.0"]);
    }
}
