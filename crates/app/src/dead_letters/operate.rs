//! What an operator does about a dead letter.

use super::leave;
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::dead_letter::{DeadLetter, Event as LetterEvent, first_of_its_key};
use cartwright_domain::{DeadLetterId, Refusal};
use smol_str::SmolStr;
use std::sync::Arc;

/// Has a letter tried again by its consumer, who hears of it from the log. Refused: `NotFound` (`dead_letter`), `VersionConflict`,
/// `InvalidState` while another one of its key stands before it.
#[derive(Debug)]
pub struct ReplayLetter {
    /// Which letter.
    pub id: DeadLetterId,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Command for ReplayLetter {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::DeadLetter(self.id));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let letter = find(work, self.id, self.expected_version)?;
        let letters = super::letters_of(work, &letter.about.consumer)?;
        if let Some(first) = first_of_its_key(letters, self.id).filter(|first| *first != self.id) {
            let detail = format!(
                "dead letter {first} stands before it: replay or discard that one, then this one is tried by itself"
            );
            let state = letter.state.as_str();
            return Err(Refusal::InvalidState { state, detail }.into());
        }
        Ok(Decided {
            events: vec![Event::DeadLetter(self.id, LetterEvent::Replaying)],
            answer: Key::DeadLetter(self.id),
            created: false,
        })
    }
}

/// Drops a letter for good; what waited behind it is tried. Refused: `NotFound` (`dead_letter`), `VersionConflict`.
#[derive(Debug)]
pub struct DiscardLetter {
    /// Which letter.
    pub id: DeadLetterId,
    /// Why.
    pub reason: SmolStr,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Command for DiscardLetter {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::DeadLetter(self.id));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let letter = find(work, self.id, self.expected_version)?;
        let reason = self.reason.clone();
        Ok(Decided {
            events: leave(work, letter, LetterEvent::Discarded { reason })?,
            answer: Key::DeadLetter(self.id),
            created: false,
        })
    }
}

fn find(
    work: &Work,
    id: DeadLetterId,
    expected_version: Option<u64>,
) -> Result<&Arc<DeadLetter>, Stop> {
    let found = work.dead_letter(&id)?;
    let found = found.ok_or_else(|| Refusal::not_found("dead_letter", id))?;
    check_version(expected_version, found.version)?;
    Ok(found)
}
