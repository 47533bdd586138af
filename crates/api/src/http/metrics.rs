//! Counters of requests: rate, errors and duration per route.

use crate::grpc::metrics::GrpcMetrics;
use parking_lot::Mutex;
use smol_str::SmolStr;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Upper bounds of the duration buckets, in microseconds.
pub const BOUNDS_MICROS: [u64; 12] = [
    100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_000_000,
];

/// Counters of one route.
#[derive(Debug, Default)]
pub struct RouteCounts {
    /// Replies by the first digit of the status, 1xx to 5xx.
    pub by_class: [AtomicU64; 5],
    /// Replies by duration; the last counts those beyond every bound.
    pub by_duration: [AtomicU64; 13],
    /// Sum of durations in nanoseconds.
    pub nanos: AtomicU64,
}

/// How those who follow the log are doing, whichever process they run in.
#[derive(Debug, Default)]
pub(super) struct Following {
    pub(super) cursors: Vec<(SmolStr, u64)>,
    pub(super) dead_letters: Vec<(SmolStr, u64)>,
}

/// Counters of the surface.
#[derive(Debug)]
pub struct Metrics {
    routes: Vec<RouteCounts>,
    rate_limited: AtomicU64,
    conflicts: AtomicU64,
    /// What needed attention when it was last counted.
    pub(super) needs_attention: AtomicU64,
    /// How those who follow the log were doing when they were last looked at.
    pub(super) following: Mutex<Arc<Following>>,
    /// Set once gRPC is served.
    pub(crate) grpc: OnceLock<GrpcMetrics>,
}

impl Metrics {
    pub(super) fn new(routes: usize) -> Self {
        // One more, for what found no route.
        let routes = (0..=routes).map(|_| RouteCounts::default()).collect();
        Self {
            routes,
            rate_limited: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
            needs_attention: AtomicU64::new(0),
            following: Mutex::default(),
            grpc: OnceLock::new(),
        }
    }

    pub(super) fn request(&self, route: Option<usize>, status: u16, nanos: u64) {
        let counts = &self.routes[route.unwrap_or(self.routes.len() - 1)];
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        counts.by_class[class].fetch_add(1, Ordering::Relaxed);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < nanos / 1000);
        counts.by_duration[bucket].fetch_add(1, Ordering::Relaxed);
        counts.nanos.fetch_add(nanos, Ordering::Relaxed);
        if status == 409 {
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn rate_limited(&self) {
        self.rate_limited.fetch_add(1, Ordering::Relaxed);
    }

    /// Counters by the place of the route in the registry; the last is for what found no route.
    pub fn routes(&self) -> &[RouteCounts] {
        &self.routes
    }

    /// Requests refused with 429.
    pub fn rate_limited_count(&self) -> u64 {
        self.rate_limited.load(Ordering::Relaxed)
    }

    /// Requests answered 409.
    pub fn conflict_count(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }
}

/// A histogram of durations for Prometheus; nothing while it is empty.
pub(crate) fn write_histogram(
    out: &mut String,
    name: &str,
    labels: &str,
    by_duration: &[AtomicU64; BOUNDS_MICROS.len() + 1],
    nanos: &AtomicU64,
) -> std::fmt::Result {
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let all: u64 = by_duration.iter().map(load).sum();
    if all == 0 {
        return Ok(());
    }
    let mut sum = 0;
    for (bound, count) in BOUNDS_MICROS.iter().zip(by_duration) {
        sum += load(count);
        let seconds = *bound as f64 / 1e6;
        writeln!(out, "{name}_bucket{{{labels},le=\"{seconds}\"}} {sum}")?;
    }
    writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {all}")?;
    let seconds = load(nanos) as f64 / 1e9;
    writeln!(
        out,
        "{name}_sum{{{labels}}} {seconds}\n{name}_count{{{labels}}} {all}"
    )
}
