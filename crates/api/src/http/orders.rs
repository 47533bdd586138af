//! Orders: finding them, giving up what has not left, letting units leave.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, QueryParam, Reply, Verb, schema, to_json,
};
use super::order_reply::{render, shown};
use super::page::PageOf;
use crate::problem::Problem;
use crate::wire::order::{FulfillOrder, Order};
use crate::wire::parse_time;
use cartwright_app::Record;
use cartwright_app::orders as app;
use cartwright_app::ports::OrdersWanted;
use cartwright_domain::Time;
use cartwright_domain::key::Scope;
use cartwright_domain::order::State;

const fn text(name: &'static str, schema: &'static str, description: &'static str) -> QueryParam {
    QueryParam {
        name,
        schema,
        repeated: false,
        description,
    }
}

const QUERY: &[QueryParam] = &[
    text(
        "state",
        r#"{"type":"string","enum":["placed","completed","cancelled"]}"#,
        "Only orders in this state.",
    ),
    text(
        "customer_id",
        r#"{"type":"string"}"#,
        "Only orders of this customer.",
    ),
    text(
        "email",
        r#"{"type":"string"}"#,
        "Only orders of whoever is reached there; upper and lower case are the same.",
    ),
    text(
        "from",
        r#"{"type":"string","format":"date-time"}"#,
        "Only orders placed at or after this moment.",
    ),
    text(
        "to",
        r#"{"type":"string","format":"date-time"}"#,
        "Only orders placed before this moment.",
    ),
    LIMIT,
    CURSOR,
];

/// Routes of orders.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Get,
        path: "/v1/orders",
        name: "listOrders",
        summary: "Lists orders, oldest first.",
        access: Access::Scope(Scope::OrdersRead),
        query: QUERY,
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Order<'_>>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/orders/{id}",
        name: "getOrder",
        summary: "Shows an order by its id or its number; the token of its cart opens it by its id alone.",
        access: Access::Order(Scope::OrdersRead),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Order<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/orders/{id}/cancel",
        name: "cancelOrder",
        summary: "Gives up what has not left: its units are free again, and what was paid for them goes back.",
        access: Access::Order(Scope::OrdersWrite),
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(200, Some(schema::<Order<'_>>))],
        refusals: &["not_found", "version_conflict", "invalid_state"],
        produces: "application/json",
        handler: |call| Box::pin(cancel(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/orders/{id}/fulfillments",
        name: "fulfillOrder",
        summary: "Units leave, from where they are allocated. No money moves.",
        access: Access::Scope(Scope::OrdersWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<FulfillOrder>),
        replies: &[(201, Some(schema::<Order<'_>>))],
        refusals: &[
            "not_found",
            "version_conflict",
            "invalid_state",
            "exceeds_remaining",
            "insufficient_stock",
        ],
        produces: "application/json",
        handler: |call| Box::pin(fulfill(call)),
    },
];

async fn get(call: Call) -> Result<Reply, Problem> {
    let id = call.order_id().await?;
    let order = call.order(id).await?;
    call.kept(&shown(200, &order), false).await
}

async fn cancel(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let order = call.order_target(expected_version).await?;
    let command = app::CancelOrder {
        order,
        by: call.who.principal.clone(),
    };
    let reply = call.write(command, render()).await?;
    call.edge.refunds.wake(order.id, None);
    Ok(reply)
}

async fn fulfill(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<FulfillOrder>()?;
    let (lines, tracking) = body.checked(call.edge.options.max_quantity)?;
    let command = app::FulfillOrder {
        order: call.order_target(expected_version).await?,
        lines,
        tracking,
        by: call.who.principal.clone(),
    };
    call.write(command, render()).await
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let wanted = OrdersWanted {
        state: match call.query("state") {
            None => None,
            Some(name) => Some(State::parse(name).ok_or_else(unknown_state)?),
        },
        customer: call.query("customer_id").map(Into::into),
        email: call.query("email").map(Into::into),
        from: moment(&call, "from")?,
        to: moment(&call, "to")?,
        is_unsettled: false,
    };
    let shop = &call.edge.shop;
    let found = shop
        .read(move |store| store.list_orders(&wanted, &cursor, limit))
        .await?;
    let mut body = br#"{"items":["#.to_vec();
    for record in &found.items {
        if let Record::Order(order) = record {
            if body.last() == Some(&b'}') {
                body.push(b',');
            }
            body.extend(call.whole_body(&shown(200, order)).await?);
        }
    }
    body.extend_from_slice(br#"],"next_cursor":"#);
    body.extend(to_json(&call.cursor_text(&found.next)));
    body.push(b'}');
    Ok(Reply::json(body))
}

fn moment(call: &Call, name: &str) -> Result<Option<Time>, Problem> {
    let Some(text) = call.query(name) else {
        return Ok(None);
    };
    let detail = "expected a time as in 2026-11-21T10:00:00Z";
    let time = parse_time(text).ok_or_else(|| Problem::invalid(name, "malformed", detail))?;
    Ok(Some(time))
}

fn unknown_state() -> Problem {
    let names: Vec<_> = State::ALL.iter().map(|(_, name)| *name).collect();
    let detail = format!("expected one of {}", names.join(", "));
    Problem::invalid("state", "unknown", detail)
}
