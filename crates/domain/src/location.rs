//! Locations: stores and warehouses, where they are and where they ship to.

use crate::entity::Entity;
use crate::place::Position;
use crate::{Country, StoreId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// What a location is; decides where it ships to when nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Ships within its own country.
    Store,
    /// Ships everywhere.
    Warehouse,
}

/// Where a location ships to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShipsTo {
    /// Every country.
    Everywhere,
    /// These countries.
    Countries(Vec<Country>),
}

/// What a client says of a location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// For people.
    pub name: SmolStr,
    /// Store or warehouse.
    pub kind: Kind,
    /// Where it stands.
    pub country: Country,
    /// Where it ships to; `None`: by its kind.
    pub ships_to: Option<ShipsTo>,
    /// Lower is asked first.
    pub priority: i32,
    /// Where exactly.
    pub position: Option<Position>,
}

/// A store or a warehouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// Chosen by the client.
    pub id: StoreId,
    /// What the client says of it.
    pub details: Details,
    /// When it was last changed.
    pub updated_at: Time,
    /// Raised by each change.
    pub version: u64,
}

impl Store {
    /// Whether it ships to a country (`None`: nobody asked where to).
    pub fn ships_to(&self, country: Option<Country>) -> bool {
        let Some(country) = country else { return true };
        match (&self.details.ships_to, self.details.kind) {
            (Some(ShipsTo::Everywhere), _) | (None, Kind::Warehouse) => true,
            (Some(ShipsTo::Countries(countries)), _) => countries.contains(&country),
            (None, Kind::Store) => self.details.country == country,
        }
    }
}

/// What happens to a location.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It was created, or its details were replaced.
    Put(Details),
}

/// Puts a location: nothing changes when the details are the same.
pub fn put(current: Option<&Store>, details: Details) -> Option<Event> {
    let same = current.is_some_and(|store| store.details == details);
    (!same).then_some(Event::Put(details))
}

impl Entity for Store {
    type Key = StoreId;
    type Event = Event;

    fn apply(state: &mut Option<Arc<Self>>, key: &StoreId, event: &Event, at: Time) {
        let Event::Put(details) = event;
        let version = state.as_ref().map_or(0, |store| store.version) + 1;
        *state = Some(Arc::new(Self { id: key.clone(), details: details.clone(), updated_at: at, version }));
    }

    fn version(&self) -> u64 {
        self.version
    }
}
