//! One process of the shop: its own runtime, so that a crash stops everything in it at whatever it waits for.

use crate::disk::Disk;
use crate::knobs::Knobs;
use crate::op::Ask;
use crate::request::serve;
use crate::time::{Dice, NodeClock, Now};
use cartwright_app::checkouts::saga::{Driver, Providers, Saga};
use cartwright_app::commit::{ByHand, LeaseOptions, Options};
use cartwright_app::orders::Refunds;
use cartwright_app::ports::Clock;
use cartwright_app::ports::payment::PaymentGateway;
use cartwright_app::{Fault, Shop, checkouts};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How often checkouts that nobody goes on with are ended.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// What a request is served with.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) shop: Shop,
    pub(crate) saga: Driver,
    pub(crate) refunds: Refunds,
    pub(crate) disk: Arc<Disk>,
    pub(crate) now: Arc<Now>,
    pub(crate) knobs: Knobs,
}

/// Where and how a process runs.
pub(crate) struct Site<'a> {
    pub(crate) number: usize,
    pub(crate) life: u64,
    pub(crate) is_shared: bool,
    pub(crate) disk: &'a Arc<Disk>,
    pub(crate) clock: Arc<NodeClock>,
    pub(crate) random: Arc<Dice>,
    pub(crate) now: &'a Arc<Now>,
    pub(crate) knobs: Knobs,
}

/// A running process.
pub(crate) struct Node {
    runtime: Runtime,
    turns: ByHand,
    desk: Desk,
    /// Until when it stands still.
    pub(crate) paused_until_us: u64,
    /// How far its timers are behind.
    behind_us: u64,
}

impl Node {
    /// Starts; fails when the disk cannot be read.
    pub(crate) fn start(
        site: Site<'_>,
        gateways: Vec<Arc<dyn PaymentGateway>>,
    ) -> Result<Self, Fault> {
        let Site {
            number,
            life,
            is_shared,
            disk,
            clock,
            random,
            now,
            knobs,
        } = site;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| Fault::Unavailable(error.to_string()))?;
        let options = Options {
            max_batch: 64,
            max_waiting: 1_000,
            max_kept: 100_000,
            cache_bytes: 1 << 20,
            origin: format!("node-{number}"),
        };
        let lease = is_shared.then(|| LeaseOptions {
            holder: format!("node-{number}-{life}"),
            node: format!("node-{number}"),
            url: format!("http://node-{number}"),
            pid: number as u32,
            ttl_ms: 2_000,
            renew_ms: 500,
        });
        let clock: Arc<dyn Clock> = clock;
        let (shop, turns) = {
            let _entered = runtime.enter();
            let parts = disk.open(number, is_shared);
            ByHand::new(parts, clock, random, options, runtime.handle(), lease)?
        };
        let providers = Arc::new(Providers::new(gateways));
        let saga = Saga {
            give_up_seconds: knobs.give_up_seconds,
        };
        let saga = Driver::new(shop.clone(), providers.clone(), saga);
        let refunds = Refunds::new(shop.clone(), providers, knobs.give_up_seconds);
        runtime.spawn(saga.clone().watch());
        runtime.spawn(saga.clone().verify());
        runtime.spawn(refunds.clone().watch());
        runtime.spawn(tidy(shop.clone()));
        Ok(Self {
            runtime,
            turns,
            desk: Desk {
                shop,
                saga,
                refunds,
                disk: disk.clone(),
                now: now.clone(),
                knobs,
            },
            paused_until_us: 0,
            behind_us: 0,
        })
    }

    pub(crate) fn shop(&self) -> &Shop {
        &self.desk.shop
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// A request has arrived.
    pub(crate) fn take(&self, ask: Ask) {
        self.runtime.spawn(serve(self.desk.clone(), ask));
    }

    /// So much time passes, and then the write loop goes round.
    pub(crate) fn step(&mut self, now: &Now, us: u64) {
        if now.us() < self.paused_until_us {
            self.behind_us += us;
            return;
        }
        let us = us + std::mem::take(&mut self.behind_us);
        self.runtime
            .block_on(async { tokio::time::sleep(Duration::from_micros(us)).await });
        let _entered = self.runtime.enter();
        self.turns.turn();
    }
}

async fn tidy(shop: Shop) {
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        if !shop.health().is_reader() {
            // What could not be ended now is ended the next time.
            drop(checkouts::tidy(&shop).await);
        }
    }
}
