//! Holds on stock.

use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema, to_json};
use super::write::{Render, resource};
use crate::problem::Problem;
use crate::wire::stock::{self, Extend, Reservation, Reserve, ReserveHere, Settle};
use cartwright_app::inventory as app;
use cartwright_app::{Key, Record};
use cartwright_domain::ReservationId;
use cartwright_domain::inventory::{Asked, Ending};
use cartwright_domain::key::Scope;

use smol_str::SmolStr;
use std::sync::Arc;

const SCOPE: Access = Access::Scope(Scope::Reservations);
const SETTLED: &[&str] = &[
    "not_found",
    "reservation_final",
    "invalid_state",
    "insufficient_stock",
    "version_conflict",
];

const fn settling(
    method: Verb,
    path: &'static str,
    name: &'static str,
    summary: &'static str,
) -> Endpoint {
    Endpoint {
        method,
        path,
        name,
        summary,
        access: SCOPE,
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(200, Some(schema::<Reservation<'_>>))],
        refusals: SETTLED,
        produces: "application/json",
        handler: |call| Box::pin(settle(call)),
    }
}

/// Routes of holds.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/stores/{store}/inventory/{sku}/reserve",
        name: "reserveHere",
        summary: "Holds units of a SKU at a location.",
        access: SCOPE,
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<ReserveHere>),
        replies: &[
            (201, Some(schema::<Reservation<'_>>)),
            (200, Some(schema::<Reservation<'_>>)),
        ],
        refusals: &[
            "not_found",
            "insufficient_stock",
            "already_exists",
            "reservation_limit",
            "version_conflict",
        ],
        produces: "application/json",
        handler: |call| Box::pin(reserve_here(call)),
    },
    Endpoint {
        request: Some(schema::<Settle>),
        ..settling(
            Verb::Post,
            "/v1/stores/{store}/inventory/{sku}/release",
            "releaseHere",
            "Gives a hold back.",
        )
    },
    Endpoint {
        request: Some(schema::<Settle>),
        ..settling(
            Verb::Post,
            "/v1/stores/{store}/inventory/{sku}/confirm",
            "confirmHere",
            "Sells what is held: the units leave.",
        )
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/reservations",
        name: "reserve",
        summary: "Holds units of one or several SKUs, all or none.",
        access: SCOPE,
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<Reserve>),
        replies: &[
            (201, Some(schema::<Reservation<'_>>)),
            (200, Some(schema::<Reservation<'_>>)),
        ],
        refusals: &[
            "not_found",
            "insufficient_stock",
            "already_exists",
            "reservation_limit",
            "version_conflict",
        ],
        produces: "application/json",
        handler: |call| Box::pin(reserve(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/reservations/{id}",
        name: "getReservation",
        summary: "Shows a hold.",
        access: Access::Scope(Scope::InventoryRead),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Reservation<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    settling(
        Verb::Post,
        "/v1/reservations/{id}/release",
        "releaseReservation",
        "Gives a hold back.",
    ),
    settling(
        Verb::Post,
        "/v1/reservations/{id}/confirm",
        "confirmReservation",
        "Sells what is held: the units leave.",
    ),
    Endpoint {
        request: Some(schema::<Extend>),
        handler: |call| Box::pin(extend(call)),
        ..settling(
            Verb::Post,
            "/v1/reservations/{id}/extend",
            "extendReservation",
            "Lets a hold live longer, never shorter.",
        )
    },
];

/// Renders the hold that a command answers with.
fn render() -> Render {
    Arc::new(|outcome, _| {
        let Some(Record::Reservation(hold)) = &outcome.record else {
            return Default::default();
        };
        let location = outcome
            .created
            .then(|| format!("/v1/reservations/{}", hold.id));
        let status = if outcome.created { 201 } else { 200 };
        resource(
            status,
            hold.version,
            location,
            to_json(&Reservation::from(&**hold)),
        )
    })
}

async fn reserve_here(call: Call) -> Result<Reply, Problem> {
    let level = call.level_key()?;
    let (body, expected_version) = call.json::<ReserveHere>()?;
    stock::quantity("quantity", body.quantity, call.edge.options.max_quantity)?;
    let asked = vec![Asked {
        sku: level.sku.clone(),
        store: Some(level.store.clone()),
        quantity: body.quantity,
    }];
    let place = app::Place::default();
    let command = command(&call, body.reference, asked, body.ttl_seconds, place)?;
    let command = app::Reserve {
        through: Some(level),
        expected_version,
        ..command
    };
    call.write(command, render()).await
}

async fn reserve(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<Reserve>()?;
    if body.lines.is_empty() || body.lines.len() > 100 {
        return Err(Problem::invalid(
            "lines",
            "out_of_range",
            "expected 1-100 lines",
        ));
    }
    let max = call.edge.options.max_quantity;
    let mut asked: Vec<Asked> = Vec::with_capacity(body.lines.len());
    for (place, line) in body.lines.into_iter().enumerate() {
        let field = format!("lines[{place}].quantity");
        stock::quantity(&field, line.quantity, max)?;
        match asked
            .iter_mut()
            .find(|known| known.sku == line.sku && known.store == line.store)
        {
            Some(known) => {
                known.quantity += line.quantity;
                stock::quantity(&field, known.quantity, max)?;
            }
            None => asked.push(Asked {
                sku: line.sku,
                store: line.store,
                quantity: line.quantity,
            }),
        }
    }
    let place = app::Place {
        country: body.country,
        near: None,
        sourcing: call.edge.options.sourcing,
    };
    let command = command(&call, body.reference, asked, body.ttl_seconds, place)?;
    let command = app::Reserve {
        expected_version,
        ..command
    };
    call.write(command, render()).await
}

fn command(
    call: &Call,
    reference: String,
    asked: Vec<Asked>,
    ttl_seconds: i64,
    place: app::Place,
) -> Result<app::Reserve, Problem> {
    stock::text("reference", &reference, 200)?;
    if reference.starts_with("chk:") {
        return Err(Problem::invalid(
            "reference",
            "reserved",
            "references that begin with chk: belong to checkouts",
        ));
    }
    check_ttl(call, ttl_seconds)?;
    let who = &call.who;
    let limit = if who.has_key() {
        who.limits.open_reservations
    } else {
        Some(call.edge.options.guest_reservations)
    };
    let principal = who.principal.clone();
    Ok(app::Reserve {
        principal,
        reference: reference.into(),
        asked,
        ttl_seconds,
        place,
        limit,
        through: None,
        expected_version: None,
    })
}

fn check_ttl(call: &Call, ttl_seconds: i64) -> Result<(), Problem> {
    stock::quantity(
        "ttl_seconds",
        ttl_seconds,
        call.edge.options.max_ttl_seconds,
    )
    .map_err(Into::into)
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let id = reservation_id(call.param(0))?;
    let found = call.edge.shop.find(&Key::Reservation(id)).await?;
    let owner = owner(&call);
    match found {
        Some(Record::Reservation(hold)) if owner.is_none_or(|owner| owner == hold.principal) => {
            Ok(Reply::of(&Reservation::from(&*hold)).version(hold.version))
        }
        _ => Err(Problem::not_found("reservation", id)),
    }
}

async fn settle(call: Call) -> Result<Reply, Problem> {
    let ending = if call.endpoint.path.ends_with("/confirm") {
        Ending::Confirm
    } else {
        Ending::Release
    };
    let through = call.endpoint.path.starts_with("/v1/stores/");
    let (id, through, expected_version) = if through {
        let level = call.level_key()?;
        let (body, version) = call.json::<Settle>()?;
        (reservation_id(&body.reservation_id)?, Some(level), version)
    } else {
        let version = call.no_body()?;
        (reservation_id(call.param(0))?, None, version)
    };
    let command = app::Settle {
        id,
        ending,
        owner: owner(&call),
        through,
        expected_version,
    };
    call.write(command, render()).await
}

async fn extend(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<Extend>()?;
    check_ttl(&call, body.ttl_seconds)?;
    let id = reservation_id(call.param(0))?;
    let command = app::Extend {
        id,
        ttl_seconds: body.ttl_seconds,
        owner: owner(&call),
        expected_version,
    };
    call.write(command, render()).await
}

/// Keys work on any hold; others on their own.
fn owner(call: &Call) -> Option<SmolStr> {
    (!call.who.has_key()).then(|| call.who.principal.clone())
}

fn reservation_id(text: &str) -> Result<ReservationId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("reservation", text))
}
