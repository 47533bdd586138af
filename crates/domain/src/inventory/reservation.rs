//! A hold on stock: pending, then confirmed, released or expired, and never anything else after that.

use super::LevelKey;
use crate::entity::Entity;
use crate::{ReservationId, Sku, StoreId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// Where a hold is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the contract's own words")]
pub enum State {
    Pending,
    Confirmed,
    Released,
    Expired,
}

impl State {
    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

/// One line as the client asked for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asked {
    /// What.
    pub sku: Sku,
    /// Where; `None`: wherever it is best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
    /// How many.
    pub quantity: i64,
}

/// One line as it is held: units at one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// At which level.
    pub level: LevelKey,
    /// How many in all.
    pub quantity: i64,
    /// How many of them still wait for receipts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub backordered: i64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// A hold on stock at one or several levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Made by us.
    pub id: ReservationId,
    /// Whose it is.
    pub principal: SmolStr,
    /// The client's name for it; unique per principal, for ever.
    pub reference: SmolStr,
    /// What was asked for, to recognise a retry.
    pub asked: Vec<Asked>,
    /// What is held.
    pub lines: Vec<Held>,
    /// Where it is in its life.
    pub state: State,
    /// When it ends by itself.
    pub expires_at: Time,
    /// Raised by each change.
    pub version: u64,
}

/// What happens to a hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It was made.
    Held {
        /// Whose it is.
        principal: SmolStr,
        /// The client's name for it.
        reference: SmolStr,
        /// What was asked for.
        asked: Vec<Asked>,
        /// What is held.
        lines: Vec<Held>,
        /// When it ends by itself.
        expires_at: Time,
    },
    /// It lives longer.
    Extended {
        /// When it ends by itself now.
        expires_at: Time,
    },
    /// Receipts filled part of what waited.
    Filled {
        /// At which level.
        level: LevelKey,
        /// How many units.
        quantity: i64,
    },
    /// It ended, in this state.
    Ended(State),
}

impl Entity for Reservation {
    type Key = ReservationId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &ReservationId, event: &Event, _at: Time) {
        if let Event::Held {
            principal,
            reference,
            asked,
            lines,
            expires_at,
        } = event
        {
            *state = Some(Arc::new(Self {
                id: *key,
                principal: principal.clone(),
                reference: reference.clone(),
                asked: asked.clone(),
                lines: lines.clone(),
                state: State::Pending,
                expires_at: *expires_at,
                version: 1,
            }));
            return;
        }
        let Some(hold) = state.as_mut().map(Arc::make_mut) else {
            return;
        };
        hold.version += 1;
        match event {
            Event::Held { .. } => {}
            Event::Extended { expires_at } => hold.expires_at = *expires_at,
            Event::Filled { level, quantity } => {
                if let Some(line) = hold.lines.iter_mut().find(|line| line.level == *level) {
                    line.backordered -= quantity;
                }
            }
            Event::Ended(ended) => hold.state = *ended,
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::key;
    use super::*;

    fn held(lines: Vec<Held>) -> Event {
        Event::Held {
            principal: "till".into(),
            reference: "r-1".into(),
            asked: Vec::new(),
            lines,
            expires_at: Time(50),
        }
    }

    fn line(store: &str, backordered: i64) -> Held {
        Held {
            level: key("A", store),
            quantity: 4,
            backordered,
        }
    }

    #[test]
    fn each_thing_that_happens_to_a_hold_counts_one_version() {
        let mut state = None;
        let mut version = 0;
        let mut apply = |event: Event| {
            Reservation::apply(&mut state, &ReservationId(1), &event, Time(1));
            let hold = state.as_deref().cloned().expect("a hold");
            version += 1;
            assert_eq!(hold.version(), version);
            hold
        };
        let hold = apply(held(vec![line("x", 3), line("y", 3)]));
        assert_eq!((hold.state, hold.expires_at), (State::Pending, Time(50)));
        let hold = apply(Event::Extended {
            expires_at: Time(70),
        });
        assert_eq!((hold.state, hold.expires_at), (State::Pending, Time(70)));
        let hold = apply(Event::Filled {
            level: key("A", "y"),
            quantity: 1,
        });
        assert_eq!(hold.lines, [line("x", 3), line("y", 2)]);
        let hold = apply(Event::Ended(State::Released));
        assert_eq!(hold.state, State::Released);
        let mut none = None;
        let ended = Event::Ended(State::Expired);
        Reservation::apply(&mut none, &ReservationId(1), &ended, Time(1));
        assert_eq!(none, None);
    }

    #[test]
    fn a_line_says_that_units_wait_only_when_some_do() {
        let spelled = |backordered| serde_json::to_value(line("x", backordered)).expect("JSON");
        assert_eq!(spelled(2)["backordered"], 2);
        assert_eq!(spelled(0).get("backordered"), None);
    }

    #[test]
    fn a_state_is_the_same_word_everywhere() {
        for state in [
            State::Pending,
            State::Confirmed,
            State::Released,
            State::Expired,
        ] {
            let word = serde_json::to_value(state).expect("a word");
            assert_eq!(word, state.as_str());
        }
    }
}
