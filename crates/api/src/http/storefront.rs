//! The storefront routes of the OpenTelemetry demo's frontend, in its shapes.

use super::endpoint::{Access, BodyKind, Call, Endpoint, QueryParam, Reply, Verb, schema, to_json};
use super::write::{Render, resource};
use crate::demo::carts::{self, Item};
use crate::demo::catalog::{self, Shown};
use crate::problem::Problem;
use cartwright_app::kept::KeptReply;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Whose carts these are: those of the demo's gRPC service.
pub(super) const PACKAGE: &str = "oteldemo";

pub(super) const CURRENCY: QueryParam = QueryParam {
    name: "currencyCode",
    schema: r#"{"type":"string"}"#,
    repeated: false,
    description: "Prices in this currency, converted from USD; an unknown one is USD.",
};
pub(super) const SESSION: QueryParam = QueryParam {
    name: "sessionId",
    schema: r#"{"type":"string"}"#,
    repeated: false,
    description: "Whose cart.",
};

/// Whole units plus billionths.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Price {
    currency_code: String,
    units: i64,
    nanos: i32,
}

impl From<catalog::Price> for Price {
    fn from(price: catalog::Price) -> Self {
        Self {
            currency_code: price.currency_code,
            units: price.units,
            nanos: price.nanos,
        }
    }
}

/// A product.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StorefrontProduct")]
pub(super) struct Product {
    id: String,
    name: String,
    description: String,
    picture: String,
    price_usd: Price,
    categories: Vec<String>,
}

impl From<Shown> for Product {
    fn from(shown: Shown) -> Self {
        Self {
            id: shown.id,
            name: shown.name,
            description: shown.description,
            picture: shown.picture,
            price_usd: shown.price.into(),
            categories: shown.categories,
        }
    }
}

/// So many of a product.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CartItem {
    /// The SKU.
    pub(super) product_id: String,
    /// How many; below zero takes away.
    pub(super) quantity: i32,
}

impl From<Item> for CartItem {
    fn from(item: Item) -> Self {
        Self {
            product_id: item.product_id,
            quantity: item.quantity,
        }
    }
}

/// A cart as adding to it answers.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StorefrontCart")]
struct Cart {
    user_id: String,
    items: Vec<CartItem>,
}

/// An item with its product; `null` when nothing is sold under that id.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProductCartItem {
    product_id: String,
    quantity: i32,
    product: Option<Product>,
}

impl ProductCartItem {
    /// An item with what is sold under its id.
    pub(super) async fn of(call: &Call, item: Item) -> Result<Self, Problem> {
        let product = catalog::find(&call.edge, &item.product_id).await?;
        Ok(Self {
            product: product.map(|it| catalog::show_in(&it, currency(call)).into()),
            product_id: item.product_id,
            quantity: item.quantity,
        })
    }
}

/// A cart with its products.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ProductCart {
    user_id: String,
    items: Vec<ProductCartItem>,
}

/// `POST /api/cart`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AddItem {
    /// What to add.
    item: CartItem,
    /// Whose cart; any text, empty too.
    user_id: String,
}

/// `DELETE /api/cart`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EmptyCart {
    /// Whose cart.
    user_id: String,
}

/// A read, and what all of these have in common.
pub(super) const READ: Endpoint = Endpoint {
    method: Verb::Get,
    path: "/api/products",
    name: "storefrontProducts",
    summary: "Lists what is for sale, by id, as the OpenTelemetry demo's frontend does.",
    access: Access::Public,
    query: &[CURRENCY],
    body: BodyKind::None,
    request: None,
    replies: &[(200, Some(schema::<Vec<Product>>))],
    refusals: &["not_found"],
    produces: "application/json",
    handler: |call| Box::pin(products(call)),
};

