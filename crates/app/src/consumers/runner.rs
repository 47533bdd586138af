//! Runs a consumer: reads the bus from its cursor, wakes with the head, tries again after a fault.

use super::{Consumer, Place, Seen};
use crate::failpoint::{Point, failpoint};
use crate::fault::Fault;
use crate::ports::{Bus, Readers, Subscription};
use crate::shop::Shop;
use cartwright_domain::Time;
use cartwright_domain::planted::{EngineBug, planted_in_engine};
use cartwright_proto::events as proto;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

/// Entries read at once, about.
const READ_AT_ONCE: usize = 4_000;
/// Entries that show outside before a shared consumer's place is kept: after a crash so many are repeated at most.
const KEEP_AFTER: usize = 16;
/// First wait after a fault; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// Longest wait after a fault.
const LAST_RETRY: Duration = Duration::from_secs(5);
/// So long consumers go on with what is committed once the shop has closed; the rest waits for the next start.
const CLOSING: Duration = Duration::from_secs(5);
/// How often a shared consumer looks whether this process writes.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After so long without commits a consumer rests.
const QUIET: Duration = Duration::from_secs(10);
/// How often its subscription hears meanwhile that nothing is to be read.
const REST_EVERY: Duration = Duration::from_secs(2);

/// Consumers at work.
#[derive(Debug, Default)]
pub struct Consumers {
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    position: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Consumers {
    /// How far each has come, by name.
    pub fn positions(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let position = |it: &Running| (it.name, it.position.load(Ordering::Acquire));
        self.running.iter().map(position)
    }

    /// These and those.
    pub fn and(mut self, others: Self) -> Self {
        self.running.extend(others.running);
        self
    }

    /// Waits until all have handled what was committed, or as much of it as they can in a few seconds: each goes on from its place at
    /// the next start. They end by themselves once the write loop has closed, so close that first.
    pub fn close(self) {
        for Running { name, thread, .. } in self.running {
            if thread.join().is_err() {
                tracing::error!(
                    consumer = name,
                    "a consumer ended by a panic; it goes on from its place at the next start"
                );
            }
        }
    }
}

/// Starts every consumer of a list on its own thread.
///
/// # Errors
/// [`Fault::Unavailable`] when the system gives no thread.
pub fn start(
    shop: &Shop,
    bus: &Arc<dyn Bus>,
    consumers: Vec<Box<dyn Consumer>>,
) -> Result<Consumers, Fault> {
    let mut started = Consumers::default();
    for consumer in consumers {
        started.running.push(start_one(shop, bus, consumer)?);
    }
    Ok(started)
}

fn start_one(
    shop: &Shop,
    bus: &Arc<dyn Bus>,
    consumer: Box<dyn Consumer>,
) -> Result<Running, Fault> {
    let unavailable = |error: std::io::Error| Fault::Unavailable(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(unavailable)?;
    let (name, position) = (consumer.name(), Arc::new(AtomicU64::new(0)));
    let runner = Runner {
        consumer,
        shop: shop.clone(),
        bus: bus.clone(),
        subscription: None,
        head: bus.head(),
        runtime,
        position: position.clone(),
        is_shared: false,
        has_not_come: false,
        closed_ns: None,
    };
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || runner.run())
        .map_err(unavailable)?;
    Ok(Running {
        name,
        position,
        thread,
    })
}

struct Runner {
    consumer: Box<dyn Consumer>,
    shop: Shop,
    bus: Arc<dyn Bus>,
    subscription: Option<Box<dyn Subscription>>,
    head: watch::Receiver<u64>,
    runtime: Runtime,
    position: Arc<AtomicU64>,
    is_shared: bool,
    /// More is committed than the bus has brought, and perhaps than it will bring to this process.
    has_not_come: bool,
    /// When it saw that the shop has closed.
    closed_ns: Option<u64>,
}

impl Runner {
    fn run(mut self) {
        let mut cursor = None;
        let mut retry = FIRST_RETRY;
        loop {
            if self.is_shared && self.shop.health().is_reader() {
                // Another process runs it, and goes on from where this one will have to.
                if self.subscription.is_some() {
                    self.consumer.leave();
                }
                (cursor, self.subscription) = (None, None);
                if self.closes_within(LOOK_EVERY) {
                    return;
                }
                continue;
            }
            let step = match cursor {
                None => self.begin().map(Some),
                Some(at) => self.advance(at),
            };
            match step {
                Ok(Some(at)) => {
                    cursor = Some(at);
                    self.position.store(at, Ordering::Release);
                    retry = FIRST_RETRY;
                    if self.has_closed_long_ago() {
                        return;
                    }
                }
                Ok(None) => {
                    let is_over = self.has_not_come && self.head.has_changed().is_err();
                    if is_over || !self.wait(cursor.unwrap_or_default()) {
                        return;
                    }
                }
                // Another process has it, or had it meanwhile.
                Err(Fault::NoLease) => {
                    cursor = None;
                    if self.closes_within(FIRST_RETRY) {
                        return;
                    }
                }
                Err(fault) => {
                    let name = self.consumer.name();
                    tracing::error!(consumer = name, ?cursor, %fault, "a consumer failed; it tries the same entries again");
                    if self.closes_within(retry) {
                        return;
                    }
                    retry = (retry * 2).min(LAST_RETRY);
                }
            }
        }
    }

