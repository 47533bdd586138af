//! Taking the steps of the schema, up and down, while processes use it.
//!
//! A step that changes something at once is one transaction. It waits for a lock only as long as everybody may wait who then stands behind
//! it, gives up, lets them pass and tries again: somebody who reads for an hour keeps the step out, and nobody else. A step that takes its
//! time stands beside the shop (`Kind::Beside`), statement by statement.
//!
//! Each connection of a process keeps a lock that says which steps its program cannot do without. What somebody needs is not taken back.

use super::fault::{fault, is_busy, is_passing};
use super::lease::{LOCKS, Locks};
use super::link::{Io, Link, value};
use super::open::{Address, LOCK_TIMEOUT, OpenError};
use crate::store::schema::{CONCURRENTLY, Direction, Kind, Step, THEN};
use cartwright_app::Fault;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Error;

/// So long all steps together may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);
/// So long a transaction waits for a lock, with all who want one of the same table behind it.
const LOCK_MS: u64 = 200;
/// Until it tries again, and the others pass.
const PAUSE: Duration = Duration::from_millis(600);
/// So often: for a minute.
const TRIES: u32 = 75;
/// Between two looks whether the other one is done. A statement that waited would stand in the way of `CONCURRENTLY`.
const LOOK: Duration = Duration::from_millis(20);
/// So often: for a minute.
const LOOKS: u32 = 3_000;
/// So long a statement of such a transaction may take while others use the schema: its locks keep them out.
const AT_ONCE_MS: u64 = 3_000;
/// The first half of the keys of the locks that say what is needed, to which the number of steps is added: `CAN`.
const NEEDS: i32 = 0x4341_4E00;

/// Why the steps could not be taken.
#[derive(Debug, thiserror::Error)]
#[error(
    "schema step {step} ({name}) failed and changed nothing; those before it were taken: {fault}{hint}"
)]
pub struct MigrateError {
    step: i64,
    name: &'static str,
    fault: Fault,
    hint: String,
}

/// What a connection of a process keeps whose program cannot do without so many steps.
pub(super) fn keep_needed(locks: Locks, needed: i64) -> String {
    let Locks { schema, .. } = locks;
    let needs = needs(needed);
    format!("SELECT pg_advisory_lock_shared({needs}, {schema})")
}

fn needs(steps: i64) -> i32 {
    NEEDS + i32::try_from(steps).unwrap_or_default().clamp(0, 0xFF)
}

enum Stopped {
    Newer(i64),
    Needed(i64),
    At(MigrateError),
    Fault(Fault),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Fault(fault(error))
    }
}

/// Takes the steps that a program knows, up to the last one or down.
pub(super) fn take(
    io: &Io,
    link: &Arc<Link>,
    address: &Address,
    steps: Vec<Step>,
    direction: Direction,
) -> Result<(), OpenError> {
    let (locks, link, known) = (Locks::of(&address.schema), link.clone(), steps.len() as i64);
    let taken = io.wait(PATIENCE, async move {
        let locked = alone(&link, locks).await?;
        if !locked {
            let late = "another process has been changing the schema for a minute";
            return Err(Fault::Unavailable(late.to_owned()));
        }
        let walk = Walk { link, locks, steps };
        let taken = walk.go(direction).await;
        // A connection that broke has given it back.
        let asked = [value(LOCKS), value(locks.schema)];
        let unlock = "SELECT pg_advisory_unlock($1, $2)";
        drop(walk.link.query(unlock, &asked).await);
        Ok(taken)
    });
    let at = || address.shown.clone();
    match taken {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Stopped::Newer(found))) => Err(OpenError::Newer {
            at: at(),
            found,
            known,
        }),
        Ok(Err(Stopped::Needed(step))) => Err(OpenError::Needed { at: at(), step }),
        Ok(Err(Stopped::At(error))) => Err(OpenError::Migrate(Box::new(error))),
        Ok(Err(Stopped::Fault(fault))) | Err(fault) => Err(OpenError::Failed { at: at(), fault }),
    }
}

