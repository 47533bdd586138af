//! The processes of one shop.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Setup, Shop, TempDir, eventually};

/// Life of a lease in these tests, unless they say otherwise.
pub(crate) const TTL: Duration = Duration::from_millis(1000);

/// One data directory, and how processes on it are started.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    pub(crate) dir: Arc<TempDir>,
    setup: Setup,
}

impl Nodes {
    pub(crate) fn new(name: &str) -> Self {
        let dir = Arc::new(TempDir::new(name));
        let setup = Setup::new(&dir)
            .with("LOCKS_ENABLED", "true")
            .with("CARTWRIGHT_FORWARD_WRITES", "false")
            .with("LOCK_TTL_MS", &TTL.as_millis().to_string())
            .with("LOCK_RENEW_MS", "250");
        Self { dir, setup }
    }

    /// Processes that pass writes on to the one that has the lease.
    pub(crate) fn forwarding(name: &str) -> Self {
        Self::new(name).with("CARTWRIGHT_FORWARD_WRITES", "true")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.setup = self.setup.with(name, value);
        self
    }

    pub(crate) fn setup(&self, node: &str) -> Setup {
        let mut setup = self.setup.clone().with("CARTWRIGHT_NODE_NAME", node);
        setup.log = self.log(node);
        setup
    }

    fn log(&self, node: &str) -> PathBuf {
        self.dir.path().join(format!("log-{node}"))
    }

    /// Starts one more process.
    #[track_caller]
    pub(crate) fn start(&self, node: &str) -> Shop {
        Shop::of(self.setup(node).start(), Arc::clone(&self.dir))
    }
}

/// `role` and `epoch` of a process that is ready.
#[track_caller]
pub(crate) fn standing(shop: &Shop) -> (String, u64) {
    let seen = shop.get("/health/readiness").send().ok();
    assert_eq!(seen["ready"], true, "{seen}");
    (
        seen["role"].as_str().expect("a role").to_owned(),
        seen["epoch"].as_u64().expect("an epoch"),
    )
}

#[track_caller]
pub(crate) fn is_writer(shop: &Shop) -> bool {
    standing(shop).0 == "writer"
}

/// Waits until one of these processes writes; which.
#[track_caller]
pub(crate) fn writer<'a>(shops: &[&'a Shop], limit: Duration) -> &'a Shop {
    eventually(limit, "somebody takes the lease", || {
        shops.iter().copied().find(|shop| is_writer(shop))
    })
}

/// A number of `/metrics` as JSON.
pub(crate) fn metric(shop: &Shop, name: &str) -> Value {
    let request = shop.get("/metrics").admin();
    request.header("Accept", "application/json").send().ok()[name].clone()
}
