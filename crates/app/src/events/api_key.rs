//! API keys.

use super::{Bad, missing, unknown_type};
use cartwright_domain::key::{Event, KeyLimits, Scope};
use cartwright_proto::events as proto;
use prost::Message;

pub(super) fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::Created { name, scopes, limits, hash } => proto::ApiKeyCreated {
            name: name.to_string(),
            scopes: scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            rate_rps: limits.rate_rps,
            burst: limits.burst,
            open_reservations: limits.open_reservations,
            hash: hash.to_vec(),
        }
        .encode_to_vec(),
        Event::Deleted => proto::ApiKeyDeleted {}.encode_to_vec(),
    }
}

pub(super) fn decode(kind: &str, payload: &[u8]) -> Result<Event, Bad> {
    match kind {
        "api_key.created" => {
            let message = proto::ApiKeyCreated::decode(payload)?;
            let scope = |name: &String| Scope::parse(name).ok_or_else(|| Bad(format!("unknown scope {name}")));
            Ok(Event::Created {
                name: message.name.into(),
                scopes: message.scopes.iter().map(scope).collect::<Result<_, _>>()?,
                limits: KeyLimits {
                    rate_rps: message.rate_rps,
                    burst: message.burst,
                    open_reservations: message.open_reservations,
                },
                hash: message.hash.try_into().map_err(|_| missing("hash"))?,
            })
        }
        "api_key.deleted" => Ok(Event::Deleted),
        other => Err(unknown_type(other)),
    }
}