/// Steps taken so far.
pub(super) fn current(io: &Io, link: &Arc<Link>, address: &Address) -> Result<i64, OpenError> {
    let asked = link.clone();
    let standing = io.wait(
        PATIENCE,
        async move { standing(&asked).await.map_err(fault) },
    );
    let standing = standing.map_err(|fault| OpenError::Failed {
        at: address.shown.clone(),
        fault,
    })?;
    Ok(standing.taken)
}

#[derive(Debug, Default, Clone, Copy)]
struct Standing {
    taken: i64,
    /// Steps that a program knows at least that can use it.
    oldest: i64,
}

async fn standing(link: &Link) -> Result<Standing, Error> {
    let exists = "SELECT to_regclass('schema_steps') IS NOT NULL";
    let rows = link.query_once(exists).await?;
    if !rows.iter().any(|row| row.get(0)) {
        return Ok(Standing::default());
    }
    // Programs that know nothing of `oldest` refuse whatever is newer.
    let look =
        "SELECT taken, coalesce((to_jsonb(it) ->> 'oldest')::bigint, taken) FROM schema_steps it";
    let rows = link.query_once(look).await?;
    let standing = rows.first().map(|row| Standing {
        taken: row.get(0),
        oldest: row.get(1),
    });
    Ok(standing.unwrap_or_default())
}

