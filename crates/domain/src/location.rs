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
        *state = Some(Arc::new(Self {
            id: key.clone(),
            details: details.clone(),
            updated_at: at,
            version,
        }));
    }

    fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::cart::samples::{country, store_id};

    fn details(kind: Kind, ships_to: Option<ShipsTo>) -> Details {
        Details {
            name: "Main".into(),
            kind,
            country: country("GB"),
            ships_to,
            priority: 1,
            position: None,
        }
    }

    fn after(state: Option<Store>, details: Details) -> Store {
        let mut state = state.map(Arc::new);
        Store::apply(&mut state, &store_id("main"), &Event::Put(details), Time(4));
        Arc::unwrap_or_clone(state.unwrap_or_else(|| panic!("no location")))
    }

    #[test]
    fn a_location_ships_where_it_says_else_by_its_kind() {
        let only = |codes: &[&str]| {
            let countries = codes.iter().map(|code| country(code));
            Some(ShipsTo::Countries(countries.collect()))
        };
        let rows = [
            (Kind::Store, None, true, false),
            (Kind::Warehouse, None, true, true),
            (Kind::Store, Some(ShipsTo::Everywhere), true, true),
            (Kind::Store, only(&["US"]), false, true),
            (Kind::Warehouse, only(&["DE", "GB"]), true, false),
            (Kind::Warehouse, only(&[]), false, false),
        ];
        for (kind, ships_to, home, away) in rows {
            let store = after(None, details(kind, ships_to));
            assert_eq!(store.ships_to(Some(country("GB"))), home, "{store:?}");
            assert_eq!(store.ships_to(Some(country("US"))), away, "{store:?}");
            assert!(store.ships_to(None));
        }
    }

    #[test]
    fn a_location_changes_only_when_something_is_different() {
        let first = details(Kind::Store, None);
        assert_eq!(put(None, first.clone()), Some(Event::Put(first.clone())));
        let store = after(None, first.clone());
        assert_eq!((&store.id, store.version()), (&store_id("main"), 1));
        assert_eq!((&store.details, store.updated_at), (&first, Time(4)));
        assert_eq!(put(Some(&store), first.clone()), None);
        let other = Details {
            priority: 2,
            ..first
        };
        assert_eq!(
            put(Some(&store), other.clone()),
            Some(Event::Put(other.clone()))
        );
        let changed = after(Some(store), other);
        assert_eq!((changed.details.priority, changed.version()), (2, 2));
    }
}
