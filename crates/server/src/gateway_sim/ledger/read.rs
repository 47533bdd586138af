//! Reading beside the writer: what is committed, never what is under way.

use super::rows::{self, currency};
use super::schema;
use super::{Ledger, Unavailable};
use crate::gateway_sim::wire::Payment;
use cartwright_domain::{Money, Time};
use rusqlite::{Connection, Result, Row, params};
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Reading connections kept open.
const CONNECTIONS_KEPT: usize = 4;

/// Connections for reading, made as needed.
#[derive(Debug)]
pub struct Reader {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// Money that moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the fields are those of the page")]
pub struct EffectRow {
    pub seq: i64,
    pub at: String,
    pub op: String,
    pub payment_id: String,
    pub reference: String,
    pub key: String,
    pub amount: Money,
    pub metadata: Map<String, Value>,
}

/// A call as it was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the fields are those of the page")]
pub struct CallRow {
    pub seq: i64,
    pub at: String,
    pub op: String,
    pub payment_id: Option<String>,
    pub reference: Option<String>,
    pub key: Option<String>,
    pub amount: Option<Money>,
    pub metadata: Option<Map<String, Value>>,
    pub status: Option<u16>,
    pub fault: Option<String>,
    pub fault_id: Option<String>,
    pub replayed: bool,
}

/// A webhook whose time has come.
#[derive(Debug, Clone)]
pub struct DueWebhook {
    /// Its place.
    pub seq: i64,
    /// Whose payment it is about.
    pub cart_id: Option<String>,
    /// What is sent.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
}

impl Reader {
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            idle: Mutex::default(),
        }
    }

    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => schema::open_reader(&self.file)?,
        };
        let result = read(&connection);
        let mut idle = idle();
        if idle.len() < CONNECTIONS_KEPT {
            idle.push(connection);
        }
        result
    }
}

impl Ledger {
    /// Payments made after another one, oldest first; `None` when that one is unknown.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn payments_after(
        &self,
        after: Option<String>,
        limit: u32,
    ) -> std::result::Result<Option<Vec<Payment>>, Unavailable> {
        self.read(move |connection| rows::payments_after(connection, after.as_deref(), limit))
            .await
    }

    /// Effects after a `seq`, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn effects(
        &self,
        after: i64,
        limit: u32,
    ) -> std::result::Result<Vec<EffectRow>, Unavailable> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT e.seq, e.at, e.op, e.payment_id, p.reference, e.key, e.currency, e.amount, p.metadata
                 FROM effects e JOIN payments p ON p.id = e.payment_id WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2",
            )?;
            statement.query_map(params![after, limit], effect)?.collect()
        })
        .await
    }

    /// Calls after a `seq`, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn calls(
        &self,
        after: i64,
        limit: u32,
    ) -> std::result::Result<Vec<CallRow>, Unavailable> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, at, op, payment_id, reference, key, currency, amount, metadata, status, fault, fault_id, replayed
                 FROM calls WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?;
            statement.query_map(params![after, limit], call)?.collect()
        })
        .await
    }

    /// Webhooks that are due, the longest waiting first, and when the next one will be.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn due_webhooks(
        &self,
        now: i64,
        limit: u32,
    ) -> std::result::Result<(Vec<DueWebhook>, Option<i64>), Unavailable> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, cart_id, body, attempts FROM webhooks
                 WHERE state = 'pending' AND next_at <= ?1 ORDER BY next_at, seq LIMIT ?2",
            )?;
            let read = |row: &Row<'_>| {
                Ok(DueWebhook {
                    seq: row.get(0)?,
                    cart_id: row.get(1)?,
                    body: row.get(2)?,
                    attempts: row.get(3)?,
                })
            };
            let due = statement
                .query_map(params![now, limit], read)?
                .collect::<Result<_>>()?;
            let next = connection
                .prepare_cached(
                    "SELECT min(next_at) FROM webhooks WHERE state = 'pending' AND next_at > ?1",
                )?
                .query_row([now], |row| row.get(0))?;
            Ok((due, next))
        })
        .await
    }
}

fn effect(row: &Row<'_>) -> Result<EffectRow> {
    Ok(EffectRow {
        seq: row.get(0)?,
        at: Time(row.get(1)?).to_string(),
        op: row.get(2)?,
        payment_id: row.get(3)?,
        reference: row.get(4)?,
        key: row.get(5)?,
        amount: Money::new(row.get(7)?, currency(row, 6)?),
        metadata: rows::metadata(row, 8)?,
    })
}

fn call(row: &Row<'_>) -> Result<CallRow> {
    let minor: Option<i64> = row.get(7)?;
    let written: Option<String> = row.get(8)?;
    Ok(CallRow {
        seq: row.get(0)?,
        at: Time(row.get(1)?).to_string(),
        op: row.get(2)?,
        payment_id: row.get(3)?,
        reference: row.get(4)?,
        key: row.get(5)?,
        amount: minor
            .map(|minor| currency(row, 6).map(|currency| Money::new(minor, currency)))
            .transpose()?,
        metadata: written.map(|_| rows::metadata(row, 8)).transpose()?,
        status: row.get(9)?,
        fault: row.get(10)?,
        fault_id: row.get(11)?,
        replayed: row.get(12)?,
    })
}
