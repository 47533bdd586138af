//! Webhooks out: who is told of what happens, and what became of the messages. The secret is shown once, by the request that made the
//! endpoint and by its retries.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, Reply, Verb, schema, to_json,
};
use super::page::{PageOf, page};
use super::write::made_with_secret;
use crate::problem::Problem;
use crate::wire::Timestamp;
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::Delivery as Known;
use cartwright_app::ports::courier::{is_public, literal};
use cartwright_app::webhooks::{CreateEndpoint, DeleteEndpoint, NAMES, is_filter};
use cartwright_app::{Key, Record};
use cartwright_domain::WebhookEndpointId;
use cartwright_domain::key::Scope;
use cartwright_domain::webhook::WebhookEndpoint as Domain;
use http::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// Longest address.
const MAX_URL: usize = 2_000;
/// Filters of an endpoint.
const MAX_EVENTS: usize = 50;
/// A secret begins so, to be found where it does not belong.
const SECRET_PREFIX: &str = "whsec_";

/// `POST /webhook-endpoints`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateWebhookEndpoint {
    /// Where messages are posted: `http` or `https`, without credentials. Private addresses are refused unless the shop allows them.
    #[schemars(length(min = 1, max = 2000))]
    url: String,
    /// What it hears of: names like `order.placed`, nouns like `order.*`, or `*`.
    #[schemars(length(min = 1, max = 50))]
    events: Vec<String>,
}

/// Who is told of what happens. `secret` only in the reply that made it.
#[derive(Debug, Serialize, JsonSchema)]
struct WebhookEndpoint {
    id: String,
    url: String,
    events: Vec<String>,
    created_at: Timestamp,
    version: u64,
    /// What `Cartwright-Signature` is made with. It is shown here and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<&Domain> for WebhookEndpoint {
    fn from(it: &Domain) -> Self {
        Self {
            id: it.id.to_string(),
            url: it.url.to_string(),
            events: it.events.iter().map(ToString::to_string).collect(),
            created_at: Timestamp(it.created_at),
            version: it.version,
            secret: None,
        }
    }
}

/// What became of a message. What was not sent yet is not listed.
#[derive(Debug, Serialize, JsonSchema)]
struct Delivery {
    /// The message's `id`: the same however often it is sent.
    id: String,
    /// What it tells of.
    event: String,
    /// `pending` (it is sent again), `delivered`, or `dead` (a dead letter).
    #[schemars(extend("enum" = ["pending", "delivered", "dead"]))]
    state: &'static str,
    /// How often it was sent.
    attempts: u32,
    /// The last status, or why there was none.
    last_status: String,
    /// When it is sent again.
    next_try_at: Option<Timestamp>,
    /// When it was last sent.
    at: Timestamp,
}

impl From<&Known> for Delivery {
    fn from(it: &Known) -> Self {
        Self {
            id: it.id.to_string(),
            event: it.name.to_string(),
            state: it.state.as_str(),
            attempts: it.attempts,
            last_status: it.last.to_string(),
            next_try_at: it.next_try.map(Timestamp),
            at: Timestamp(it.at),
        }
    }
}

