//! What a run found, for people and for programs.

pub(super) mod html;
pub(super) mod text;

use super::found::{Tally, Violation};
use super::sweep::Swept;
use serde::Serialize;

/// A report; as JSON its fields are those of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// `held`, `violated`, `unfinished` or `unreachable`.
    pub(super) verdict: Verdict,
    pub(super) version: &'static str,
    /// The shop's address, or `embedded`.
    pub(super) shop: String,
    pub(super) run: String,
    pub(super) seed: u64,
    /// RFC 3339.
    pub(super) started_at: String,
    pub(super) seconds: f64,
    pub(super) requests: u64,
    pub(super) trials: Vec<Tried>,
    pub(super) invariants: Vec<Row>,
    pub(super) violations: Vec<Violation>,
    /// Those that are told above, and all further ones.
    pub(super) violations_total: u64,
    pub(super) cleaned_up: Option<Swept>,
    pub(super) left_by_earlier_runs: Option<Swept>,
    /// What is still there.
    pub(super) stays: Vec<String>,
    pub(super) not_covered: Vec<String>,
    /// The command that makes the same plan.
    pub(super) again: String,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Held,
    Violated,
    Unfinished,
    Unreachable,
}

/// A trial, and how often it was done.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tried {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) rounds: u64,
    pub(super) seconds: f64,
    pub(super) counts: Vec<Count>,
    pub(super) violations: u64,
    /// Why it was not done.
    pub(super) left_out: Option<String>,
    /// Why it was not finished.
    pub(super) broken_off: Option<String>,
}

/// How often something was done.
#[derive(Debug, Serialize)]
pub(super) struct Count {
    pub(super) what: &'static str,
    pub(super) times: u64,
}

/// An invariant, and how often it was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) checked: u64,
    pub(super) broken: u64,
}

impl Tried {
    /// What was done, each with how often.
    fn figures(&self) -> Vec<(&'static str, String)> {
        let counts = self.counts.iter().filter(|it| it.times > 0);
        let mut figures = vec![
            ("rounds", thousands(self.rounds)),
            ("time", format!("{:.1} s", self.seconds)),
        ];
        figures.extend(counts.map(|it| (it.what, thousands(it.times))));
        figures
    }
}

impl Row {
    pub(super) fn of(invariant: cartwright_domain::invariants::Invariant, tally: Tally) -> Self {
        Self {
            name: invariant.name,
            says: invariant.says,
            checked: tally.checked,
            broken: tally.broken,
        }
    }
}

impl Report {
    fn checks(&self) -> u64 {
        self.invariants.iter().map(|it| it.checked).sum()
    }

    fn left_out(&self) -> u64 {
        let left_out = self.trials.iter().filter(|it| it.left_out.is_some());
        left_out.count() as u64
    }

    /// When it began, for people.
    fn begun(&self) -> String {
        let moment = self.started_at.split(['.', 'Z']).next().unwrap_or_default();
        format!("{} UTC", moment.replace('T', " "))
    }

    /// The whole result in one sentence.
    pub(super) fn headline(&self) -> String {
        let checks = thousands(self.checks());
        match self.verdict {
            Verdict::Held if self.left_out() > 0 => format!(
                "What was tried held: {checks} checks, no violation. {} left out.",
                counted(self.left_out(), "trial")
            ),
            Verdict::Held => format!("Everything held: {checks} checks, no violation."),
            Verdict::Violated => {
                format!(
                    "{} in {checks} checks.",
                    counted(self.violations_total, "violation")
                )
            }
            Verdict::Unreachable => {
                format!(
                    "The shop does not answer any more: {checks} checks so far, no violation among them."
                )
            }
            Verdict::Unfinished => {
                format!("Not finished: {checks} checks so far, no violation among them.")
            }
        }
    }
}

/// `1 round`, `2 rounds`.
fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", thousands(number))
}

/// `1234567` as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_are_read_in_threes() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }
}
