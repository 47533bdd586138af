//! Merging carts.

use super::cart_lines::writing;
use super::endpoint::{Call, Endpoint, Reply, Verb, schema};
use crate::problem::Problem;
use crate::wire::cart::MergeCarts;
use cartwright_app::carts as app;
use cartwright_domain::CartId;
use cartwright_domain::key::Scope;

/// Routes of merging.
pub(super) const ROUTES: &[Endpoint] = &[Endpoint {
    request: Some(schema::<MergeCarts>),
    refusals: &["not_found", "version_conflict", "cart_closed", "cart_limit"],
    handler: |call| Box::pin(merge(call)),
    ..writing(
        Verb::Post,
        "/v1/carts/{id}/merge",
        "mergeCarts",
        "Takes the lines of another cart, which ends as merged.",
    )
}];

async fn merge(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<MergeCarts>()?;
    let cart = call.target(expected_version)?;
    let from = opened(&call, &body)?;
    let (ours, theirs) = (call.find_cart(cart.id).await?, call.find_cart(from).await?);
    // The other's lines are shown with the stock of our country.
    let lines = [&ours, &theirs];
    let lines = lines.into_iter().flatten().flat_map(|cart| &cart.lines);
    let places: Vec<_> = lines
        .map(|line| (line.sku.clone(), line.store.clone()))
        .collect();
    let rules = &call.edge.options.cart_rules;
    let country = ours.as_ref().map_or(rules.country, |cart| cart.country);
    let stock = call
        .stock_of(places.into_iter(), country, Some(cart.id))
        .await;
    let command = app::MergeCarts {
        cart,
        from,
        strategy: body.strategy.unwrap_or_default().into(),
        terms: call.without_stock(),
    };
    call.write_cart(command, stock).await
}

/// The other cart, if the caller may open it; to others it does not exist.
fn opened(call: &Call, body: &MergeCarts) -> Result<CartId, Problem> {
    let unknown = || Problem::not_found("cart", &body.from);
    let from = body.from.parse().map_err(|_| unknown())?;
    let token = body.from_token.as_deref().unwrap_or_default();
    if call.who.may(Scope::Carts) || call.edge.opens(&body.from, token) {
        Ok(from)
    } else {
        Err(unknown())
    }
}
