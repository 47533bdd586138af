//! Rows as the values that they are.

use super::text::given;
use crate::store::form;
use cartwright_app::Fault;
use cartwright_app::nouns::Record;
use cartwright_domain::inventory::{Level, LevelKey};
use cartwright_domain::{ReservationId, Time};
use serde::de::DeserializeOwned;
use smol_str::SmolStr;
use std::sync::Arc;
use tokio_postgres::Row;
use uuid::Uuid;

/// Reads a row of a noun.
pub(super) type Read = fn(&Row) -> Result<Record, Fault>;

/// What [`level`] reads.
pub(super) const LEVEL: &str = "sku, store, version, on_hand, reserved, allocated, granted, backordered, updated_at, more::text";
/// What [`reservation`] reads.
pub(super) const RESERVATION: &str = "id, version, state, principal, expires_at, body::text";

/// A column that does not hold what it should is damage.
fn cell<'r, T: tokio_postgres::types::FromSql<'r>>(
    row: &'r Row,
    column: usize,
) -> Result<T, Fault> {
    row.try_get(column).map_err(Fault::corrupt)
}

pub(super) fn id(row: &Row, column: usize) -> Result<u128, Fault> {
    Ok(cell::<Uuid>(row, column)?.as_u128())
}

pub(super) fn number(row: &Row, column: usize) -> Result<u64, Fault> {
    Ok(cell::<i64>(row, column)?.cast_unsigned())
}

pub(super) fn whole(row: &Row, column: usize) -> Result<i64, Fault> {
    cell(row, column)
}

pub(super) fn bytes(row: &Row, column: usize) -> Result<&[u8], Fault> {
    cell(row, column)
}

pub(super) fn time(row: &Row, column: usize) -> Result<Time, Fault> {
    cell(row, column).map(Time)
}

/// A text that a caller chose.
pub(super) fn text(row: &Row, column: usize) -> Result<SmolStr, Fault> {
    Ok(SmolStr::from(given(cell(row, column)?)))
}

/// A text with a form of its own.
pub(super) fn parsed<T, E: std::fmt::Display>(
    row: &Row,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Fault> {
    parse(cell(row, column)?).map_err(Fault::corrupt)
}

/// The JSON of a body.
pub(super) fn body<T: DeserializeOwned>(row: &Row, column: usize) -> Result<Arc<T>, Fault> {
    serde_json::from_str(cell(row, column)?)
        .map(Arc::new)
        .map_err(Fault::corrupt)
}

/// A level of [`LEVEL`].
pub(super) fn level(row: &Row) -> Result<Record, Fault> {
    let more = form::level::read(cell(row, 9)?).map_err(Fault::corrupt)?;
    Ok(Record::Level(Arc::new(Level {
        key: LevelKey {
            sku: parsed(row, 0, cartwright_domain::Sku::new)?,
            store: parsed(row, 1, cartwright_domain::StoreId::new)?,
        },
        version: number(row, 2)?,
        on_hand: whole(row, 3)?,
        reserved: whole(row, 4)?,
        allocated: whole(row, 5)?,
        granted: whole(row, 6)?,
        backordered: whole(row, 7)?,
        updated_at: time(row, 8)?,
        settings: more.settings,
        waiting: more.waiting.into_owned(),
        shortage: more.shortage,
    })))
}

/// A hold of [`RESERVATION`].
pub(super) fn reservation(row: &Row) -> Result<Record, Fault> {
    let state = form::state::hold_of(whole(row, 2)?);
    let columns = form::hold::Columns {
        id: ReservationId(id(row, 0)?),
        version: number(row, 1)?,
        state: state.ok_or_else(|| Fault::corrupt("a hold in an unknown state"))?,
        principal: text(row, 3)?,
        expires_at: time(row, 4)?,
    };
    let hold = form::hold::read(columns, cell(row, 5)?).map_err(Fault::corrupt)?;
    Ok(Record::Reservation(Arc::new(hold)))
}

macro_rules! bodies {
    ($($name:ident => $record:ident),* $(,)?) => {
        $(
            /// A row of a body alone.
            pub(super) fn $name(row: &Row) -> Result<Record, Fault> {
                body(row, 0).map(Record::$record)
            }
        )*
    };
}

bodies! {
    product => Product,
    store => Store,
    transfer => Transfer,
    cart => Cart,
    checkout => Checkout,
    payment => Payment,
    order => Order,
    wallet => Wallet,
    wallet_entry => WalletEntry,
    api_key => ApiKey,
    webhook_endpoint => WebhookEndpoint,
    dead_letter => DeadLetter,
    contact => Contact,
    instrument => Instrument,
}
