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
        report.begun(),
        report.seconds,
        thousands(report.requests)
    )?;
    writeln!(out, "\n{}", report.headline())?;
    violations(out, report)?;
    writeln!(out, "\nWhat was tried")?;
    for trial in &report.trials {
        tried(out, trial)?;
    }
    let (name, checks) = ("What was looked at", "checks");
    writeln!(out, "\n{name:<33} {checks:>10}")?;
    for row in report.invariants.iter().filter(|it| it.checked > 0) {
        let result = match row.broken {
            0 => "held".to_owned(),
            broken => format!("BROKEN {}", counted(broken, "time")),
        };
        let checked = thousands(row.checked);
        writeln!(out, "  {:<31} {checked:>10}  {result}", row.name)?;
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
        folded(out, "   ", it.says)?;
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
        (None, violations) => counted(violations, "violation").to_uppercase(),
    };
    writeln!(out, "\n  {}: {result}", trial.name)?;
    folded(out, "    ", trial.says)?;
    let figures = trial.figures();
    let figures: Vec<_> = figures
        .iter()
        .map(|(what, times)| format!("{what} {times}"))
        .collect();
    folded(out, "    ", &figures.join("; "))?;
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
    let room = WIDTH - first.len();
    for word in text.split_whitespace().flat_map(|it| pieces(it, room)) {
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

/// A word, or the pieces of one that is longer than a line.
fn pieces(word: &str, room: usize) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let end = rest
            .char_indices()
            .nth(room)
            .map_or(rest.len(), |(end, _)| end);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn a_long_text_is_folded_below_where_it_began_and_a_long_word_is_broken() {
        let mut out = String::new();
        let text = format!("seen {} and more", "x".repeat(150));
        folded(&mut out, "   seen  ", &text).expect("a String takes it");
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(lines[0], "   seen  seen");
        assert_eq!(lines[1], format!("         {}", "x".repeat(91)));
        assert_eq!(lines[2], format!("         {} and more", "x".repeat(59)));
    }
}
