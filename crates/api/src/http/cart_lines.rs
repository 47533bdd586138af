//! The lines of a cart.

use super::carts::ADDING;
use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb, schema};
use crate::problem::Problem;
use crate::wire::cart::{Cart, ChangeLine, Lines, NewLine, RemoveLines, checked_lines};
use cartwright_app::carts as app;
use cartwright_domain::cart::{Add, Cart as DomainCart, LineId, Patch};

/// Lines of one batch at most.
const MAX_BATCH: usize = 100;

const REMOVING: &[&str] = &["not_found", "version_conflict", "cart_closed"];

/// A write to a cart that answers with the cart.
pub(super) const fn writing(
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
        access: Access::Cart,
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[(200, Some(schema::<Cart<'_>>))],
        refusals: REMOVING,
        produces: "application/json",
        handler: |call| Box::pin(clear(call)),
    }
}

/// Routes of lines.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        request: Some(schema::<NewLine>),
        refusals: ADDING,
        handler: |call| Box::pin(add(call)),
        ..writing(
            Verb::Post,
            "/v1/carts/{id}/lines",
            "addLine",
            "Adds to a cart; equal SKU, store and metadata join one line.",
        )
    },
    Endpoint {
        request: Some(schema::<Lines>),
        refusals: ADDING,
        handler: |call| Box::pin(add_many(call)),
        ..writing(
            Verb::Post,
            "/v1/carts/{id}/lines/batch",
            "addLines",
            "Adds up to 100 lines' worth to a cart, all or nothing.",
        )
    },
    Endpoint {
        request: Some(schema::<Lines>),
        refusals: &[
            "not_found",
            "version_required",
            "version_conflict",
            "cart_closed",
            "not_sold_here",
            "currency_mismatch",
            "quantity_limit",
            "cart_limit",
            "insufficient_stock",
        ],
        handler: |call| Box::pin(replace(call)),
        ..writing(
            Verb::Put,
            "/v1/carts/{id}/lines",
            "replaceLines",
            "Makes these the lines of a cart.",
        )
    },
    Endpoint {
        body: BodyKind::Patch,
        request: Some(schema::<ChangeLine>),
        refusals: ADDING,
        handler: |call| Box::pin(change(call)),
        ..writing(
            Verb::Patch,
            "/v1/carts/{id}/lines/{line_id}",
            "changeLine",
            "Changes the quantity, note or store of a line; a quantity of 0 removes it.",
        )
    },
    Endpoint {
        handler: |call| Box::pin(remove(call)),
        ..writing(
            Verb::Delete,
            "/v1/carts/{id}/lines/{line_id}",
            "removeLine",
            "Removes a line.",
        )
    },
    Endpoint {
        request: Some(schema::<RemoveLines>),
        handler: |call| Box::pin(remove_many(call)),
        ..writing(
            Verb::Post,
            "/v1/carts/{id}/lines/remove",
            "removeLines",
            "Removes some lines; unknown ones are ignored.",
        )
    },
    writing(
        Verb::Post,
        "/v1/carts/{id}/clear",
        "clearCart",
        "Removes all lines.",
    ),
];

async fn add(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<NewLine>()?;
    let line = body.checked("", call.max_line_quantity())?;
    let cart = call.target(expected_version)?;
    let before = call.find_cart(cart.id).await?;
    let terms = call
        .terms(before.as_deref(), std::slice::from_ref(&line))
        .await?;
    let stock = terms.stock.clone();
    call.write_cart(app::AddLine { cart, line, terms }, stock)
        .await
}

async fn add_many(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<Lines>()?;
    if body.lines.is_empty() || body.lines.len() > MAX_BATCH {
        let detail = format!("expected 1-{MAX_BATCH} lines");
        return Err(Problem::invalid("lines", "out_of_range", detail));
    }
    let lines = checked_lines(body.lines, call.max_line_quantity())?;
    let cart = call.target(expected_version)?;
    let before = call.find_cart(cart.id).await?;
    let terms = call.terms(before.as_deref(), &lines).await?;
    let stock = terms.stock.clone();
    call.write_cart(app::AddLines { cart, lines, terms }, stock)
        .await
}

async fn replace(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<Lines>()?;
    let lines = checked_lines(body.lines, call.max_line_quantity())?;
    let cart = call.target(expected_version)?;
    let before = call.find_cart(cart.id).await?;
    let terms = call.terms(before.as_deref(), &lines).await?;
    let stock = terms.stock.clone();
    call.write_cart(app::ReplaceLines { cart, lines, terms }, stock)
        .await
}

async fn change(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<ChangeLine>()?;
    let cart = call.target(expected_version)?;
    // The shape is judged before the line is looked for.
    let change = body.checked(LineId(0), call.max_line_quantity())?;
    let change = cartwright_domain::cart::ChangeLine {
        line: line_id(&call)?,
        ..change
    };
    let before = call.find_cart(cart.id).await?;
    let moved = before
        .as_deref()
        .and_then(|cart| moved(cart, change.line, &change.store));
    let terms = call.terms(before.as_deref(), moved.as_slice()).await?;
    let stock = terms.stock.clone();
    let command = app::ChangeLine {
        cart,
        change,
        terms,
    };
    call.write_cart(command, stock).await
}

/// Where a line will be after it moved to another store.
fn moved(cart: &DomainCart, line: LineId, to: &Patch<cartwright_domain::StoreId>) -> Option<Add> {
    let line = cart.line(line)?;
    Some(Add {
        store: to.applied(&line.store),
        ..Add::new(line.sku.clone(), line.quantity)
    })
}

async fn remove(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let cart = call.target(expected_version)?;
    let command = app::RemoveLine {
        cart,
        line: line_id(&call)?,
        rules: call.edge.options.cart_rules.clone(),
    };
    shrink(&call, cart, command).await
}

async fn remove_many(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<RemoveLines>()?;
    let cart = call.target(expected_version)?;
    let ids = body.line_ids.iter().filter_map(|id| id.parse().ok());
    let command = app::RemoveLines {
        cart,
        lines: ids.collect(),
        rules: call.edge.options.cart_rules.clone(),
    };
    shrink(&call, cart, command).await
}

async fn clear(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let cart = call.target(expected_version)?;
    let rules = call.edge.options.cart_rules.clone();
    shrink(&call, cart, app::Clear { cart, rules }).await
}

/// Submits what asks for nothing; stock is read for the lines that stay, to show it.
async fn shrink(
    call: &Call,
    cart: app::Target,
    command: impl cartwright_app::shop::Command + 'static,
) -> Result<Reply, Problem> {
    let before = call.find_cart(cart.id).await?;
    let stock = call.terms(before.as_deref(), &[]).await?.stock;
    call.write_cart(command, stock).await
}

/// The line a path names. What cannot be an id does not exist.
fn line_id(call: &Call) -> Result<LineId, Problem> {
    let text = call.param(1);
    text.parse().map_err(|_| Problem::not_found("line", text))
}
