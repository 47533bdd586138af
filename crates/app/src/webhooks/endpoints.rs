//! Making and deleting webhook endpoints.

use crate::keys::Secrets;
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment, Progress};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::dead_letter::Event as LetterEvent;
use cartwright_domain::webhook::Event as EndpointEvent;
use cartwright_domain::{Refusal, WebhookEndpointId};
use smol_str::{SmolStr, format_smolstr};

/// The name of the consumer that tells an endpoint.
pub fn consumer_of(id: WebhookEndpointId) -> SmolStr {
    format_smolstr!("webhook:{id}")
}

/// What messages to an endpoint are signed with, without its prefix. It is derived, and kept nowhere.
pub fn secret_of(secrets: &Secrets, id: WebhookEndpointId) -> String {
    secrets.derive(&id.to_string())
}

/// Makes an endpoint: it hears of what happens after that. Refused: `VersionConflict`, `InvalidState` (`full`).
#[derive(Debug)]
pub struct CreateEndpoint {
    /// Drawn by the caller, so that the secret can be derived from it.
    pub id: WebhookEndpointId,
    /// Where messages go; checked by the caller.
    pub url: SmolStr,
    /// What it hears of; checked by the caller.
    pub events: Vec<SmolStr>,
    /// How many endpoints there may be.
    pub max: u64,
    /// The version it must have: 0, it does not exist yet.
    pub expected_version: Option<u64>,
}

impl Command for CreateEndpoint {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::WebhookEndpoint(self.id));
        keys.push(Key::WebhookEndpoints);
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        check_version(self.expected_version, 0)?;
        let count = work.webhook_endpoints()?.copied().unwrap_or(0);
        if count >= self.max {
            let detail =
                format!("there are {count} webhook endpoints, as many as may be; delete one first");
            let state = "full";
            return Err(Refusal::InvalidState { state, detail }.into());
        }
        let event = EndpointEvent::Created {
            url: self.url.clone(),
            events: self.events.clone(),
        };
        Ok(Decided {
            events: vec![Event::WebhookEndpoint(self.id, event)],
            answer: Key::WebhookEndpoint(self.id),
            created: true,
        })
    }

    /// It goes on after its own creation.
    fn progress(&self) -> Option<Progress> {
        Some(Progress {
            consumer: consumer_of(self.id),
            through: None,
        })
    }
}

/// Deletes an endpoint, with its dead letters. Refused: `NotFound` (`webhook_endpoint`), `VersionConflict`.
#[derive(Debug)]
pub struct DeleteEndpoint {
    /// Which.
    pub id: WebhookEndpointId,
    /// The version it must have.
    pub expected_version: Option<u64>,
}

impl Command for DeleteEndpoint {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::WebhookEndpoint(self.id));
        keys.push(Key::DeadLettersOf(consumer_of(self.id)));
    }

    fn decide(&self, work: &Work, _: &mut Moment<'_>) -> Result<Decided, Stop> {
        let found = work.webhook_endpoint(&self.id)?;
        let found = found.ok_or_else(|| Refusal::not_found("webhook_endpoint", self.id))?;
        check_version(self.expected_version, found.version)?;
        let letters = work.dead_letters_of(&consumer_of(self.id))?;
        let discarded = letters.into_iter().flat_map(|all| all.iter()).map(|it| {
            let reason = SmolStr::new_static("its endpoint was deleted");
            Event::DeadLetter(it.id, LetterEvent::Discarded { reason })
        });
        let mut events: Vec<_> = discarded.collect();
        events.push(Event::WebhookEndpoint(self.id, EndpointEvent::Deleted));
        Ok(Decided {
            events,
            answer: Key::WebhookEndpoint(self.id),
            created: false,
        })
    }
}
