//! The statements: one a function.

use super::Sent;
use crate::gateway_sim::wire::{Op, Payment, State};
use cartwright_domain::{Currency, Money, Time};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use serde_json::{Map, Value};

/// Calls that are remembered.
const CALLS_KEPT: i64 = 1_000_000;

/// A call as it came and as it was answered.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// What it wanted.
    pub op: Op,
    /// Of which payment, if it is known.
    pub payment_id: Option<String>,
    /// The shop's id of the payment, if it is known.
    pub reference: Option<String>,
    /// Its idempotency key.
    pub key: Option<String>,
    /// The amount it named, or that was moved.
    pub amount: Option<Money>,
    /// What the shop wrote on the payment.
    pub metadata: Option<String>,
    /// The status that was sent; `None` when nothing was.
    pub status: Option<u16>,
    /// Kind and id of the fault that struck.
    pub fault: Option<(&'static str, String)>,
    /// Whether a kept answer was repeated.
    pub replayed: bool,
}

/// A kept answer.
pub(super) struct KeptAnswer {
    pub(super) hash: Vec<u8>,
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) payment_id: Option<String>,
}

const PAYMENT: &str = "SELECT id, reference, state, currency, amount, captured, refunded, code, brand, last4, metadata, created_at FROM payments";

fn damaged(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.to_owned().into())
}

/// A currency column.
pub(super) fn currency(row: &Row<'_>, column: usize) -> Result<Currency> {
    Currency::new(row.get_ref(column)?.as_str()?).map_err(|_| damaged(column, "a currency"))
}

/// A metadata column.
pub(super) fn metadata(row: &Row<'_>, column: usize) -> Result<Map<String, Value>> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|_| damaged(column, "metadata"))
}

fn read_payment(row: &Row<'_>) -> Result<Payment> {
    Ok(Payment {
        id: row.get(0)?,
        reference: row.get(1)?,
        state: State::parse(row.get_ref(2)?.as_str()?).ok_or_else(|| damaged(2, "a state"))?,
        amount: Money::new(row.get(4)?, currency(row, 3)?),
        captured: row.get(5)?,
        refunded: row.get(6)?,
        code: row.get(7)?,
        card: (row.get(8)?, row.get(9)?),
        metadata: metadata(row, 10)?,
        created_at: Time(row.get(11)?),
    })
}

pub(super) fn payment(connection: &Connection, id: &str) -> Result<Option<Payment>> {
    let mut statement = connection.prepare_cached(&format!("{PAYMENT} WHERE id = ?1"))?;
    statement.query_row([id], read_payment).optional()
}

pub(super) fn of_reference(connection: &Connection, reference: &str) -> Result<Vec<Payment>> {
    let mut statement =
        connection.prepare_cached(&format!("{PAYMENT} WHERE reference = ?1 ORDER BY seq"))?;
    statement.query_map([reference], read_payment)?.collect()
}

/// Payments made after another one, oldest first; `None` when that one is unknown.
pub(super) fn payments_after(
    connection: &Connection,
    after: Option<&str>,
    limit: u32,
) -> Result<Option<Vec<Payment>>> {
    let seq = match after {
        None => Some(0),
        Some(id) => connection
            .prepare_cached("SELECT seq FROM payments WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, i64>(0))
            .optional()?,
    };
    let Some(seq) = seq else { return Ok(None) };
    let mut statement =
        connection.prepare_cached(&format!("{PAYMENT} WHERE seq > ?1 ORDER BY seq LIMIT ?2"))?;
    statement
        .query_map(params![seq, limit], read_payment)?
        .collect::<Result<_>>()
        .map(Some)
}

pub(super) fn insert_payment(connection: &Connection, payment: &Payment) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO payments (id, reference, state, currency, amount, captured, refunded, code, brand, last4, metadata, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    statement.execute(params![
        payment.id,
        payment.reference,
        payment.state.name(),
        payment.amount.currency.code(),
        payment.amount.minor,
        payment.captured,
        payment.refunded,
        payment.code,
        payment.card.0,
        payment.card.1,
        Value::Object(payment.metadata.clone()).to_string(),
        payment.created_at.0,
    ])?;
    Ok(())
}

pub(super) fn update_payment(connection: &Connection, payment: &Payment) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE payments SET state = ?2, captured = ?3, refunded = ?4 WHERE id = ?1",
    )?;
    statement.execute(params![
        payment.id,
        payment.state.name(),
        payment.captured,
        payment.refunded
    ])?;
    Ok(())
}

