//! Webhooks out: who is told of what happens in the shop.

use crate::entity::Entity;
use crate::{Time, WebhookEndpointId};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// Where messages go. The secret that they are signed with is derived from the id, and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    /// Made by the shop.
    pub id: WebhookEndpointId,
    /// `http` or `https`.
    pub url: SmolStr,
    /// What it hears of: `*`, a name like `order.placed`, or a noun like `order.*`.
    pub events: Vec<SmolStr>,
    /// When it was made.
    pub created_at: Time,
    /// Raised by each change.
    pub version: u64,
}

/// What happens to an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It was made.
    Created {
        /// Where messages go.
        url: SmolStr,
        /// What it hears of.
        events: Vec<SmolStr>,
    },
    /// It hears of nothing any more.
    Deleted,
}

impl Entity for WebhookEndpoint {
    type Key = WebhookEndpointId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &WebhookEndpointId, event: &Event, at: Time) {
        match event {
            Event::Created { url, events } => {
                *state = Some(Arc::new(Self {
                    id: *key,
                    url: url.clone(),
                    events: events.clone(),
                    created_at: at,
                    version: 1,
                }));
            }
            Event::Deleted => *state = None,
        }
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl WebhookEndpoint {
    /// Whether it hears of events of this name.
    pub fn hears(&self, name: &str) -> bool {
        self.events.iter().any(|wanted| fits(wanted, name))
    }
}

/// Whether a filter lets a name through.
pub fn fits(filter: &str, name: &str) -> bool {
    match filter.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => filter == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_name_a_noun_or_all() {
        let rows = [
            ("*", "order.placed", true),
            ("order.*", "order.placed", true),
            ("order.*", "orders.placed", false),
            ("order.placed", "order.placed", true),
            ("order.placed", "order.placed_twice", false),
            ("refund.*", "order.placed", false),
        ];
        for (filter, name, expected) in rows {
            assert_eq!(fits(filter, name), expected, "{filter} {name}");
        }
    }

    #[test]
    fn an_endpoint_hears_what_it_asked_for_until_it_is_deleted() {
        let id = WebhookEndpointId(3);
        let created = Event::Created {
            url: "https://example.com".into(),
            events: vec!["refund.*".into(), "order.placed".into()],
        };
        let mut state = None;
        WebhookEndpoint::apply(&mut state, &id, &created, Time(2));
        let endpoint = state.as_deref().cloned().expect("an endpoint");
        assert_eq!((endpoint.id, endpoint.version()), (id, 1));
        assert_eq!(
            (&*endpoint.url, endpoint.created_at),
            ("https://example.com", Time(2))
        );
        for (name, expected) in [
            ("refund.failed", true),
            ("order.placed", true),
            ("order.paid", false),
        ] {
            assert_eq!(endpoint.hears(name), expected, "{name}");
        }
        let changed = WebhookEndpoint {
            version: 2,
            ..endpoint
        };
        assert_eq!(changed.version(), 2);
        WebhookEndpoint::apply(&mut state, &id, &Event::Deleted, Time(3));
        assert_eq!(state, None);
    }
}
