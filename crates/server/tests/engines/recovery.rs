//! How long it takes until writes are acknowledged again, at each door, after each kind of strike.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Load;
use crate::probe::Probe;
use crate::strikes::{Strike, Struck};

/// Of all strikes so far.
#[derive(Debug, Default)]
pub(crate) struct Recovery(BTreeMap<Strike, Vec<Took>>);

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
        eprintln!(
            "{:?}: lasted {} ms; first write at its own door after {:?} ms, at the others after {} ms",
            struck.strike,
            took.lasted.as_millis(),
            took.struck.map(|it| it.as_millis()),
            took.others.as_millis()
        );
        self.0.entry(struck.strike).or_default().push(took);
    }

    /// Milliseconds, median and worst.
    pub(crate) fn report(&self) -> Value {
        let rows = self.0.iter().map(|(strike, all)| {
            json!({
                "strike": format!("{strike:?}"),
                "what": strike.what(),
                "times": all.len(),
                "lasted_ms": middle_and_most(all.iter().map(|it| it.lasted)),
                "struck_ms": middle_and_most(all.iter().filter_map(|it| it.struck)),
                "others_ms": middle_and_most(all.iter().map(|it| it.others)),
            })
        });
        rows.collect()
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
