//! The store inventory plan's own spelling of the same stock: camelCase, `qty` for what is available.

use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, SchemaOf, Verb, schema, to_json};
use super::write::{Render, resource};
use super::{central, operation};
use crate::problem::Problem;
use crate::wire::Timestamp;
use crate::wire::stock;
use cartwright_app::Record;
use cartwright_app::inventory as app;
use cartwright_domain::ReservationId;
use cartwright_domain::inventory::Level;
use cartwright_domain::key::Scope;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A stock level as the plan spells it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct InventoryRecord<'a> {
    sku: &'a str,
    store_id: &'a str,
    /// What is available.
    qty: i64,
    version: u64,
    updated_at: Timestamp,
}

impl<'a> From<&'a Level> for InventoryRecord<'a> {
    fn from(level: &'a Level) -> Self {
        Self {
            sku: level.key.sku.as_str(),
            store_id: level.key.store.as_str(),
            qty: level.available(),
            version: level.version,
            updated_at: Timestamp(level.updated_at),
        }
    }
}

/// `POST .../adjust`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LegacyAdjust {
    /// Units to add (or take); not zero.
    delta: i64,
    /// Why; `legacy` when absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    reason: Option<String>,
    /// The version the level must have.
    #[serde(default)]
    expected_version: Option<u64>,
}

/// `POST .../reserve`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LegacyReserve {
    /// How many units to take.
    #[schemars(range(min = 1))]
    qty: i64,
    /// The version the level must have.
    #[serde(default)]
    expected_version: Option<u64>,
}

const fn get_level(path: &'static str, name: &'static str) -> Endpoint {
    Endpoint {
        method: Verb::Get,
        path,
        name,
        summary: "Shows what is available of a SKU at a store, in the inventory plan's spelling.",
        access: Access::Legacy(Scope::InventoryRead),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<InventoryRecord<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    }
}

const fn writes(
    path: &'static str,
    name: &'static str,
    summary: &'static str,
    request: SchemaOf,
) -> Endpoint {
    Endpoint {
        method: Verb::Post,
        summary,
        access: Access::Legacy(Scope::InventoryWrite),
        body: BodyKind::Json,
        request: Some(request),
        refusals: &["not_found", "insufficient_stock", "version_conflict"],
        ..get_level(path, name)
    }
}

const fn adjust_level(path: &'static str, name: &'static str) -> Endpoint {
    let summary = "Adds or takes units, in the inventory plan's spelling.";
    Endpoint {
        handler: |call| Box::pin(adjust(call)),
        ..writes(path, name, summary, schema::<LegacyAdjust>)
    }
}

const fn reserve_level(path: &'static str, name: &'static str) -> Endpoint {
    let summary = "Takes units at once: reserved and confirmed in one command.";
    Endpoint {
        handler: |call| Box::pin(reserve(call)),
        ..writes(path, name, summary, schema::<LegacyReserve>)
    }
}

/// Routes of the store inventory plan, at its three roots.
pub(super) const ROUTES: &[Endpoint] = &[
    get_level("/stores/{storeId}/inventory/{sku}", "legacyGetLevel"),
    adjust_level(
        "/stores/{storeId}/inventory/{sku}/adjust",
        "legacyAdjustLevel",
    ),
    reserve_level(
        "/stores/{storeId}/inventory/{sku}/reserve",
        "legacyReserveLevel",
    ),
    get_level("/api/stores/{storeId}/inventory/{sku}", "legacyApiGetLevel"),
    adjust_level(
        "/api/stores/{storeId}/inventory/{sku}/adjust",
        "legacyApiAdjustLevel",
    ),
    reserve_level(
        "/api/stores/{storeId}/inventory/{sku}/reserve",
        "legacyApiReserveLevel",
    ),
    get_level(
        "/api/inventory/stores/{storeId}/inventory/{sku}",
        "legacyInventoryGetLevel",
    ),
    adjust_level(
        "/api/inventory/stores/{storeId}/inventory/{sku}/adjust",
        "legacyInventoryAdjustLevel",
    ),
    reserve_level(
        "/api/inventory/stores/{storeId}/inventory/{sku}/reserve",
        "legacyInventoryReserveLevel",
    ),
    central::sync_at("/sync", "legacySync", Access::Legacy(Scope::Ops)),
    central::sync_at("/api/sync", "legacyApiSync", Access::Legacy(Scope::Ops)),
    central::sync_at(
        "/api/inventory/sync",
        "legacyInventorySync",
        Access::Legacy(Scope::Ops),
    ),
    operation::liveness_at("/api/health/liveness", "legacyLiveness"),
    operation::readiness_at("/api/health/readiness", "legacyReadiness"),
    operation::metrics_at("/api/metrics", "legacyMetrics", Access::Legacy(Scope::Ops)),
];

async fn get(call: Call) -> Result<Reply, Problem> {
    let level = call.find_level(&call.level_key()?).await?;
    Ok(Reply::of(&InventoryRecord::from(&*level)).version(level.version))
}

async fn adjust(call: Call) -> Result<Reply, Problem> {
    let level = call.level_key()?;
    let (body, version) = call.json::<LegacyAdjust>()?;
    let max = call.edge.options.max_quantity;
    if body.delta == 0 || !(-max..=max).contains(&body.delta) {
        let detail = format!("expected a whole number other than 0, from -{max} to {max}");
        return Err(Problem::invalid("delta", "out_of_range", detail));
    }
    let reason = body.reason.unwrap_or_else(|| "legacy".to_owned());
    stock::text("reason", &reason, 200)?;
    let command = app::Adjust {
        level,
        delta: body.delta,
        reason: reason.into(),
        expected_version: agreed(version, body.expected_version)?,
    };
    call.write(command, render()).await
}

async fn reserve(call: Call) -> Result<Reply, Problem> {
    let level = call.level_key()?;
    let (body, version) = call.json::<LegacyReserve>()?;
    stock::quantity("qty", body.qty, call.edge.options.max_quantity)?;
    let command = app::Take {
        id: ReservationId(call.edge.fresh_id()),
        principal: call.who.principal.clone(),
        level,
        quantity: body.qty,
        expected_version: agreed(version, body.expected_version)?,
    };
    call.write(command, render()).await
}

/// One version out of header and body, which must not disagree.
fn agreed(header: Option<u64>, body: Option<u64>) -> Result<Option<u64>, Problem> {
    match (header, body) {
        (Some(header), Some(body)) if header != body => Err(Problem::new(
            "malformed_request",
            "If-Match and expectedVersion disagree; send one of them",
        )),
        (header, body) => Ok(header.or(body)),
    }
}

fn render() -> Render {
    Arc::new(|outcome, _| {
        let Some(Record::Level(level)) = &outcome.record else {
            return Default::default();
        };
        let body = to_json(&InventoryRecord::from(&**level));
        resource(200, level.version, None, body)
    })
}

#[cfg(test)]
mod tests {
    use super::agreed;

    #[test]
    fn takes_the_version_from_either_place_and_refuses_two_that_differ() {
        assert_eq!(agreed(None, None), Ok(None));
        assert_eq!(agreed(Some(3), None), Ok(Some(3)));
        assert_eq!(agreed(None, Some(3)), Ok(Some(3)));
        assert_eq!(agreed(Some(3), Some(3)), Ok(Some(3)));
        assert_eq!(
            agreed(Some(3), Some(4)).unwrap_err().code,
            "malformed_request"
        );
    }
}
