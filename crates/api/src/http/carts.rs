//! Carts: making, reading, changing and deleting them.

use super::cart_reply::{SHOWS, render, render_new, skus};
use super::endpoint::{Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, Reply, Verb, schema};
use super::page::PageOf;
use super::rendered_carts::Epochs;
use crate::problem::Problem;
use crate::wire::cart::{Cart, CartExplanation, CreateCart, UpdateCart, shows_until};
use crate::wire::strict::parse;
use cartwright_app::Record;
use cartwright_app::carts::{self as app, Shelved};
use cartwright_app::kept::KeptReply;
use cartwright_app::keys::hash;
use cartwright_domain::CartId;
use cartwright_domain::cart::{Cart as DomainCart, LineId, explain, price};
use cartwright_domain::key::Scope;
use serde_json::Value;
use std::sync::Arc;

/// What adding to a cart may be refused with.
pub(super) const ADDING: &[&str] = &[
    "not_found",
    "version_conflict",
    "cart_closed",
    "not_sold_here",
    "currency_mismatch",
    "quantity_limit",
    "cart_limit",
    "insufficient_stock",
];

/// Routes of carts.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/carts",
        name: "createCart",
        summary: "Makes a cart, perhaps with its first lines, and shows its token once.",
        access: Access::Public,
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<CreateCart>),
        replies: &[(201, Some(schema::<Cart<'_>>))],
        refusals: &[
            "forbidden",
            "not_found",
            "version_conflict",
            "not_sold_here",
            "currency_mismatch",
            "quantity_limit",
            "cart_limit",
            "insufficient_stock",
        ],
        produces: "application/json",
        handler: |call| Box::pin(create(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/carts/{id}",
        name: "getCart",
        summary: "Shows a cart at today's prices; all its lines, or a page of them.",
        access: Access::Cart,
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Cart<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    Endpoint {
        method: Verb::Patch,
        path: "/v1/carts/{id}",
        name: "updateCart",
        summary: "Changes the country, currency, customer or metadata of a cart.",
        access: Access::Cart,
        query: &[],
        body: BodyKind::Patch,
        request: Some(schema::<UpdateCart>),
        replies: &[(200, Some(schema::<Cart<'_>>))],
        refusals: &[
            "forbidden",
            "not_found",
            "version_conflict",
            "cart_closed",
            "not_sold_here",
            "currency_mismatch",
            "cart_limit",
        ],
        produces: "application/json",
        handler: |call| Box::pin(update(call)),
    },
    Endpoint {
        method: Verb::Delete,
        path: "/v1/carts/{id}",
        name: "deleteCart",
        summary: "Deletes an open cart.",
        access: Access::Cart,
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(204, None)],
        refusals: &["not_found", "version_conflict", "cart_closed"],
        produces: "application/json",
        handler: |call| Box::pin(delete(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/carts/{id}/explain",
        name: "explainCart",
        summary: "Shows the rules behind each total of a cart and the availability of its lines.",
        access: Access::Cart,
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<CartExplanation<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(explanation(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/customers/{id}/carts",
        name: "listCustomerCarts",
        summary: "Lists the carts of a customer, oldest first.",
        access: Access::Scope(Scope::Carts),
        query: &[LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Cart<'_>>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
];

async fn create(call: Call) -> Result<Reply, Problem> {
    let (object, expected_version) = call.object()?;
    if object.get("customer_id").is_some_and(|id| !id.is_null()) {
        call.may_name_customers()?;
    }
    let body: CreateCart = parse(Value::Object(object))?;
    let id = CartId(call.edge.fresh_id());
    let token = call.edge.secrets.derive(&id.to_string());
    let create = body.checked(hash(&token), call.max_line_quantity())?;
    let country = create
        .country
        .unwrap_or(call.edge.options.cart_rules.country);
    let terms = call.terms_in(country, None, &create.lines).await?;
    let render = render_new(terms.stock.clone());
    let command = app::CreateCart {
        id,
        create,
        terms,
        expected_version,
    };
    call.write_showing(command, SHOWS, render).await
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let paged = call.query("limit").is_some() || call.query("cursor").is_some();
    if paged {
        return get_page(call).await;
    }
    let epochs = Epochs::now(&call.edge.shop);
    let cart = call.load_cart(call.cart_id()?).await?;
    let now = call.now();
    let rendered = &call.edge.rendered_carts;
    let body = match rendered.find(&cart, epochs, now) {
        Some(body) => body,
        None => {
            let body = bytes::Bytes::from(show(&call, &cart, |cart| cart.json()).await?);
            rendered.keep(&cart, epochs, shows_until(&cart, now), body.clone());
            body
        }
    };
    Ok(Reply::json(body).version(cart.version))
}

async fn get_page(call: Call) -> Result<Reply, Problem> {
    let limit = call.limit()?;
    let after = call.cursor()?.map(|text| text.parse::<LineId>());
    let after = after.transpose().map_err(|_| {
        let detail = "send next_cursor of the page before, as it was";
        Problem::invalid("cursor", "malformed", detail)
    })?;
    let cart = call.load_cart(call.cart_id()?).await?;
    let body = show(&call, &cart, |shown| {
        let (page, last) = shown.page(after, limit);
        page.next(call.cursor_text(&last.map(|line| line.to_string())))
            .json()
    });
    Ok(Reply::json(body.await?).version(cart.version))
}

/// A cart as it is now, written by `write`.
async fn show<T>(
    call: &Call,
    cart: &DomainCart,
    write: impl FnOnce(Cart<'_>) -> T,
) -> Result<T, Problem> {
    let stock = call.terms(Some(cart), &[]).await?.stock;
    let shelf = call.shelf(skus(cart)).await?;
    let goods = Shelved::new(cart.lines.iter().map(|line| &line.sku), &stock, |sku| {
        shelf.get(sku).cloned()
    });
    let priced = price(cart, &goods);
    Ok(write(Cart::new(cart, &priced, cart.state_at(call.now()))))
}

async fn update(call: Call) -> Result<Reply, Problem> {
    let (object, expected_version) = call.object()?;
    if object.contains_key("customer_id") {
        call.may_name_customers()?;
    }
    let body: UpdateCart = parse(Value::Object(object))?;
    let target = call.target(expected_version)?;
    let update = cartwright_domain::cart::Update::try_from(body)?;
    // Stock is shown for the country that the cart has after it.
    let cart = call.find_cart(target.id).await?;
    let rules = &call.edge.options.cart_rules;
    let country = match (update.country, &cart) {
        (cartwright_domain::cart::Patch::Set(country), _) => country,
        (cartwright_domain::cart::Patch::Keep, Some(cart)) => cart.country,
        (cartwright_domain::cart::Patch::Clear | cartwright_domain::cart::Patch::Keep, _) => {
            rules.country
        }
    };
    let stock = call.terms_in(country, cart.as_deref(), &[]).await?.stock;
    let command = app::UpdateCart {
        cart: target,
        update,
        terms: call.without_stock(),
    };
    call.write_showing(command, SHOWS, render(stock)).await
}

async fn delete(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let command = app::DeleteCart {
        cart: call.target(expected_version)?,
    };
    let gone = Arc::new(
        |_: &cartwright_app::shop::Outcome, _: cartwright_app::shop::Shelf<'_>| KeptReply {
            status: 204,
            ..KeptReply::default()
        },
    );
    call.write(command, gone).await
}

async fn explanation(call: Call) -> Result<Reply, Problem> {
    let cart = call.load_cart(call.cart_id()?).await?;
    let stock = call.terms(Some(&cart), &[]).await?.stock;
    let shelf = call.shelf(skus(&cart)).await?;
    let goods = Shelved::new(cart.lines.iter().map(|line| &line.sku), &stock, |sku| {
        shelf.get(sku).cloned()
    });
    let explanation = explain(&cart, &goods);
    Ok(Reply::of(&CartExplanation::new(&cart, &explanation)).version(cart.version))
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let customer = call.param(0).to_owned();
    let found = call
        .edge
        .shop
        .read(move |store| store.list_carts(&customer, &cursor, limit))
        .await?;
    let mut body = br#"{"items":["#.to_vec();
    for record in &found.items {
        let Record::Cart(cart) = record else { continue };
        if body.last() == Some(&b'}') {
            body.push(b',');
        }
        body.extend(show(&call, cart, |cart| cart.json()).await?);
    }
    body.extend_from_slice(br#"],"next_cursor":"#);
    body.extend(super::endpoint::to_json(&call.cursor_text(&found.next)));
    body.push(b'}');
    Ok(Reply::json(body))
}
