//! Webhook endpoints.

use super::{Bad, unknown_type};
use cartwright_domain::webhook::Event;
use cartwright_proto::events as proto;
use prost::Message;

pub(super) fn type_of(event: &Event) -> &'static str {
    match event {
        Event::Created { .. } => "webhook_endpoint.created",
        Event::Deleted => "webhook_endpoint.deleted",
    }
}

pub(super) fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::Created { url, events } => proto::WebhookEndpointCreated {
            url: url.to_string(),
            events: events.iter().map(ToString::to_string).collect(),
        }
        .encode_to_vec(),
        Event::Deleted => proto::WebhookEndpointDeleted {}.encode_to_vec(),
    }
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    Ok(match kind {
        "webhook_endpoint.created" => {
            let it = proto::WebhookEndpointCreated::decode(payload)?;
            Event::Created {
                url: it.url.into(),
                events: it.events.into_iter().map(Into::into).collect(),
            }
        }
        "webhook_endpoint.deleted" => Event::Deleted,
        other => return Err(unknown_type(other)),
    })
}
