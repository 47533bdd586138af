//! Returns: units that left come back.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, Reply, Verb, schema, to_json,
};
use super::page::{PageOf, page};
use super::write::{Render, resource};
use crate::problem::Problem;
use crate::wire::order::{ReceiveReturn, RequestReturn, Return};
use cartwright_app::kept::KeptReply;
use cartwright_app::orders as app;
use cartwright_app::{Key, Record};
use cartwright_domain::ReturnId;
use cartwright_domain::key::Scope;
use cartwright_domain::order::Order;
use std::sync::Arc;

/// Routes of returns.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/orders/{id}/returns",
        name: "requestReturn",
        summary: "Asks for units to come back that have left.",
        access: Access::Order(Scope::OrdersWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<RequestReturn>),
        replies: &[(201, Some(schema::<Return<'_>>))],
        refusals: &["not_found", "version_conflict", "exceeds_remaining"],
        produces: "application/json",
        handler: |call| Box::pin(request(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/returns",
        name: "listReturns",
        summary: "Lists returns, oldest first.",
        access: Access::Scope(Scope::OrdersRead),
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Return<'_>>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/returns/{id}",
        name: "getReturn",
        summary: "Shows a return.",
        access: Access::Order(Scope::OrdersRead),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Return<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/returns/{id}/receive",
        name: "receiveReturn",
        summary: "The units are here: they can be sold again unless that is denied, and what was paid for them goes back if that is asked for.",
        access: Access::Scope(Scope::OrdersWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<ReceiveReturn>),
        replies: &[(200, Some(schema::<Return<'_>>))],
        refusals: &[
            "forbidden",
            "not_found",
            "version_conflict",
            "invalid_state",
            "exceeds_remaining",
        ],
        produces: "application/json",
        handler: |call| Box::pin(receive(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/returns/{id}/cancel",
        name: "cancelReturn",
        summary: "Calls a return off that was not received.",
        access: Access::Order(Scope::OrdersWrite),
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(200, Some(schema::<Return<'_>>))],
        refusals: &["not_found", "version_conflict", "invalid_state"],
        produces: "application/json",
        handler: |call| Box::pin(cancel(call)),
    },
];

/// Shows one return of the order that a command answers with. Its version is the order's.
fn render(id: ReturnId) -> Render {
    Arc::new(move |outcome, _| match &outcome.record {
        Some(Record::Order(order)) => shown(order, id, outcome.created),
        _ => KeptReply::default(),
    })
}

fn shown(order: &Order, id: ReturnId, is_new: bool) -> KeptReply {
    let status = if is_new { 201 } else { 200 };
    let location = is_new.then(|| format!("/v1/returns/{id}"));
    let body = order
        .return_of(id)
        .map(|back| to_json(&Return::of(order, back)));
    resource(status, order.version, location, body.unwrap_or_default())
}

async fn request(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<RequestReturn>()?;
    let (lines, reason) = body.checked(call.edge.options.max_quantity)?;
    let id = ReturnId(call.edge.fresh_id());
    let command = app::RequestReturn {
        order: call.order_target(expected_version).await?,
        id,
        lines,
        reason,
        by: call.who.principal.clone(),
    };
    call.write(command, render(id)).await
}

async fn receive(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<ReceiveReturn>()?;
    let refund = body.refund.unwrap_or(false);
    if refund && !call.who.may(Scope::Refunds) {
        let scope = Scope::Refunds.as_str();
        let detail = format!("giving money back needs a key with scope {scope}");
        return Err(Problem::new("forbidden", detail).with("scope", scope));
    }
    let lines = ReceiveReturn::checked_lines(body.lines, call.edge.options.max_quantity)?;
    let (id, order) = call.return_target(expected_version).await?;
    let command = app::ReceiveReturn {
        order,
        id,
        lines,
        store: body.store,
        restock: body.restock.unwrap_or(true),
        refund,
        by: call.who.principal.clone(),
    };
    let reply = call.write(command, render(id)).await?;
    call.edge.refunds.wake(order.id, None);
    Ok(reply)
}

async fn cancel(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let (id, order) = call.return_target(expected_version).await?;
    let command = app::CancelReturn {
        order,
        id,
        by: call.who.principal.clone(),
    };
    call.write(command, render(id)).await
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let (id, target) = call.return_target(None).await?;
    let order = call.order(target.id).await?;
    call.kept(&shown(&order, id, false), false).await
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let after = cursor.and_then(|text| text.parse::<ReturnId>().ok());
    let shop = &call.edge.shop;
    let mut found = shop
        .read(move |store| store.list_returns(after, limit + 1))
        .await?;
    let is_cut = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| is_cut)
        .map(|(id, _)| id.to_string());
    let mut orders = Vec::with_capacity(found.len());
    for (id, order) in found {
        if let Some(Record::Order(order)) = shop.find(&Key::Order(order)).await? {
            orders.push((id, order));
        }
    }
    let items = orders.iter().filter_map(|(id, order)| {
        let back = order.return_of(*id)?;
        Some(Return::of(order, back))
    });
    Ok(page(&call, items.collect(), &next))
}
