//! How long it takes until writes are acknowledged again, at each door, after each kind of strike.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Load;
use crate::probe::Probe;
use crate::strikes::{Strike, Struck};

/// Between two looks at the clock, and a gap that says that the whole machine stood still.
const TICK: Duration = Duration::from_millis(50);
const STOOD_STILL: Duration = Duration::from_secs(3);

/// Of all strikes so far.
#[derive(Debug)]
pub(crate) struct Recovery {
    of: BTreeMap<Strike, Vec<Took>>,
    /// When everything, this test too, has not run for a while: what was measured then says nothing.
    gaps: Arc<Mutex<Vec<Instant>>>,
    not_counted: u64,
}

/// Looks at the clock as long as anybody wants to know.
fn watch(gaps: &Arc<Mutex<Vec<Instant>>>) {
    let told = Arc::downgrade(gaps);
    std::thread::spawn(move || {
        let mut last = Instant::now();
        while let Some(gaps) = told.upgrade() {
            std::thread::sleep(TICK);
            let now = Instant::now();
            if now - last > STOOD_STILL {
                let mut gaps = gaps.lock().unwrap_or_else(PoisonError::into_inner);
                gaps.push(now);
            }
            last = now;
        }
    });
}

#[derive(Clone, Copy, Debug)]
struct Took {
    /// From the strike until it was put right.
    lasted: Duration,
    /// From the strike to the first write, at the door of the process that it was meant for.
    struck: Option<Duration>,
    /// The same at the other doors, the slowest.
    others: Duration,
}

impl Recovery {
    pub(crate) fn new() -> Self {
        let gaps = Arc::default();
        watch(&gaps);
        Self {
            of: BTreeMap::new(),
            gaps,
            not_counted: 0,
        }
    }

    fn stood_still_since(&self, since: Instant) -> bool {
        let gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        gaps.iter().any(|it| *it > since)
    }

    /// Waits until every door works again, and notes when they did.
    #[track_caller]
    pub(crate) fn note(&mut self, struck: &Struck, probes: &[Probe], load: &Load) {
        let mut took = Took {
            lasted: struck.healed - struck.since,
            struck: None,
            others: Duration::ZERO,
        };
        for (index, probe) in probes.iter().enumerate() {
            // Also what was acknowledged meanwhile counts, but all must work in the end.
            probe.works(struck.healed, load);
            let first = probe.works(struck.since, load);
            if struck.node == Some(index) {
                took.struck = Some(first);
            } else {
                took.others = took.others.max(first);
            }
        }
        // The watch may be just about to see it.
        std::thread::sleep(2 * TICK);
        if self.stood_still_since(struck.since) {
            eprintln!("{:?}: the machine stood still, not counted", struck.strike);
            self.not_counted += 1;
            return;
        }
        eprintln!(
            "{:?}: lasted {} ms; first write at its own door after {:?} ms, at the others after {} ms",
            struck.strike,
            took.lasted.as_millis(),
            took.struck.map(|it| it.as_millis()),
            took.others.as_millis()
        );
        self.of.entry(struck.strike).or_default().push(took);
    }

    /// Milliseconds, median and worst.
    pub(crate) fn report(&self) -> Value {
        let rows = self.of.iter().map(|(strike, all)| {
            json!({
                "strike": format!("{strike:?}"),
                "what": strike.what(),
                "times": all.len(),
                "lasted_ms": middle_and_most(all.iter().map(|it| it.lasted)),
                "struck_ms": middle_and_most(all.iter().filter_map(|it| it.struck)),
                "others_ms": middle_and_most(all.iter().map(|it| it.others)),
            })
        });
        json!({"of": rows.collect::<Vec<_>>(), "not_counted": self.not_counted})
    }
}

fn middle_and_most(all: impl Iterator<Item = Duration>) -> Value {
    let mut all: Vec<_> = all.map(|it| it.as_millis() as u64).collect();
    all.sort_unstable();
    match all.last() {
        Some(most) => json!([all[all.len() / 2], most]),
        None => Value::Null,
    }
}