/// Routes of the storefront.
pub(super) const ROUTES: &[Endpoint] = &[
    READ,
    Endpoint {
        path: "/api/products/{product}",
        name: "storefrontProduct",
        summary: "Shows a product as the OpenTelemetry demo's frontend does.",
        replies: &[(200, Some(schema::<Product>))],
        handler: |call| Box::pin(product(call)),
        ..READ
    },
    Endpoint {
        path: "/api/cart",
        name: "storefrontCart",
        summary: "Shows the cart of a session with its products.",
        query: &[SESSION, CURRENCY],
        replies: &[(200, Some(schema::<ProductCart>))],
        handler: |call| Box::pin(cart(call)),
        ..READ
    },
    Endpoint {
        method: Verb::Post,
        path: "/api/cart",
        name: "storefrontAddItem",
        summary: "Adds to the cart of a user and shows it.",
        query: &[SESSION, CURRENCY],
        body: BodyKind::Json,
        request: Some(schema::<AddItem>),
        replies: &[(200, Some(schema::<Cart>))],
        refusals: &[
            "not_found",
            "insufficient_stock",
            "cart_limit",
            "cart_closed",
        ],
        handler: |call| Box::pin(add_item(call)),
        ..READ
    },
    Endpoint {
        method: Verb::Delete,
        path: "/api/cart",
        name: "storefrontEmptyCart",
        summary: "Empties the cart of a user.",
        query: &[SESSION, CURRENCY],
        body: BodyKind::Json,
        request: Some(schema::<EmptyCart>),
        replies: &[(204, None)],
        refusals: &["not_found", "cart_closed"],
        handler: |call| Box::pin(empty_cart(call)),
        ..READ
    },
];

/// Refuses as if the route did not exist when the drop-in services are off.
pub(super) fn require_drop_in(call: &Call) -> Result<(), Problem> {
    if call.edge.options.drop_in {
        return Ok(());
    }
    Err(Problem::not_found("route", call.parts.uri.path()))
}

pub(super) fn currency(call: &Call) -> &str {
    call.query("currencyCode").unwrap_or("USD")
}

async fn products(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    let found = catalog::list(&call.edge).await?;
    let shown = found
        .iter()
        .map(|it| catalog::show_in(it, currency(&call)).into());
    Ok(Reply::of(&shown.collect::<Vec<Product>>()))
}

async fn product(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    let id = call.param(0);
    match catalog::find(&call.edge, id).await? {
        Some(found) => Ok(Reply::of(&Product::from(catalog::show_in(
            &found,
            currency(&call),
        )))),
        None => Err(Problem::not_found("product", id)),
    }
}

async fn cart(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    let user_id = call.query("sessionId").unwrap_or_default();
    let found = carts::items(&call.edge, &carts::user(PACKAGE, user_id)?).await?;
    let mut items = Vec::with_capacity(found.len());
    for item in found {
        items.push(ProductCartItem::of(&call, item).await?);
    }
    let user_id = user_id.to_owned();
    Ok(Reply::of(&ProductCart { user_id, items }))
}

async fn add_item(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    let (AddItem { item, user_id }, _) = call.json::<AddItem>()?;
    let item = Item {
        product_id: item.product_id,
        quantity: item.quantity,
    };
    let user = carts::user(PACKAGE, &user_id)?;
    let command = carts::add_item(&call.edge, user, &item).await?;
    let render: Render = Arc::new(move |outcome, _| {
        let items = carts::items_after(outcome).into_iter().map(Into::into);
        let cart = Cart {
            user_id: user_id.clone(),
            items: items.collect(),
        };
        KeptReply {
            headers: Vec::new(),
            ..resource(200, 0, None, to_json(&cart))
        }
    });
    call.write(command, render).await
}

async fn empty_cart(call: Call) -> Result<Reply, Problem> {
    require_drop_in(&call)?;
    let (EmptyCart { user_id }, _) = call.json::<EmptyCart>()?;
    let command = carts::empty_cart(&call.edge, carts::user(PACKAGE, &user_id)?);
    let render: Render = Arc::new(|_, _| KeptReply {
        status: 204,
        ..KeptReply::default()
    });
    call.write(command, render).await
}
