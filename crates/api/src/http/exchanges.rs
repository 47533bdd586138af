//! Exchanges: units come back for others. Begun once for each key, then paid for like any purchase.

use super::complete::{find, undone, wait};
use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema, to_json};
use super::order_reply;
use crate::problem::Problem;
use crate::wire::checkout::PayWith;
use crate::wire::order::{Exchange, ExchangeOrder, Return, WholeExchange};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartwright_app::checkouts::saga::{Exchange as Begin, ExchangeIds};
use cartwright_app::kept::{KeptReply, key_hash, payload_hash};
use cartwright_app::shop::{Outcome, Shelf};
use cartwright_domain::checkout::{AttemptState, Failure, FailureCode};
use cartwright_domain::key::Scope;
use cartwright_domain::order::{Exchange as Known, Order, To};
use cartwright_domain::payment::Method;
use cartwright_domain::{CartId, ExchangeId, OrderId, ReturnId};
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;

/// Routes of exchanges.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/orders/{id}/exchanges",
        name: "exchangeOrder",
        summary: "Units that have left come back for others: a return, and a new order with `exchange_of`. A higher price is paid now, a lower one goes back once the units are here. `Prefer: wait=10` says how many seconds to wait for the end. The same Idempotency-Key gets the same exchange, for ever. Needs the scope `refunds` too.",
        access: Access::Scope(Scope::OrdersWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<ExchangeOrder>),
        replies: &[
            (201, Some(schema::<WholeExchange<'_>>)),
            (202, Some(schema::<WholeExchange<'_>>)),
        ],
        refusals: &[
            "idempotency_key_required",
            "idempotency_key_reused",
            "forbidden",
            "not_found",
            "version_conflict",
            "invalid_state",
            "exceeds_remaining",
            "insufficient_stock",
            "quantity_limit",
            "cart_limit",
            "not_sold_here",
            "payment_declined",
            "currency_mismatch",
        ],
        produces: "application/json",
        handler: |call| Box::pin(exchange(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/orders/{id}/exchanges/{exchange_id}",
        name: "getExchange",
        summary: "Shows an exchange of an order, with its return and the new order.",
        access: Access::Order(Scope::OrdersRead),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<WholeExchange<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
];

async fn exchange(mut call: Call) -> Result<Reply, Problem> {
    let Some(key) = call.idempotency_key()? else {
        let detail =
            "send an Idempotency-Key, so that nothing is exchanged twice when a reply is lost";
        return Err(Problem::new("idempotency_key_required", detail));
    };
    require(&call, Scope::Refunds, "exchanging")?;
    let (body, expected_version) = call.json::<ExchangeOrder>()?;
    let (back, new) = body.checked_lines(call.edge.options.max_quantity)?;
    let now_ns = call.edge.shop.clock().monotonic_ns();
    let until_ns = now_ns + wait(&call)?;
    let pay = PayWith::checked(body.payment, call.edge.saga.providers(), now_ns)?;
    if pay.parts.iter().any(|it| it.method == Method::Wallet) {
        require(&call, Scope::Wallets, "paying with a wallet")?;
    }
    let order = call.order_target(expected_version).await?;
    let path = format!("/v1/orders/{}/exchanges", order.id);
    let key: SmolStr = URL_SAFE_NO_PAD
        .encode(key_hash(&call.who.principal, "POST", &path, &key))
        .into();
    let command = Begin {
        order,
        back,
        new,
        pay,
        to: body.to.map_or(To::Original, Into::into),
        ids: ExchangeIds {
            exchange: ExchangeId(call.edge.fresh_id()),
            return_id: ReturnId(call.edge.fresh_id()),
            cart: CartId(call.edge.fresh_id()),
            fresh: call.fresh_ids(),
        },
        key: key.clone(),
        body: URL_SAFE_NO_PAD
            .encode(payload_hash("", &call.payload))
            .into(),
        by: call.who.principal.clone(),
        deadline_seconds: call.edge.options.checkout_deadline_seconds,
        cart_rules: call.edge.options.cart_rules.clone(),
        setting: call.checkout_setting(),
    };
    let (paid_by, tenure) = (command.ids.fresh.checkout, call.edge.saga.tenure());
    // What is kept says that there is an exchange; what it is shown as is read when it is sent.
    let render = Arc::new(|outcome: &Outcome, _: Shelf<'_>| KeptReply {
        status: if outcome.created { 201 } else { 200 },
        ..KeptReply::default()
    });
    let kept = call.write(command, render).await?;
    if !(200..300).contains(&kept.status) {
        return Ok(kept);
    }
    let is_kept = |(name, _): &(&str, String)| *name == "idempotent-replayed";
    let is_replay = kept.status == 200 || kept.headers.iter().any(is_kept);
    if !is_replay {
        call.edge.saga.began(paid_by, tenure);
    }
    // Who only waits for a provider keeps nobody else out.
    call.slot = None;
    let mut reply = end(&call, order.id, &key, until_ns).await?;
    if is_replay {
        reply = reply.with("idempotent-replayed", "true");
    }
    reply.position = kept.position;
    Ok(reply)
}

fn require(call: &Call, scope: Scope, what: &str) -> Result<(), Problem> {
    if call.who.may(scope) {
        return Ok(());
    }
    let name = scope.as_str();
    let detail = format!("{what} needs a key with scope {name}");
    Err(Problem::new("forbidden", detail).with("scope", name))
}

/// How the exchange ended, or that it is under way.
async fn end(call: &Call, id: OrderId, key: &str, until_ns: u64) -> Result<Reply, Problem> {
    loop {
        let order = call.order(id).await?;
        let mut known = order.exchanges.iter();
        let known = known.find(|it| it.started.asked.0 == key);
        let known = known.ok_or_else(|| Problem::not_found("exchange", id))?;
        let paid_by = known.started.checkout;
        let ended = call.edge.saga.ended(paid_by);
        call.edge.saga.wake(paid_by);
        let checkout = find(&call.edge, paid_by).await?;
        let attempt = checkout.attempt();
        match attempt.map(|it| (it.state, it.failure)) {
            Some((AttemptState::Succeeded, _)) => return created(call, id, known).await,
            Some((AttemptState::Undone, failure)) => {
                let failure = failure.unwrap_or(Failure {
                    code: FailureCode::Cancelled,
                    reason: None,
                });
                return Err(undone(&checkout, failure));
            }
            Some((AttemptState::Running, _)) | None => {}
        }
        let now_ns = call.edge.shop.clock().monotonic_ns();
        let left = Duration::from_nanos(until_ns.saturating_sub(now_ns));
        if left.is_zero() || tokio::time::timeout(left, ended).await.is_err() {
            let order = call.order(id).await?;
            let reply = whole(call, 202, &order, known).await?;
            return Ok(reply
                .with("location", path(id, known.started.id))
                .with("retry-after", "1"));
        }
    }
}

async fn created(call: &Call, id: OrderId, known: &Known) -> Result<Reply, Problem> {
    // As it stands now that the new order is paid.
    let order = call.order(id).await?;
    let known = order.exchange(known.started.id).unwrap_or(known);
    let reply = whole(call, 201, &order, known).await?;
    Ok(reply.with("location", path(id, known.started.id)))
}

fn path(order: OrderId, exchange: ExchangeId) -> String {
    format!("/v1/orders/{order}/exchanges/{exchange}")
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let id = call.order_id().await?;
    let order = call.order(id).await?;
    let text = call.param(1);
    let found = text.parse().ok().and_then(|id| order.exchange(id));
    let found = found.ok_or_else(|| Problem::not_found("exchange", text))?;
    whole(&call, 200, &order, found).await
}

/// An exchange with its return and the new order.
async fn whole(call: &Call, status: u16, order: &Order, known: &Known) -> Result<Reply, Problem> {
    let mut body = to_json(&Exchange::of(order, known)).to_vec();
    body.pop();
    body.extend_from_slice(br#","return":"#);
    let back = order.return_of(known.started.return_id);
    body.extend(to_json(&back.map(|back| Return::of(order, back))));
    body.extend_from_slice(br#","order":"#);
    match known.order {
        Some(made) => {
            let made: Arc<Order> = call.order(made).await?;
            let shown = order_reply::shown(200, &made);
            body.extend(call.whole_body(&shown).await?);
        }
        None => body.extend_from_slice(b"null"),
    }
    body.push(b'}');
    Ok(Reply {
        status,
        ..Reply::json(body)
    })
}
