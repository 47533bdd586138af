//! What can be had of a SKU: the same function that a hold is sourced with.

use crate::fault::Fault;
use crate::nouns::{Key, Record};
use crate::shop::Shop;
use cartwright_domain::inventory::{Candidate, Held, Level, LevelKey, Sourcing, available};
use cartwright_domain::{Country, Sku, StoreId};
use std::sync::Arc;

/// What can be had of one SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// Which SKU.
    pub sku: Sku,
    /// Units.
    pub available: i64,
    /// Where most of them are; `None` when no allowed location has a level.
    pub store: Option<StoreId>,
}

/// What can be had of a SKU for a country (`None`: wherever), over all locations or at one. `own`: what the asker holds already
/// and would give back. A committed read.
pub async fn availability(
    shop: &Shop,
    sku: &Sku,
    country: Option<Country>,
    store: Option<&StoreId>,
    sourcing: Sourcing,
    own: &[Held],
) -> Result<Availability, Fault> {
    let stores = match store {
        Some(store) => Arc::new(vec![store.clone()]),
        None => match shop.find(&Key::StoresOf(sku.clone())).await? {
            Some(Record::Stores(stores)) => stores,
            _ => Arc::default(),
        },
    };
    let mut found = Vec::with_capacity(stores.len());
    for id in stores.iter() {
        let level = shop
            .find(&Key::Level(LevelKey {
                sku: sku.clone(),
                store: id.clone(),
            }))
            .await?;
        let at = shop.find(&Key::Store(id.clone())).await?;
        if let (Some(Record::Level(level)), Some(Record::Store(at))) = (level, at) {
            found.push((level, at));
        }
    }
    let candidates: Vec<_> = found
        .iter()
        .map(|(level, at)| Candidate {
            store: at,
            level,
            taken: -held(own, level),
        })
        .collect();
    let country = if store.is_some() { None } else { country };
    let (units, place) = available(&candidates, country, sourcing);
    Ok(Availability {
        sku: sku.clone(),
        available: units,
        store: place,
    })
}

fn held(own: &[Held], level: &Level) -> i64 {
    let there = own.iter().filter(|held| held.level == level.key);
    there.map(|held| held.quantity).sum()
}
