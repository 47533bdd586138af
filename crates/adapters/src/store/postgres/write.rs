//! The write side: one connection, one transaction and one round trip a batch.

use super::fault::{fault, is_passing};
use super::lease::{self, Claim, Fence, Locks};
use super::link::{Io, Link, PATIENCE, Value, listen, value};
use super::open::Address;
use super::puts::Puts;
use super::{load, log, rows};
use crate::store::form::packed::Packer;
use crate::store::form::replies;
use cartwright_app::Fault;
use cartwright_app::failpoint::{Point, failpoint};
use cartwright_app::kept::KeptReply;
use cartwright_app::nouns::{Key, Record};
use cartwright_app::ports::{Batch, Lease, Swap, WriteStore, last_position};
use cartwright_domain::planted::{EngineBug, planted_in_engine};
use cartwright_domain::{ReservationId, Time};
use crossbeam_channel::Sender;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;

/// Batches of old replies dropped with each commit: more than are made, so that none pile up and none stalls the loop.
const DROPPED_PER_COMMIT: i64 = 8;
/// How often a transaction is tried that PostgreSQL gave up for another's sake.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// How long reading all pending holds or all kept replies may take, when a process begins to write.
const BEGIN_PATIENCE: Duration = Duration::from_secs(300);
/// How often a new holder tries to take the lock of the living, and a process that wants the database for itself.
const LIVE_TRIES: u32 = 10;
const ALONE_TRIES: u32 = 100;
/// Between two tries.
const LIVE_PAUSE: Duration = Duration::from_millis(10);

/// The loop's own side of the store.
pub(super) struct Writer {
    /// Of `link` alone.
    io: Io,
    /// Where it is listened for others.
    shared: Arc<Io>,
    address: Arc<Address>,
    locks: Locks,
    /// `None` after a failure that leaves open what was written.
    link: Option<Arc<Link>>,
    /// What `link` may write by, once it is allowed to.
    session: i64,
    claim: Claim,
    fence: Arc<Fence>,
    /// Whether `link` has the lock of the living.
    is_guarded: bool,
    /// Holder and epoch of the lease that this process took last.
    mine: Option<(String, u64)>,
    head: (u64, Time),
    next_place: u64,
    drop_before: Option<Time>,
    packer: Option<Packer>,
    kept_row: replies::Row,
}

impl Writer {
    pub(super) fn new(
        io: Io,
        shared: Arc<Io>,
        address: Arc<Address>,
        link: Arc<Link>,
        fence: Arc<Fence>,
        mut claim: Claim,
    ) -> Self {
        Self {
            locks: Locks::of(&address.schema),
            io,
            shared,
            address,
            link: Some(link),
            session: claim.next(),
            claim,
            fence,
            is_guarded: false,
            mine: None,
            head: (0, Time(0)),
            next_place: 1,
            drop_before: None,
            packer: None,
            kept_row: replies::Row::default(),
        }
    }

    /// Takes the database for this process alone; false when another one has it.
    pub(super) fn take_alone(&mut self) -> Result<bool, Fault> {
        let (locks, session) = (self.locks, self.session);
        // The sessions of a process that was killed a moment ago may not have ended yet.
        self.is_guarded =
            self.run(move |link| async move { live(&link, locks, ALONE_TRIES).await })?;
        if self.is_guarded {
            self.run(move |link| async move { adopt(&link, locks, session).await })?;
            self.fence.set(Some(session));
        }
        Ok(self.is_guarded)
    }

    /// Reads where the log and the kept replies end.
    pub(super) fn look(&mut self) -> Result<(), Fault> {
        let (head, next) = self.run(|link| async move {
            let next = "SELECT coalesce(max(place), 0) + 1 FROM kept";
            let next = link.query(next, &[]).await.map_err(fault)?;
            let next = next.first().map_or(Ok(1), |row| rows::number(row, 0))?;
            Ok((log::head(&link).await?, next))
        })?;
        (self.head, self.next_place) = (head, next);
        Ok(())
    }

