//! Drives one kind of request over keep-alive connections: in a closed loop (every connection sends as soon as it was
//! answered), or at a fixed rate, where a latency counts from the moment a request was meant to arrive.
//!
//! Everything runs on the caller's single thread: the server shares the machine, so the client keeps to one core at most.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{sync::Notify, task::JoinSet};

use super::{
    client::{Connection, Reply},
    measure::{Recorder, Run, Usage},
    pacer::Pacer,
};

/// How long requests that a fixed rate left waiting may still be served after the end of a run.
const DRAIN: Duration = Duration::from_secs(10);
/// How much of an unexpected reply an error shows.
const SHOWN_BYTES: usize = 400;

/// A kind of request.
pub(crate) trait Workload: Send + Sync {
    /// Appends the complete request number `sequence` to `out`.
    fn request(&self, sequence: u64, out: &mut Vec<u8>);

    /// Whether `status` is an answer that this workload counts on; any other ends the load with an error.
    fn expects(&self, status: u16) -> bool;

    /// Sees the reply to request number `sequence`.
    fn reply(&self, _sequence: u64, _reply: &Reply<'_>) {}
}

/// A workload of a closure that writes requests.
pub(crate) struct Requests<F> {
    /// Writes request number `sequence`.
    pub(crate) write: F,
    /// The statuses to count on.
    pub(crate) expected: &'static [u16],
}

impl<F: Fn(u64, &mut Vec<u8>) + Send + Sync> Workload for Requests<F> {
    fn request(&self, sequence: u64, out: &mut Vec<u8>) {
        (self.write)(sequence, out);
    }

    fn expects(&self, status: u16) -> bool {
        self.expected.contains(&status)
    }
}

/// How a load is offered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pattern {
    /// Every connection sends its next request when it has its reply, for so long.
    Closed(Duration),
    /// Every connection sends its next request when it has its reply, until so many were sent.
    Count(u64),
    /// Requests arrive at `rate` per second for `duration`, whether or not earlier ones were answered.
    Rate {
        /// Arrivals per second.
        rate: u32,
        /// How long they arrive.
        duration: Duration,
    },
}

/// Open connections to one server. Request numbers go on from run to run.
#[derive(Debug)]
pub(crate) struct Pool {
    connections: Vec<Connection>,
    next: Arc<AtomicU64>,
}

impl Pool {
    /// Opens `size` connections to `address`.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub(crate) async fn open(address: SocketAddr, size: usize) -> anyhow::Result<Self> {
        let mut connections = Vec::with_capacity(size);
        for _ in 0..size {
            connections.push(Connection::open(address).await?);
        }
        Ok(Self {
            connections,
            next: Arc::default(),
        })
    }

    /// Offers `workload` as `pattern` says and measures it; `server` is the pid whose CPU and memory are noted.
    ///
    /// # Errors
    /// When a connection fails or a reply has a status that the workload does not expect. The pool is of no use then.
    pub(crate) async fn run<W: Workload + 'static>(
        &mut self,
        workload: &Arc<W>,
        pattern: Pattern,
        server: Option<u32>,
    ) -> anyhow::Result<Run> {
        let usage = Usage::begin(server);
        let begun = Instant::now();
        let offered = Arc::new(Offered::new(
            pattern,
            begun,
            self.next.load(Ordering::Relaxed),
        ));
        let mut tasks = JoinSet::new();
        for connection in self.connections.drain(..) {
            let worker = Worker {
                connection,
                workload: Arc::clone(workload),
                offered: Arc::clone(&offered),
                next: Arc::clone(&self.next),
            };
            tasks.spawn(worker.work());
        }
        let elapsed = match pattern {
            Pattern::Closed(_) | Pattern::Count(_) => {
                self.gather(&mut tasks).await?;
                begun.elapsed()
            }
            Pattern::Rate { rate, duration } => {
                tokio::select! {
                    paced = offered.pace(rate, duration) => paced?,
                    // Workers end by themselves only when one of them failed.
                    ended = self.gather(&mut tasks) => ended?,
                }
                let drained = tokio::time::timeout(DRAIN, self.gather(&mut tasks)).await;
                drained.with_context(|| {
                    format!("{rate}/s is more than the server takes: requests still waited {DRAIN:?} after the end")
                })??;
                // Late ones are served after the end, and that time counts: a rate not reached shows as a lower throughput.
                begun.elapsed().max(duration)
            }
        };
        let recorder = std::mem::replace(&mut *offered.recorder(), Recorder::new());
        Ok(recorder.finish(elapsed, &usage))
    }

    async fn gather(
        &mut self,
        tasks: &mut JoinSet<anyhow::Result<Connection>>,
    ) -> anyhow::Result<()> {
        while let Some(ended) = tasks.join_next().await {
            self.connections.push(ended??);
        }
        Ok(())
    }
}