    /// Whether the shop has closed, and the time for what was left is over.
    fn has_closed_long_ago(&mut self) -> bool {
        if self.head.has_changed().is_ok() {
            return false;
        }
        let now = self.shop.clock().monotonic_ns();
        let since = *self.closed_ns.get_or_insert(now);
        u128::from(now.saturating_sub(since)) >= CLOSING.as_nanos()
    }

    /// Where it goes on.
    fn begin(&mut self) -> Result<u64, Fault> {
        let head = *self.head.borrow();
        let place = self.consumer.place();
        self.is_shared = place == Place::Shared;
        if self.subscription.is_none() {
            let readers = match place {
                Place::Shared => Readers::One,
                Place::Kept(_) | Place::Anew => Readers::Each,
            };
            self.subscription = Some(self.bus.subscribe(self.consumer.name(), readers)?);
        }
        let kept = match place {
            Place::Shared => match self.bus.place(self.consumer.name())? {
                Some(position) => position,
                None => return self.begin_shared(),
            },
            Place::Kept(position) => position,
            Place::Anew => return self.consumer.start_over(),
        };
        if kept > head {
            // What it keeps is of a log that is gone: the data was restored from an older copy.
            return self.consumer.start_over();
        }
        Ok(kept)
    }

    /// The first time that a consumer of this name runs anywhere.
    fn begin_shared(&mut self) -> Result<u64, Fault> {
        let at = self.consumer.start_over()?;
        self.bus.keep_place(self.consumer.name(), at)?;
        Ok(at)
    }

    /// Hands over the next entries; where it stands then, or `None` when it has seen all.
    fn advance(&mut self, cursor: u64) -> Result<Option<u64>, Fault> {
        let head = *self.head.borrow_and_update();
        if head <= cursor {
            return Ok(None);
        }
        let Some(subscription) = &mut self.subscription else {
            return Err(Fault::NoLease);
        };
        let read = subscription.read(cursor, READ_AT_ONCE)?;
        self.has_not_come = read.is_none();
        let Some(batches) = read else {
            return Ok(None);
        };
        let follows = batches
            .first()
            .is_some_and(|first| first.first_position <= cursor + 1);
        if !follows {
            let name = self.consumer.name();
            tracing::warn!(
                consumer = name,
                cursor,
                "the log no longer has what follows; starting over"
            );
            return self.consumer.start_over().map(Some);
        }
        let seen: Vec<_> = batches
            .iter()
            .flat_map(entries)
            .filter(|seen| seen.position > cursor)
            .collect();
        let Some(last) = seen.last().map(|last| last.position) else {
            return Ok(None);
        };
        let mut rest = &seen[..];
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(self.piece(rest));
            let place = piece.last().map_or(last, |it| it.position);
            failpoint(Point::ConsumerHandling);
            if self.is_shared && planted_in_engine(EngineBug::OffsetBeforeEffect) {
                self.bus.keep_place(self.consumer.name(), place)?;
            }
            self.consumer.handle(piece)?;
            failpoint(Point::ConsumerHandled);
            if self.is_shared {
                self.bus.keep_place(self.consumer.name(), place)?;
                failpoint(Point::ConsumerKept);
            }
            if let Some(subscription) = &mut self.subscription {
                subscription.kept(place);
            }
            rest = later;
        }
        Ok(Some(last))
    }

    /// How many entries are handed over before the place is kept.
    fn piece(&self, seen: &[Seen<'_>]) -> usize {
        let shown = (1..).zip(seen).filter(|(_, it)| self.consumer.shows(it));
        let full = shown.map(|(count, _)| count).nth(KEEP_AFTER - 1);
        full.filter(|_| self.is_shared).unwrap_or(seen.len())
    }

    /// Waits for commits after `cursor`; false when there will be none any more.
    fn wait(&mut self, cursor: u64) -> bool {
        let mut quiet = Duration::ZERO;
        loop {
            let head = &mut self.head;
            let woken = self.runtime.block_on(async {
                let woken = timeout(REST_EVERY, head.wait_for(|head| *head > cursor)).await;
                woken.ok().map(|woken| woken.is_ok())
            });
            match woken {
                Some(true) => {
                    self.closes_within(self.consumer.linger());
                    return true;
                }
                Some(false) => return false,
                None => self.rest(&mut quiet),
            }
        }
    }

    /// Nothing has come for a little longer.
    fn rest(&mut self, quiet: &mut Duration) {
        if let Some(subscription) = &mut self.subscription {
            subscription.rest();
        }
        let was = *quiet;
        *quiet = was.saturating_add(REST_EVERY);
        if was < QUIET
            && *quiet >= QUIET
            && let Err(fault) = self.consumer.rest()
        {
            tracing::warn!(consumer = self.consumer.name(), %fault, "a consumer could not rest");
        }
    }

    /// Waits, but not beyond the end of the write loop; whether that came.
    fn closes_within(&mut self, time: Duration) -> bool {
        let head = &mut self.head;
        let closed = async { while head.changed().await.is_ok() {} };
        self.runtime
            .block_on(async { timeout(time, closed).await.is_ok() })
    }
}

/// The entries of a batch, each where it stands.
pub fn entries(batch: &proto::Batch) -> impl Iterator<Item = Seen<'_>> {
    (batch.first_position..)
        .zip(&batch.entries)
        .map(|(position, entry)| Seen {
            position,
            time: Time(batch.time_ms),
            origin: &batch.origin,
            batch: &batch.batch_id,
            entry,
        })
}
