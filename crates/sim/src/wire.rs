//! The network: what is sent arrives later, twice, or never.

use crate::knobs::Knobs;
use crate::time::{Dice, Now};
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Arrival = Box<dyn FnOnce() + Send>;

/// Everything that is on its way.
pub(crate) struct Wire {
    now: Arc<Now>,
    dice: Dice,
    knobs: Arc<Mutex<Knobs>>,
    due: Mutex<BinaryHeap<Reverse<(u64, u64)>>>,
    arrivals: Mutex<BTreeMap<u64, Arrival>>,
    next: AtomicU64,
}

impl Wire {
    pub(crate) fn new(now: Arc<Now>, dice: Dice, knobs: Arc<Mutex<Knobs>>) -> Self {
        Self {
            now,
            dice,
            knobs,
            due: Mutex::default(),
            arrivals: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.now.us()
    }

    /// How long a message is on its way at most.
    pub(crate) fn longest_us(&self) -> u64 {
        self.knobs.lock().delay_us * 10
    }

    /// Surely arrives, once.
    pub(crate) fn carry(&self, arrival: impl FnOnce() + Send + 'static) {
        let longest = self.knobs.lock().delay_us;
        // Mostly quick, sometimes late: what was sent first may come second.
        let delay = if self.dice.chance(0.1) {
            self.dice.between(0, longest * 10)
        } else {
            self.dice.between(0, longest)
        };
        self.carry_late(delay, arrival);
    }

    /// Arrives after so long, in microseconds.
    pub(crate) fn carry_late(&self, delay: u64, arrival: impl FnOnce() + Send + 'static) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.due
            .lock()
            .push(Reverse((self.now.us() + delay, number)));
        self.arrivals.lock().insert(number, Box::new(arrival));
    }

    /// May get lost, and may arrive twice.
    pub(crate) fn send(&self, arrival: impl Fn() + Send + Sync + 'static) {
        let (loss, duplication) = {
            let knobs = self.knobs.lock();
            (knobs.loss, knobs.duplication)
        };
        if self.dice.chance(loss) {
            return;
        }
        let arrival = Arc::new(arrival);
        if self.dice.chance(duplication) {
            let again = arrival.clone();
            self.carry(move || again());
        }
        self.carry(move || arrival());
    }

    /// Everything whose time has come arrives.
    pub(crate) fn deliver(&self) {
        loop {
            let number = {
                let mut due = self.due.lock();
                match due.peek() {
                    Some(Reverse((at, _))) if *at <= self.now.us() => {}
                    _ => return,
                }
                due.pop().map(|Reverse((_, number))| number)
            };
            let arrival = number.and_then(|number| self.arrivals.lock().remove(&number));
            if let Some(arrival) = arrival {
                arrival();
            }
        }
    }
}
