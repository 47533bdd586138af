//! A shop in memory whose log grows on demand.

use cartwright_adapters::store::memory;
use cartwright_adapters::system::{SystemClock, SystemRandom};
use cartwright_app::Shop;
use cartwright_app::commit::{Options, Running, start};
use cartwright_app::consumers::{Consumer, Place, Seen};
use cartwright_app::ports::{Clock, StoreParts};
use cartwright_app::shop::{Command, Reply, Submission};
use cartwright_app::stores::PutStore;
use cartwright_domain::location::{Details, Kind};
use cartwright_domain::{Country, StoreId};
use cartwright_proto::events as proto;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) struct Floor {
    pub(crate) shop: Shop,
    running: Option<Running>,
    _alive: tokio::sync::oneshot::Sender<()>,
}

impl Floor {
    pub(crate) fn new() -> Self {
        Self::on(memory::open(&SystemRandom))
    }

    pub(crate) fn on(parts: StoreParts) -> Self {
        let options = Options {
            max_batch: 64,
            max_waiting: 4096,
            max_kept: 1024,
            cache_bytes: 1 << 20,
            origin: "test".into(),
        };
        let threads = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("threads");
        let handle = threads.handle().clone();
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        // Somebody must hand out the loop's answers while threads of tests block.
        std::thread::spawn(move || threads.block_on(ended));
        let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(SystemRandom));
        let (shop, running) = start(parts, clock, random, options, &handle).expect("a shop");
        Self {
            shop,
            running: Some(running),
            _alive: alive,
        }
    }

    pub(crate) fn submit(&self, command: impl Command + 'static) {
        assert!(self.try_submit(command), "not done");
    }

    /// Whether it was done.
    fn try_submit(&self, command: impl Command + 'static) -> bool {
        let submission = Submission {
            command: Box::new(command),
            keyed: None,
            actor: "tester".into(),
            correlation: "request-1".into(),
            deadline_ns: u64::MAX,
        };
        let answer = self.shop.submit_now(submission);
        matches!(answer.map(|it| it.reply), Ok(Reply::Decided(Ok(_))))
    }

    /// One entry: the store `id` is called `name` now.
    pub(crate) fn rename(&self, id: &str, name: &str) {
        assert!(self.try_rename(id, name), "not done");
    }

    /// As [`rename`](Self::rename), where the store may refuse it; whether it was done.
    pub(crate) fn try_rename(&self, id: &str, name: &str) -> bool {
        let details = Details {
            name: name.into(),
            kind: Kind::Warehouse,
            country: Country::new("DE").expect("a country"),
            ships_to: None,
            priority: 0,
            position: None,
        };
        self.try_submit(PutStore {
            id: StoreId::new(id).expect("an id"),
            details,
            expected_version: None,
        })
    }

    /// Entries about five stores in turn, so that each has its order.
    pub(crate) fn grow(&self, entries: u64) {
        let begin = self.head();
        for number in begin..begin + entries {
            self.rename(&format!("s{}", number % 5), &format!("name {number}"));
        }
    }

    pub(crate) fn head(&self) -> u64 {
        *self.shop.head().borrow()
    }

    pub(crate) fn log(&self) -> Vec<proto::Batch> {
        self.shop.store().log(0, usize::MAX).expect("the log")
    }

    /// Ends the shop; those who follow see all of it and end.
    pub(crate) fn close(&mut self) {
        if let Some(running) = self.running.take() {
            running.close();
        }
    }
}

/// Asks until the answer is yes; panics after a generous time.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    let end_ns = clock.monotonic_ns() + 30_000_000_000;
    while !is_so() {
        assert!(
            clock.monotonic_ns() < end_ns,
            "{what}: not within 30 seconds"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Positions that consumers were handed, in the order in which they were.
pub(crate) type Handed = Arc<Mutex<Vec<u64>>>;

/// A shared consumer that notes what it is handed.
pub(crate) struct Noting {
    pub(crate) name: &'static str,
    pub(crate) handed: Handed,
}

impl Consumer for Noting {
    fn name(&self) -> &'static str {
        self.name
    }

    fn place(&self) -> Place {
        Place::Shared
    }

    fn handle(&mut self, seen: &[Seen<'_>]) -> Result<(), cartwright_app::Fault> {
        let positions = seen.iter().map(|it| it.position);
        self.handed.lock().expect("not poisoned").extend(positions);
        Ok(())
    }

    fn start_over(&mut self) -> Result<u64, cartwright_app::Fault> {
        Ok(0)
    }
}
