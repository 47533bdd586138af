//! Holding stock.

use super::{require_level, require_sku, require_store};
use crate::nouns::{Event, Key};
use crate::shop::{Command, Decided, Moment};
use crate::stores::check_version;
use crate::work::{Stop, Work};
use cartwright_domain::inventory::{self, Asked, Candidate, LevelKey, Reservation, Sourcing};
use cartwright_domain::location::Store;
use cartwright_domain::place::Position;
use cartwright_domain::{Country, Refusal, ReservationId, Sku};
use smol_str::SmolStr;

/// Where the units shall go.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// The country; only locations that ship there are asked.
    pub country: Option<Country>,
    /// Where exactly; the nearest is asked first.
    pub near: Option<Position>,
    /// Whether a line may come from several locations.
    pub sourcing: Sourcing,
}

/// Holds units: all lines or none.
#[derive(Debug)]
pub struct Reserve {
    /// Whose hold it will be.
    pub principal: SmolStr,
    /// The client's name for it.
    pub reference: SmolStr,
    /// Lines of one SKU and store summed, in the order asked.
    pub asked: Vec<Asked>,
    /// How long, in seconds.
    pub ttl_seconds: i64,
    /// Where to.
    pub place: Place,
    /// Most open reservations of this principal; `None`: no limit.
    pub limit: Option<u64>,
    /// The level it is asked of, when it is asked of one.
    pub through: Option<LevelKey>,
    /// The version that level must have; without one, the hold's own, which is 0 as long as it does not exist.
    pub expected_version: Option<u64>,
}

impl Reserve {
    fn level(line: &Asked) -> Option<LevelKey> {
        line.store.clone().map(|store| LevelKey {
            sku: line.sku.clone(),
            store,
        })
    }

    /// The same reference again: the same hold, if the same was asked.
    fn existing(&self, hold: &Reservation) -> Result<Decided, Stop> {
        let sorted = |asked: &[Asked]| {
            let mut asked = asked.to_vec();
            asked.sort();
            asked
        };
        if hold.asked != self.asked && sorted(&hold.asked) != sorted(&self.asked) {
            return Err(Refusal::AlreadyExists {
                resource: "reservation",
                id: self.reference.to_string(),
            }
            .into());
        }
        Ok(Decided {
            events: Vec::new(),
            answer: Key::Reservation(hold.id),
            created: false,
        })
    }

    fn check_limit(&self, work: &Work) -> Result<(), Stop> {
        let open = work.open_holds(&self.principal)?.copied().unwrap_or(0);
        match self.limit {
            Some(limit) if open >= limit => Err(Refusal::ReservationLimit { limit }.into()),
            _ => Ok(()),
        }
    }
}

impl Command for Reserve {
    fn plan(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Reference(
            self.principal.clone(),
            self.reference.clone(),
        ));
        keys.push(Key::OpenHolds(self.principal.clone()));
        for line in &self.asked {
            match Self::level(line) {
                Some(level) => {
                    keys.push(Key::Store(level.store.clone()));
                    keys.push(Key::Level(level));
                }
                None => keys.push(Key::StoresOf(line.sku.clone())),
            }
        }
    }

    fn decide(&self, work: &Work, moment: &mut Moment<'_>) -> Result<Decided, Stop> {
        if let Some(id) = work.reservation_called(&self.principal, &self.reference)? {
            let hold = work
                .reservation(id)?
                .ok_or_else(|| Refusal::not_found("reservation", id))?;
            return self.existing(hold);
        }
        let candidates = self
            .asked
            .iter()
            .map(|line| candidates(work, line))
            .collect::<Result<Vec<_>, _>>()?;
        let version = match &self.through {
            Some(level) => work.level(level)?.map_or(0, |level| level.version),
            None => 0,
        };
        check_version(self.expected_version, version)?;
        self.check_limit(work)?;
        let request = inventory::Reserve {
            id: ReservationId(moment.ids.fresh(moment.now)),
            principal: self.principal.clone(),
            reference: self.reference.clone(),
            asked: self.asked.clone(),
            expires_at: moment.now.plus_seconds(self.ttl_seconds),
            country: self.place.country,
            near: self.place.near,
            sourcing: self.place.sourcing,
        };
        let (held, movements) = inventory::reserve(&request, &candidates)?;
        let mut events = Vec::with_capacity(1 + movements.len());
        events.push(Event::Reservation(request.id, held));
        events.extend(
            movements
                .into_iter()
                .map(|(key, movement)| Event::Level(key, movement)),
        );
        Ok(Decided {
            events,
            answer: Key::Reservation(request.id),
            created: true,
        })
    }
}

/// The locations a line may come from: the one it names, or all that have a level of its SKU.
fn candidates<'a>(work: &'a Work, line: &Asked) -> Result<Vec<Candidate<'a>>, Stop> {
    if let Some(key) = Reserve::level(line) {
        let store = require_store(work, &key.store)?;
        let level = require_level(work, &key)?;
        return Ok(vec![Candidate {
            store,
            level,
            taken: 0,
        }]);
    }
    let found = levels_of(work, &line.sku)?;
    if found.is_empty() {
        require_sku(work, &line.sku)?;
    }
    Ok(found)
}

/// All levels of a SKU with their locations; asks for all that is missing at once.
pub(super) fn levels_of<'a>(work: &'a Work, sku: &Sku) -> Result<Vec<Candidate<'a>>, Stop> {
    let Some(stores) = work.stores_of(sku)? else {
        return Ok(Vec::new());
    };
    let (mut found, mut missing) = (Vec::with_capacity(stores.len()), Vec::new());
    for id in stores.iter() {
        let key = LevelKey {
            sku: sku.clone(),
            store: id.clone(),
        };
        match (work.store(id), work.level(&key)) {
            (Ok(Some(store)), Ok(Some(level))) => found.push(Candidate {
                store: as_ref(store),
                level,
                taken: 0,
            }),
            (store, level) => {
                for stop in [store.err(), level.err()].into_iter().flatten() {
                    if let Stop::Need(keys) = stop {
                        missing.extend(keys);
                    }
                }
            }
        }
    }
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(Stop::Need(missing))
    }
}

fn as_ref(store: &std::sync::Arc<Store>) -> &Store {
    store
}
