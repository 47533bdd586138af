//! The report on a terminal.

use super::{Report, Tried, counted, thousands};
use std::fmt::Write as _;

/// Letters of a line.
const WIDTH: usize = 100;

/// The report as plain text.
pub(crate) fn render(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "cartwright prove {}: {}", report.version, report.shop)?;
    writeln!(
        out,
        "seed {}, run {}, {}, {:.1} s, {} requests",
        report.seed,
        report.run,
        report.started_at,
        report.seconds,
        thousands(report.requests)
    )?;
    writeln!(out, "\n{}", report.headline())?;
    violations(out, report)?;
    writeln!(out, "\nWhat was tried")?;
    for trial in &report.trials {
        tried(out, trial)?;
    }
    writeln!(out, "\nWhat was looked at")?;
    for row in report.invariants.iter().filter(|it| it.checked > 0) {
        let result = match row.broken {
            0 => "held".to_owned(),
            broken => format!("BROKEN {}", counted(broken, "time")),
        };
        writeln!(
            out,
            "  {:<31} {:>10} times  {result}",
            row.name,
            thousands(row.checked)
        )?;
    }
    list(out, "What stays", &report.stays)?;
    list(out, "What this does not cover", &report.not_covered)?;
    writeln!(out, "\nThe same plan again: {}", report.again)
}

fn violations(out: &mut String, report: &Report) -> std::fmt::Result {
    for (index, it) in report.violations.iter().enumerate() {
        writeln!(
            out,
            "\n{}. {} (trial \"{}\", round {})",
            index + 1,
            it.invariant,
            it.trial,
            it.round
        )?;
        folded(out, "   expected  ", &it.expected)?;
        folded(out, "   seen      ", &it.seen)?;
        folded(out, "   look at   ", &it.ids.join(" "))?;
    }
    let untold = report
        .violations_total
        .saturating_sub(report.violations.len() as u64);
    if untold > 0 {
        writeln!(out, "\n... and {} more", thousands(untold))?;
    }
    Ok(())
}

fn tried(out: &mut String, trial: &Tried) -> std::fmt::Result {
    if let Some(why) = &trial.left_out {
        writeln!(out, "\n  {}: LEFT OUT", trial.name)?;
        return folded(out, "    ", why);
    }
    let result = match (&trial.broken_off, trial.violations) {
        (Some(_), _) => "BROKEN OFF".to_owned(),
        (None, 0) => "held".to_owned(),
        (None, violations) => counted(violations, "VIOLATION"),
    };
    let rounds = counted(trial.rounds, "round");
    writeln!(
        out,
        "\n  {}: {rounds}, {:.1} s, {result}",
        trial.name, trial.seconds
    )?;
    folded(out, "    ", trial.says)?;
    let counts: Vec<_> = trial
        .counts
        .iter()
        .filter(|it| it.times > 0)
        .map(|it| format!("{} {}", thousands(it.times), it.what))
        .collect();
    folded(out, "    ", &counts.join("; "))?;
    match &trial.broken_off {
        Some(why) => folded(out, "    broken off: ", why),
        None => Ok(()),
    }
}

fn list(out: &mut String, title: &str, items: &[String]) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    items.iter().try_for_each(|it| folded(out, "  - ", it))
}

/// Folds a text into lines; those after the first begin below where it began.
fn folded(out: &mut String, first: &str, text: &str) -> std::fmt::Result {
    if text.is_empty() {
        return Ok(());
    }
    let indent = " ".repeat(first.len());
    let (mut line, mut is_empty) = (first.to_owned(), true);
    for word in text.split_whitespace() {
        if !is_empty && line.len() + 1 + word.len() > WIDTH {
            writeln!(out, "{line}")?;
            (line, is_empty) = (indent.clone(), true);
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(out, "{line}")
}
