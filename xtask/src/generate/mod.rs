//! `generate`: files in the repository that are made from others.
//!
//! Every generator writes below a directory it is given, at the paths the files have in the
//! repository. `--check` gives it an empty one and compares.

mod cartwright;
mod protobuf;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::workspace;

/// Where generated code lies that no rule for handwritten code applies to.
pub(crate) const PROTOBUF: &str = protobuf::DIRECTORY;

/// Arguments of `generate`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Change nothing; fail when a committed file differs from what would be generated
    #[arg(long)]
    check: bool,
    /// Only these generators (default: all)
    only: Vec<String>,
}

struct Generator {
    name: &'static str,
    /// Writes below the given root; answers why it skipped when there is nothing to generate from.
    write: fn(&Path) -> anyhow::Result<Outcome>,
    /// Directories that belong to the generator alone: what it no longer writes is stale there.
    owns: &'static [&'static str],
}

/// What a generator did.
enum Outcome {
    Written(Vec<PathBuf>),
    Skipped(&'static str),
}

const GENERATORS: &[Generator] = &[
    Generator {
        name: "protobuf",
        write: protobuf::write,
        owns: &[protobuf::DIRECTORY],
    },
    Generator {
        name: "openapi",
        write: cartwright::openapi,
        owns: &[],
    },
    Generator {
        name: "who-may-call",
        write: cartwright::who,
        owns: &[],
    },
    Generator {
        name: "configuration",
        write: cartwright::configuration,
        owns: &[],
    },
];

/// Compares all that is generated with what is committed.
///
/// # Errors
/// When a generator fails or a committed file differs.
pub(crate) fn check() -> anyhow::Result<()> {
    run(&Arguments {
        check: true,
        only: Vec::new(),
    })
}

/// Runs the generators in order.
///
/// # Errors
/// When a generator fails, or with `--check` when a committed file differs.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    for name in &arguments.only {
        if !GENERATORS.iter().any(|it| it.name == name) {
            let known: Vec<_> = GENERATORS.iter().map(|it| it.name).collect();
            bail!("no generator is called {name}; known: {}", known.join(", "));
        }
    }
    let mut stale = Vec::new();
    for generator in GENERATORS {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|it| it == generator.name) {
            continue;
        }
        let scratch = workspace::target().join("generate").join(generator.name);
        if scratch.exists() {
            std::fs::remove_dir_all(&scratch)?;
        }
        std::fs::create_dir_all(&scratch)?;
        let outcome =
            (generator.write)(&scratch).with_context(|| format!("generator {}", generator.name))?;
        let files = match outcome {
            Outcome::Written(files) => files,
            Outcome::Skipped(reason) => {
                println!("generate {}: skipped, {reason}", generator.name);
                continue;
            }
        };
        let changed = changes(generator, &scratch, &files)?;
        println!(
            "generate {}: {} files, {} changed",
            generator.name,
            files.len(),
            changed.len()
        );
        if arguments.check {
            stale.extend(changed);
        } else {
            apply(&scratch, &changed)?;
        }
    }
    if !stale.is_empty() {
        let list: Vec<_> = stale
            .iter()
            .map(|it| format!("  {}", it.display()))
            .collect();
        bail!(
            "not what the generators write:\n{}\nrun `cargo xtask generate` and commit the result",
            list.join("\n")
        );
    }
    Ok(())
}

/// Relative paths whose content in the repository differs from the scratch directory's.
fn changes(
    generator: &Generator,
    scratch: &Path,
    files: &[PathBuf],
) -> anyhow::Result<Vec<PathBuf>> {
    let mut all: BTreeSet<PathBuf> = files.iter().cloned().collect();
    for directory in generator.owns {
        let committed = workspace::root().join(directory);
        if committed.is_dir() {
            for entry in std::fs::read_dir(committed)? {
                all.insert(Path::new(directory).join(entry?.file_name()));
            }
        }
    }
    let differs = |path: &PathBuf| {
        std::fs::read(scratch.join(path)).ok() != std::fs::read(workspace::root().join(path)).ok()
    };
    Ok(all.into_iter().filter(differs).collect())
}

/// Brings the changed files over, and removes those that are generated no more.
fn apply(scratch: &Path, changed: &[PathBuf]) -> anyhow::Result<()> {
    for path in changed {
        let (from, to) = (scratch.join(path), workspace::root().join(path));
        if from.exists() {
            std::fs::create_dir_all(to.parent().expect("a generated file lies in a directory"))?;
            std::fs::copy(from, to)?;
        } else {
            std::fs::remove_file(to)?;
        }
    }
    Ok(())
}
