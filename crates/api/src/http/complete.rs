//! Completing a checkout: one attempt for all who ask for the same, and an answer when it has ended or the caller waits no longer.

use super::Edge;
use super::checkout_reply::shown;
use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema};
use crate::problem::Problem;
use crate::wire::checkout::{Checkout, CompleteCheckout, detail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartwright_app::checkouts::saga::Complete;
use cartwright_app::failpoint::{Point, failpoint};
use cartwright_app::kept::{key_hash, payload_hash};
use cartwright_app::shop::{Command, Submission};
use cartwright_app::{Key, Record, Reply as Decision};
use cartwright_domain::CheckoutId;
use cartwright_domain::checkout::{AttemptState, Checkout as Known, FailureCode};
use cartwright_domain::key::Scope;
use cartwright_domain::payment::Method;
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;

/// How long a caller waits who does not say.
const WAIT_SECONDS: u64 = 10;
/// How long a caller may wait.
const WAIT_MAX_SECONDS: u64 = 30;

/// The route.
pub(super) const ROUTES: &[Endpoint] = &[Endpoint {
    method: Verb::Post,
    path: "/v1/checkouts/{id}/complete",
    name: "completeCheckout",
    summary: "Charges what the quote says and makes the order; `Prefer: wait=10` says how many seconds to wait for the end. The same Idempotency-Key, or another with an equal body, gets the same attempt.",
    access: Access::Checkout,
    query: &[],
    body: BodyKind::Json,
    request: Some(schema::<CompleteCheckout>),
    replies: &[
        (200, Some(schema::<Checkout<'_>>)),
        (202, Some(schema::<Checkout<'_>>)),
    ],
    refusals: &[
        "idempotency_key_required",
        "forbidden",
        "not_found",
        "version_conflict",
        "idempotency_key_reused",
        "cart_closed",
        "invalid_state",
        "checkout_incomplete",
        "quote_stale",
        "insufficient_stock",
        "payment_declined",
        "currency_mismatch",
        "rate_limited",
    ],
    produces: "application/json",
    handler: |call| Box::pin(complete(call)),
}];

async fn complete(mut call: Call) -> Result<Reply, Problem> {
    let Some(key) = call.idempotency_key()? else {
        let detail =
            "send an Idempotency-Key, so that nobody is charged twice when a reply is lost";
        return Err(Problem::new("idempotency_key_required", detail));
    };
    let (body, expected_version) = call.json::<CompleteCheckout>()?;
    let until_ns = call.edge.shop.clock().monotonic_ns() + wait(&call)?;
    let target = call.checkout_target(expected_version)?;
    let now_ns = call.edge.shop.clock().monotonic_ns();
    let (quote, pay) = body.checked(call.edge.saga.providers(), now_ns)?;
    let wallet = pay.parts.iter().any(|it| it.method == Method::Wallet);
    if wallet && !call.who.may(Scope::Wallets) {
        let detail = "paying with a wallet needs a key with scope wallets";
        let scope = Scope::Wallets.as_str();
        return Err(Problem::new("forbidden", detail).with("scope", scope));
    }
    let hash = key_hash(
        &call.who.principal,
        call.endpoint.method.as_str(),
        call.parts.uri.path(),
        &key,
    );
    let key: SmolStr = URL_SAFE_NO_PAD.encode(hash).into();
    let command = Complete {
        checkout: target,
        quote,
        pay,
        key: key.clone(),
        body: URL_SAFE_NO_PAD
            .encode(payload_hash("", &call.payload))
            .into(),
        deadline_seconds: call.edge.options.checkout_deadline_seconds,
        setting: call.checkout_setting(),
    };
    let (actor, correlation) = (call.who.principal.clone(), call.request_id.clone());
    let id = command.checkout.id;
    let position = submit(&call.edge, id, call.traced(command), actor, correlation).await?;
    // Who only waits for a provider keeps nobody else out.
    call.slot = None;
    let mut reply = end(&call, target.id, &key, until_ns).await?;
    reply.position = Some(position);
    Ok(reply)
}

/// Begins an attempt, or joins the one that runs; the log's position after it.
pub(crate) async fn begin(
    edge: &Edge,
    command: Complete,
    actor: SmolStr,
    correlation: SmolStr,
) -> Result<u64, Problem> {
    let id = command.checkout.id;
    submit(edge, id, Box::new(command), actor, correlation).await
}

async fn submit(
    edge: &Edge,
    id: CheckoutId,
    command: Box<dyn Command>,
    actor: SmolStr,
    correlation: SmolStr,
) -> Result<u64, Problem> {
    let tenure = edge.saga.tenure();
    let submission = Submission {
        command,
        keyed: None,
        actor,
        correlation,
        deadline_ns: edge.shop.clock().monotonic_ns() + edge.options.wait_ns,
    };
    let answer = edge.shop.submit(submission).await?;
    match answer.reply {
        Decision::Decided(Err(refusal)) => Err(refusal.into()),
        Decision::Decided(Ok(outcome)) => {
            if outcome.created {
                failpoint(Point::PurchaseBegun);
                edge.saga.began(id, tenure, outcome.event);
            }
            Ok(answer.position)
        }
        Decision::Kept(..) | Decision::KeyReused => Ok(answer.position),
    }
}

/// Where an attempt stands when nobody waits any longer.
pub(crate) enum Waited {
    /// There is an order, and its money was taken.
    Succeeded(Arc<Known>),
    /// It goes on.
    Runs,
}

/// Waits for the end of the attempt that answers to a key. One that was undone is its problem.
pub(crate) async fn wait_for(
    edge: &Edge,
    id: CheckoutId,
    key: &str,
    until_ns: u64,
) -> Result<Waited, Problem> {
    loop {
        let ended = edge.saga.ended(id);
        edge.saga.wake(id);
        let checkout = find(edge, id).await?;
        let attempt = checkout
            .attempt_of(key)
            .ok_or_else(|| Problem::not_found("checkout", id))?;
        match (attempt.state, attempt.failure) {
            (AttemptState::Succeeded, _) => return Ok(Waited::Succeeded(checkout)),
            (AttemptState::Undone, failure) => {
                let failure = failure.unwrap_or(cartwright_domain::checkout::Failure {
                    code: FailureCode::Cancelled,
                    reason: None,
                });
                return Err(undone(&checkout, failure));
            }
            (AttemptState::Running, _) => {}
        }
        let now_ns = edge.shop.clock().monotonic_ns();
        let left = Duration::from_nanos(until_ns.saturating_sub(now_ns));
        if left.is_zero() || tokio::time::timeout(left, ended).await.is_err() {
            return Ok(Waited::Runs);
        }
    }
}

/// How the attempt ended, or where to look for it.
async fn end(call: &Call, id: CheckoutId, key: &str, until_ns: u64) -> Result<Reply, Problem> {
    match wait_for(&call.edge, id, key, until_ns).await? {
        Waited::Succeeded(checkout) => {
            let state = checkout.state;
            call.kept(&shown(200, &checkout, state), false).await
        }
        Waited::Runs => running(call, id).await,
    }
}

async fn running(call: &Call, id: CheckoutId) -> Result<Reply, Problem> {
    let checkout = find(&call.edge, id).await?;
    let state = checkout.state;
    let mut reply = call.kept(&shown(202, &checkout, state), false).await?;
    reply
        .headers
        .push(("location", format!("/v1/checkouts/{id}")));
    Ok(reply.with("retry-after", "1"))
}

pub(super) async fn find(edge: &Edge, id: CheckoutId) -> Result<Arc<Known>, Problem> {
    match edge.shop.find(&Key::Checkout(id)).await? {
        Some(Record::Checkout(checkout)) => Ok(checkout),
        _ => Err(Problem::not_found("checkout", id)),
    }
}

/// Why nothing came of it.
pub(super) fn undone(checkout: &Known, failure: cartwright_domain::checkout::Failure) -> Problem {
    let id = checkout.id.to_string();
    if failure.code == FailureCode::Cancelled {
        return Problem::new("invalid_state", detail(failure))
            .with("state", checkout.state.as_str())
            .with("checkout_id", id);
    }
    let reason = failure.reason.map_or("declined", |it| it.as_str());
    Problem::new("payment_declined", detail(failure))
        .with("reason", reason)
        .with("checkout_id", id)
}

/// `Prefer: wait=10`, in nanoseconds.
pub(super) fn wait(call: &Call) -> Result<u64, Problem> {
    let preferences = call.headers().get_all("prefer").iter();
    let mut seconds = WAIT_SECONDS;
    for preference in preferences
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        if let Some(value) = preference.trim().strip_prefix("wait=") {
            seconds = value.parse().map_err(|_| {
                let detail = "Prefer: wait takes whole seconds, 0 to 30";
                Problem::new("malformed_request", detail)
            })?;
        }
    }
    Ok(seconds.min(WAIT_MAX_SECONDS) * 1_000_000_000)
}
