//! What one run measured, and the medians of several runs.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::process;

/// Latencies above this are counted as this.
const LONGEST: Duration = Duration::from_secs(120);
/// Significant digits that a histogram keeps.
const DIGITS: u8 = 3;

/// Latencies and outcomes, filled while a run goes on.
#[derive(Debug)]
pub(crate) struct Recorder {
    latencies: Histogram<u64>,
    outcomes: BTreeMap<u16, u64>,
}

impl Recorder {
    /// An empty recorder.
    pub(crate) fn new() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        let latencies = Histogram::new_with_bounds(1, longest, DIGITS)
            .unwrap_or_else(|_| unreachable!("the bounds are constants"));
        Self {
            latencies,
            outcomes: BTreeMap::new(),
        }
    }

    /// Counts one reply with its status.
    pub(crate) fn record(&mut self, latency: Duration, status: u16) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(nanos.max(1));
        *self.outcomes.entry(status).or_default() += 1;
    }

    /// Replies counted so far.
    pub(crate) fn replies(&self) -> u64 {
        self.latencies.len()
    }

    /// Takes the counts of another recorder in.
    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so that every value of one fits into the other.
        let _ = self.latencies.add(&other.latencies);
        for (status, count) in &other.outcomes {
            *self.outcomes.entry(*status).or_default() += count;
        }
    }

    /// Closes the recorder: what was measured between `usage` was begun and now.
    pub(crate) fn finish(self, elapsed: Duration, usage: &Usage) -> Run {
        let used = usage.since();
        let at = |percentile: f64| self.latencies.value_at_percentile(percentile) as f64 / 1e6;
        Run {
            figures: Figures {
                throughput: self.latencies.len() as f64 / elapsed.as_secs_f64(),
                p50_ms: at(50.0),
                p95_ms: at(95.0),
                p99_ms: at(99.0),
                p999_ms: at(99.9),
                max_ms: self.latencies.max() as f64 / 1e6,
                server_cores: used.server_cores,
                client_cores: used.client_cores,
                server_resident_mb: used.server_resident_mb,
            },
            outcomes: self.outcomes,
        }
    }
}

/// The CPU clocks at the beginning of a run.
#[derive(Debug)]
pub(crate) struct Usage {
    begun: Instant,
    server: Option<u32>,
    server_cpu: Option<Duration>,
    client_cpu: Option<Duration>,
}

struct Used {
    server_cores: Option<f64>,
    client_cores: Option<f64>,
    server_resident_mb: Option<f64>,
}

impl Usage {
    /// Notes the CPU time of this process and of the server, when its pid is known.
    pub(crate) fn begin(server: Option<u32>) -> Self {
        Self {
            begun: Instant::now(),
            server,
            server_cpu: server.and_then(process::cpu_time),
            client_cpu: process::cpu_time(std::process::id()),
        }
    }

    fn since(&self) -> Used {
        let elapsed = self.begun.elapsed().as_secs_f64();
        let cores = |before: Option<Duration>, pid: u32| {
            let used = process::cpu_time(pid)?.checked_sub(before?)?;
            Some(used.as_secs_f64() / elapsed)
        };
        Used {
            server_cores: self.server.and_then(|pid| cores(self.server_cpu, pid)),
            client_cores: cores(self.client_cpu, std::process::id()),
            server_resident_mb: self.server.and_then(process::resident_bytes).map(megabytes),
        }
    }
}

/// Bytes as megabytes of 10^6.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// One run: its figures and how often each status came.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// What was measured.
    pub(crate) figures: Figures,
    /// Replies by HTTP status (for gRPC: 200 for `OK`).
    pub(crate) outcomes: BTreeMap<u16, u64>,
}

/// The figures of one run, or the medians of several.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Figures {
    /// Replies per second.
    pub(crate) throughput: f64,
    /// Median latency in milliseconds.
    pub(crate) p50_ms: f64,
    /// 95th percentile in milliseconds.
    pub(crate) p95_ms: f64,
    /// 99th percentile in milliseconds.
    pub(crate) p99_ms: f64,
    /// 99.9th percentile in milliseconds.
    pub(crate) p999_ms: f64,
    /// The longest latency in milliseconds.
    pub(crate) max_ms: f64,
    /// Cores that the server kept busy.
    pub(crate) server_cores: Option<f64>,
    /// Cores that this process (the client) kept busy.
    pub(crate) client_cores: Option<f64>,
    /// Resident memory of the server at the end, in 10^6 bytes.
    pub(crate) server_resident_mb: Option<f64>,
}

/// The median of each figure over `runs`; `None` when there are none.
pub(crate) fn medians(runs: &[Run]) -> Option<Figures> {
    let of = |figure: fn(&Figures) -> f64| median(runs.iter().map(|run| figure(&run.figures)));
    let of_known = |figure: fn(&Figures) -> Option<f64>| {
        median(runs.iter().filter_map(|run| figure(&run.figures)))
    };
    Some(Figures {
        throughput: of(|figures| figures.throughput)?,
        p50_ms: of(|figures| figures.p50_ms)?,
        p95_ms: of(|figures| figures.p95_ms)?,
        p99_ms: of(|figures| figures.p99_ms)?,
        p999_ms: of(|figures| figures.p999_ms)?,
        max_ms: of(|figures| figures.max_ms)?,
        server_cores: of_known(|figures| figures.server_cores),
        client_cores: of_known(|figures| figures.client_cores),
        server_resident_mb: of_known(|figures| figures.server_resident_mb),
    })
}

/// The middle value (of an even number, the mean of the two in the middle); `None` of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(values[values.len() / 2 - 1], upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn a_run_tells_throughput_percentiles_and_outcomes() {
        let mut recorder = Recorder::new();
        for micros in 1..=1000 {
            let status = if micros <= 900 { 201 } else { 409 };
            recorder.record(Duration::from_micros(micros), status);
        }
        let run = recorder.finish(Duration::from_secs(2), &Usage::begin(None));
        assert_eq!(run.figures.throughput, 500.0);
        assert!((run.figures.p50_ms - 0.5).abs() < 0.001);
        assert!((run.figures.p99_ms - 0.99).abs() < 0.001);
        assert_eq!(run.outcomes, BTreeMap::from([(201, 900), (409, 100)]));
        assert_eq!(run.figures.server_cores, None);
    }
}