    fn link(&self) -> Result<&Arc<Link>, Fault> {
        self.link.as_ref().ok_or_else(|| {
            Fault::Unavailable("the connection to PostgreSQL is to be made anew".into())
        })
    }

    fn run<T, F>(&mut self, work: impl FnOnce(Arc<Link>) -> F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        self.run_for(PATIENCE, work)
    }

    /// On the connection. One that broke or did not answer is not used again.
    fn run_for<T, F>(
        &mut self,
        patience: Duration,
        work: impl FnOnce(Arc<Link>) -> F,
    ) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let link = self.link()?.clone();
        let done = self.io.wait(patience, work(link.clone()));
        if matches!(done, Err(Fault::Unavailable(_))) || link.is_closed() {
            self.link = None;
            self.is_guarded = false;
        }
        done
    }

    fn query(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Fault> {
        self.run_for(BEGIN_PATIENCE, move |link| async move {
            link.query(sql, &values).await.map_err(fault)
        })
    }

    /// Everything of a batch: what may write, rows in the order of their keys, the log, replies, and the word that it is there.
    fn statements(&mut self, batch: &Batch<'_>) -> Result<Vec<(String, Vec<Value>)>, Fault> {
        let look = ("SELECT fence($1)".to_owned(), vec![value(self.session)]);
        let mut statements = vec![look];
        if planted_in_engine(EngineBug::FenceNotAsked) {
            statements.clear();
        }
        let mut changed: Vec<_> = batch.changed.iter().collect();
        if !planted_in_engine(EngineBug::UnsortedLocks) {
            changed.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        }
        let mut puts = Puts::default();
        for (key, record) in changed {
            puts.put(key, record.as_ref())?;
        }
        statements.extend(puts.statements());
        failpoint(Point::StoreRows);
        let packer = match &mut self.packer {
            Some(packer) => packer,
            none => none.insert(Packer::new().map_err(|it| Fault::Unavailable(it.to_string()))?),
        };
        if !batch.log.entries.is_empty() {
            if batch.log.first_position != self.head.0 + 1 {
                let (first, head) = (batch.log.first_position, self.head.0);
                return Err(Fault::Unavailable(format!(
                    "a batch begins at {first}, but the log ends at {head}"
                )));
            }
            statements.extend(log::append(packer, batch.log)?);
            let tell = (
                "SELECT pg_notify($1, '')".to_owned(),
                vec![value(self.address.channel())],
            );
            statements.push(tell);
        }
        failpoint(Point::StoreLogged);
        if !batch.kept.is_empty() {
            self.kept_row.take(batch.kept)?;
            let keep =
                "INSERT INTO kept (place, until_ms, hashes, replies) VALUES ($1, $2, $3, $4)";
            let values = vec![
                value(self.next_place.cast_signed()),
                value(self.kept_row.until),
                value(self.kept_row.hashes.clone()),
                value(packer.pack(&self.kept_row.replies)?.to_vec()),
            ];
            statements.push((keep.to_owned(), values));
        }
        if let Some(before) = self.drop_before {
            statements.push(dropped(before));
        }
        Ok(statements)
    }
}

/// Drops some of the replies that are over.
fn dropped(before: Time) -> (String, Vec<Value>) {
    let sql = "DELETE FROM kept WHERE place IN (SELECT place FROM kept WHERE until_ms <= $1 ORDER BY until_ms LIMIT $2)";
    let values = vec![value(before.0), value(DROPPED_PER_COMMIT)];
    (sql.to_owned(), values)
}

