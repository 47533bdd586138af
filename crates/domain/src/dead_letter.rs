//! Dead letters: effects of the log that a consumer could not bring about, kept until somebody has them tried again or drops them.
//!
//! A letter parks its key: what comes later for the same consumer and key waits behind it, so that nothing overtakes.

use crate::entity::Entity;
use crate::words::words;
use crate::{DeadLetterId, EventId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// How a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was tried in vain and waits for somebody.
    Dead,
    /// It was never tried: another one of its key stands before it.
    Parked,
    /// It is to be tried again.
    Replaying,
}

words!(State {
    Dead = "dead",
    Parked = "parked",
    Replaying = "replaying"
});

/// What a letter begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Whose effect it is.
    pub consumer: SmolStr,
    /// The entry of the log that asks for it.
    pub event: EventId,
    /// That entry's type.
    pub event_type: SmolStr,
    /// What it parks: the entry's stream.
    pub key: SmolStr,
    /// Where the entry stands in the log.
    pub position: u64,
    /// When the entry was committed.
    pub occurred_at: Time,
    /// What the entry belongs to.
    pub correlation: SmolStr,
    /// The entry itself, as base64: the log may be compacted.
    pub entry: String,
    /// Why it could not be brought about.
    pub cause: SmolStr,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried.
    pub first_at: Time,
}

/// One letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Made by the shop.
    pub id: DeadLetterId,
    /// How it stands.
    pub state: State,
    /// What it is about, with the last cause and all tries.
    #[serde(flatten)]
    pub about: Recorded,
    /// When it was last tried, or recorded.
    pub last_at: Time,
    /// Raised by each change.
    pub version: u64,
}

/// What happens to a letter.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It could not be brought about; without a try it stands behind another one.
    Recorded(Box<Recorded>),
    /// It is to be tried again.
    Replaying,
    /// That was in vain.
    Failed {
        /// Why.
        cause: SmolStr,
    },
    /// It was brought about; the letter is gone.
    Settled,
    /// Nobody will try it again; the letter is gone.
    Discarded {
        /// Why.
        reason: SmolStr,
    },
}

impl Entity for DeadLetter {
    type Key = DeadLetterId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &DeadLetterId, event: &Event, at: Time) {
        match event {
            Event::Recorded(about) => {
                *state = Some(Arc::new(Self {
                    id: *key,
                    state: if about.attempts > 0 {
                        State::Dead
                    } else {
                        State::Parked
                    },
                    about: Recorded::clone(about),
                    last_at: at,
                    version: 1,
                }));
            }
            Event::Settled | Event::Discarded { .. } => *state = None,
            Event::Replaying => change(state, |it| it.state = State::Replaying),
            Event::Failed { cause } => change(state, |it| {
                it.state = State::Dead;
                it.about.cause = cause.clone();
                it.about.attempts += 1;
                it.last_at = at;
            }),
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

fn change(state: &mut Option<Arc<DeadLetter>>, change: impl FnOnce(&mut DeadLetter)) {
    if let Some(letter) = state.as_mut().map(Arc::make_mut) {
        letter.version += 1;
        change(letter);
    }
}

/// A letter as the list of its consumer's letters knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Which letter; they rise.
    pub id: DeadLetterId,
    /// The entry that it is about.
    pub event: EventId,
    /// What it parks.
    pub key: SmolStr,
}

impl From<&DeadLetter> for Listed {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id,
            event: letter.about.event,
            key: letter.about.key.clone(),
        }
    }
}

/// Which letter stands first for this letter's key; `None` for one that is not listed.
pub fn first_of_its_key(letters: &[Listed], id: DeadLetterId) -> Option<DeadLetterId> {
    let own = letters.iter().find(|it| it.id == id)?;
    let first = letters.iter().find(|it| it.key == own.key);
    first.map(|it| it.id)
}

/// Which letter is to be tried once this one is gone: the next of its key, if this one was the first.
pub fn next_after(letters: &[Listed], id: DeadLetterId) -> Option<DeadLetterId> {
    let own = letters.iter().find(|it| it.id == id)?;
    let mut same = letters.iter().filter(|it| it.key == own.key);
    let is_first = same.next().is_some_and(|first| first.id == id);
    is_first.then(|| same.next()).flatten().map(|it| it.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_of_a_key_follows_when_the_first_is_gone() {
        let listed = |id, key: &str| Listed {
            id: DeadLetterId(id),
            event: EventId(id),
            key: key.into(),
        };
        let all = [
            listed(1, "order:a"),
            listed(2, "order:b"),
            listed(3, "order:a"),
            listed(4, "order:a"),
        ];
        let rows = [
            (1, Some(1), Some(3)),
            (2, Some(2), None),
            (3, Some(1), None),
            (4, Some(1), None),
            (5, None, None),
        ];
        for (id, first, next) in rows {
            let id = DeadLetterId(id);
            assert_eq!(first_of_its_key(&all, id), first.map(DeadLetterId), "{id}");
            assert_eq!(next_after(&all, id), next.map(DeadLetterId), "{id}");
        }
    }

    fn about(attempts: u32) -> Recorded {
        Recorded {
            consumer: "mail".into(),
            event: EventId(7),
            event_type: "order.paid".into(),
            key: "order:a".into(),
            position: 9,
            occurred_at: Time(1),
            correlation: "r".into(),
            entry: String::new(),
            cause: "no such mailbox".into(),
            attempts,
            first_at: Time(2),
        }
    }

    #[test]
    fn it_waits_unless_it_is_tried_again() {
        let mut state = None;
        let id = DeadLetterId(1);
        let mut apply = |event: Event, at| {
            DeadLetter::apply(&mut state, &id, &event, Time(at));
            state.as_deref().cloned()
        };
        let recorded = Event::Recorded(Box::new(about(1)));
        assert_eq!(apply(recorded, 3).map(|it| it.state), Some(State::Dead));
        let replaying = apply(Event::Replaying, 4);
        assert_eq!(replaying.map(|it| it.state), Some(State::Replaying));
        let cause = "still none".into();
        let failed = apply(Event::Failed { cause }, 5).expect("a letter");
        assert_eq!(
            (failed.state, failed.about.attempts, failed.last_at),
            (State::Dead, 2, Time(5))
        );
        assert_eq!((failed.version(), &*failed.about.cause), (3, "still none"));
        assert_eq!(apply(Event::Settled, 6), None);
    }

    #[test]
    fn one_that_was_never_tried_is_parked() {
        let mut state = None;
        let recorded = Event::Recorded(Box::new(about(0)));
        DeadLetter::apply(&mut state, &DeadLetterId(1), &recorded, Time(3));
        let letter = state.as_deref().cloned().expect("a letter");
        assert_eq!((letter.state, letter.last_at), (State::Parked, Time(3)));
        assert_eq!(letter.version(), 1);
        let listed = Listed {
            id: DeadLetterId(1),
            event: EventId(7),
            key: "order:a".into(),
        };
        assert_eq!(Listed::from(&letter), listed);
        let reason = "nobody reads it".into();
        let discarded = Event::Discarded { reason };
        DeadLetter::apply(&mut state, &DeadLetterId(1), &discarded, Time(4));
        assert_eq!(state, None);
    }

    #[test]
    fn a_state_is_the_same_word_everywhere() {
        assert_eq!(State::ALL.len(), 3);
        for (state, word) in State::ALL {
            assert_eq!(state.as_str(), *word);
            assert_eq!(State::parse(word), Some(*state));
            assert_eq!(serde_json::to_value(state).ok(), Some((*word).into()));
        }
        assert_eq!(State::parse("gone"), None);
    }
}
