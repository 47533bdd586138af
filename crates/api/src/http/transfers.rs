//! Moves of stock between locations.

use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema, to_json};
use super::write::{Render, resource};
use crate::problem::Problem;
use crate::wire::stock::{self, StartTransfer, Transfer};
use cartwright_app::inventory as app;
use cartwright_app::{Key, Record};
use cartwright_domain::TransferId;
use cartwright_domain::key::Scope;

use std::sync::Arc;

const fn ending(path: &'static str, name: &'static str, summary: &'static str) -> Endpoint {
    Endpoint {
        method: Verb::Post,
        path,
        name,
        summary,
        access: Access::Scope(Scope::InventoryWrite),
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(200, Some(schema::<Transfer<'_>>))],
        refusals: &["not_found", "invalid_state", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(end(call)),
    }
}

/// Routes of transfers.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/transfers",
        name: "startTransfer",
        summary: "Sends units from one location to another.",
        access: Access::Scope(Scope::InventoryWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<StartTransfer>),
        replies: &[(201, Some(schema::<Transfer<'_>>))],
        refusals: &["not_found", "insufficient_stock", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(start(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/transfers/{id}",
        name: "getTransfer",
        summary: "Shows a transfer.",
        access: Access::Scope(Scope::InventoryRead),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Transfer<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    ending(
        "/v1/transfers/{id}/receive",
        "receiveTransfer",
        "The units arrived.",
    ),
    ending(
        "/v1/transfers/{id}/cancel",
        "cancelTransfer",
        "The units come back.",
    ),
];

fn render() -> Render {
    Arc::new(|outcome, _| {
        let Some(Record::Transfer(transfer)) = &outcome.record else {
            return Default::default();
        };
        let status = if outcome.created { 201 } else { 200 };
        let location = outcome
            .created
            .then(|| format!("/v1/transfers/{}", transfer.id));
        resource(
            status,
            transfer.version,
            location,
            to_json(&Transfer::from(&**transfer)),
        )
    })
}

async fn start(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<StartTransfer>()?;
    stock::quantity("quantity", body.quantity, call.edge.options.max_quantity)?;
    if body.from == body.to {
        return Err(Problem::invalid(
            "to",
            "same_store",
            "a transfer goes to another location",
        ));
    }
    let StartTransfer {
        sku,
        from,
        to,
        quantity,
    } = body;
    call.write(
        app::StartTransfer {
            sku,
            from,
            to,
            quantity,
            expected_version,
        },
        render(),
    )
    .await
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let id = transfer_id(&call)?;
    match call.edge.shop.find(&Key::Transfer(id)).await? {
        Some(Record::Transfer(transfer)) => {
            Ok(Reply::of(&Transfer::from(&*transfer)).version(transfer.version))
        }
        _ => Err(Problem::not_found("transfer", id)),
    }
}

async fn end(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let receive = call.endpoint.path.ends_with("/receive");
    let end = if receive {
        app::TransferEnd::Receive
    } else {
        app::TransferEnd::Cancel
    };
    call.write(
        app::EndTransfer {
            id: transfer_id(&call)?,
            end,
            expected_version,
        },
        render(),
    )
    .await
}

fn transfer_id(call: &Call) -> Result<TransferId, Problem> {
    call.param(0)
        .parse()
        .map_err(|_| Problem::not_found("transfer", call.param(0)))
}
