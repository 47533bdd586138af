//! Checkouts: opening, reading, changing and cancelling them, and the keys that their quotes are signed with.

use super::checkout_reply::{render, shown};
use super::endpoint::{
    Access, BodyKind, CURSOR, Call, Endpoint, LIMIT, QueryParam, Reply, Verb, schema,
};
use super::page::PageOf;
use super::write::Render;
use crate::problem::Problem;
use crate::wire::checkout::{Checkout, OpenCheckout, UpdateCheckout};
use cartwright_app::Record;
use cartwright_app::checkouts as app;
use cartwright_app::checkouts::saga::GiveUp;
use cartwright_app::kept::KeptReply;
use cartwright_app::ports::CheckoutsWanted;
use cartwright_domain::CartId;
use cartwright_domain::checkout::State;
use cartwright_domain::key::Scope;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

const STATE: QueryParam = QueryParam {
    name: "state",
    schema: r#"{"type":"string","enum":["open","processing","requires_action","completed","cancelled","expired","needs_attention"]}"#,
    repeated: false,
    description: "Only checkouts in this state.",
};
const CART_ID: QueryParam = QueryParam {
    name: "cart_id",
    schema: r#"{"type":"string"}"#,
    repeated: false,
    description: "Only checkouts of this cart.",
};

/// What pricing a cart may be refused with.
const PRICING: &[&str] = &[
    "not_found",
    "version_conflict",
    "cart_closed",
    "invalid_state",
    "not_sold_here",
    "currency_mismatch",
    "quantity_limit",
    "cart_limit",
    "insufficient_stock",
];

/// A key that quotes are signed with (RFC 7517, 7518).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuoteKey")]
struct Key {
    /// `EC`.
    kty: String,
    /// `P-256`.
    crv: String,
    /// Base64url.
    x: String,
    /// Base64url.
    y: String,
    /// `ES256`.
    alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    purpose: String,
    /// Its thumbprint (RFC 7638).
    kid: String,
}

/// A JWK Set.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QuoteKeys")]
struct Keys {
    /// The keys, the current one first.
    keys: Vec<Key>,
}

