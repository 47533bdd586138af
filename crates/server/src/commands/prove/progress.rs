//! How far a run is, on standard error, where somebody looks.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// A bar of the time that is spent. Silent when standard error is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    begun: Instant,
}

impl Progress {
    pub(super) fn new(duration: Duration) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            let length = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            begun: Instant::now(),
        }
    }

    /// A trial is at work.
    pub(super) fn shows(&self, trial: &str, rounds: u64) {
        let passed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.bar.set_position(passed);
        self.bar.set_message(format!("{trial}: {rounds} rounds"));
    }

    /// Something else is done.
    pub(super) fn says(&self, what: &'static str) {
        self.bar.set_message(what);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
