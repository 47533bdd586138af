//! The only place of the workshop that reads the clock: deadlines, and steps that are timed.

use std::time::{Duration, Instant};

use anyhow::Context;

#[expect(
    clippy::disallowed_methods,
    reason = "the workshop measures real time; nothing here is simulated"
)]
fn now() -> Instant {
    Instant::now()
}

/// A moment after which waiting ends.
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    pub(crate) fn passed(&self) -> bool {
        now() >= self.0
    }
}

/// Steps that ran, with their times, for a closing table.
#[derive(Default)]
pub(crate) struct Steps(Vec<(&'static str, Duration, bool)>);

impl Steps {
    /// Runs a step under a headline and keeps its time.
    ///
    /// # Errors
    /// The step's own, with what to do about it.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        remedy: &'static str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        println!("\n== {name}");
        let start = now();
        let result = step();
        self.0.push((name, now() - start, result.is_ok()));
        result.with_context(|| format!("{name} failed; {remedy}"))
    }

    /// Prints a line per step and their sum.
    pub(crate) fn print(&self) {
        println!("\n{:<12} {:>9}", "step", "seconds");
        for (name, time, passed) in &self.0 {
            println!(
                "{name:<12} {:>9.1}  {}",
                time.as_secs_f64(),
                if *passed { "ok" } else { "FAILED" }
            );
        }
        let total: Duration = self.0.iter().map(|it| it.1).sum();
        println!("{:<12} {:>9.1}", "total", total.as_secs_f64());
    }
}
