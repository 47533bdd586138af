//! What the table of checkouts is asked for.

use super::fault::fault;
use super::rows;
use crate::store::form::state::{expires_hour, of_checkout};
use cartwright_app::Fault;
use cartwright_app::ports::CheckoutsWanted;
use cartwright_domain::{CheckoutId, Time};
use rusqlite::{Connection, params};

/// The checkout that a cart has: neither cancelled nor expired. There is at most one.
pub(super) const OF_CART: &str = "SELECT id FROM checkouts WHERE cart_id = ?1 AND state < 5";

/// The statement of a list: its parameters are the id to go on after, the limit, then the cart if one is wanted. States
/// are numbers of ours, so that the partial indexes are used.
pub(super) fn list(wanted: CheckoutsWanted) -> String {
    let cart = wanted.cart.map_or("", |_| " AND cart_id = ?2");
    let state = wanted.state.map_or_else(String::new, |it| {
        format!(" AND state = {}", of_checkout(it))
    });
    let limit = if wanted.cart.is_some() { "?3" } else { "?2" };
    format!("SELECT body FROM checkouts WHERE id > ?1{cart}{state} ORDER BY id LIMIT {limit}")
}

/// Open checkouts whose time is over.
pub(super) fn stale(
    connection: &Connection,
    now: Time,
    limit: usize,
) -> Result<Vec<CheckoutId>, Fault> {
    let sql = "SELECT id, body ->> '$.terms.expires_at' AS expires_at FROM checkouts \
               WHERE state = 0 AND expires_hour <= ?1 AND expires_at <= ?2 \
               ORDER BY expires_hour, expires_at LIMIT ?3";
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    let key = params![expires_hour(now), now.0, limit as i64];
    let found = statement
        .query_map(key, |row| rows::made_id(row, 0).map(CheckoutId))
        .map_err(fault)?;
    found.collect::<Result<_, _>>().map_err(fault)
}
