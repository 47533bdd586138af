//! `ci`: what must hold before a change lands, the cheap checks first; it stops at the first
//! that fails.

use crate::process::{cargo, run as execute};
use crate::stopwatch::Steps;
use crate::{generate, test, tidy};

/// # Errors
/// The first failing step's, with what to do about it.
pub(crate) fn run(arguments: &test::Arguments) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let mut counts = None;
    let result = checks(&mut steps).and_then(|()| {
        steps.run("test", "fix what failed above", || {
            let (all, result) = test::all(arguments)?;
            counts = Some(all);
            result
        })
    });
    steps.print();
    if let Some(counts) = counts {
        counts.print();
    }
    result
}

fn checks(steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("fmt", "run `cargo fmt --all`", || {
        execute(&mut cargo(&["fmt", "--all", "--check"]))
    })?;
    steps.run("tidy", "each line above says what to change", tidy::run)?;
    steps.run(
        "clippy",
        "fix the warnings above, or expect one with a reason",
        || {
            execute(&mut cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--features",
                "cartwright-sim/planted-bugs",
                "--",
                "-D",
                "warnings",
            ]))
        },
    )?;
    steps.run("docs", "fix the warnings above", || {
        execute(cargo(&["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.run(
        "generate",
        "run `cargo xtask generate` and commit the result",
        generate::check,
    )
}
