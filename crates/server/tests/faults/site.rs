//! A shop as a process, with everything around it that can fail: proxies before and behind it, a provider, a small disk, somebody who is
//! told, and a mailbox.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;

use serde_json::Value;

use crate::around::Around;

use crate::counts::{Counts, one};
use crate::gateway::Gateway;
use crate::proxy::Proxy;
use crate::small_disk::Disk;
use crate::support::{Setup, Shop, TempDir};
use crate::world::World;

pub(crate) use crate::around::LONG;
/// The signal with which a failpoint ends its process.
const ABORTED: i32 = 6;

/// Room for what a walk through all failpoints writes.
const SMALL_MIB: u32 = 400;

/// Where and how a shop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// On the machine's disk, all of its log kept.
    Plain,
    /// On a small disk, if one can be had, with snapshots and archives so often that all their steps are taken.
    Small,
    /// Two processes share it.
    Shared,
}

#[derive(Debug)]
pub(crate) struct Site {
    // In this order: the disk can only be taken away when nobody uses it, and its directory only after that.
    pub(crate) world: World,
    pub(crate) disk: Option<Disk>,
    _dir: Arc<TempDir>,
    pub(crate) ground: Ground,
    /// Clients come through it.
    pub(crate) front: Proxy,
    pub(crate) around: Around,
    pub(crate) counts: Arc<Counts>,
}

impl Site {
    pub(crate) fn open(name: &str, ground: Ground, counts: &Arc<Counts>) -> Self {
        let gateway = Gateway::start("a");
        let around = Around::start(gateway.address);
        let mut disk = None;
        let world = World::with(name, vec![gateway], |setup| {
            if ground == Ground::Small {
                disk = Disk::mount_with(&setup.data, SMALL_MIB);
            }
            configure(around.setting(setup), ground)
        });
        let site = Self {
            front: Proxy::start(Some(world.shop().address())),
            _dir: world.dir.clone(),
            world,
            disk,
            ground,
            around,
            counts: counts.clone(),
        };
        site.around.listens(&site.world.shop());
        site
    }

    /// Whether levels keep all of their movements.
    pub(crate) fn has_movements(&self) -> bool {
        self.ground != Ground::Small
    }

    /// Starts the shop, with this to happen in it; false when it happened before the shop was ready.
    #[track_caller]
    pub(crate) fn start(&self, failpoints: &str) -> bool {
        self.start_as(self.world.setup().clone(), failpoints)
    }

    /// As [`start`](Self::start), as one of several processes that might share the data.
    #[track_caller]
    pub(crate) fn start_shared(&self, failpoints: &str) -> bool {
        self.start_as(shared(self.world.setup().clone()), failpoints)
    }

    #[track_caller]
    fn start_as(&self, setup: Setup, failpoints: &str) -> bool {
        match setup.with("FAILPOINTS", failpoints).try_start() {
            Ok(process) => {
                let shop = Shop::of(process, Arc::clone(&self.world.dir));
                self.front.to(Some(shop.address()));
                self.world.moved(shop);
                true
            }
            Err(refusal) => {
                let aborted = refusal.status.signal() == Some(ABORTED);
                assert!(
                    aborted && refusal.said.contains("failpoint "),
                    "a-start-succeeds: {} {}",
                    refusal.status,
                    refusal.said
                );
                false
            }
        }
    }

    /// Starts it in good order.
    #[track_caller]
    pub(crate) fn restart(&self) {
        assert!(self.start(""), "nothing was to happen");
    }

    /// Whether the shop has ended by its failpoint. Any other end is a violation.
    #[track_caller]
    pub(crate) fn has_aborted(&self) -> bool {
        let process = &self.world.shop().process;
        let Some(status) = process.exit_status() else {
            return false;
        };
        let said = process.said();
        assert!(
            status.signal() == Some(ABORTED)
                && said.contains("failpoint ")
                && !said.contains("panicked at"),
            "nothing-ends-by-itself: {status} {said}"
        );
        self.front.to(None);
        true
    }

    /// `kill -9`; a panic before that is a violation.
    #[track_caller]
    pub(crate) fn kill(&self) {
        self.front.to(None);
        self.world.kill();
        let said = self.world.shop().process.said();
        assert!(!said.contains("panicked at"), "nothing-panics: {said}");
    }

    /// Everything is as it should be again, the shop aside.
    pub(crate) fn heal(&self) {
        self.front.weather(crate::proxy::Weather::Fair);
        self.around.back.weather(crate::proxy::Weather::Fair);
        if let Some(disk) = &self.disk {
            disk.free_if_full();
        }
        self.world.gateway().mend_all();
    }

    /// `the-log-makes-the-state`: the shop is stopped in good order, and its log read from the beginning.
    #[track_caller]
    pub(crate) fn verify_log(&self) {
        self.world.replays();
        one(&self.counts.verified_logs);
    }

    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Value {
        self.world.shop().get(path).admin().send().ok()
    }
}

fn shared(setup: Setup) -> Setup {
    setup
        .with("LOCKS_ENABLED", "true")
        .with("LOCK_TTL_MS", "1000")
        .with("LOCK_RENEW_MS", "250")
}

fn configure(mut setup: Setup, ground: Ground) -> Setup {
    if ground == Ground::Shared {
        setup = shared(setup);
    }
    if ground == Ground::Small {
        setup = setup
            .with("CARTWRIGHT_SNAPSHOT_EVERY_N_EVENTS", "600")
            .with("CARTWRIGHT_COMPACT_LOG", "true");
    }
    setup
}
