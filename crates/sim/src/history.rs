//! What clerks did to one stock level, with times: whether some order of it makes sense is asked of a checker that is not ours
//! (`todc-utils`, after Wing, Gong and Lowe). The same as JSON goes to any other.

use cartwright_domain::inventory::LevelKey;
use parking_lot::Mutex;
use serde::Serialize;
use std::sync::Arc;
use todc_utils::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

/// So many may have no answer: each may have happened at any time later, or never, and all orders of them are tried.
const UNKNOWN_MAX: usize = 8;

/// What is done to a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Deed {
    /// Units are booked in or out.
    Adjust {
        /// How many.
        delta: i64,
    },
    /// Units are held.
    Hold {
        /// How many.
        units: i64,
    },
    /// Held units are sold.
    Confirm {
        /// How many.
        units: i64,
    },
    /// Held units are free again.
    Release {
        /// How many.
        units: i64,
    },
    /// It is looked at.
    Read,
}

/// What the clerk was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "told")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// How much lies there, and how much of it is held.
    Seen {
        /// How much lies there.
        on_hand: i64,
        /// How much of it is held.
        reserved: i64,
    },
    /// Nothing: nobody knows.
    Unknown,
}

/// One operation, from its first request to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Whose it is.
    pub clerk: usize,
    /// What was asked.
    #[serde(flatten)]
    pub deed: Deed,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// When it was first asked, in microseconds of virtual time. A reader may show what stood there so long before as it may lag.
    pub from_us: u64,
    /// When the answer was there.
    pub until_us: u64,
}

/// Everything that was done to one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Story {
    /// Which level, for people.
    pub level: String,
    /// How much lay there at the beginning.
    pub units: i64,
    /// What was done, in the order of the answers.
    pub operations: Vec<Operation>,
}

impl Story {
    /// Whether some order of the operations, each between its request and its answer, makes every answer true. `None`: too many have no
    /// answer.
    pub fn is_linearizable(&self) -> Option<bool> {
        let unknown = |it: &&Operation| it.outcome == Outcome::Unknown;
        if self.operations.iter().filter(unknown).count() > UNKNOWN_MAX {
            return None;
        }
        let counted = Deed::Adjust { delta: self.units };
        let begin = (counted, Outcome::Done);
        let mut moments = vec![
            (0, 0, 0, Action::Call(begin)),
            (0, 1, 0, Action::Response(begin)),
        ];
        for (number, it) in self.operations.iter().enumerate() {
            let (step, process) = ((it.deed, it.outcome), number + 1);
            let until = match it.outcome {
                Outcome::Unknown => u64::MAX,
                _ => it.until_us + 1,
            };
            moments.push((it.from_us + 1, 0, process, Action::Call(step)));
            moments.push((until, 1, process, Action::Response(step)));
        }
        // What was asked when another answer came counts as before it.
        moments.sort_by_key(|(at, is_end, process, _)| (*at, *is_end, *process));
        let actions = moments
            .into_iter()
            .map(|(_, _, process, action)| (process, action));
        Some(WGLChecker::<Stock>::is_linearizable(History::from_actions(
            actions.collect(),
        )))
    }
}

/// A level by itself: what lies there, and what of it is held.
struct Stock;

impl Specification for Stock {
    type State = (i64, i64);
    type Operation = (Deed, Outcome);

    fn init() -> Self::State {
        (0, 0)
    }

    fn apply(operation: &Self::Operation, state: &Self::State) -> (bool, Self::State) {
        let (deed, outcome) = *operation;
        let (on_hand, reserved) = *state;
        let after = match deed {
            Deed::Adjust { delta } => (on_hand + delta, reserved),
            Deed::Hold { units } => (on_hand, reserved + units),
            Deed::Confirm { units } => (on_hand - units, reserved - units),
            Deed::Release { units } => (on_hand, reserved - units),
            Deed::Read => (on_hand, reserved),
        };
        let is_possible = (0..=after.0).contains(&after.1);
        match outcome {
            Outcome::Done => (is_possible, after),
            Outcome::Refused => (!is_possible, *state),
            Outcome::Seen { on_hand, reserved } => ((on_hand, reserved) == *state, *state),
            Outcome::Unknown if is_possible => (true, after),
            Outcome::Unknown => (true, *state),
        }
    }
}

/// Writes a story while it happens. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Scribe(Arc<Mutex<Story>>);

impl Scribe {
    pub(crate) fn new(level: &LevelKey, units: i64) -> Self {
        Self(Arc::new(Mutex::new(Story {
            level: format!("{}@{}", level.sku, level.store),
            units,
            operations: Vec::new(),
        })))
    }

    pub(crate) fn note(&self, operation: Operation) {
        self.0.lock().operations.push(operation);
    }

    pub(crate) fn story(&self) -> Story {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{Deed, Operation, Outcome, Story};

    fn story(operations: &[(Deed, Outcome, u64, u64)]) -> Story {
        let operations = operations.iter();
        Story {
            level: "sku@store".into(),
            units: 3,
            operations: operations
                .map(|&(deed, outcome, from_us, until_us)| Operation {
                    clerk: 0,
                    deed,
                    outcome,
                    from_us,
                    until_us,
                })
                .collect(),
        }
    }

    const TWO: Deed = Deed::Hold { units: 2 };

    #[test]
    fn of_two_that_want_the_last_units_one_is_refused() {
        let one = story(&[(TWO, Outcome::Done, 1, 9), (TWO, Outcome::Refused, 2, 8)]);
        assert_eq!(one.is_linearizable(), Some(true));
        let both = story(&[(TWO, Outcome::Done, 1, 9), (TWO, Outcome::Done, 2, 8)]);
        assert_eq!(both.is_linearizable(), Some(false));
        let none = story(&[(TWO, Outcome::Refused, 1, 9), (TWO, Outcome::Refused, 2, 8)]);
        assert_eq!(none.is_linearizable(), Some(false));
    }

    #[test]
    fn what_was_acknowledged_before_is_seen() {
        let seen = |reserved| Outcome::Seen {
            on_hand: 3,
            reserved,
        };
        let fresh = story(&[(TWO, Outcome::Done, 1, 2), (Deed::Read, seen(2), 3, 4)]);
        assert_eq!(fresh.is_linearizable(), Some(true));
        let stale = story(&[(TWO, Outcome::Done, 1, 2), (Deed::Read, seen(0), 3, 4)]);
        assert_eq!(stale.is_linearizable(), Some(false));
        let meanwhile = story(&[(TWO, Outcome::Done, 1, 5), (Deed::Read, seen(0), 3, 4)]);
        assert_eq!(meanwhile.is_linearizable(), Some(true));
    }

    #[test]
    fn what_nobody_answered_may_have_happened_or_not() {
        let seen = |reserved| Outcome::Seen {
            on_hand: 3,
            reserved,
        };
        for reserved in [0, 2] {
            let told = [
                (TWO, Outcome::Unknown, 1, 2),
                (Deed::Read, seen(reserved), 3, 4),
            ];
            assert_eq!(story(&told).is_linearizable(), Some(true));
        }
        let told = [(TWO, Outcome::Unknown, 1, 2), (Deed::Read, seen(1), 3, 4)];
        assert_eq!(story(&told).is_linearizable(), Some(false));
    }
}
