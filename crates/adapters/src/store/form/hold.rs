//! The row of a hold. Many are written, each once and hardly ever again: what a column says, the body does not repeat, and
//! what was asked for stands in it only where it is not just what is held.

use super::encode;
use cartwright_app::Fault;
use cartwright_domain::inventory::{Asked, Held, LevelKey, Reservation, State};
use cartwright_domain::{ReservationId, Sku, StoreId, Time};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::borrow::Cow;

/// Reference, lines as SKU, store, quantity and what of it waits, and what was asked for where that differs.
#[derive(Serialize, Deserialize)]
struct Body<'a>(
    Cow<'a, str>,
    Vec<(Cow<'a, Sku>, Cow<'a, StoreId>, i64, i64)>,
    Option<Cow<'a, [Asked]>>,
);

/// What the columns of its row say.
pub(in crate::store) struct Columns {
    pub(in crate::store) id: ReservationId,
    pub(in crate::store) version: u64,
    pub(in crate::store) state: State,
    pub(in crate::store) principal: SmolStr,
    pub(in crate::store) expires_at: Time,
}

/// The `body` of a hold's row.
pub(in crate::store) fn body<'j>(
    json: &'j mut Vec<u8>,
    hold: &Reservation,
) -> Result<&'j str, Fault> {
    let lines = hold.lines.iter();
    let lines = lines.map(|line| {
        let level = &line.level;
        let (sku, store) = (Cow::Borrowed(&level.sku), Cow::Borrowed(&level.store));
        (sku, store, line.quantity, line.backordered)
    });
    let differs = hold.asked != asked(&hold.lines);
    let asked = differs.then_some(Cow::Borrowed(&*hold.asked));
    let reference = Cow::Borrowed(hold.reference.as_str());
    encode(json, &Body(reference, lines.collect(), asked))
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

/// The hold of a row.
pub(in crate::store) fn read(columns: Columns, body: &str) -> serde_json::Result<Reservation> {
    let Body(reference, lines, other) = serde_json::from_str(body)?;
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
    Ok(Reservation {
        id: columns.id,
        principal: columns.principal,
        reference: SmolStr::from(reference),
        asked: other.map_or_else(|| asked(&lines), Cow::into_owned),
        lines,
        state: columns.state,
        expires_at: columns.expires_at,
        version: columns.version,
    })
}
