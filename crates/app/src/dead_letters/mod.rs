//! Dead letters (BUS-4): what a consumer could not bring about, and what is done about it.

mod letters;
mod operate;
mod record;

pub use letters::DeadLetters;
pub use operate::{DiscardLetter, ReplayLetter};
pub use record::{Bury, Settle};

use crate::nouns::Event;
use crate::work::{Stop, Work};
use cartwright_domain::DeadLetterId;
use cartwright_domain::dead_letter::{DeadLetter, Event as LetterEvent, Listed, State, next_after};
use smol_str::SmolStr;

/// All letters of a consumer, by rising id.
fn letters_of<'a>(work: &'a Work, consumer: &SmolStr) -> Result<&'a [Listed], Stop> {
    let letters = work.dead_letters_of(consumer)?;
    Ok(letters.map_or(&[][..], |it| it.as_slice()))
}

/// A letter goes by this event; what waited behind it is tried.
fn leave(work: &Work, letter: &DeadLetter, event: LetterEvent) -> Result<Vec<Event>, Stop> {
    let letters = letters_of(work, &letter.about.consumer)?;
    let mut events = vec![Event::DeadLetter(letter.id, event)];
    if let Some(next) = next_after(letters, letter.id) {
        events.extend(try_again(work, next)?);
    }
    Ok(events)
}

fn try_again(work: &Work, id: DeadLetterId) -> Result<Option<Event>, Stop> {
    let waits = work
        .dead_letter(&id)?
        .is_some_and(|it| it.state != State::Replaying);
    Ok(waits.then_some(Event::DeadLetter(id, LetterEvent::Replaying)))
}
