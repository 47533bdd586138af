//! The centre's view of all stores, and what a sync comes to.

use super::endpoint::{Access, BodyKind, CURSOR, Call, Endpoint, QueryParam, Reply, Verb, schema};
use crate::problem::Problem;
use crate::wire::Timestamp;
use cartwright_app::ports::{Cursor, ReadStore};
use cartwright_app::{Fault, Key, Record};
use cartwright_domain::StoreId;
use cartwright_domain::key::Scope;

use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Most levels of one reply, and how many there are when nothing is said.
const MAX_LEVELS: usize = 10_000;
/// Levels and stores read at once.
const CHUNK: usize = 200;

/// What is available of a SKU at a store.
#[derive(Debug, Serialize, JsonSchema)]
struct Stock {
    /// What is available.
    qty: i64,
    /// Of the level.
    version: u64,
    /// When the level last changed.
    updated_at: Timestamp,
}

/// `{store: {sku: {qty, version, updated_at}}}`.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(transparent)]
struct CentralModel(BTreeMap<String, BTreeMap<String, Stock>>);

/// One store as the centre sees it.
#[derive(Debug, Serialize, JsonSchema)]
struct SyncedStore {
    /// Which.
    store: String,
    /// How far the centre is behind it, in milliseconds; 0 for a store whose stock is kept in this database.
    lag_ms: u64,
}

/// What a sync came to.
#[derive(Debug, Serialize, JsonSchema)]
struct Synced {
    /// Position of the log that the central model shows.
    position: u64,
    /// Events that were pulled from store nodes; 0 where all stores write to this database.
    pulled: u64,
    /// Every store, by id.
    stores: Vec<SyncedStore>,
}

/// `POST .../sync` at a path.
pub(super) const fn sync_at(path: &'static str, name: &'static str, access: Access) -> Endpoint {
    Endpoint {
        method: Verb::Post,
        path,
        name,
        summary: "Brings the central model up to date; with all stores in one database it always is.",
        access,
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(200, Some(schema::<Synced>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(sync(call)),
    }
}

/// Routes of the centre.
pub(super) const ROUTES: &[Endpoint] = &[
    sync_at("/v1/sync", "sync", Access::Scope(Scope::Ops)),
    Endpoint {
        method: Verb::Get,
        path: "/v1/inventory",
        name: "centralInventory",
        summary: "Shows what is available everywhere, by store and SKU; a header Next-Cursor says that there is more.",
        access: Access::Scope(Scope::InventoryRead),
        query: &[
            QueryParam {
                name: "store",
                schema: r#"{"type":"string"}"#,
                repeated: false,
                description: "Only this store.",
            },
            QueryParam {
                name: "limit",
                schema: r#"{"type":"integer","minimum":1,"maximum":10000,"default":10000}"#,
                repeated: false,
                description: "Most levels of the reply.",
            },
            QueryParam {
                description: "`Next-Cursor` of the reply before.",
                ..CURSOR
            },
        ],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<CentralModel>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(model(call)),
    },
];

async fn sync(call: Call) -> Result<Reply, Problem> {
    call.no_body()?;
    call.idempotency_key()?;
    let position = *call.edge.shop.head().borrow();
    let stores = call.edge.shop.read(|read| stores_after(read, None)).await?;
    let stores = stores.into_iter().map(|store| SyncedStore {
        store: store.to_string(),
        lag_ms: 0,
    });
    Ok(Reply::of(&Synced {
        position,
        pulled: 0,
        stores: stores.collect(),
    }))
}

async fn model(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (levels_limit(&call)?, call.cursor()?);
    let only = call
        .query("store")
        .map(|id| StoreId::new(id).map_err(|_| Problem::not_found("store", id)));
    let only = only.transpose()?;
    if let Some(store) = &only {
        let found = call.edge.shop.find(&Key::Store(store.clone())).await?;
        found.ok_or_else(|| Problem::not_found("store", store))?;
    }
    let start = cursor.map(|text| Start::parse(&text)).transpose()?;
    let read = call
        .edge
        .shop
        .read(move |read| walk(read, only, start, limit));
    let (model, next) = read.await?;
    let reply = Reply::of(&model);
    Ok(match call.cursor_text(&next) {
        Some(next) => reply.with("next-cursor", next),
        None => reply,
    })
}

fn levels_limit(call: &Call) -> Result<usize, Problem> {
    let expects = format!("a number from 1 to {MAX_LEVELS}");
    let limit = call.parsed::<usize>("limit", &expects)?;
    let limit = limit.unwrap_or(MAX_LEVELS);
    let plain = call
        .query("limit")
        .is_none_or(|text| text.bytes().all(|b| b.is_ascii_digit()));
    if plain && (1..=MAX_LEVELS).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::invalid(
        "limit",
        "out_of_range",
        format!("expected {expects}"),
    ))
}

/// Where a reply goes on: `store` (done with it) or `store/cursor within it`. A `/` is in no id.
#[derive(Debug, Clone, PartialEq)]
struct Start {
    store: StoreId,
    within: Cursor,
}

impl Start {
    fn parse(text: &str) -> Result<Self, Problem> {
        let (store, within) = match text.split_once('/') {
            Some((store, within)) => (store, Some(within.to_owned())),
            None => (text, None),
        };
        let store = StoreId::new(store).map_err(|_| {
            Problem::invalid(
                "cursor",
                "malformed",
                "send Next-Cursor of the reply before, as it was",
            )
        })?;
        Ok(Self { store, within })
    }
}

/// Up to `limit` levels in the order of store and SKU, and where the next reply starts.
fn walk(
    read: &dyn ReadStore,
    only: Option<StoreId>,
    start: Option<Start>,
    limit: usize,
) -> Result<(CentralModel, Cursor), Fault> {
    let mut stores = match only {
        Some(store) => vec![store],
        None => stores_after(read, None)?,
    };
    let mut within = None;
    if let Some(start) = start {
        let unfinished = start.within.is_some();
        stores.retain(|store| *store > start.store || (unfinished && *store == start.store));
        within = start.within;
    }
    let (mut model, mut left) = (CentralModel::default(), limit);
    let count = stores.len();
    for (place, store) in stores.into_iter().enumerate() {
        let mut after = within.take();
        loop {
            let found = read.list_levels(&store, &after, left.min(CHUNK))?;
            left -= found.items.len();
            for record in &found.items {
                if let Record::Level(level) = record {
                    let row = model.0.entry(store.to_string()).or_default();
                    row.insert(
                        level.key.sku.to_string(),
                        Stock {
                            qty: level.available(),
                            version: level.version,
                            updated_at: Timestamp(level.updated_at),
                        },
                    );
                }
            }
            match (found.next, left) {
                (Some(next), 0) => return Ok((model, Some(format!("{store}/{next}")))),
                (None, 0) if place + 1 < count => return Ok((model, Some(store.to_string()))),
                (Some(next), _) => after = Some(next),
                (None, _) => break,
            }
        }
    }
    Ok((model, None))
}

fn stores_after(read: &dyn ReadStore, mut after: Cursor) -> Result<Vec<StoreId>, Fault> {
    let mut stores = Vec::new();
    loop {
        let found = read.list_stores(&after, CHUNK)?;
        stores.extend(found.items.iter().filter_map(|record| match record {
            Record::Store(store) => Some(store.id.clone()),
            _ => None,
        }));
        match found.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    stores.sort_unstable();
    Ok(stores)
}
