//! What a run of the benchmark found: a table for people, or JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::measure::Figures;

/// Everything found, in the order it was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// The version of the measured binary.
    pub(crate) version: &'static str,
    /// Cores of the machine, shared by client and server.
    pub(crate) cores: usize,
    /// Seconds of one run.
    pub(crate) seconds: u64,
    /// Runs, of which the figures are the medians.
    pub(crate) runs: usize,
    /// One entry per measured case.
    pub(crate) rows: Vec<Row>,
}

/// One measured case.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// The scenario's name, as `--only` takes it.
    pub(crate) scenario: &'static str,
    /// What was varied: connections, rate, size of the data.
    pub(crate) case: String,
    /// Load figures, when load was offered.
    pub(crate) figures: Option<Figures>,
    /// Throughput divided by that of a yardstick of the same run.
    pub(crate) ratios: Vec<Ratio>,
    /// Other figures: counts, milliseconds, megabytes.
    pub(crate) facts: Vec<Fact>,
    /// The aims that concern this case.
    pub(crate) aims: Vec<Aim>,
}

/// A throughput in terms of another one.
#[derive(Debug, Serialize)]
pub(crate) struct Ratio {
    /// What it is compared with.
    pub(crate) to: &'static str,
    /// The quotient.
    pub(crate) value: f64,
}

/// A figure that is no load figure.
#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    /// What it is.
    pub(crate) name: String,
    /// The figure.
    pub(crate) value: f64,
    /// Its unit, empty for a count.
    pub(crate) unit: &'static str,
}

/// An aim and whether it was reached.
#[derive(Debug, Serialize)]
pub(crate) struct Aim {
    /// What was aimed at, with its figure.
    pub(crate) wanted: String,
    /// What was found.
    pub(crate) found: f64,
    /// Whether the aim was reached.
    pub(crate) met: bool,
}

impl Row {
    /// A row without any figure yet.
    pub(crate) fn new(scenario: &'static str, case: impl Into<String>) -> Self {
        Self {
            scenario,
            case: case.into(),
            figures: None,
            ratios: Vec::new(),
            facts: Vec::new(),
            aims: Vec::new(),
        }
    }

    /// With load figures.
    pub(crate) fn with_figures(mut self, figures: Figures) -> Self {
        self.figures = Some(figures);
        self
    }

    /// With its throughput as a multiple of `yardstick`; nothing without figures or yardstick.
    pub(crate) fn with_ratio(mut self, to: &'static str, yardstick: Option<f64>) -> Self {
        if let (Some(figures), Some(yardstick)) = (&self.figures, yardstick) {
            self.ratios.push(Ratio {
                to,
                value: figures.throughput / yardstick,
            });
        }
        self
    }

    /// With one more figure.
    pub(crate) fn with_fact(
        mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        self.facts.push(Fact {
            name: name.into(),
            value,
            unit,
        });
        self
    }

    /// With an aim of at least `least`.
    pub(crate) fn at_least(mut self, what: &str, found: f64, least: f64) -> Self {
        self.aims.push(Aim {
            wanted: format!("{what} >= {}", number(least)),
            found,
            met: found >= least,
        });
        self
    }

    /// With an aim of at most `most`.
    pub(crate) fn at_most(mut self, what: &str, found: f64, most: f64) -> Self {
        self.aims.push(Aim {
            wanted: format!("{what} <= {}", number(most)),
            found,
            met: found <= most,
        });
        self
    }
}

impl Report {
    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "cartwright {} on {} cores (client and server together), {} runs of {} s after a warm-up, medians\n\n",
            self.version, self.cores, self.runs, self.seconds
        );
        let _ = writeln!(
            text,
            "{:<13} {:<38} {:>9} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6} {:>7}  compared with",
            "scenario",
            "case",
            "per s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "p99.9",
            "server",
            "client",
            "RSS MB"
        );
        for row in &self.rows {
            row.write(&mut text);
        }
        text
    }
}

impl Row {
    fn write(&self, text: &mut String) {
        let _ = write!(text, "{:<13} {:<38}", self.scenario, self.case);
        if let Some(figures) = &self.figures {
            let known = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
            let _ = write!(
                text,
                " {:>9} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:>6} {:>6} {:>7}",
                number(figures.throughput),
                figures.p50_ms,
                figures.p95_ms,
                figures.p99_ms,
                figures.p999_ms,
                known(figures.server_cores),
                known(figures.client_cores),
                known(figures.server_resident_mb),
            );
            for ratio in &self.ratios {
                let _ = write!(text, "  {:.2} x {}", ratio.value, ratio.to);
            }
        }
        text.push('\n');
        for fact in &self.facts {
            let _ = writeln!(
                text,
                "{:14}{}: {} {}",
                "",
                fact.name,
                number(fact.value),
                fact.unit
            );
        }
        for aim in &self.aims {
            let verdict = if aim.met { "met" } else { "MISSED" };
            let _ = writeln!(
                text,
                "{:14}aim {}: {verdict}, {}",
                "",
                aim.wanted,
                number(aim.found)
            );
        }
    }
}

/// A figure with as many digits as are worth reading, and commas in large ones.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let text = format!("{value:.2}");
        return match text.strip_suffix(".00") {
            Some(whole) => whole.to_owned(),
            None => text,
        };
    }
    let digits = format!("{value:.0}");
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", &*digits), |rest| ("-", rest));
    let mut grouped = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        let rows = [
            (0.35, "0.35"),
            (12.0, "12"),
            (155_000.4, "155,000"),
            (-1234.0, "-1,234"),
            (999.0, "999"),
        ];
        for (value, text) in rows {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn an_aim_that_was_missed_says_so() {
        let row = Row::new("start", "small data")
            .at_most("start, ms", 310.0, 300.0)
            .at_least("ratio", 0.7, 0.7);
        let report = Report {
            rows: vec![row],
            ..Report::default()
        };
        let table = report.table();
        assert!(
            table.contains("aim start, ms <= 300: MISSED, 310"),
            "{table}"
        );
        assert!(table.contains("aim ratio >= 0.70: met, 0.70"), "{table}");
    }
}
