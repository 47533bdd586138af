//! Three processes of one shop on a PostgreSQL and a Redis of their own, and on a Kafka where that is wanted; with everything around them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::around::{Around, LONG};
use crate::broker::Broker;
use crate::counts::{Counts, one};
use crate::gateway::Gateway;
use crate::node::Node;
use crate::postgres::Postgres;
use crate::proxy::{Proxy, Weather};
use crate::redis_server::Redis;
use crate::support::{Setup, TempDir, eventually, fresh};
use crate::world::{World, paying};

/// How long the lease lasts, in milliseconds: longer than a busy machine keeps a process waiting.
pub(crate) const LEASE_MS: u64 = 1_500;
const RENEW_MS: u64 = 300;

/// Which engines carry a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// PostgreSQL and Redis; consumers read the log.
    Postgres,
    /// PostgreSQL, Redis and Kafka.
    Kafka,
}

pub(crate) struct Cluster {
    // In this order: processes end before their engines.
    pub(crate) nodes: Vec<Node>,
    pub(crate) world: World,
    pub(crate) around: Around,
    pub(crate) counts: Arc<Counts>,
    pub(crate) postgres: Postgres,
    redis: Mutex<Redis>,
    broker: Option<Mutex<Broker>>,
    /// What the names of the shop's topics begin with.
    pub(crate) prefix: String,
}

/// A Kafka of the shop's own, and the URL of the shop's bus there.
fn kafka(prefix: &str) -> Option<(Broker, String)> {
    let registry = std::env::var("CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL").unwrap_or_default();
    if registry.is_empty() {
        eprintln!(
            "SKIPPED, nothing was checked: a shop on Kafka needs CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL"
        );
        return None;
    }
    let broker = Broker::start("a shop on Kafka under fire")?;
    let address = broker.address();
    let bus = format!("kafka://{address}?registry={registry}&prefix={prefix}&partitions=2");
    Some((broker, bus))
}

impl Cluster {
    /// `None`, said loudly, where an engine is not installed.
    pub(crate) fn open(name: &str, ground: Ground, counts: &Arc<Counts>) -> Option<Self> {
        Self::open_by(None, name, ground, counts)
    }

    /// As [`open`](Self::open), run by this binary.
    pub(crate) fn open_by(
        program: Option<&Path>,
        name: &str,
        ground: Ground,
        counts: &Arc<Counts>,
    ) -> Option<Self> {
        let (postgres, redis) = (Postgres::start()?, Redis::start()?);
        let prefix = fresh("engines");
        let kafka = match ground {
            Ground::Postgres => None,
            Ground::Kafka => Some(kafka(&prefix)?),
        };
        let gateways = vec![Gateway::start("a")];
        let around = Around::start(gateways[0].address);
        let dir = Arc::new(TempDir::new(name));
        let mut setup = around
            .setting(paying(Setup::new(&dir), &gateways))
            .with("CARTWRIGHT_CACHE", &redis.url())
            .with("LOCKS_ENABLED", "true")
            .with("LOCK_TTL_MS", &LEASE_MS.to_string())
            .with("LOCK_RENEW_MS", &RENEW_MS.to_string())
            .with("CARTWRIGHT_FORWARD_WRITES", "true");
        if let Some((_, bus)) = &kafka {
            setup = setup.with("CARTWRIGHT_BUS", bus);
        }
        let on = |setup: &Setup, address: SocketAddr| {
            let url = format!("{}?schema=shop", postgres.url_at(address));
            setup.clone().with("CARTWRIGHT_DATABASE", &url)
        };
        let node = |name| {
            Node::new(name, &dir, postgres.address, |_, link| {
                on(&setup, link.address)
            })
        };
        let nodes: Vec<_> = ["a", "b", "c"].map(node).into();
        for node in &nodes {
            node.run_by(program);
        }
        assert!(nodes[0].start(""));
        let setup = on(&setup, postgres.address);
        let world = World::of(dir, gateways, setup, nodes[0].shop());
        around.listens(&world.shop());
        let cluster = Self {
            nodes,
            world,
            around,
            counts: counts.clone(),
            postgres,
            redis: Mutex::new(redis),
            broker: kafka.map(|it| Mutex::new(it.0)),
            prefix,
        };
        for node in &cluster.nodes[1..] {
            assert!(node.start(""));
        }
        Some(cluster)
    }

    /// Where clients knock.
    pub(crate) fn doors(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|it| it.front.address).collect()
    }

    pub(crate) fn redis(&self) -> MutexGuard<'_, Redis> {
        self.redis.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn broker(&self) -> Option<MutexGuard<'_, Broker>> {
        let broker = self.broker.as_ref()?;
        Some(broker.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until one of the processes writes; which.
    #[track_caller]
    pub(crate) fn writer(&self) -> usize {
        eventually(LONG, "a-lease-finds-a-holder", || {
            self.nodes.iter().position(Node::is_writer)
        })
    }

    /// No weather any more; engines and processes are put right by those who struck them.
    pub(crate) fn heal(&self) {
        let proxies = self.nodes.iter().flat_map(|it| [&it.front, &it.link]);
        for proxy in proxies.chain([&self.around.back]) {
            let broken = proxy.broken();
            self.counts.connections.fetch_add(broken, Ordering::Relaxed);
            fair(proxy);
        }
        self.world.gateway().mend_all();
    }

    /// All run, one writes, and the others have followed it; it is asked from now on.
    #[track_caller]
    pub(crate) fn settles(&self) {
        let position = |index: usize| {
            let ready = self.nodes[index].shop().get("/health/readiness").try_send();
            let ready = ready.ok().filter(|it| it.status == 200)?.json();
            ready["position"].as_u64()
        };
        eventually(LONG, "all follow the one that writes", || {
            let writer = self.writer();
            let head = position(writer)?;
            self.world.moved(self.nodes[writer].shop());
            let mut all = 0..self.nodes.len();
            all.all(|it| position(it) >= Some(head)).then_some(())
        });
        let level = self.world.level().path();
        let seen = |node: &Node| -> Value { node.shop().get(&level).admin().send().ok() };
        for node in &self.nodes {
            assert_eq!(
                seen(node),
                self.world.level().read(),
                "reads-are-fresh: {}",
                node.name
            );
        }
    }

    /// `the-log-makes-the-state`: all end in good order, and the log is read from the beginning.
    #[track_caller]
    pub(crate) fn verify_log(&self) {
        let shop = self.world.shop();
        let epoch = shop.get("/health/readiness").send().ok()["epoch"].as_u64();
        let changes = epoch.map_or(0, |it| it.saturating_sub(1));
        self.counts.takeovers.fetch_add(changes, Ordering::Relaxed);
        let writer = shop.address();
        for node in &self.nodes {
            if node.shop().address() != writer {
                node.relieve();
            }
        }
        self.world.replays();
        for node in &self.nodes {
            node.said_nothing_bad();
        }
        one(&self.counts.verified_logs);
    }
}

/// Nothing happens to what goes through any more. Those that wait for what was swallowed learn it now.
pub(crate) fn fair(proxy: &Proxy) {
    proxy.weather(Weather::Fair);
}
