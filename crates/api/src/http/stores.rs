//! Stores and warehouses.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, Reply, Verb, schema, to_json,
};
use super::page::{PageOf, page};
use super::write::resource;
use crate::problem::Problem;
use crate::wire::stock::{PutStore, Store};
use cartwright_app::stores::PutStore as Put;
use cartwright_app::{Key, Record};
use cartwright_domain::StoreId;
use cartwright_domain::key::Scope;

use std::sync::Arc;

/// Routes of locations.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Put,
        path: "/v1/stores/{store}",
        name: "putStore",
        summary: "Creates a store or warehouse, or replaces what is said of it.",
        access: Access::Scope(Scope::StoresWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<PutStore>),
        replies: &[
            (200, Some(schema::<Store<'_>>)),
            (201, Some(schema::<Store<'_>>)),
        ],
        refusals: &["version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(put(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/stores",
        name: "listStores",
        summary: "Lists stores and warehouses by id.",
        access: Access::Public,
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Store<'_>>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/stores/{store}",
        name: "getStore",
        summary: "Shows a store or warehouse.",
        access: Access::Public,
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Store<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
];

async fn put(call: Call) -> Result<Reply, Problem> {
    let id = StoreId::new(call.param(0)).map_err(|_| {
        let detail = "expected 1-64 characters of A-Z, a-z, 0-9, '.', '_' or '-'";
        Problem::invalid("store", "malformed", detail)
    })?;
    let (body, expected_version) = call.json::<PutStore>()?;
    let command = Put {
        id,
        details: body.try_into()?,
        expected_version,
    };
    let render = Arc::new(
        |outcome: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| {
            let Some(Record::Store(store)) = &outcome.record else {
                return Default::default();
            };
            let status = if outcome.created { 201 } else { 200 };
            let location = outcome.created.then(|| format!("/v1/stores/{}", store.id));
            resource(
                status,
                store.version,
                location,
                to_json(&Store::from(&**store)),
            )
        },
    );
    call.write(command, render).await
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let found = call
        .edge
        .shop
        .read(move |store| store.list_stores(&cursor, limit))
        .await?;
    let items = found.items.iter().filter_map(|record| match record {
        Record::Store(store) => Some(Store::from(&**store)),
        _ => None,
    });
    Ok(page(&call, items.collect(), &found.next))
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let id = call.store_id(0)?;
    match call.edge.shop.find(&Key::Store(id.clone())).await? {
        Some(Record::Store(store)) => Ok(Reply::of(&Store::from(&*store)).version(store.version)),
        _ => Err(Problem::not_found("store", id)),
    }
}

impl Call {
    /// The store a path names. What cannot be an id does not exist.
    pub(super) fn store_id(&self, place: usize) -> Result<StoreId, Problem> {
        StoreId::new(self.param(place)).map_err(|_| Problem::not_found("store", self.param(place)))
    }
}
