//! The row of a hold.

use super::rows::{bad, made_id};
use crate::store::form::hold::{self, Columns};
use crate::store::form::state;
use cartwright_app::nouns::Record;
use cartwright_domain::{ReservationId, Time};
use rusqlite::Row;
use rusqlite::types::Type;
use std::sync::Arc;

/// Reads what [`read`] wants.
pub(super) const COLUMNS: &str =
    "SELECT id, version, state, principal, expires_at, body FROM reservations";

/// The hold of a row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    let text = row.get_ref(5)?.as_str()?;
    let columns = Columns {
        id: ReservationId(made_id(row, 0)?),
        version: row.get::<_, i64>(1)? as u64,
        state: state::hold_of(row.get(2)?)
            .ok_or_else(|| rusqlite::Error::IntegralValueOutOfRange(2, 0))?,
        principal: row.get_ref(3)?.as_str()?.into(),
        expires_at: Time(row.get(4)?),
    };
    let hold = hold::read(columns, text).map_err(|error| bad(5, Type::Text, error))?;
    Ok(Record::Reservation(Arc::new(hold)))
}
