//! Carts by the user of another shop: adding increments, nobody is unknown.

use super::catalog;
use crate::http::Edge;
use crate::problem::Problem;
use cartwright_app::carts::{AddItem, EmptyCart, Stock, Terms, find_user_cart, stock};
use cartwright_app::shop::{Command, Outcome, Submission};
use cartwright_app::{Key, Record, Reply};
use cartwright_domain::cart::{Add, Cart, ExternalUser, Line, Metadata, State};
use cartwright_domain::{Sku, Time};
use serde_json::{Map, Value};
use smol_str::SmolStr;
use std::sync::Arc;

/// Longest user id in bytes; it may be empty.
pub const MAX_USER: usize = 1_000;

/// Where a line's metadata keep the product id that it was added by, when that is no SKU.
const NAME: &str = "product_id";

/// So many of a product.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// The SKU, or the product's id.
    pub product_id: String,
    /// How many; below zero takes away.
    pub quantity: i32,
}

/// A user of a package's shop.
///
/// # Errors
/// `invalid` when the id is longer than [`MAX_USER`].
pub fn user(package: &'static str, user: &str) -> Result<ExternalUser, Problem> {
    if user.len() > MAX_USER {
        let detail = format!("a user id takes at most {MAX_USER} bytes");
        return Err(Problem::invalid("user_id", "too_long", detail));
    }
    Ok(ExternalUser {
        package: SmolStr::new_static(package),
        user: user.into(),
    })
}

/// The command that adds to a user's cart. Stock is asked only when `validate_drop_in` is on and
/// the cart grows.
///
/// # Errors
/// `invalid` when the product id is no SKU.
pub async fn add_item(edge: &Edge, user: ExternalUser, item: &Item) -> Result<AddItem, Problem> {
    let (sku, metadata) = named(edge, &item.product_id).await?;
    let options = &edge.options;
    let stock = if options.validate_drop_in && item.quantity > 0 {
        let place = vec![(sku.clone(), None)];
        let country = options.cart_rules.country;
        stock(&edge.shop, place, country, options.sourcing, &[]).await
    } else {
        Stock::default()
    };
    Ok(AddItem {
        user,
        line: Add {
            metadata,
            ..Add::new(sku, item.quantity.into())
        },
        terms: Terms {
            rules: options.cart_rules.clone(),
            stock: Arc::new(stock),
        },
    })
}

/// What is meant by a product id: the SKU itself where there is one, else the first variant of the product that is called so;
/// the line then remembers the name. Nobody is asked whether anything is sold under it.
async fn named(edge: &Edge, id: &str) -> Result<(Sku, Metadata), Problem> {
    let sku = Sku::new(id).map_err(|_| {
        let detail = "expected 1-64 characters of A-Z, a-z, 0-9, '.', '_' or '-'";
        Problem::invalid("item.product_id", "malformed", detail)
    })?;
    if edge.shop.find(&Key::Sku(sku.clone())).await?.is_some() {
        return Ok((sku, Metadata::default()));
    }
    let Some(product) = catalog::find(edge, id).await? else {
        return Ok((sku, Metadata::default()));
    };
    let Some(variant) = product.variants.first() else {
        return Ok((sku, Metadata::default()));
    };
    let name = Map::from_iter([(NAME.to_owned(), Value::from(id))]);
    Ok((variant.data.sku.clone(), name.into()))
}

/// What a line is called by its user.
pub(super) fn name_of(line: &Line) -> String {
    let name = line.metadata.as_map().and_then(|map| map.get(NAME));
    let name = name.and_then(Value::as_str);
    name.unwrap_or(line.sku.as_str()).to_owned()
}

/// The command that empties a user's cart.
pub fn empty_cart(edge: &Edge, user: ExternalUser) -> EmptyCart {
    EmptyCart {
        user,
        rules: edge.options.cart_rules.clone(),
    }
}

/// What is in a user's cart now, in the order it was added; nothing for a user without one.
///
/// # Errors
/// When the store fails.
pub async fn items(edge: &Edge, user: &ExternalUser) -> Result<Vec<Item>, Problem> {
    let now = Time(edge.shop.clock().now_ms());
    let cart = find_user_cart(&edge.shop, user).await?;
    let cart = cart.filter(|cart| cart.state_at(now) == State::Open);
    Ok(cart.as_deref().map_or_else(Vec::new, items_of))
}

/// What is in a cart.
pub fn items_of(cart: &Cart) -> Vec<Item> {
    let item = |line: &Arc<Line>| Item {
        product_id: name_of(line),
        quantity: i32::try_from(line.quantity).unwrap_or(i32::MAX),
    };
    cart.lines.iter().map(item).collect()
}

/// What is in the cart that a command answers with.
pub fn items_after(outcome: &Outcome) -> Vec<Item> {
    match &outcome.record {
        Some(Record::Cart(cart)) => items_of(cart),
        _ => Vec::new(),
    }
}

/// Hands a command to the loop.
///
/// # Errors
/// The refusal, or the failure of the store.
pub async fn submit(
    edge: &Edge,
    package: &'static str,
    command: impl Command + 'static,
    correlation: SmolStr,
) -> Result<Outcome, Problem> {
    let submission = Submission {
        command: Box::new(command),
        keyed: None,
        actor: SmolStr::new_static(package),
        correlation,
        deadline_ns: edge.shop.clock().monotonic_ns() + edge.options.wait_ns,
    };
    match edge.shop.submit(submission).await?.reply {
        Reply::Decided(Ok(outcome)) => Ok(outcome),
        Reply::Decided(Err(refusal)) => Err(refusal.into()),
        Reply::Kept(..) | Reply::KeyReused => {
            let detail = "a command without a key came back with a kept reply";
            Err(Problem::new("internal", detail))
        }
    }
}
