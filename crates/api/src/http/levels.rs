//! Stock levels: what lies where, and its movements.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, Reply, Verb, schema, to_json,
};
use super::page::{PageOf, page};
use super::write::{Render, resource};
use crate::problem::Problem;
use crate::wire::Timestamp;
use crate::wire::parse_time;
use crate::wire::stock::{self, Adjust, Configure, Count, Level, Movement};
use cartwright_app::inventory as app;
use cartwright_app::{Event, Key, Record, events};
use cartwright_domain::inventory::{self as domain, BackorderMode, LevelKey};
use cartwright_domain::key::Scope;
use cartwright_domain::{EventId, Sku, Time};
use cartwright_proto::events as proto;

use std::sync::Arc;

/// Routes of levels.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Get,
        path: "/v1/stores/{store}/inventory",
        name: "listLevels",
        summary: "Lists the stock of a location by SKU.",
        access: Access::Scope(Scope::InventoryRead),
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Level<'_>>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/stores/{store}/inventory/{sku}",
        name: "getLevel",
        summary: "Shows the stock of a SKU at a location.",
        access: Access::Scope(Scope::InventoryRead),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Level<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    Endpoint {
        method: Verb::Patch,
        path: "/v1/stores/{store}/inventory/{sku}",
        name: "configureLevel",
        summary: "Sets safety stock, low-stock mark and backorders of a level.",
        access: Access::Scope(Scope::InventoryWrite),
        query: &[],
        body: BodyKind::Patch,
        request: Some(schema::<Configure>),
        replies: &[(200, Some(schema::<Level<'_>>))],
        refusals: &["not_found", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(configure(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/stores/{store}/inventory/{sku}/adjust",
        name: "adjustLevel",
        summary: "Adds or takes units; creates the level when it first receives some.",
        access: Access::Scope(Scope::InventoryWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<Adjust>),
        replies: &[(200, Some(schema::<Level<'_>>))],
        refusals: &["not_found", "insufficient_stock", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(adjust(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/stores/{store}/inventory/{sku}/count",
        name: "countLevel",
        summary: "Sets what was counted.",
        access: Access::Scope(Scope::InventoryWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<Count>),
        replies: &[(200, Some(schema::<Level<'_>>))],
        refusals: &["not_found", "version_conflict", "version_required"],
        produces: "application/json",
        handler: |call| Box::pin(count(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/stores/{store}/inventory/{sku}/movements",
        name: "listMovements",
        summary: "Lists the changes of a level in their order.",
        access: Access::Scope(Scope::InventoryRead),
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Movement>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(movements(call)),
    },
];

/// Renders the level that a command answers with.
pub(super) fn render_level() -> Render {
    Arc::new(|outcome, _| {
        let Some(Record::Level(level)) = &outcome.record else {
            return Default::default();
        };
        resource(200, level.version, None, to_json(&Level::from(&**level)))
    })
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (store, limit, cursor) = (call.store_id(0)?, call.limit()?, call.cursor()?);
    if call
        .edge
        .shop
        .find(&Key::Store(store.clone()))
        .await?
        .is_none()
    {
        return Err(Problem::not_found("store", store));
    }
    let found = call
        .edge
        .shop
        .read(move |read| read.list_levels(&store, &cursor, limit))
        .await?;
    let items = found.items.iter().filter_map(|record| match record {
        Record::Level(level) => Some(Level::from(&**level)),
        _ => None,
    });
    Ok(page(&call, items.collect(), &found.next))
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let level = call.find_level(&call.level_key()?).await?;
    Ok(Reply::of(&Level::from(&*level)).version(level.version))
}

async fn configure(call: Call) -> Result<Reply, Problem> {
    let level = call.level_key()?;
    let (body, expected_version) = call.json::<Configure>()?;
    let max = call.edge.options.max_quantity;
    for (field, units) in [
        ("safety_stock", body.safety_stock),
        ("low_stock", body.low_stock.flatten()),
    ] {
        if units.is_some_and(|units| !(0..=max).contains(&units)) {
            return Err(Problem::invalid(
                field,
                "out_of_range",
                format!("expected a whole number from 0 to {max}"),
            ));
        }
    }
    let backorder = body
        .backorder
        .map(|backorder| read_backorder(&backorder, max))
        .transpose()?;
    let change = domain::Configure {
        safety_stock: body.safety_stock,
        low_stock: body.low_stock,
        backorder,
    };
    call.write(
        app::Configure {
            level,
            change,
            expected_version,
        },
        render_level(),
    )
    .await
}

fn read_backorder(put: &stock::PutBackorder, max: i64) -> Result<domain::Backorder, Problem> {
    let limit = put.limit.unwrap_or(0);
    if !(0..=max).contains(&limit) {
        return Err(Problem::invalid(
            "backorder.limit",
            "out_of_range",
            format!("expected a whole number from 0 to {max}"),
        ));
    }
    let time = |text: &String| {
        parse_time(text).ok_or_else(|| {
            Problem::invalid(
                "backorder.available_from",
                "malformed",
                "expected RFC 3339, as 2026-01-31T09:00:00Z",
            )
        })
    };
    let mode = match put.mode {
        stock::Mode::None => BackorderMode::None,
        stock::Mode::Backorder => BackorderMode::Backorder,
        stock::Mode::Preorder => BackorderMode::Preorder,
    };
    Ok(domain::Backorder {
        mode,
        limit,
        available_from: put.available_from.as_ref().map(time).transpose()?,
    })
}

async fn adjust(call: Call) -> Result<Reply, Problem> {
    let level = call.level_key()?;
    let (body, expected_version) = call.json::<Adjust>()?;
    let max = call.edge.options.max_quantity;
    if body.delta == 0 || !(-max..=max).contains(&body.delta) {
        let detail = format!("expected a whole number other than 0, from -{max} to {max}");
        return Err(Problem::invalid("delta", "out_of_range", detail));
    }
    stock::text("reason", &body.reason, 200)?;
    let command = app::Adjust {
        level,
        delta: body.delta,
        reason: body.reason.into(),
        expected_version,
    };
    call.write(command, render_level()).await
}

async fn count(call: Call) -> Result<Reply, Problem> {
    let level = call.level_key()?;
    let (body, expected_version) = call.json::<Count>()?;
    let max = call.edge.options.max_quantity;
    if !(0..=max).contains(&body.quantity) {
        return Err(Problem::invalid(
            "quantity",
            "out_of_range",
            format!("expected a whole number from 0 to {max}"),
        ));
    }
    let on_hand_then = match body.as_of_version {
        Some(version) => Some(call.on_hand_at(&level, version).await?),
        None => None,
    };
    let count = domain::Count {
        quantity: body.quantity,
        on_hand_then,
    };
    call.write(
        app::Count {
            level,
            count,
            expected_version,
        },
        render_level(),
    )
    .await
}

async fn movements(call: Call) -> Result<Reply, Problem> {
    let (key, limit) = (call.level_key()?, call.limit()?);
    let after = match call.cursor()? {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_| Problem::invalid("cursor", "malformed", "send next_cursor as it was"))?,
    };
    call.find_level(&key).await?;
    let found = call
        .edge
        .shop
        .read(move |store| store.movements(&key.sku, &key.store, after, limit + 1))
        .await?;
    let next = (found.len() > limit).then(|| found[limit - 1].2.stream_version.to_string());
    let items = found
        .iter()
        .take(limit)
        .map(|(position, at, entry)| show(*position, *at, entry));
    Ok(page(&call, items.collect::<Result<Vec<_>, _>>()?, &next))
}

fn show(position: u64, at: Time, entry: &proto::Entry) -> Result<Movement, Problem> {
    let Some(Event::Level(_, movement)) = events::decode(entry)? else {
        return Err(Problem::new("internal", "a movement cannot be read"));
    };
    Ok(Movement {
        event_id: EventId::from_slice(&entry.event_id)
            .map_or_else(String::new, |id| id.to_string()),
        position,
        version: entry.stream_version,
        r#type: movement.kind.as_str(),
        on_hand_delta: movement.on_hand_delta,
        reserved_delta: movement.reserved_delta,
        backordered_delta: movement.backordered_delta,
        on_hand: movement.on_hand,
        reserved: movement.reserved,
        reservation_id: movement.reservation.map(|id| id.to_string()),
        reference: movement.reference.map(Into::into),
        transfer_id: movement.transfer.map(|id| id.to_string()),
        reason: movement.reason.map(Into::into),
        actor: entry.actor.clone(),
        at: Timestamp(at),
    })
}

impl Call {
    /// The level a path names: store first, SKU second.
    pub(super) fn level_key(&self) -> Result<LevelKey, Problem> {
        let sku =
            Sku::new(self.param(1)).map_err(|_| Problem::not_found("variant", self.param(1)))?;
        Ok(LevelKey {
            store: self.store_id(0)?,
            sku,
        })
    }

    /// The level, or what of it is not there.
    pub(super) async fn find_level(&self, key: &LevelKey) -> Result<Arc<domain::Level>, Problem> {
        if let Some(Record::Level(level)) = self.edge.shop.find(&Key::Level(key.clone())).await? {
            return Ok(level);
        }
        self.known_level(key).await?;
        Err(Problem::not_found(
            "level",
            format!("{} at {}", key.sku, key.store),
        ))
    }

    /// Refuses a level whose store or SKU does not exist.
    async fn known_level(&self, key: &LevelKey) -> Result<(), Problem> {
        if self
            .edge
            .shop
            .find(&Key::Store(key.store.clone()))
            .await?
            .is_none()
        {
            return Err(Problem::not_found("store", &key.store));
        }
        if self
            .edge
            .shop
            .find(&Key::Sku(key.sku.clone()))
            .await?
            .is_none()
        {
            return Err(Problem::not_found("variant", &key.sku));
        }
        Ok(())
    }

    /// What lay there at a version: history does not change, so it is read before the decision.
    async fn on_hand_at(&self, key: &LevelKey, version: u64) -> Result<i64, Problem> {
        self.known_level(key).await?;
        if version == 0 {
            return Ok(0);
        }
        let (sku, store) = (key.sku.clone(), key.store.clone());
        let found = self
            .edge
            .shop
            .read(move |read| read.movements(&sku, &store, version - 1, 1))
            .await?;
        match found
            .first()
            .map(|(_, _, entry)| events::decode(entry))
            .transpose()?
        {
            Some(Some(Event::Level(_, movement))) => Ok(movement.on_hand),
            _ => Err(Problem::invalid(
                "as_of_version",
                "out_of_range",
                "the level has not reached that version",
            )),
        }
    }
}
