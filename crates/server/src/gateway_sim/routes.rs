//! Every route in one list, and how requests become values.

use super::door::{Answer, Asked, Reply};
use super::wire::problem;
use super::{Sim, control, payments};
use hyper::Method;
use hyper::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// Answers a request. The methods of a path that is known are told by 405.
pub(super) async fn answer(sim: &Sim, asked: Asked) -> Answer {
    let path = asked.head.uri.path().to_owned();
    let segments: Vec<_> = path
        .trim_start_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let method = asked.head.method.clone();
    let get = method == Method::GET;
    let post = method == Method::POST;
    if segments.first() == Some(&"payments") && !is_known(sim, &asked) {
        return Reply::new(
            401,
            &problem(
                "unauthenticated",
                "send the gateway's key as Authorization: Bearer <key>",
            ),
        )
        .into();
    }
    if segments.first() == Some(&"_sim") && !asked.peer.ip().to_canonical().is_loopback() {
        return Reply::new(
            403,
            &problem(
                "forbidden",
                "the gateway is controlled from its own machine only",
            ),
        )
        .into();
    }
    match segments.as_slice() {
        ["payments"] if get => payments::list(sim, &asked).await,
        ["payments"] if post => payments::authorize(sim, &asked).await,
        ["payments", "void"] if post => payments::void_reference(sim, &asked).await,
        ["payments", id] if get => payments::find(sim, &asked, id).await,
        ["payments", id, "capture"] if post => payments::capture(sim, &asked, id).await,
        ["payments", id, "void"] if post => payments::void(sim, &asked, id).await,
        ["payments", id, "refund"] if post => payments::refund(sim, &asked, id).await,
        ["_sim", "faults"] if get => control::list_faults(sim).into(),
        ["_sim", "faults"] if post => control::set_fault(sim, &asked).into(),
        ["_sim", "faults"] if method == Method::DELETE => control::clear_faults(sim).into(),
        ["_sim", "faults", id] if method == Method::DELETE => control::remove_fault(sim, id).into(),
        ["_sim", "ledger"] if get => control::ledger(sim, &asked).await.into(),
        ["_sim", "calls"] if get => control::calls(sim, &asked).await.into(),
        ["_sim", "webhooks", "resend"] if post => control::resend(sim, &asked).await.into(),
        ["health", "liveness"] if get => {
            Reply::new(200, &serde_json::json!({"status": "ok"})).into()
        }
        ["payments"]
        | ["payments", _]
        | ["payments", _, "capture" | "void" | "refund"]
        | ["_sim", "faults"]
        | ["_sim", "faults", _]
        | ["_sim", "ledger" | "calls"]
        | ["_sim", "webhooks", "resend"]
        | ["health", "liveness"] => Reply::new(
            405,
            &problem("method_not_allowed", &format!("{path} has no {method}")),
        )
        .into(),
        _ => Reply::new(
            404,
            &problem("not_found", &format!("there is no route {path}")),
        )
        .into(),
    }
}

fn is_known(sim: &Sim, asked: &Asked) -> bool {
    let sent = asked
        .head
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let key = sent
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    // Hashes are compared, so the time it takes tells nothing about the key.
    key.is_some_and(|(_, key)| <[u8; 32]>::from(Sha256::digest(key.trim().as_bytes())) == sim.key)
}

/// The body as a value; an absent one is `{}`.
pub(super) fn body<T: DeserializeOwned>(asked: &Asked) -> Result<T, Reply> {
    let text: &[u8] = if asked.body.is_empty() {
        b"{}"
    } else {
        &asked.body
    };
    serde_json::from_slice(text).map_err(|error| {
        if error.is_data() {
            Reply::new(422, &problem("invalid", &error.to_string()))
        } else {
            Reply::new(400, &problem("malformed_json", &error.to_string()))
        }
    })
}

/// The query's parts, by name.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Only these names may be in it, each once.
    pub(super) fn of(asked: &Asked, known: &[&str]) -> Result<Self, Reply> {
        let mut parts = Vec::new();
        for part in asked
            .head
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|part| !part.is_empty())
        {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let decode = |text: &str| {
                percent_decode_str(&text.replace('+', " "))
                    .decode_utf8_lossy()
                    .into_owned()
            };
            let (name, value) = (decode(name), decode(value));
            if !known.contains(&name.as_str()) || parts.iter().any(|(seen, _)| *seen == name) {
                let detail = format!("the query may have {}, each once", known.join(", "));
                return Err(Reply::new(422, &problem("invalid", &detail)));
            }
            parts.push((name, value));
        }
        Ok(Self(parts))
    }

    /// A value that is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(seen, _)| seen == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A whole number within limits, or what it is when absent.
    pub(super) fn number(
        &self,
        name: &str,
        default: i64,
        min: i64,
        max: i64,
    ) -> Result<i64, Reply> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| {
                Reply::new(
                    422,
                    &problem("invalid", &format!("{name} must be {min} to {max}")),
                )
            })
    }
}