pub(super) fn insert_effect(
    connection: &Connection,
    now: i64,
    op: Op,
    payment_id: &str,
    key: &str,
    amount: Money,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO effects (at, op, payment_id, key, currency, amount) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    statement.execute(params![
        now,
        op.name(),
        payment_id,
        key,
        amount.currency.code(),
        amount.minor
    ])?;
    Ok(())
}

pub(super) fn kept(connection: &Connection, key: &str) -> Result<Option<KeptAnswer>> {
    let mut statement = connection
        .prepare_cached("SELECT hash, status, body, payment_id FROM keys WHERE key = ?1")?;
    let read = |row: &Row<'_>| {
        Ok(KeptAnswer {
            hash: row.get(0)?,
            status: row.get(1)?,
            body: row.get(2)?,
            payment_id: row.get(3)?,
        })
    };
    statement.query_row([key], read).optional()
}

pub(super) fn keep(connection: &Connection, key: &str, answer: &KeptAnswer) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO keys (key, hash, status, body, payment_id) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![
        key,
        answer.hash,
        answer.status,
        answer.body,
        answer.payment_id
    ])?;
    Ok(())
}

pub(super) fn forget(connection: &Connection, key: &str) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM keys WHERE key = ?1")?
        .execute([key])?;
    Ok(())
}

pub(super) fn bar(connection: &Connection, reference: &str) -> Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO barred (reference) VALUES (?1)")?
        .execute([reference])?;
    Ok(())
}

pub(super) fn is_barred(connection: &Connection, reference: &str) -> Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM barred WHERE reference = ?1")?
        .exists([reference])
}

pub(super) fn insert_call(connection: &Connection, now: i64, call: &CallRecord) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO calls (at, op, payment_id, reference, key, currency, amount, metadata, status, fault, fault_id, replayed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    statement.execute(params![
        now,
        call.op.name(),
        call.payment_id,
        call.reference,
        call.key,
        call.amount.as_ref().map(|amount| amount.currency.code()),
        call.amount.map(|amount| amount.minor),
        call.metadata,
        call.status,
        call.fault.as_ref().map(|(kind, _)| *kind),
        call.fault.as_ref().map(|(_, id)| id),
        call.replayed,
    ])?;
    Ok(())
}

/// Keeps the newest [`CALLS_KEPT`].
pub(super) fn forget_old_calls(connection: &Connection) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM calls WHERE seq <= (SELECT max(seq) FROM calls) - ?1")?
        .execute([CALLS_KEPT])?;
    Ok(())
}

pub(super) fn insert_webhook(
    connection: &Connection,
    now: i64,
    id: &str,
    cart: Option<&str>,
    body: &str,
) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO webhooks (id, cart_id, body, state, attempts, next_at) VALUES (?1, ?2, ?3, 'pending', 0, ?4)",
    )?;
    statement.execute(params![id, cart, body, now])?;
    Ok(())
}

pub(super) fn webhook_sent(connection: &Connection, seq: i64, sent: Sent) -> Result<()> {
    let (state, next_at) = match sent {
        Sent::Delivered => ("delivered", 0),
        Sent::Dropped => ("dropped", 0),
        Sent::Again(at) => ("pending", at),
        Sent::GivenUp => ("given_up", 0),
    };
    let mut statement = connection.prepare_cached(
        "UPDATE webhooks SET state = ?2, next_at = ?3, attempts = attempts + 1 WHERE seq = ?1",
    )?;
    statement.execute(params![seq, state, next_at])?;
    Ok(())
}

pub(super) fn resend(connection: &Connection, id: Option<&str>, now: i64) -> Result<u64> {
    let set = "UPDATE webhooks SET state = 'pending', attempts = 0, next_at = ?1";
    let changed = match id {
        None => connection.execute(set, [now])?,
        Some(id) => connection.execute(&format!("{set} WHERE id = ?2"), params![now, id])?,
    };
    Ok(changed as u64)
}
