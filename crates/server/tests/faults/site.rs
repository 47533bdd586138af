//! A shop as a process, with everything around it that can fail: proxies before and behind it, a provider, a small disk, somebody who is
//! told, and a mailbox.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::counts::{Counts, one};
use crate::gateway::Gateway;
use crate::mailbox::Mailbox;
use crate::proxy::Proxy;
use crate::receiver::Receiver;
use crate::small_disk::Disk;
use crate::support::{Setup, Shop, TempDir, eventually, text};
use crate::world::World;

/// Longer than anything takes that is well.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// Longer than all letters of a bout take, one after the other: each waits for the mail server, some 40 ms.
const ALL_LETTERS: Duration = Duration::from_secs(150);
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
    /// The shop asks its provider through it.
    pub(crate) back: Proxy,
    pub(crate) receiver: Receiver,
    pub(crate) mailbox: Mailbox,
    pub(crate) counts: Arc<Counts>,
}

impl Site {
    pub(crate) fn open(name: &str, ground: Ground, counts: &Arc<Counts>) -> Self {
        let gateway = Gateway::start("a");
        let back = Proxy::start(Some(gateway.address));
        let mailbox = Mailbox::start();
        let mut disk = None;
        let world = World::with(name, vec![gateway], |setup| {
            if ground == Ground::Small {
                disk = Disk::mount_with(&setup.data, SMALL_MIB);
            }
            configure(setup, ground, back.address, mailbox.address)
        });
        let site = Self {
            front: Proxy::start(Some(world.shop().address())),
            _dir: world.dir.clone(),
            world,
            disk,
            ground,
            back,
            receiver: Receiver::start(),
            mailbox,
            counts: counts.clone(),
        };
        let body = json!({"url": site.receiver.url(), "events": ["order.*"]});
        let told = site.world.shop().post("/v1/webhook-endpoints").admin();
        told.json(body).send().is(201);
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
        self.back.weather(crate::proxy::Weather::Fair);
        if let Some(disk) = &self.disk {
            disk.free_if_full();
        }
        self.world.gateway().mend_all();
    }

    /// Whoever is told has heard of every order, each thing by one id; and so has its buyer by mail.
    #[track_caller]
    pub(crate) fn check_told(&self, orders: &[String]) {
        let heard = |order: &String, kind: &str| -> BTreeSet<String> {
            let taken = self.receiver.taken();
            let of = taken
                .iter()
                .filter(|it| it["data"]["order_id"] == order.as_str() && it["type"] == kind);
            of.map(|it| text(&it["id"])).collect()
        };
        eventually(LONG, "what-happened-is-told: webhooks", || {
            let taken = self.receiver.taken();
            let told: BTreeSet<&str> = taken
                .iter()
                .filter(|it| it["type"] == "order.placed")
                .filter_map(|it| it["data"]["order_id"].as_str())
                .collect();
            orders
                .iter()
                .all(|it| told.contains(it.as_str()))
                .then_some(())
        });
        for order in orders.iter().take(20) {
            let ids = heard(order, "order.placed");
            assert_eq!(
                ids.len(),
                1,
                "what-happened-is-told by one id: {order} {ids:?}"
            );
        }
        let mut missing: BTreeSet<String> = orders
            .iter()
            .map(|id| self.read(&format!("/v1/orders/{id}"))["number"].to_string())
            .collect();
        let until = Instant::now() + ALL_LETTERS;
        while !missing.is_empty() {
            assert!(
                Instant::now() < until,
                "what-happened-is-told: no letter about {missing:?}, dead letters {:#}",
                self.read("/v1/dead-letters")
            );
            std::thread::sleep(Duration::from_millis(50));
            for (number, ids) in self.confirmations() {
                assert_eq!(
                    ids.len(),
                    1,
                    "what-happened-is-told by one id: {number} {ids:?}"
                );
                missing.remove(&number);
            }
        }
    }

    /// Which orders were confirmed by mail, by their number, and under which ids.
    fn confirmations(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for letter in self.mailbox.letters() {
            let about = letter.subject.strip_prefix("Your order ");
            if let Some((number, _)) = about.and_then(|it| it.split_once(" at ")) {
                let ids = all.entry(number.to_owned()).or_default();
                ids.insert(letter.message_id);
            }
        }
        all
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

fn configure(setup: Setup, ground: Ground, provider: SocketAddr, mailbox: SocketAddr) -> Setup {
    let mut setup = setup
        .with("CARTWRIGHT_SMTP", &format!("smtp://{mailbox}"))
        .with("CARTWRIGHT_MAIL_FROM", "Shop <shop@example.com>")
        .with("CARTWRIGHT_WEBHOOKS_ALLOW_PRIVATE", "true")
        .with("CARTWRIGHT_WEBHOOK_RETRY_BASE_MS", "20")
        .with("CARTWRIGHT_WEBHOOK_TRIES", "100");
    // The provider stands behind the proxy.
    for argument in &mut setup.arguments {
        if argument.starts_with("a=sim+http://") {
            *argument = format!("a=sim+http://{provider}");
        }
    }
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