/// All in one transaction, again when PostgreSQL gave it up for another's sake.
async fn transact(
    link: &Link,
    statements: &[(String, Vec<Value>)],
) -> Result<Vec<u64>, tokio_postgres::Error> {
    let mut tries = 1;
    loop {
        match link.transact("BEGIN", statements).await {
            Err(error) if is_passing(&error) && tries < TRIES => {
                tracing::warn!(
                    tries,
                    error = error.to_string(),
                    "PostgreSQL gave a transaction up; trying again"
                );
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(tries)).await;
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Makes `session` the one that writes.
async fn adopt(link: &Link, locks: Locks, session: i64) -> Result<(), Fault> {
    let adopted = async {
        link.run("BEGIN").await?;
        lease::alone(link, locks).await?;
        lease::put(link, session, true, None).await?;
        link.run("COMMIT").await
    };
    let adopted = adopted.await.map_err(fault);
    if adopted.is_err() {
        drop(link.run("ROLLBACK").await);
    }
    adopted
}

/// Takes the lock of the living, if those who have no right to it give it back: who else wanted the lease, and a process that has ended.
/// One that is paused keeps it; then the lease has its time, and nothing else.
async fn live(link: &Link, locks: Locks, tries: u32) -> Result<bool, Fault> {
    for _ in 0..tries {
        if lease::live(link, locks).await? {
            return Ok(true);
        }
        tokio::time::sleep(LIVE_PAUSE).await;
    }
    Ok(false)
}

/// Which session may write now.
async fn session_now(link: &Link) -> Result<Option<i64>, Fault> {
    let rows = link
        .query("SELECT session FROM lease", &[])
        .await
        .map_err(fault)?;
    rows.first().map(|row| rows::whole(row, 0)).transpose()
}

impl WriteStore for Writer {
    fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Record>>, Fault> {
        let keys: Vec<Key> = keys.to_vec();
        self.run(move |link| async move { load::load(&link, &keys).await })
    }

    fn commit(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        self.link()?;
        let statements = self.statements(batch)?;
        failpoint(Point::StoreComplete);
        let changed =
            self.run(move |link| async move { transact(&link, &statements).await.map_err(fault) })?;
        failpoint(Point::StoreCommitted);
        if !batch.log.entries.is_empty() {
            self.head = (last_position(batch.log), Time(batch.log.time_ms));
        }
        self.next_place += u64::from(!batch.kept.is_empty());
        let dropped = changed.last().copied().unwrap_or_default();
        if self.drop_before.is_some() && dropped < DROPPED_PER_COMMIT.unsigned_abs() {
            self.drop_before = None;
        }
        Ok(())
    }

    fn recover(&mut self) -> Result<u64, Fault> {
        (self.link, self.is_guarded) = (None, false);
        let address = self.address.clone();
        let link = Arc::new(self.io.wait(PATIENCE, Link::open(address, None))?);
        self.link = Some(link);
        let (before, session) = (self.session, self.claim.next());
        self.session = session;
        let (locks, mine, is_shared) = (self.locks, self.mine.clone(), self.fence.is_shared);
        // A commit of the connection before may be on its way yet. It says another session than the one that may write from now on.
        let adopted = self.run(move |link| async move {
            let is_mine = if is_shared {
                let now = lease::read(&link).await?;
                let same = now.zip(mine);
                same.is_some_and(|(now, mine)| (now.holder, now.epoch) == mine)
            } else {
                session_now(&link).await? == Some(before)
            };
            if !is_mine {
                return Ok(None);
            }
            // Beside a commit that holds the fence and never ends: its session is one of ours.
            lease::end_holders(&link, locks.fence).await?;
            let is_guarded = lease::live(&link, locks).await?;
            adopt(&link, locks, session).await?;
            Ok(Some(is_guarded))
        })?;
        self.look()?;
        let Some(is_guarded) = adopted else {
            self.fence.set(None);
            return Err(Fault::NoLease);
        };
        self.is_guarded = is_guarded;
        self.fence.set(Some(session));
        Ok(self.head.0)
    }

    fn is_in_doubt(&self) -> bool {
        self.link.as_ref().is_none_or(|link| link.is_closed())
    }

    fn last_batch(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        self.run(|link| async move { log::last_batch(&link).await })
    }

    fn head(&mut self) -> Result<(u64, Time), Fault> {
        self.run(|link| async move { log::head(&link).await })
    }

    fn kept_index(&mut self, now: Time) -> Result<Vec<([u8; 16], u64, Time)>, Fault> {
        let sql = "SELECT place, hashes FROM kept WHERE until_ms > $1 ORDER BY place";
        let mut found = Vec::new();
        for row in self.query(sql, vec![value(now.0)])? {
            let hashes = rows::bytes(&row, 1)?;
            found.extend(replies::slots(hashes, rows::number(&row, 0)?, now));
        }
        Ok(found)
    }

    fn next_kept_place(&mut self) -> Result<u64, Fault> {
        Ok(self.next_place)
    }

    fn kept(&mut self, place: u64, hash: &[u8; 16]) -> Result<Option<KeptReply>, Fault> {
        let sql = "SELECT hashes, replies FROM kept WHERE place = $1";
        let found = self.query(sql, vec![value(place.cast_signed())])?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        let number = replies::number(rows::bytes(row, 0)?, hash);
        number
            .map(|number| replies::reply(rows::bytes(row, 1)?, number, place))
            .transpose()
    }

    fn drop_kept(&mut self, before: Time) -> Result<(), Fault> {
        let look = ("SELECT fence($1)".to_owned(), vec![value(self.session)]);
        let statements = [look, dropped(before)];
        let changed =
            self.run(move |link| async move { transact(&link, &statements).await.map_err(fault) })?;
        // The others with the next commits, some each.
        let is_more = changed.last() == Some(&DROPPED_PER_COMMIT.unsigned_abs());
        self.drop_before = is_more.then_some(before);
        Ok(())
    }

    fn pending_holds(&mut self) -> Result<Vec<(Time, ReservationId)>, Fault> {
        let sql = "SELECT expires_at, id FROM reservations WHERE state = 0";
        let found = self.query(sql, Vec::new())?;
        let hold = |row: &Row| Ok((rows::time(row, 0)?, ReservationId(rows::id(row, 1)?)));
        found.iter().map(hold).collect()
    }

    fn lease(&mut self) -> Result<Option<Lease>, Fault> {
        self.run(|link| async move { lease::read(&link).await })
    }

    fn swap_lease(&mut self, from: Option<&Lease>, to: &Lease) -> Result<Swap, Fault> {
        let (locks, session, was_guarded) = (self.locks, self.session, self.is_guarded);
        let is_new = from.is_none_or(|from| (&from.holder, from.epoch) != (&to.holder, to.epoch));
        let (before, after) = (from.cloned(), to.clone());
        let (swapped, is_guarded) = self.run(move |link| async move {
            let tries = if is_new { LIVE_TRIES } else { 1 };
            let is_guarded = was_guarded || live(&link, locks, tries).await?;
            let said = is_guarded && after.ttl_ms > 0;
            let swapped = lease::swap(&link, locks, before.as_ref(), &after, session, said).await?;
            let lost = swapped == Swap::Changed || (is_new && swapped == Swap::Busy);
            if is_guarded && (lost || after.ttl_ms == 0) {
                lease::rest(&link, locks).await?;
                return Ok((swapped, false));
            }
            Ok((swapped, is_guarded))
        })?;
        self.is_guarded = is_guarded;
        if swapped == Swap::Done {
            self.fence.set(Some(session));
            self.mine = Some((to.holder.clone(), to.epoch));
            if is_new {
                // Others have written since this process looked.
                self.drop_before = None;
                self.look()?;
            }
        }
        Ok(swapped)
    }

    fn is_abandoned(&mut self) -> Result<bool, Fault> {
        let (locks, was_guarded) = (self.locks, self.is_guarded);
        self.is_guarded = self.run(move |link| async move {
            if was_guarded {
                // Of the time when the lease was this process's own.
                lease::rest(&link, locks).await?;
            }
            Ok(lease::is_guarded(&link).await? && lease::live(&link, locks).await?)
        })?;
        Ok(self.is_guarded)
    }

    fn listen(&mut self, nudge: Sender<()>) {
        if self.fence.is_shared {
            listen(&self.shared, self.address.clone(), nudge);
        }
    }

    fn wake(&mut self) -> Result<Vec<u32>, Fault> {
        let locks = self.locks;
        self.run(move |link| async move { lease::end_holders(&link, locks.fence).await })
    }
}
