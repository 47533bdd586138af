//! The row of a hold. Many are written, each once and hardly ever again: what a column says, the body does not repeat, and
//! what was asked for stands in it only where it is not just what is held.

use super::rows::{bad, made_id};
use cartwright_app::Fault;
use cartwright_app::nouns::Record;
use cartwright_domain::inventory::{Asked, Held, LevelKey, Reservation, State};
use cartwright_domain::{ReservationId, Sku, StoreId, Time};
use rusqlite::Row;
use rusqlite::types::Type;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::sync::Arc;

/// Reads what [`read`] wants.
pub(super) const COLUMNS: &str =
    "SELECT id, version, state, principal, expires_at, body FROM reservations";

/// Reference, lines as SKU, store, quantity and what of it waits, and what was asked for where that differs.
#[derive(Serialize, Deserialize)]
struct Body<'a>(
    Cow<'a, str>,
    Vec<(Cow<'a, Sku>, Cow<'a, StoreId>, i64, i64)>,
    Option<Cow<'a, [Asked]>>,
);

/// The `body` of a hold's row.
pub(super) fn body<'j>(json: &'j mut Vec<u8>, hold: &Reservation) -> Result<&'j str, Fault> {
    let lines = hold.lines.iter();
    let lines = lines.map(|line| {
        let level = &line.level;
        let (sku, store) = (Cow::Borrowed(&level.sku), Cow::Borrowed(&level.store));
        (sku, store, line.quantity, line.backordered)
    });
    let differs = hold.asked != asked(&hold.lines);
    let asked = differs.then_some(Cow::Borrowed(&*hold.asked));
    let reference = Cow::Borrowed(hold.reference.as_str());
    super::puts::encode(json, &Body(reference, lines.collect(), asked))
}

/// What asking for just these lines looks like.
fn asked(lines: &[Held]) -> Vec<Asked> {
    let asked = lines.iter().map(|line| Asked {
        sku: line.level.sku.clone(),
        store: Some(line.level.store.clone()),
        quantity: line.quantity,
    });
    asked.collect()
}

/// The hold of a row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    let text = row.get_ref(5)?.as_str()?;
    let Body(reference, lines, other) =
        serde_json::from_str(text).map_err(|error| bad(5, Type::Text, error))?;
    let lines: Vec<_> = lines
        .into_iter()
        .map(|(sku, store, quantity, backordered)| Held {
            level: LevelKey {
                sku: sku.into_owned(),
                store: store.into_owned(),
            },
            quantity,
            backordered,
        })
        .collect();
    Ok(Record::Reservation(Arc::new(Reservation {
        id: ReservationId(made_id(row, 0)?),
        principal: row.get_ref(3)?.as_str()?.into(),
        reference: SmolStr::from(reference),
        asked: other.map_or_else(|| asked(&lines), Cow::into_owned),
        lines,
        state: state_of(row.get(2)?)
            .ok_or_else(|| rusqlite::Error::IntegralValueOutOfRange(2, 0))?,
        expires_at: Time(row.get(4)?),
        version: row.get::<_, i64>(1)? as u64,
    })))
}

/// As the column `state` spells it: pending is 0, which the index of pending holds asks for.
pub(super) fn state(state: State) -> i64 {
    match state {
        State::Pending => 0,
        State::Confirmed => 1,
        State::Released => 2,
        State::Expired => 3,
    }
}

fn state_of(number: i64) -> Option<State> {
    use State::{Confirmed, Expired, Pending, Released};
    [Pending, Confirmed, Released, Expired]
        .into_iter()
        .find(|of| state(*of) == number)
}
