//! Dead letters: what a consumer of the log could not bring about, and what an operator does about it.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, QueryParam, Reply, Verb, schema, to_json,
};
use super::page::{PageOf, page};
use crate::problem::Problem;
use crate::wire::Timestamp;
use crate::wire::stock::text;
use cartwright_app::Record;
use cartwright_app::dead_letters::{DiscardLetter, ReplayLetter};
use cartwright_app::kept::KeptReply;
use cartwright_domain::DeadLetterId;
use cartwright_domain::dead_letter::DeadLetter as Domain;
use cartwright_domain::key::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An effect that could not be brought about. What comes later for the same consumer and key waits behind it.
#[derive(Debug, Serialize, JsonSchema)]
struct DeadLetter {
    id: String,
    version: u64,
    /// Whose effect it is: `mail`, `webhook:<endpoint>`.
    consumer: String,
    /// `dead` (it waits for somebody), `parked` (behind another one of its key), `replaying` (it is tried again).
    #[schemars(extend("enum" = ["dead", "parked", "replaying"]))]
    state: &'static str,
    /// The entry of the log that asks for it.
    event_id: String,
    /// That entry's type.
    #[serde(rename = "type")]
    event_type: String,
    /// What it parks: the entry's stream.
    key: String,
    /// Where the entry stands in the log.
    position: u64,
    /// When the entry was committed.
    occurred_at: Timestamp,
    /// The request that led to it.
    correlation_id: String,
    /// Why it could not be brought about, the last time.
    cause: String,
    /// How often it was tried.
    attempts: u32,
    /// When it was first tried.
    first_at: Timestamp,
    /// When it was last tried, or recorded.
    last_at: Timestamp,
}

impl From<&Domain> for DeadLetter {
    fn from(it: &Domain) -> Self {
        let about = &it.about;
        Self {
            id: it.id.to_string(),
            version: it.version,
            consumer: about.consumer.to_string(),
            state: it.state.as_str(),
            event_id: about.event.to_string(),
            event_type: about.event_type.to_string(),
            key: about.key.to_string(),
            position: about.position,
            occurred_at: Timestamp(about.occurred_at),
            correlation_id: about.correlation.to_string(),
            cause: about.cause.to_string(),
            attempts: about.attempts,
            first_at: Timestamp(about.first_at),
            last_at: Timestamp(it.last_at),
        }
    }
}

/// `POST /dead-letters/{id}/discard`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiscardDeadLetter {
    /// Why; it stands in the log.
    #[schemars(length(min = 1, max = 200))]
    reason: String,
}

/// A letter that is gone.
#[derive(Debug, Serialize, JsonSchema)]
struct DiscardedDeadLetter {
    id: String,
    /// `discarded`.
    state: &'static str,
}

/// Routes.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Get,
        path: "/v1/dead-letters",
        name: "listDeadLetters",
        summary: "Lists what consumers of the log could not bring about, oldest first.",
        access: Access::Scope(Scope::Ops),
        query: &[
            QueryParam {
                name: "consumer",
                schema: r#"{"type":"string"}"#,
                repeated: false,
                description: "Only this consumer's: `mail`, `webhook:<endpoint>`.",
            },
            LIMIT,
            CURSOR,
        ],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<DeadLetter>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/dead-letters/{id}/replay",
        name: "replayDeadLetter",
        summary: "Has a dead letter tried once more; when that succeeds, what waited behind it follows. Who asked stands in the log.",
        access: Access::Scope(Scope::Ops),
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(200, Some(schema::<DeadLetter>))],
        refusals: &["not_found", "version_conflict", "invalid_state"],
        produces: "application/json",
        handler: |call| Box::pin(replay(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/dead-letters/{id}/discard",
        name: "discardDeadLetter",
        summary: "Drops a dead letter for good; what waited behind it follows. Who did it and why stands in the log.",
        access: Access::Scope(Scope::Ops),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<DiscardDeadLetter>),
        replies: &[(200, Some(schema::<DiscardedDeadLetter>))],
        refusals: &["not_found", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(discard(call)),
    },
];

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let consumer = call.query("consumer").map(str::to_owned);
    let found = call
        .edge
        .shop
        .read(move |store| store.list_dead_letters(consumer.as_deref(), &cursor, limit))
        .await?;
    let items = found.items.iter().filter_map(|record| match record {
        Record::DeadLetter(it) => Some(DeadLetter::from(&**it)),
        _ => None,
    });
    Ok(page(&call, items.collect(), &found.next))
}

fn id_of(call: &Call) -> Result<DeadLetterId, Problem> {
    let text = call.param(0);
    text.parse()
        .map_err(|_| Problem::not_found("dead_letter", text))
}

async fn replay(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let command = ReplayLetter {
        id: id_of(&call)?,
        expected_version,
    };
    let render = Arc::new(
        |outcome: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| match &outcome
            .record
        {
            Some(Record::DeadLetter(it)) => {
                super::write::resource(200, it.version, None, to_json(&DeadLetter::from(&**it)))
            }
            _ => KeptReply::default(),
        },
    );
    call.write(command, render).await
}

async fn discard(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<DiscardDeadLetter>()?;
    text("reason", &body.reason, 200)?;
    let id = id_of(&call)?;
    let command = DiscardLetter {
        id,
        reason: body.reason.into(),
        expected_version,
    };
    let render = Arc::new(
        move |_: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| KeptReply {
            status: 200,
            body: to_json(&DiscardedDeadLetter {
                id: id.to_string(),
                state: "discarded",
            }),
            ..KeptReply::default()
        },
    );
    call.write(command, render).await
}
