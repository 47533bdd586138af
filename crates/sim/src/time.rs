//! Virtual time and seeded randomness.

use crate::found::Found;
use cartwright_app::ports::{Clock, Random};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// When a simulation begins, in milliseconds since 1970.
const BEGIN_MS: i64 = 1_767_225_600_000;

/// The one time of a simulation, in microseconds since it began.
#[derive(Debug)]
pub(crate) struct Now {
    us: AtomicU64,
    /// How often it was looked at since it last passed.
    looks: AtomicU64,
    found: Found,
}

/// So often may a moment be looked at; more often only something does that goes round without end.
const LOOKS_MAX: u64 = 2_000_000;

impl Now {
    pub(crate) fn new(found: Found) -> Self {
        Self {
            us: AtomicU64::new(0),
            looks: AtomicU64::new(0),
            found,
        }
    }

    pub(crate) fn us(&self) -> u64 {
        self.us.load(Ordering::Relaxed)
    }

    /// Milliseconds since 1970.
    pub(crate) fn ms(&self) -> i64 {
        BEGIN_MS + self.us() as i64 / 1_000
    }

    pub(crate) fn pass(&self, us: u64) {
        self.looks.store(0, Ordering::Relaxed);
        self.us.fetch_add(us, Ordering::Relaxed);
    }

    /// Ends what would go round in one moment for ever.
    fn look(&self) {
        if self.looks.fetch_add(1, Ordering::Relaxed) == LOOKS_MAX {
            self.found.must("nothing-spins", false, || {
                "something goes round and waits for nothing".into()
            });
            panic!("something goes round and waits for nothing");
        }
    }
}

/// What a node's clock shows: the time, and how far its operator has let it go wrong.
#[derive(Debug)]
pub(crate) struct NodeClock {
    now: Arc<Now>,
    skew_ms: AtomicI64,
}

impl NodeClock {
    pub(crate) fn new(now: Arc<Now>, skew_ms: i64) -> Self {
        Self {
            now,
            skew_ms: AtomicI64::new(skew_ms),
        }
    }

    /// The clock is set: from now on it is this far off.
    pub(crate) fn step(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }
}

impl Clock for NodeClock {
    fn now_ms(&self) -> i64 {
        self.now.look();
        self.now.ms() + self.skew_ms.load(Ordering::Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        self.now.look();
        // Never 0, as on a machine that runs.
        1_000_000_000 + self.now.us() * 1_000
    }
}

/// A stream of numbers that a seed determines.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// Another stream: how much is drawn from one does not change the other.
    pub(crate) fn fork(&self) -> Self {
        Self(Mutex::new(self.0.lock().fork()))
    }

    /// True this often, of 1.
    pub(crate) fn chance(&self, rate: f64) -> bool {
        rate > 0.0 && self.0.lock().f64() < rate
    }

    /// From `low` up to and including `high`.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        self.0.lock().u64(low..=high)
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.0.lock().usize(0..of.len())]
    }

    pub(crate) fn number(&self) -> u128 {
        let mut dice = self.0.lock();
        u128::from(dice.u64(..)) << 64 | u128::from(dice.u64(..))
    }

    /// In some order.
    pub(crate) fn shuffled(&self, count: usize) -> Vec<usize> {
        let mut order: Vec<_> = (0..count).collect();
        self.0.lock().shuffle(&mut order);
        order
    }
}

impl Random for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill(bytes);
    }
}
