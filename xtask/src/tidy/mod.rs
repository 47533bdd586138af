//! `tidy`: rules of this repository that no compiler knows.
//!
//! A rule adds lines to a [`Report`]: faults fail the run, notes do not.

mod codes;
mod crates;
mod texts;

use anyhow::bail;

type Rule = fn(&mut Report) -> anyhow::Result<()>;

/// All rules.
const RULES: &[(&str, Rule)] = &[
    ("crates depend inwards", crates::edges),
    ("anyhow stays at the edge", crates::anyhow),
    ("one version of each crate", crates::versions),
    ("files stay short", texts::lengths),
    ("nothing is left undone", texts::leftovers),
    ("no machine is named", texts::machines),
    ("the house is furnished", texts::furniture),
    ("every error code is explained", codes::explained),
];

/// What the rules found.
#[derive(Default)]
struct Report {
    faults: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    fn fault(&mut self, line: impl Into<String>) {
        self.faults.push(line.into());
    }

    fn note(&mut self, line: impl Into<String>) {
        self.notes.push(line.into());
    }
}

/// # Errors
/// When a rule is broken, after printing each breach.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut faults = 0;
    for (name, rule) in RULES {
        let mut report = Report::default();
        rule(&mut report)?;
        println!(
            "{} {name}",
            if report.faults.is_empty() {
                "ok    "
            } else {
                "BROKEN"
            }
        );
        for note in &report.notes {
            println!("         note: {note}");
        }
        for fault in &report.faults {
            println!("         {fault}");
        }
        faults += report.faults.len();
    }
    if faults > 0 {
        bail!("{faults} breaches");
    }
    Ok(())
}
