//! Where a request is answered: here, or by the process of the shop that writes.

use super::Edge;
use super::edge::read;
use super::endpoint::{BodyKind, Endpoint};
use super::serve::ReplyBody;
use crate::forward::{Forwarder, Letter, Load, NOTHING_DONE, Passport, repeatable};
use crate::problem::Problem;
use bytes::Bytes;
use cartwright_app::Fault;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, Response};
use hyper::body::Incoming;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::time::Duration;

/// The value of a header that says all by being there.
pub(crate) const YES: HeaderValue = HeaderValue::from_static("1");
/// A request that found its route.
#[derive(Clone)]
pub(super) struct Came {
    pub(super) endpoint: &'static Endpoint,
    pub(super) params: Vec<String>,
    pub(super) parts: Parts,
    pub(super) request_id: SmolStr,
    pub(super) client: IpAddr,
    pub(super) came_ns: u64,
}

impl Came {
    pub(super) fn letter(self, load: Load) -> Letter {
        Letter {
            is_repeatable: repeatable(self.endpoint, &self.parts.headers),
            parts: self.parts,
            load,
            request_id: self.request_id,
            client: self.client,
            came_ns: self.came_ns,
            gives_up_ns: None,
        }
    }
}

/// Routes that are asked with `POST` and change nothing: any process answers.
const CHANGE_NOTHING: [&str; 7] = [
    "sync",
    "legacySync",
    "legacyApiSync",
    "legacyInventorySync",
    "demoShippingQuote",
    "demoShipOrder",
    "demoConfirmOrder",
];

/// Whether a route has to be answered by the process that writes.
pub(super) fn changes(endpoint: &Endpoint) -> bool {
    endpoint.writes() && !CHANGE_NOTHING.contains(&endpoint.name)
}

/// Routes that submit more than one command: without the lease in the middle of them, something may have been done.
const OF_SEVERAL_COMMANDS: [&str; 2] = ["importProducts", "storefrontPlaceOrder"];

pub(super) fn is_one_command(endpoint: &Endpoint) -> bool {
    !OF_SEVERAL_COMMANDS.contains(&endpoint.name)
}

impl Edge {
    /// The way to the process that writes, where that is another one. What was passed on once stays where it is.
    pub(crate) fn forwards(&self, extensions: &Extensions) -> Option<&Forwarder> {
        let forwarder = self.forwarder.as_ref()?;
        let is_due = self.shop.health().is_reader() && extensions.get::<Passport>().is_none();
        is_due.then_some(forwarder)
    }

    /// What other processes of the shop say of a request, if one of them sends it. Nobody else's word counts.
    pub(super) fn passport(&self, headers: &mut HeaderMap) -> Option<Passport> {
        Passport::take(headers, &self.secrets)
    }

    /// The answer to a process that believes that this one writes.
    pub(super) fn nothing_done(&self, headers: &HeaderMap) -> Response<ReplyBody> {
        let problem = Fault::NoLease.into();
        let mut refusal = self.refuse(problem, &self.request_id(headers), &Method::POST);
        refusal.headers_mut().insert(NOTHING_DONE, YES);
        refusal
    }

    /// A write as it is passed on: what needs no look at the shop is checked here. An import goes as it comes, anything else is
    /// read first, so that it can be sent again.
    pub(super) async fn letter(
        &self,
        came: Came,
        body: &mut Option<Incoming>,
    ) -> Result<Letter, Problem> {
        let limit = self.body_limit(came.endpoint);
        self.check(&came, body.as_ref(), limit)?;
        let load = if came.endpoint.body == BodyKind::Import {
            body.take().map_or(Load::Whole(Bytes::new()), Load::stream)
        } else {
            Load::Whole(read(body.as_mut(), limit).await?)
        };
        Ok(came.letter(load))
    }

    /// Waits until this process has seen the position of the log that the caller knows of, in `Min-Position`.
    pub(crate) async fn has_reached(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(sent) = headers.get("min-position") else {
            return Ok(());
        };
        let position = sent.to_str().ok().and_then(|text| text.parse().ok());
        let Some(position) = position else {
            let detail = "Min-Position takes the Position of an earlier reply, a whole number";
            return Err(Problem::new("malformed_request", detail));
        };
        let long = Duration::from_nanos(self.options.wait_ns);
        let reached = tokio::time::timeout(long, self.shop.reach(position)).await;
        reached.map_err(|_| {
            let detail = format!("this process has not seen position {position} of the log yet; try again in a moment");
            Problem {
                retry_after: Some(1),
                ..Problem::new("dependency_unavailable", detail)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_routes_by_name() {
        let names = CHANGE_NOTHING.iter().chain(&OF_SEVERAL_COMMANDS);
        for name in names {
            let found = crate::http::routes().find(|route| route.name == *name);
            assert!(found.is_some_and(Endpoint::writes), "{name}");
        }
    }
}
