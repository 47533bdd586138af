//! What a consumer says of its letters.

use super::{leave, letters_of};
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment, Progress};
use crate::work::{Stop, Work};
use cartwright_domain::dead_letter::{Event as LetterEvent, Recorded, State};
use cartwright_domain::{DeadLetterId, WebhookEndpointId};
use smol_str::{SmolStr, format_smolstr};

/// Records what could not be brought about. An entry that the consumer has a letter of already changes nothing. When there are too
/// many the oldest one goes, and the log says so: one broken receiver must neither stop the others nor fill the disk.
#[derive(Debug)]
pub struct Bury {
    /// What it is about. Without an attempt it stands behind another one of its key.
    pub about: Recorded,
    /// How many letters a consumer may have.
    pub max: usize,
    /// Nothing is recorded once this endpoint is gone.
    pub endpoint: Option<WebhookEndpointId>,
    /// How far the consumer has come with it.
    pub progress: Option<Progress>,
}

impl Command for Bury {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::DeadLettersOf(self.about.consumer.clone()));
        keys.extend(self.endpoint.map(Key::WebhookEndpoint));
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        let id = DeadLetterId(moment.ids.fresh(moment.now));
        let mut decided = Decided {
            events: Vec::new(),
            answer: Key::DeadLettersOf(self.about.consumer.clone()),
            created: false,
        };
        if let Some(endpoint) = self.endpoint
            && work.webhook_endpoint(&endpoint)?.is_none()
        {
            return Ok(decided);
        }
        let letters = letters_of(work, &self.about.consumer)?;
        if letters.iter().any(|it| it.event == self.about.event) {
            return Ok(decided);
        }
        let mut gone = None;
        if let Some(oldest) = letters.first().filter(|_| letters.len() >= self.max)
            && let Some(letter) = work.dead_letter(&oldest.id)?
        {
            let reason = format_smolstr!("there are {} already; the oldest goes", letters.len());
            tracing::error!(letter = %oldest.id, consumer = %self.about.consumer, %reason, "a dead letter is discarded");
            gone = Some(oldest.id);
            decided.events = leave(work, letter, LetterEvent::Discarded { reason })?;
        }
        let about = Box::new(self.about.clone());
        decided
            .events
            .push(Event::DeadLetter(id, LetterEvent::Recorded(about)));
        // What it was to wait for may have gone meanwhile.
        let mut left = letters.iter().filter(|it| Some(it.id) != gone);
        let is_first = !left.any(|it| it.key == self.about.key);
        if self.about.attempts == 0 && is_first {
            decided
                .events
                .push(Event::DeadLetter(id, LetterEvent::Replaying));
        }
        Ok(decided)
    }

    fn progress(&self) -> Option<Progress> {
        self.progress.clone()
    }
}

/// Says what came of trying a letter again. One that is not to be tried any more is left as it is.
#[derive(Debug)]
pub struct Settle {
    /// Which letter.
    pub id: DeadLetterId,
    /// Why it was in vain; `None`: it was brought about.
    pub failure: Option<SmolStr>,
    /// How far the consumer has come with it.
    pub progress: Option<Progress>,
}

impl Command for Settle {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::DeadLetter(self.id));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let letter = work.dead_letter(&self.id)?;
        let events = match (letter, &self.failure) {
            (Some(letter), None) if letter.state == State::Replaying => {
                leave(work, letter, LetterEvent::Settled)?
            }
            (Some(letter), Some(cause)) if letter.state == State::Replaying => {
                let cause = cause.clone();
                vec![Event::DeadLetter(self.id, LetterEvent::Failed { cause })]
            }
            _ => Vec::new(),
        };
        Ok(Decided {
            events,
            answer: Key::DeadLetter(self.id),
            created: false,
        })
    }

    fn progress(&self) -> Option<Progress> {
        self.progress.clone()
    }
}