/// What the connections share during a run.
struct Offered {
    kind: Kind,
    recorder: Mutex<Recorder>,
}

enum Kind {
    Until(Instant),
    Below(u64),
    Arrivals {
        queue: Mutex<Arrivals>,
        arrived: Notify,
    },
}

#[derive(Default)]
struct Arrivals {
    waiting: VecDeque<Instant>,
    ended: bool,
}

impl Offered {
    fn new(pattern: Pattern, begun: Instant, next: u64) -> Self {
        let kind = match pattern {
            Pattern::Closed(duration) => Kind::Until(begun + duration),
            Pattern::Count(count) => Kind::Below(next + count),
            Pattern::Rate { .. } => Kind::Arrivals {
                queue: Mutex::default(),
                arrived: Notify::new(),
            },
        };
        Self {
            kind,
            recorder: Mutex::new(Recorder::new()),
        }
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        lock(&self.recorder)
    }

    /// The next request: its number, and when it was (or is) meant to arrive. `None` ends the run for a connection.
    async fn take(&self, next: &AtomicU64, now: Instant) -> Option<(u64, Instant)> {
        match &self.kind {
            Kind::Until(end) => (now < *end).then(|| (next.fetch_add(1, Ordering::Relaxed), now)),
            Kind::Below(end) => next
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |number| {
                    (number < *end).then_some(number + 1)
                })
                .ok()
                .map(|number| (number, now)),
            Kind::Arrivals { queue, arrived } => loop {
                {
                    let mut queue = lock(queue);
                    if let Some(intended) = queue.waiting.pop_front() {
                        return Some((next.fetch_add(1, Ordering::Relaxed), intended));
                    }
                    if queue.ended {
                        arrived.notify_one();
                        return None;
                    }
                }
                arrived.notified().await;
            },
        }
    }

    async fn pace(&self, rate: u32, duration: Duration) -> anyhow::Result<()> {
        let Kind::Arrivals { queue, arrived } = &self.kind else {
            return Ok(());
        };
        let mut pacer = Pacer::new(rate)?;
        let end = Instant::now() + duration;
        while Instant::now() < end {
            pacer.wait().await?;
            while let Some(intended) = pacer.due() {
                lock(queue).waiting.push_back(intended);
                arrived.notify_one();
            }
            // A due arrival never waits for the timer, so a late pacer must still let the connections work.
            tokio::task::yield_now().await;
        }
        lock(queue).ended = true;
        arrived.notify_one();
        Ok(())
    }
}

struct Worker<W> {
    connection: Connection,
    workload: Arc<W>,
    offered: Arc<Offered>,
    next: Arc<AtomicU64>,
}

impl<W: Workload> Worker<W> {
    async fn work(mut self) -> anyhow::Result<Connection> {
        let mut request = Vec::with_capacity(1024);
        let mut now = Instant::now();
        while let Some((number, intended)) = self.offered.take(&self.next, now).await {
            request.clear();
            self.workload.request(number, &mut request);
            let reply = self
                .connection
                .call(&request)
                .await
                .with_context(|| format!("request {}", first_line(&request)))?;
            now = Instant::now();
            if !self.workload.expects(reply.status) {
                anyhow::bail!(
                    "request {} was answered {}: {}",
                    first_line(&request),
                    reply.status,
                    String::from_utf8_lossy(&reply.body[..reply.body.len().min(SHOWN_BYTES)])
                );
            }
            self.workload.reply(number, &reply);
            self.offered.recorder().record(now - intended, reply.status);
        }
        Ok(self.connection)
    }
}

fn first_line(request: &[u8]) -> String {
    let line = request.split(|byte| *byte == b'\r').next();
    String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
