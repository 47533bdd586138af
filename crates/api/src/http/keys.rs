//! API keys. The secret is shown once, by the request that made it and by its retries.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, Reply, Verb, schema, to_json,
};
use super::page::{PageOf, page};
use super::write::made_with_secret;
use crate::problem::Problem;
use crate::wire::Timestamp;
use crate::wire::stock::text;
use cartwright_app::Record;
use cartwright_app::kept::KeptReply;
use cartwright_app::keys::{CreateKey, DeleteKey, hash};
use cartwright_domain::ApiKeyId;
use cartwright_domain::key::{ApiKey as DomainKey, KeyLimits, Scope};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Limits of a key; absent ones are the configured defaults.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeyLimits")]
struct Limits {
    /// Requests a second.
    #[serde(default)]
    rate_rps: Option<u32>,
    /// Requests at once beyond the rate.
    #[serde(default)]
    burst: Option<u32>,
    /// Open reservations.
    #[serde(default)]
    open_reservations: Option<u64>,
}

/// `POST /api-keys`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CreateApiKey")]
struct Create {
    /// For people.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// What it may do.
    #[schemars(length(min = 1, max = 14))]
    scopes: Vec<String>,
    /// How much of it.
    #[serde(default)]
    limits: Option<Limits>,
}

/// A key. `key` only in the reply that made it.
#[derive(Debug, Serialize, JsonSchema)]
struct ApiKey {
    id: String,
    name: String,
    scopes: Vec<&'static str>,
    limits: Limits,
    created_at: Timestamp,
    version: u64,
    /// The secret: send it as `Authorization: Bearer <key>`. It is shown here and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl From<&DomainKey> for ApiKey {
    fn from(key: &DomainKey) -> Self {
        let KeyLimits {
            rate_rps,
            burst,
            open_reservations,
        } = key.limits;
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
            limits: Limits {
                rate_rps,
                burst,
                open_reservations,
            },
            created_at: Timestamp(key.created_at),
            version: key.version,
            key: None,
        }
    }
}

/// Routes of API keys.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/api-keys",
        name: "createApiKey",
        summary: "Makes an API key and shows its secret once.",
        access: Access::Scope(Scope::Keys),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<Create>),
        replies: &[(201, Some(schema::<ApiKey>))],
        refusals: &["forbidden", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(create(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/api-keys",
        name: "listApiKeys",
        summary: "Lists API keys, oldest first, without their secrets.",
        access: Access::Scope(Scope::Keys),
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<ApiKey>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Delete,
        path: "/v1/api-keys/{id}",
        name: "deleteApiKey",
        summary: "Deletes an API key: it opens nothing from the reply on.",
        access: Access::Scope(Scope::Keys),
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(204, None)],
        refusals: &["not_found", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(delete(call)),
    },
];

/// A key's secret begins so, to be found where it does not belong.
pub const SECRET_PREFIX: &str = "cwk_";

async fn create(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<Create>()?;
    text("name", &body.name, 200)?;
    let scopes = scopes(&body.scopes)?;
    if scopes.contains(&Scope::Admin) && !call.who.may(Scope::Admin) {
        let detail = "only a key with scope admin can make another one";
        return Err(Problem::new("forbidden", detail).with("scope", Scope::Admin.as_str()));
    }
    let Limits {
        rate_rps,
        burst,
        open_reservations,
    } = body.limits.unwrap_or_default();
    let id = ApiKeyId(call.edge.fresh_id());
    let secret = format!(
        "{SECRET_PREFIX}{}",
        call.edge.secrets.derive(&id.to_string())
    );
    let limits = KeyLimits {
        rate_rps,
        burst,
        open_reservations,
    };
    let command = CreateKey {
        id,
        name: body.name.into(),
        scopes,
        limits,
        hash: hash(&secret),
        expected_version,
    };
    let render = Arc::new(
        |outcome: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| {
            let Some(Record::ApiKey(key)) = &outcome.record else {
                return KeptReply::default();
            };
            let shown = ApiKey {
                key: Some(SECRET_PREFIX.to_owned()),
                ..ApiKey::from(&**key)
            };
            let (id, body) = (key.id.to_string(), to_json(&shown));
            made_with_secret(key.version, "/v1/api-keys", id, body)
        },
    );
    call.write(command, render).await
}

fn scopes(names: &[String]) -> Result<Vec<Scope>, Problem> {
    if names.is_empty() {
        return Err(Problem::invalid(
            "scopes",
            "required",
            "name at least one scope",
        ));
    }
    let known: Vec<_> = Scope::ALL.iter().map(|(_, name)| *name).collect();
    let mut scopes = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let scope = Scope::parse(name).ok_or_else(|| {
            Problem::invalid(
                format!("scopes[{place}]"),
                "unknown",
                format!("expected one of {}", known.join(", ")),
            )
        })?;
        if scopes.contains(&scope) {
            return Err(Problem::invalid(
                format!("scopes[{place}]"),
                "duplicate",
                "name each scope once",
            ));
        }
        scopes.push(scope);
    }
    Ok(scopes)
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let found = call
        .edge
        .shop
        .read(move |store| store.list_api_keys(&cursor, limit))
        .await?;
    let items = found.items.iter().filter_map(|record| match record {
        Record::ApiKey(key) => Some(ApiKey::from(&**key)),
        _ => None,
    });
    Ok(page(&call, items.collect(), &found.next))
}

async fn delete(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let id = call
        .param(0)
        .parse()
        .map_err(|_| Problem::not_found("api_key", call.param(0)))?;
    let render = Arc::new(
        |_: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| KeptReply {
            status: 204,
            ..KeptReply::default()
        },
    );
    call.write(
        DeleteKey {
            id,
            expected_version,
        },
        render,
    )
    .await
}