/// Routes of checkouts.
pub(super) const ROUTES: &[Endpoint] = &[
    Endpoint {
        method: Verb::Post,
        path: "/v1/checkouts",
        name: "openCheckout",
        summary: "Opens a checkout of a cart, or changes the one that is open; quotes it once nothing is missing.",
        access: Access::CartOfBody,
        query: &[],
        body: BodyKind::Json,
        request: Some(schema::<OpenCheckout>),
        replies: &[
            (201, Some(schema::<Checkout<'_>>)),
            (200, Some(schema::<Checkout<'_>>)),
        ],
        refusals: PRICING,
        produces: "application/json",
        handler: |call| Box::pin(open(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/checkouts",
        name: "listCheckouts",
        summary: "Lists checkouts, oldest first.",
        access: Access::Scope(Scope::Checkouts),
        query: &[STATE, CART_ID, LIMIT, CURSOR],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<PageOf<Checkout<'_>>>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(list(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/v1/checkouts/{id}",
        name: "getCheckout",
        summary: "Shows a checkout as it was last priced.",
        access: Access::Checkout,
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Checkout<'_>>))],
        refusals: &["not_found"],
        produces: "application/json",
        handler: |call| Box::pin(get(call)),
    },
    Endpoint {
        method: Verb::Patch,
        path: "/v1/checkouts/{id}",
        name: "updateCheckout",
        summary: "Changes an open checkout; a new quote if anything changed or the old one is stale.",
        access: Access::Checkout,
        query: &[],
        body: BodyKind::Patch,
        request: Some(schema::<UpdateCheckout>),
        replies: &[(200, Some(schema::<Checkout<'_>>))],
        refusals: PRICING,
        produces: "application/json",
        handler: |call| Box::pin(update(call)),
    },
    Endpoint {
        method: Verb::Post,
        path: "/v1/checkouts/{id}/cancel",
        name: "cancelCheckout",
        summary: "Gives a checkout up; what it holds is free again. While it is being completed: 202, and it ends cancelled unless its order is made.",
        access: Access::Checkout,
        query: &[],
        body: BodyKind::Json,
        request: None,
        replies: &[
            (200, Some(schema::<Checkout<'_>>)),
            (202, Some(schema::<Checkout<'_>>)),
        ],
        refusals: &["not_found", "version_conflict", "invalid_state"],
        produces: "application/json",
        handler: |call| Box::pin(cancel(call)),
    },
    Endpoint {
        method: Verb::Get,
        path: "/.well-known/jwks.json",
        name: "quoteKeys",
        summary: "Shows the public keys that quotes are signed with.",
        access: Access::Public,
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, Some(schema::<Keys>))],
        refusals: &[],
        produces: "application/json",
        handler: |call| Box::pin(async move { Ok(Reply::json(call.edge.quotes.jwks())) }),
    },
];

async fn open(mut call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<OpenCheckout>()?;
    let cart = body.cart_id.clone();
    let change = body.checked()?;
    let command = app::OpenCheckout {
        cart_id: opened(&mut call, &cart)?,
        change,
        fresh: call.fresh_ids(),
        setting: call.checkout_setting(),
        expected_version,
    };
    call.write(command, render()).await
}

/// The cart of a body, if the caller may buy it; to others it does not exist. Who comes with its token alone is the cart.
fn opened(call: &mut Call, cart: &str) -> Result<CartId, Problem> {
    let unknown = || Problem::not_found("cart", cart);
    let id = cart.parse().map_err(|_| unknown())?;
    if call.who.may(Scope::Checkouts) {
        return Ok(id);
    }
    let token = call.who.cart_token.as_deref().unwrap_or_default();
    if !call.edge.opens(cart, token) {
        return Err(unknown());
    }
    if !call.who.has_key() {
        call.who.principal = cart.into();
        call.edge.check_rate(&call.who)?;
    }
    Ok(id)
}

async fn get(call: Call) -> Result<Reply, Problem> {
    let checkout = call.load_checkout().await?;
    let state = checkout.state_at(call.now());
    call.kept(&shown(200, &checkout, state), false).await
}

async fn update(call: Call) -> Result<Reply, Problem> {
    let (body, expected_version) = call.json::<UpdateCheckout>()?;
    let command = app::UpdateCheckout {
        checkout: call.checkout_target(expected_version)?,
        change: body.checked()?,
        fresh: call.fresh_ids(),
        setting: call.checkout_setting(),
    };
    call.write(command, render()).await
}

async fn cancel(call: Call) -> Result<Reply, Problem> {
    let expected_version = call.no_body()?;
    let checkout = call.checkout_target(expected_version)?;
    let id = checkout.id;
    let reply = call.write(GiveUp { checkout }, given_up()).await?;
    if reply.status == 202 {
        call.edge.saga.wake(id);
    }
    Ok(reply)
}

/// 202 while it is still being undone.
fn given_up() -> Render {
    Arc::new(|outcome, _| match &outcome.record {
        Some(Record::Checkout(checkout)) => {
            let runs = matches!(checkout.state, State::Processing | State::NeedsAttention);
            let mut reply = shown(if runs { 202 } else { 200 }, checkout, checkout.state);
            if runs {
                let location = format!("/v1/checkouts/{}", checkout.id);
                reply.headers.push(("location", location));
            }
            reply
        }
        _ => KeptReply::default(),
    })
}

async fn list(call: Call) -> Result<Reply, Problem> {
    let (limit, cursor) = (call.limit()?, call.cursor()?);
    let state = match call.query("state") {
        None => None,
        Some(name) => Some(State::parse(name).ok_or_else(unknown_state)?),
    };
    let wanted = CheckoutsWanted {
        cart: call.parsed("cart_id", "the id of a cart")?,
        state,
    };
    let shop = &call.edge.shop;
    let found = shop
        .read(move |store| store.list_checkouts(wanted, &cursor, limit))
        .await?;
    let now = call.now();
    let mut body = br#"{"items":["#.to_vec();
    for record in &found.items {
        let Record::Checkout(checkout) = record else {
            continue;
        };
        let is = checkout.state_at(now);
        // One whose time is over is not open any more, swept or not.
        if state.is_some_and(|wanted| wanted != is) {
            continue;
        }
        if body.last() == Some(&b'}') {
            body.push(b',');
        }
        body.extend(call.whole_body(&shown(200, checkout, is)).await?);
    }
    body.extend_from_slice(br#"],"next_cursor":"#);
    body.extend(super::endpoint::to_json(&call.cursor_text(&found.next)));
    body.push(b'}');
    Ok(Reply::json(body))
}

fn unknown_state() -> Problem {
    let names: Vec<_> = State::ALL.iter().map(|(_, name)| *name).collect();
    let detail = format!("expected one of {}", names.join(", "));
    Problem::invalid("state", "unknown", detail)
}
