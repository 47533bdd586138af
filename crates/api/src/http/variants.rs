//! Variants: the lean look at one SKU, and its prices.

use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema};
use super::write::resource;
use crate::problem::Problem;
use crate::wire::catalog::{SetPrice, Variant, variant_json};
use cartwright_app::Record;
use cartwright_app::catalog::{self as app, find_product_of, peek_product_of};
use cartwright_domain::key::Scope;
use cartwright_domain::{Currency, Sku};
use std::sync::Arc;

/// Routes of variants.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Get,
        path: "/v1/variants/{sku}",
        name: "getVariant",
        summary: "Shows what a page or a till needs of one SKU.",
        access: Access::Public,
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Variant<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    Endpoint {
        method: Verb::Put,
        path: "/v1/variants/{sku}/prices/{currency}",
        name: "setPrice",
        summary: "Sets the price of a SKU in one currency.",
        access: Access::Scope(Scope::CatalogWrite),
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<SetPrice>),
        replies: &[(200, Some(schema::<Variant<'_>>))],
        refusals: &["not_found", "version_required", "version_conflict"],
        produces: "application/json",
        handler: |call| Box::pin(set_price(call)),
    },
];

async fn get(call: Call) -> Result<Reply, Problem> {
    let (edge, text) = (&*call.edge, call.param(0));
    let unknown = || Problem::not_found("variant", text);
    let ready = match edge.rendered.find_variant(&edge.shop, text) {
        Some(ready) => ready,
        None => {
            let sku = call.sku(0)?;
            let product = match peek_product_of(&edge.shop, &sku) {
                Some(product) => product,
                None => find_product_of(&edge.shop, &sku).await?,
            };
            let product = product.ok_or_else(unknown)?;
            let variant = product.variant(&sku).ok_or_else(unknown)?;
            edge.rendered.variant(&product, variant)
        }
    };
    if !ready.is_public && !call.sees_all_products() {
        return Err(unknown());
    }
    Ok(Reply::json(ready.body.clone()).with("etag", ready.etag.clone()))
}

async fn set_price(call: Call) -> Result<Reply, Problem> {
    let sku = call.sku(0)?;
    let currency = Currency::new(call.param(1)).map_err(|_| {
        Problem::invalid(
            "currency",
            "malformed",
            "expected an ISO 4217 currency code, as in /prices/USD",
        )
    })?;
    let (body, expected_version) = call.json::<SetPrice>()?;
    let command = app::SetPrice {
        sku: sku.clone(),
        price: body.price(currency)?,
        expected_version,
    };
    let render = Arc::new(
        move |outcome: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| {
            let Some(Record::Product(product)) = &outcome.record else {
                return Default::default();
            };
            let Some(variant) = product.variant(&sku) else {
                return Default::default();
            };
            let body = variant_json(product, variant);
            resource(200, variant.version, None, body.into())
        },
    );
    call.write(command, render).await
}

impl Call {
    /// The SKU a path names. What cannot be one does not exist.
    fn sku(&self, place: usize) -> Result<Sku, Problem> {
        let text = self.param(place);
        Sku::new(text).map_err(|_| Problem::not_found("variant", text))
    }
}