/// Routes.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/webhook-endpoints",
        name: "createWebhookEndpoint",
        summary: "Has an address told of what happens from now on, and shows the secret that messages are signed with once.",
        access: Access::Scope(Scope::Ops),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<CreateWebhookEndpoint>),
        replies: &[(201, Some(schema::<WebhookEndpoint>))],
        refusals: &["version_conflict", "invalid_state"],
        produces: "application/json",
        handler: |call| Box::pin(create(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/webhook-endpoints",
        name: "listWebhookEndpoints",
        summary: "Lists webhook endpoints, oldest first, without their secrets.",
        access: Access::Scope(Scope::Ops),
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<WebhookEndpoint>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/webhook-endpoints/{id}",
        name: "getWebhookEndpoint",
        summary: "Shows a webhook endpoint, without its secret.",
        access: Access::Scope(Scope::Ops),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<WebhookEndpoint>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    Endpoint {
        method: Verb::Delete,
        path: "/v1/webhook-endpoints/{id}",
        name: "deleteWebhookEndpoint",
        summary: "Deletes a webhook endpoint with its dead letters: it hears of nothing more.",
        access: Access::Scope(Scope::Ops),
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(204, None)],
        refusals: &["not_found", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(delete(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/webhook-endpoints/{id}/deliveries",
        name: "listWebhookDeliveries",
        summary: "Lists what became of the last messages to a webhook endpoint, the newest first.",
        access: Access::Scope(Scope::Ops),
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Delivery>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(deliveries(call)),
    },
];

async fn create(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<CreateWebhookEndpoint>()?;
    check_url(&body.url, call.edge.options.webhooks_allow_private)?;
    check_events(&body.events)?;
    let command = CreateEndpoint {
        id: WebhookEndpointId(call.edge.fresh_id()),
        url: body.url.into(),
        events: body.events.into_iter().map(SmolStr::from).collect(),
        max: call.edge.options.max_webhook_endpoints,
        expected_version,
    };
    let render = Arc::new(
        |outcome: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| {
            let Some(Record::WebhookEndpoint(it)) = &outcome.record else {
                return KeptReply::default();
            };
            let shown = WebhookEndpoint {
                secret: Some(SECRET_PREFIX.to_owned()),
                ..WebhookEndpoint::from(&**it)
            };
            let (id, body) = (it.id.to_string(), to_json(&shown));
            made_with_secret(it.version, "/v1/webhook-endpoints", id, body)
        },
    );
    call.write(command, render).await
}

/// Whether messages may go there, as far as the text says; what a name leads to is looked at with each connection.
fn check_url(text: &str, allow_private: bool) -> Result<(), Problem> {
    let malformed = || {
        let detail = format!(
            "expected http(s)://HOST[:PORT][/PATH] of up to {MAX_URL} visible characters, without user, password and fragment"
        );
        Problem::invalid("url", "malformed", detail)
    };
    let is_plain = text.len() <= MAX_URL
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains('#');
    let uri: Uri = text.parse().map_err(|_| malformed())?;
    let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().map_or("@", |it| it.as_str());
    let host = uri.host().unwrap_or_default();
    if !is_plain || !scheme || authority.contains('@') || host.is_empty() {
        return Err(malformed());
    }
    let is_inside = match literal(host) {
        Some(address) => !is_public(address),
        None => {
            let name = host.trim_start_matches('[').trim_end_matches([']', '.']);
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    };
    if is_inside && !allow_private {
        let detail = "messages go to public addresses only; an operator can allow others with webhooks_allow_private";
        return Err(Problem::invalid("url", "private_address", detail));
    }
    Ok(())
}

fn check_events(events: &[String]) -> Result<(), Problem> {
    if !(1..=MAX_EVENTS).contains(&events.len()) {
        let detail = format!("name 1 to {MAX_EVENTS} events; `*` is all of them");
        return Err(Problem::invalid("events", "out_of_range", detail));
    }
    for (place, event) in events.iter().enumerate() {
        let field = format!("events[{place}]");
        if !is_filter(event) {
            let detail = format!(
                "expected *, a noun like order.*, or one of {}",
                NAMES.join(", ")
            );
            return Err(Problem::invalid(field, "unknown", detail));
        }
        if events[..place].contains(event) {
            return Err(Problem::invalid(field, "duplicate", "name each event once"));
        }
    }
    Ok(())
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let found = call
        .edge
        .shop
        .read(move |store| store.list_webhook_endpoints(&cursor, limit))
        .await?;
    let items = found.items.iter().filter_map(|record| match record {
        Record::WebhookEndpoint(it) => Some(WebhookEndpoint::from(&**it)),
        _ => None,
    });
    Ok(page(&call, items.collect(), &found.next))
}

fn id_of(call: &Call) -> Result<WebhookEndpointId, Problem> {
    let text = call.param(0);
    text.parse()
        .map_err(|_| Problem::not_found("webhook_endpoint", text))
}

async fn find(call: &Call) -> Result<Arc<Domain>, Problem> {
    let id = id_of(call)?;
    match call.edge.shop.find(&Key::WebhookEndpoint(id)).await? {
        Some(Record::WebhookEndpoint(it)) => Ok(it),
        _ => Err(Problem::not_found("webhook_endpoint", id)),
    }
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let found = find(&call).await?;
    Ok(Reply::of(&WebhookEndpoint::from(&*found)).version(found.version))
}

async fn delete(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let id = id_of(&call)?;
    let render = Arc::new(
        |_: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| KeptReply {
            status: 204,
            ..KeptReply::default()
        },
    );
    let command = DeleteEndpoint {
        id,
        expected_version,
    };
    call.write(command, render).await
}

async fn deliveries(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let endpoint = find(&call).await?.id;
    let before = cursor.as_deref().and_then(|text| {
        let (position, id) = text.split_once(':')?;
        Some((position.parse().ok()?, SmolStr::new(id)))
    });
    let mut found = call
        .edge
        .shop
        .read(move |store| store.list_deliveries(endpoint, before, limit + 1))
        .await?;
    let is_cut = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| is_cut);
    let next = last.map(|it| format!("{}:{}", it.position, it.id));
    let items = found.iter().map(Delivery::from).collect();
    Ok(page::<Delivery>(&call, items, &next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_public_and_plain() {
        let rows = [
            ("https://example.com/hook?x=1", "", ""),
            ("http://93.184.216.34:8080", "", ""),
            ("https://example.com:443/", "", ""),
            ("ftp://example.com", "malformed", "malformed"),
            ("example.com/hook", "malformed", "malformed"),
            ("/hook", "malformed", "malformed"),
            ("", "malformed", "malformed"),
            ("https://user:secret@example.com/", "malformed", "malformed"),
            ("https://example.com/#part", "malformed", "malformed"),
            ("https://exa mple.com/", "malformed", "malformed"),
            ("http://127.0.0.1/", "private_address", ""),
            ("http://[::1]:80/", "private_address", ""),
            ("http://[::ffff:10.0.0.1]/", "private_address", ""),
            ("http://169.254.169.254/latest", "private_address", ""),
            ("http://localhost:1", "private_address", ""),
            ("http://LOCALHOST./", "private_address", ""),
            ("http://a.localhost/", "private_address", ""),
            ("http://[localhost]/", "private_address", ""),
        ];
        let code = |result: Result<(), Problem>| match result {
            Ok(()) => String::new(),
            Err(problem) => problem.fields["errors"][0]["code"]
                .as_str()
                .unwrap_or("?")
                .to_owned(),
        };
        for (url, strict, open) in rows {
            assert_eq!(code(check_url(url, false)), strict, "{url}");
            assert_eq!(code(check_url(url, true)), open, "{url}");
        }
    }
}
