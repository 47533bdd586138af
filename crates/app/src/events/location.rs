//! Locations.

use super::{Bad, missing};
use cartwright_domain::Country;
use cartwright_domain::location::{Details, Kind, ShipsTo};
use cartwright_domain::place::Position;
use cartwright_proto::events as proto;
use prost::Message;

pub(super) fn put(details: &Details) -> proto::StorePut {
    let ships_to = details.ships_to.as_ref().map(|ships_to| match ships_to {
        ShipsTo::Everywhere => proto::ShipsTo { everywhere: true, countries: Vec::new() },
        ShipsTo::Countries(list) => {
            proto::ShipsTo { everywhere: false, countries: list.iter().map(ToString::to_string).collect() }
        }
    });
    let kind = match details.kind {
        Kind::Store => "store",
        Kind::Warehouse => "warehouse",
    };
    proto::StorePut {
        name: details.name.to_string(),
        kind: kind.to_owned(),
        country: details.country.to_string(),
        ships_to,
        priority: details.priority,
        position: details.position.map(|at| proto::Position { lat: at.lat, lon: at.lon }),
    }
}

pub(super) fn decode(payload: &[u8]) -> Result<Details, Bad> {
    let message = proto::StorePut::decode(payload)?;
    let kind = match message.kind.as_str() {
        "store" => Kind::Store,
        "warehouse" => Kind::Warehouse,
        _ => return Err(missing("kind")),
    };
    let ships_to = match message.ships_to {
        None => None,
        Some(ships_to) if ships_to.everywhere => Some(ShipsTo::Everywhere),
        Some(ships_to) => {
            let countries = ships_to.countries.iter().map(|code| Country::new(code)).collect::<Result<_, _>>()?;
            Some(ShipsTo::Countries(countries))
        }
    };
    Ok(Details {
        name: message.name.into(),
        kind,
        country: Country::new(&message.country)?,
        ships_to,
        priority: message.priority,
        position: message.position.map(|at| Position { lat: at.lat, lon: at.lon }),
    })
}
