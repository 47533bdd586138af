//! Products: created, shown, listed, changed, archived.

use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, QueryParam, Reply, Verb, schema,
};
use super::write::{Render, resource};
use crate::problem::Problem;
use crate::wire::catalog::{
    CheckedPatch, CreateProduct, Product, ProductPage, ProductPatch, page_json, product_json,
};
use crate::wire::strict::Object;
use cartwright_app::Record;
use cartwright_app::catalog::{self as app, Filter, find_product, list_products, peek_product};
use cartwright_domain::catalog::{Draft, Product as Known, Status};
use cartwright_domain::key::Scope;
use cartwright_domain::{ProductId, Refusal};
use std::sync::Arc;

/// Routes of products.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/products",
        name: "createProduct",
        summary: "Creates a product with its variants.",
        access: Access::Scope(Scope::CatalogWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<CreateProduct>),
        replies: &[(201, Some(schema::<Product<'_>>))],
        refusals: &["already_exists", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(create(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/products",
        name: "listProducts",
        summary: "Lists products by id. A page of a rare kind may be shorter than its limit and still have a next one.",
        access: Access::Public,
        query: &[
            LIMIT,
            CURSOR,
            QueryParam {
                name: "category",
                schema: r#"{"type":"string"}"#,
                repeated: false,
                description: "Only products in this category.",
            },
            QueryParam {
                name: "brand",
                schema: r#"{"type":"string"}"#,
                repeated: false,
                description: "Only products of this brand.",
            },
            QueryParam {
                name: "status",
                schema: r#"{"type":"string","enum":["draft","active","archived"]}"#,
                repeated: false,
                description: "Only products in this status; without scope `catalog:write` all are `active`.",
            },
        ],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<ProductPage<'_>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/products/{product}",
        name: "getProduct",
        summary: "Shows a product by its id or slug. Drafts and archived ones only to keys with scope `catalog:write`.",
        access: Access::Public,
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Product<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    Endpoint {
        method: Verb::Patch,
        path: "/v1/products/{product}",
        name: "patchProduct",
        summary: "Changes what a merge patch names of a product. Arrays, variants too, replace.",
        access: Access::Scope(Scope::CatalogWrite),
        query: &[],
        body: BodyKind::Patch,
        request: Some(schema::<ProductPatch>),
        replies: &[(200, Some(schema::<Product<'_>>))],
        refusals: &[
            "not_found",
            "version_required",
            "version_conflict",
            "already_exists",
            "invalid_state",
        ],
        produces: "application/json",
        handler: |call| Box::pin(patch(call)),
    },
    Endpoint {
        method: Verb::Delete,
        path: "/v1/products/{product}",
        name: "archiveProduct",
        summary: "Takes a product out of sale; it stays known to carts, orders and stock.",
        access: Access::Scope(Scope::CatalogWrite),
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Product<'_>>))],
        refusals: &["not_found", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(archive(call)),
    },
];

fn render_product() -> Render {
    Arc::new(|outcome, _| {
        let Some(Record::Product(product)) = &outcome.record else {
            return Default::default();
        };
        let status = if outcome.created { 201 } else { 200 };
        let location = outcome
            .created
            .then(|| format!("/v1/products/{}", product.id));
        resource(
            status,
            product.version,
            location,
            product_json(product).into(),
        )
    })
}

async fn create(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<CreateProduct>()?;
    let command = app::CreateProduct {
        create: body.try_into()?,
        made_id: ProductId::made(call.edge.fresh_id()),
        expected_version,
    };
    call.write(command, render_product()).await
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let status = call.query("status").map(|text| match text {
        "draft" => Ok(Status::Draft),
        "active" => Ok(Status::Active),
        "archived" => Ok(Status::Archived),
        _ => Err(Problem::invalid(
            "status",
            "malformed",
            "expected draft, active or archived",
        )),
    });
    let filter = Filter {
        category: call.query("category").map(str::to_owned),
        brand: call.query("brand").map(str::to_owned),
        status: status.transpose()?,
        public: !call.sees_all_products(),
    };
    let found = list_products(&call.edge.shop, filter, cursor, limit).await?;
    let next = call.cursor_text(&found.next);
    let items = found.items.iter().map(AsRef::as_ref);
    Ok(Reply::json(page_json(items, next.as_deref())))
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let (edge, name) = (&*call.edge, call.param(0));
    let ready = match edge.rendered.find_product(&edge.shop, name) {
        Some(ready) => Some(ready),
        None => {
            let product = match peek_product(&edge.shop, name) {
                Some(product) => product,
                None => find_product(&edge.shop, name).await?,
            };
            product.map(|product| edge.rendered.product(&product))
        }
    };
    ready
        .filter(|ready| ready.is_public || call.sees_all_products())
        .map(|ready| Reply::json(ready.body.clone()).with("etag", ready.etag.clone()))
        .ok_or_else(|| Problem::not_found("product", name))
}

impl app::Change for CheckedPatch {
    fn draft(&self, current: &Known) -> Result<Draft, Refusal> {
        self.apply(current)
    }
}

async fn patch(call: Call) -> Result<Reply, Problem> {
    let id = call.product_id()?;
    let (changes, expected_version) = call.object()?;
    let change: CheckedPatch = ProductPatch(Object(changes)).try_into()?;
    let command = app::PatchProduct {
        id,
        change: Box::new(change),
        expected_version,
    };
    call.write(command, render_product()).await
}

async fn archive(call: Call) -> Result<Reply, Problem> {
    let command = app::ArchiveProduct {
        id: call.product_id()?,
        expected_version: call.no_body()?,
    };
    call.write(command, render_product()).await
}

impl Call {
    fn product_id(&self) -> Result<ProductId, Problem> {
        let text = self.param(0);
        ProductId::new(text).map_err(|_| Problem::not_found("product", text))
    }

    /// Whether the caller sees drafts and archived products.
    pub(super) fn sees_all_products(&self) -> bool {
        self.who.may(Scope::CatalogWrite)
    }
}
