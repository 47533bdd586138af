//! Stock: commands on levels, holds and transfers, and the availability that carts are checked against.

mod availability;
mod exchange;
mod levels;
mod reserve;
mod settle;
mod take;
mod transfers;

pub use availability::{Availability, availability};
pub(crate) use exchange::{exchange, stocked};
pub use levels::{AcceptShortage, Adjust, Configure, Count};
pub use reserve::{Place, Reserve};
pub(crate) use settle::levels_held;
pub use settle::{CHECKOUT, Expire, Extend, Settle};
pub use take::Take;
pub use transfers::{EndTransfer, StartTransfer, TransferEnd};

use crate::nouns::{Event, Key};
use crate::work::{Stop, Work};
use cartwright_domain::inventory::{Level, LevelKey, Movement, ReservationEvent};
use cartwright_domain::location::Store;
use cartwright_domain::{Refusal, Sku, StoreId};
use std::sync::Arc;

fn require_store<'a>(work: &'a Work, store: &StoreId) -> Result<&'a Arc<Store>, Stop> {
    Ok(work
        .store(store)?
        .ok_or_else(|| Refusal::not_found("store", store))?)
}

fn require_sku(work: &Work, sku: &Sku) -> Result<(), Stop> {
    work.product_of(sku)?
        .ok_or_else(|| Refusal::not_found("variant", sku))?;
    Ok(())
}

/// The level, once its SKU and its location are known to exist.
fn require_level<'a>(work: &'a Work, key: &LevelKey) -> Result<&'a Arc<Level>, Stop> {
    if let Some(level) = work.level(key)? {
        return Ok(level);
    }
    require_store(work, &key.store)?;
    require_sku(work, &key.sku)?;
    Err(Refusal::not_found("level", format!("{} at {}", key.sku, key.store)).into())
}

fn plan_level(keys: &mut Vec<Key>, key: &LevelKey) {
    keys.push(Key::Level(key.clone()));
}

/// A movement, and what it gave to the holds that wait.
pub(crate) fn moved(key: LevelKey, movement: Movement) -> Vec<Event> {
    let fills = movement.fills.iter().map(|(id, quantity)| {
        Event::Reservation(
            *id,
            ReservationEvent::Filled {
                level: key.clone(),
                quantity: *quantity,
            },
        )
    });
    let mut events: Vec<Event> = fills.collect();
    events.insert(0, Event::Level(key, movement));
    events
}
