//! Who may write: one row, compared inside every transaction that writes (INV-7).
//!
//! The row names the session that may write, a number that every connection for writing draws anew. A transaction first takes a lock that
//! it shares with others of its kind, then looks at the row; whoever changes the row takes that lock for itself. So a lease changes hands
//! only when no transaction of the old holder is open, and one that arrives later finds another session there.
//!
//! Beside it the holder keeps a lock for as long as its connection lives. Who can take that one knows that the holder's connection is gone,
//! and need not wait until the lease is over.

use super::fault::{fault, is_busy};
use super::link::{Link, value};
use cartwright_app::Fault;
use cartwright_app::ports::{Lease, Swap};
use cartwright_domain::planted::{EngineBug, planted_in_engine};
use parking_lot::Mutex;

/// The first half of the keys of our advisory locks: `CART`.
pub(super) const LOCKS: i32 = 0x4341_5254;

/// The locks of one schema: the second half of their keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Locks {
    /// Shared by transactions that write, alone for who changes the lease.
    pub(super) fence: i32,
    /// Kept by the holder's session.
    pub(super) alive: i32,
    /// Kept while the schema is changed.
    pub(super) schema: i32,
}

impl Locks {
    pub(super) fn of(schema: &str) -> Self {
        // FNV-1a; only two schemas of one database must not meet, and then they merely wait for one another.
        let hash = schema.bytes().fold(0x811C_9DC5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        let base = (hash & 0xFFFF_FFFC).cast_signed();
        Self {
            fence: base,
            alive: base | 1,
            schema: base | 2,
        }
    }
}

/// The step of the schema that makes the row and the look at it.
pub(super) fn tables(locks: Locks) -> String {
    let Locks { fence, .. } = locks;
    format!(
        r#"
CREATE TABLE lease (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    -- The connection that may write.
    session bigint NOT NULL,
    -- Whether it keeps the lock that says that it lives.
    guarded boolean NOT NULL,
    -- Holder, epoch, beat; nothing while one process has the database for itself.
    body json
);
CREATE FUNCTION fence(mine bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({LOCKS}, {fence});
    PERFORM FROM lease WHERE session = mine;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another process writes' USING ERRCODE = 'CW001';
    END IF;
END $$;
"#
    )
}

/// What the session that writes is known by.
#[derive(Debug)]
pub(super) struct Claim {
    seed: i64,
    drawn: i64,
}

impl Claim {
    pub(super) fn new(seed: i64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Of the next connection. The seed is random, so that no other process comes upon the same.
    pub(super) fn next(&mut self) -> i64 {
        self.drawn += 1;
        self.seed.wrapping_add(self.drawn)
    }
}

/// What this process may write, as all its connections see it.
#[derive(Debug)]
pub(super) struct Fence {
    /// Whether several processes use the database, with leases.
    pub(super) is_shared: bool,
    mine: Mutex<Option<i64>>,
}

impl Fence {
    pub(super) fn new(is_shared: bool) -> Self {
        Self {
            is_shared,
            mine: Mutex::new(None),
        }
    }

    pub(super) fn set(&self, session: Option<i64>) {
        *self.mine.lock() = session;
    }

    /// The session under which this process writes; [`Fault::NoLease`] without one.
    pub(super) fn session(&self) -> Result<i64, Fault> {
        self.mine.lock().ok_or(Fault::NoLease)
    }
}

/// The lease as it stands.
pub(super) async fn read(link: &Link) -> Result<Option<Lease>, Fault> {
    let rows = link
        .query("SELECT body::text FROM lease", &[])
        .await
        .map_err(fault)?;
    let body = rows.first().and_then(|row| row.get::<_, Option<String>>(0));
    body.map(|body| serde_json::from_str(&body).map_err(Fault::corrupt))
        .transpose()
}

/// Makes the lease `to` if it is `from`, or if a try of this process was written though it seemed to fail. From then on `session` writes.
pub(super) async fn swap(
    link: &Link,
    locks: Locks,
    from: Option<&Lease>,
    to: &Lease,
    session: i64,
    guarded: bool,
) -> Result<Swap, Fault> {
    let swapped = swap_in(link, locks, from, to, session, guarded).await;
    match swapped {
        Ok(Swap::Done) => link.run("COMMIT").await.map_err(fault)?,
        _ => drop(link.run("ROLLBACK").await),
    }
    match swapped {
        Err(Failed::Said(error)) if is_busy(&error) => Ok(Swap::Busy),
        Err(Failed::Said(error)) => Err(fault(error)),
        Err(Failed::Fault(fault)) => Err(fault),
        Ok(swap) => Ok(swap),
    }
}

enum Failed {
    Said(tokio_postgres::Error),
    Fault(Fault),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Said(error)
    }
}

async fn swap_in(
    link: &Link,
    locks: Locks,
    from: Option<&Lease>,
    to: &Lease,
    session: i64,
    guarded: bool,
) -> Result<Swap, Failed> {
    link.run("BEGIN; SET LOCAL lock_timeout TO '50ms'").await?;
    if !planted_in_engine(EngineBug::LateCommitterSkipped) {
        alone(link, locks).await?;
    }
    let now = read(link).await.map_err(Failed::Fault)?;
    let is_own = now
        .as_ref()
        .is_some_and(|now| now.holder == to.holder && now.epoch == to.epoch);
    if now.as_ref() != from && !is_own {
        return Ok(Swap::Changed);
    }
    let body = serde_json::to_string(to).map_err(|error| Failed::Fault(Fault::corrupt(error)))?;
    put(link, session, guarded, Some(body)).await?;
    Ok(Swap::Done)
}

/// Waits until no transaction that writes is open, and lets none begin before this one ends.
pub(super) async fn alone(link: &Link, locks: Locks) -> Result<(), tokio_postgres::Error> {
    let lock = "SELECT pg_advisory_xact_lock($1, $2)";
    link.query(lock, &[value(LOCKS), value(locks.fence)])
        .await
        .map(drop)
}

pub(super) async fn put(
    link: &Link,
    session: i64,
    guarded: bool,
    body: Option<String>,
) -> Result<(), tokio_postgres::Error> {
    let sql = "INSERT INTO lease (session, guarded, body) VALUES ($1, $2, $3::text::json) ON CONFLICT (only_one) DO UPDATE \
               SET session = excluded.session, guarded = excluded.guarded, \
               body = coalesce(excluded.body, lease.body)";
    link.query(sql, &[value(session), value(guarded), value(body)])
        .await
        .map(drop)
}

/// Takes the lock that says that this session lives, if nobody has it.
pub(super) async fn live(link: &Link, locks: Locks) -> Result<bool, Fault> {
    let lock = "SELECT pg_try_advisory_lock($1, $2)";
    let rows = link
        .query(lock, &[value(LOCKS), value(locks.alive)])
        .await
        .map_err(fault)?;
    Ok(rows.iter().any(|row| row.get(0)))
}

/// Gives it back.
pub(super) async fn rest(link: &Link, locks: Locks) -> Result<(), Fault> {
    let unlock = "SELECT pg_advisory_unlock($1, $2)";
    link.query(unlock, &[value(LOCKS), value(locks.alive)])
        .await
        .map_err(fault)
        .map(drop)
}

/// Whether the lease's holder said that it keeps the lock of the living.
pub(super) async fn is_guarded(link: &Link) -> Result<bool, Fault> {
    let rows = link
        .query("SELECT guarded FROM lease", &[])
        .await
        .map_err(fault)?;
    Ok(rows.iter().any(|row| row.get(0)))
}

/// Ends the sessions that have a lock of ours: those of a holder whose time is over. Their process numbers on the database's machine.
pub(super) async fn end_holders(link: &Link, lock: i32) -> Result<Vec<u32>, Fault> {
    let end = "SELECT pid, pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND classid = $1::int4::oid AND objid = $2::bigint::oid AND objsubid = 2 AND pid <> pg_backend_pid()";
    let object = i64::from(lock.cast_unsigned());
    let rows = link
        .query(end, &[value(LOCKS), value(object)])
        .await
        .map_err(fault)?;
    Ok(rows
        .iter()
        .map(|row| row.get::<_, i32>(0).unsigned_abs())
        .collect())
}
