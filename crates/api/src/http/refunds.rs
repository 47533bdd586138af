//! Refunds: recorded once for each key, then asked for until their provider has answered or the caller waits no longer.

use super::complete::wait;
use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema, to_json};
use crate::problem::Problem;
use crate::wire::order::{Refund, RefundOrder};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartwright_app::kept::{KeptReply, key_hash, payload_hash};
use cartwright_app::orders as app;
use cartwright_domain::key::Scope;
use cartwright_domain::order::{Order, Refund as Known};
use cartwright_domain::{OrderId, RefundId};
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;

/// Routes of refunds.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/orders/{id}/refunds",
        name: "refundOrder",
        summary: "Gives money back, never more than was taken; `Prefer: wait=10` says how many seconds to wait for the provider. The same Idempotency-Key gets the same refund, for ever.",
        access: Access::Scope(Scope::Refunds),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<RefundOrder>),
        replies: &[(201, Some(schema::<Refund<'_>>))],
        refusals: &[
            "idempotency_key_required",
            "not_found",
            "version_conflict",
            "exceeds_remaining",
            "currency_mismatch",
        ],
        produces: "application/json",
        handler: |call| Box::pin(refund(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/orders/{id}/refunds/{refund_id}",
        name: "getRefund",
        summary: "Shows a refund of an order.",
        access: Access::Order(Scope::OrdersRead),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Refund<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
];

async fn refund(mut call: Call) -> Result<Reply, Problem> {
    let Some(key) = call.idempotency_key()? else {
        let detail =
            "send an Idempotency-Key, so that no money goes back twice when a reply is lost";
        return Err(Problem::new("idempotency_key_required", detail));
    };
    let (body, expected_version) = call.json::<RefundOrder>()?;
    let wanted = body.checked(call.edge.options.max_quantity)?;
    let until_ns = call.edge.shop.clock().monotonic_ns() + wait(&call)?;
    let order = call.order_target(expected_version).await?;
    let path = format!("/v1/orders/{}/refunds", order.id);
    let key: SmolStr = URL_SAFE_NO_PAD
        .encode(key_hash(&call.who.principal, "POST", &path, &key))
        .into();
    let command = app::RefundOrder {
        order,
        ask: wanted.ask,
        to: wanted.to,
        restock: wanted.restock,
        reason: wanted.reason,
        key: key.clone(),
        body: URL_SAFE_NO_PAD
            .encode(payload_hash("", &call.payload))
            .into(),
        by: call.who.principal.clone(),
    };
    // What is kept says that there is a refund; what it is shown as is read when it is sent.
    let render = Arc::new(
        |outcome: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| KeptReply {
            status: if outcome.created { 201 } else { 200 },
            ..KeptReply::default()
        },
    );
    let kept = call.write(command, render).await?;
    if !(200..300).contains(&kept.status) {
        return Ok(kept);
    }
    let is_replay = kept.status == 200
        || kept
            .headers
            .iter()
            .any(|(name, _)| *name == "idempotent-replayed");
    // Who only waits for a provider keeps nobody else out.
    call.slot = None;
    let (order, id) = settled(&call, order.id, &key, !is_replay, until_ns).await?;
    let shown = order.refund(id).ok_or_else(|| missing(id))?;
    let mut reply =
        reply(201, &order, shown).with("location", format!("/v1/orders/{}/refunds/{id}", order.id));
    if is_replay {
        reply = reply.with("idempotent-replayed", "true");
    }
    reply.position = kept.position;
    Ok(reply)
}

/// The order with the refund that a request started, once all parts of that are settled or the caller waits no longer.
async fn settled(
    call: &Call,
    id: OrderId,
    key: &str,
    is_fresh: bool,
    until_ns: u64,
) -> Result<(Arc<Order>, RefundId), Problem> {
    let mut fresh = is_fresh;
    loop {
        let ended = call.edge.refunds.ended(id);
        let order = call.order(id).await?;
        let found = order
            .refunds
            .iter()
            .find(|it| it.asked.as_ref().is_some_and(|(known, _)| known == key));
        let found = found.ok_or_else(|| Problem::not_found("refund", id))?;
        if !found.state().is_open() {
            return Ok((order.clone(), found.id));
        }
        call.edge.refunds.wake(id, fresh.then_some(found.id));
        fresh = false;
        let now_ns = call.edge.shop.clock().monotonic_ns();
        let left = Duration::from_nanos(until_ns.saturating_sub(now_ns));
        if left.is_zero() || tokio::time::timeout(left, ended).await.is_err() {
            let order = call.order(id).await?;
            return Ok((order, found.id));
        }
    }
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let id = call.order_id().await?;
    let order = call.order(id).await?;
    let text = call.param(1);
    let found = text.parse().ok().and_then(|id| order.refund(id));
    let found = found.ok_or_else(|| Problem::not_found("refund", text))?;
    Ok(reply(200, &order, found))
}

fn reply(status: u16, order: &Order, refund: &Known) -> Reply {
    Reply {
        status,
        ..Reply::json(to_json(&Refund::of(order, refund)))
    }
}

fn missing(id: RefundId) -> Problem {
    Problem::not_found("refund", id)
}