/// Keeps the schema for this session; false when another one keeps it for too long.
async fn alone(link: &Link, locks: Locks) -> Result<bool, Fault> {
    let lock = "SELECT pg_try_advisory_lock($1, $2)";
    for _ in 0..LOOKS {
        let asked = [value(LOCKS), value(locks.schema)];
        let rows = link.query(lock, &asked).await.map_err(fault)?;
        if rows.iter().any(|row| row.get(0)) {
            return Ok(true);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(false)
}

/// One walk up or down.
struct Walk {
    link: Arc<Link>,
    locks: Locks,
    steps: Vec<Step>,
}

impl Walk {
    async fn go(&self, direction: Direction) -> Result<(), Stopped> {
        let known = self.steps.len() as i64;
        let Standing { taken, oldest } = standing(&self.link).await?;
        let to = match direction {
            // A version after this one was here, and has left what this one needs.
            Direction::Up if taken > known && oldest <= known => return Ok(()),
            Direction::Up | Direction::Down { .. } if taken > known => {
                return Err(Stopped::Newer(taken));
            }
            Direction::Up => known,
            Direction::Down { to } => to.clamp(0, taken),
        };
        if to < taken {
            self.nobody_needs(to, taken).await?;
        }
        if taken == 0 {
            return self.all_at_once(to).await;
        }
        for number in taken + 1..=to {
            self.one(number, true).await?;
        }
        for number in (to + 1..=taken).rev() {
            self.one(number, false).await?;
        }
        Ok(())
    }

    /// Keeps out processes that need more than `to` steps; refused when there is one.
    async fn nobody_needs(&self, to: i64, taken: i64) -> Result<(), Stopped> {
        let lock = "SELECT pg_try_advisory_lock($1, $2)";
        for number in to + 1..=taken {
            let asked = [value(needs(number)), value(self.locks.schema)];
            let rows = self.link.query(lock, &asked).await?;
            if !rows.iter().any(|row| row.get(0)) {
                return Err(Stopped::Needed(number));
            }
        }
        Ok(())
    }

    /// In an empty schema, where nobody is.
    async fn all_at_once(&self, to: i64) -> Result<(), Stopped> {
        if to == 0 {
            return Ok(());
        }
        let mut failed = None;
        let done = async {
            self.link.run("BEGIN").await?;
            for number in 1..=to {
                let sql = self.sql(number, true).replace(CONCURRENTLY, "");
                self.link
                    .run(&sql)
                    .await
                    .inspect_err(|_| failed = Some(number))?;
            }
            self.link.run(&self.note(to)).await?;
            self.link.run("COMMIT").await
        };
        let done = done.await;
        let Err(error) = done else {
            return Ok(());
        };
        drop(self.link.run("ROLLBACK").await);
        Err(match failed {
            Some(number) => self.stopped(number, error, String::new()),
            None => error.into(),
        })
    }

    /// Up to this one, or back from it.
    async fn one(&self, number: i64, is_up: bool) -> Result<(), Stopped> {
        let (sql, left) = (self.sql(number, is_up), number - i64::from(!is_up));
        if self.step(number).is_some_and(|it| it.kind == Kind::Beside) {
            let done = self.beside(&sql).await;
            done.map_err(|error| self.stopped(number, error, String::new()))?;
            return Ok(self.link.run(&self.note(left)).await?);
        }
        let mut tries = 1;
        let all = format!("{sql};\n{}", self.note(left));
        loop {
            let Err(error) = self.at_once(&all).await else {
                return Ok(());
            };
            drop(self.link.run("ROLLBACK").await);
            let is_kept_out = is_busy(&error) || is_passing(&error);
            if !is_kept_out || tries == TRIES {
                let hint = if is_kept_out {
                    self.in_the_way().await
                } else {
                    String::new()
                };
                return Err(self.stopped(number, error, hint));
            }
            tracing::info!(
                step = number,
                "a table is in use; the step lets others pass and tries again"
            );
            tries += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn beside(&self, sql: &str) -> Result<(), Error> {
        // It may wait for whoever reads: nobody stands behind it.
        self.link.run("SET lock_timeout TO 0").await?;
        for statement in sql.split(THEN) {
            self.link.run(statement).await?;
        }
        self.link.run(LOCK_TIMEOUT).await
    }

    async fn at_once(&self, sql: &str) -> Result<(), Error> {
        let limit = if self.is_used().await? { AT_ONCE_MS } else { 0 };
        let begin = format!(
            "BEGIN; SET LOCAL lock_timeout TO {LOCK_MS}; SET LOCAL statement_timeout TO {limit}"
        );
        self.link.run(&begin).await?;
        for statement in sql.split(THEN) {
            self.link.run(statement).await?;
        }
        self.link.run("COMMIT").await
    }

    /// Whether a process runs on the schema.
    async fn is_used(&self) -> Result<bool, Error> {
        let look = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 \
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
                    AND (classid::bigint & x'FFFFFF00'::bigint) = $1 AND objid = $2::bigint::oid AND pid <> pg_backend_pid())";
        let object = i64::from(self.locks.schema.cast_unsigned());
        let asked = [value(i64::from(NEEDS)), value(object)];
        let rows = self.link.query(look, &asked).await?;
        Ok(rows.iter().any(|row| row.get(0)))
    }

    /// Whose transaction has been open for the longest time.
    async fn in_the_way(&self) -> String {
        let look = "SELECT pid, application_name, extract(epoch FROM now() - xact_start)::bigint FROM pg_stat_activity \
                    WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid() ORDER BY xact_start LIMIT 1";
        let rows = self.link.query_once(look).await.unwrap_or_default();
        rows.first().map_or_else(String::new, |row| {
            let (pid, name, seconds): (i32, String, i64) = (row.get(0), row.get(1), row.get(2));
            format!("; the oldest transaction is that of PostgreSQL's process {pid} ({name}), open for {seconds} s: let it end, then try again")
        })
    }

    fn step(&self, number: i64) -> Option<&Step> {
        let place = usize::try_from(number - 1).ok()?;
        self.steps.get(place)
    }

    fn sql(&self, number: i64, is_up: bool) -> String {
        let sql = self
            .step(number)
            .map_or("", |it| if is_up { it.up } else { it.down });
        if number == 1 && is_up {
            return format!("{sql};\n{}", super::lease::tables(self.locks));
        }
        sql.to_owned()
    }

    /// Writes down that so many steps were taken.
    fn note(&self, taken: i64) -> String {
        let left = self
            .steps
            .iter()
            .take(usize::try_from(taken).unwrap_or_default());
        let oldest = left.map(Step::oldest).max().unwrap_or_default();
        format!(
            "CREATE TABLE IF NOT EXISTS schema_steps (taken bigint NOT NULL); \
             ALTER TABLE schema_steps ADD COLUMN IF NOT EXISTS oldest bigint NOT NULL DEFAULT 0; \
             DELETE FROM schema_steps; INSERT INTO schema_steps (taken, oldest) VALUES ({taken}, {oldest})"
        )
    }

    fn stopped(&self, number: i64, error: Error, hint: String) -> Stopped {
        Stopped::At(MigrateError {
            step: number,
            name: self.step(number).map_or("", |it| it.name),
            fault: fault(error),
            hint,
        })
    }
}
