//! One of the processes of a shop, with its own way to the clients and its own way to the database.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::around::LONG;
use crate::proxy::Proxy;
use crate::support::{Setup, Shop, TempDir, eventually};

/// The signal with which a failpoint ends its process.
const ABORTED: i32 = 6;

/// A process that may come and go; its doors stay.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: &'static str,
    dir: Arc<TempDir>,
    setup: Setup,
    /// Clients and the other processes come through it.
    pub(crate) front: Proxy,
    /// It asks the database through it.
    pub(crate) link: Proxy,
    program: Mutex<Option<PathBuf>>,
    shop: Mutex<Option<Shop>>,
    lives: AtomicU64,
}

impl Node {
    /// One that does not run yet; `setup` becomes its own.
    pub(crate) fn new(
        name: &'static str,
        dir: &Arc<TempDir>,
        database: SocketAddr,
        setup: impl FnOnce(&Proxy, &Proxy) -> Setup,
    ) -> Self {
        let (front, link) = (Proxy::start(None), Proxy::start(Some(database)));
        let mut setup = setup(&front, &link);
        setup.data = dir.path().join(format!("data-{name}"));
        setup = setup.with("CARTWRIGHT_NODE_NAME", name).with(
            "CARTWRIGHT_ADVERTISE_URL",
            &format!("http://{}", front.address),
        );
        Self {
            name,
            dir: dir.clone(),
            setup,
            front,
            link,
            program: Mutex::default(),
            shop: Mutex::default(),
            lives: AtomicU64::new(0),
        }
    }

    /// From its next start on it is run by this binary; by the one under test without.
    pub(crate) fn run_by(&self, program: Option<&Path>) {
        *locked(&self.program) = program.map(Path::to_path_buf);
    }

    /// How it is started.
    pub(crate) fn setup(&self) -> Setup {
        let mut setup = self.setup.clone();
        let life = self.lives.fetch_add(1, Ordering::Relaxed);
        setup.log = self.dir.path().join(format!("log-{}-{life}", self.name));
        setup.program.clone_from(&locked(&self.program));
        setup
    }

    /// Starts it, with this to happen in it, and waits until it is ready; false when that happened before.
    #[track_caller]
    pub(crate) fn start(&self, failpoints: &str) -> bool {
        match self.setup().with("FAILPOINTS", failpoints).try_start() {
            Ok(process) => {
                self.runs(Shop::of(process, self.dir.clone()));
                true
            }
            Err(refusal) => {
                let is_wanted = refusal.status.signal() == Some(ABORTED);
                assert!(
                    is_wanted && refusal.said.contains("failpoint "),
                    "a-start-succeeds: {} {} {}",
                    self.name,
                    refusal.status,
                    refusal.said
                );
                false
            }
        }
    }

    /// It is served by this process from now on.
    pub(crate) fn runs(&self, shop: Shop) {
        self.front.to(Some(shop.address()));
        *locked(&self.shop) = Some(shop);
    }

    /// As it runs now.
    #[track_caller]
    pub(crate) fn shop(&self) -> Shop {
        locked(&self.shop).clone().expect("it runs")
    }

    pub(crate) fn is_writer(&self) -> bool {
        let Some(shop) = locked(&self.shop).clone() else {
            return false;
        };
        let ready = shop.get("/health/readiness").try_send();
        ready.is_ok_and(|it| it.status == 200 && it.json()["role"] == "writer")
    }

    /// `kill -9`; a panic before that is a violation.
    #[track_caller]
    pub(crate) fn kill(&self) {
        self.front.to(None);
        self.shop().process.kill_now();
        self.front.cut();
        self.said_nothing_bad();
    }

    /// Asked to end in good order.
    #[track_caller]
    pub(crate) fn relieve(&self) {
        let shop = self.shop();
        shop.process.terminate();
        let status = eventually(LONG, "it ends after SIGTERM", || shop.process.exit_status());
        self.front.to(None);
        assert_eq!(status.code(), Some(0), "drains: {}", shop.process.said());
        self.said_nothing_bad();
    }

    #[track_caller]
    pub(crate) fn stop(&self) {
        let process = &self.shop().process;
        process.signal("STOP");
        eventually(LONG, "it stops", || process.is_stopped().then_some(()));
    }

    pub(crate) fn go_on(&self) {
        self.shop().process.try_signal("CONT");
    }

    /// Whether it has ended by its failpoint. Any other end is a violation.
    #[track_caller]
    pub(crate) fn has_aborted(&self) -> bool {
        let process = &self.shop().process;
        let Some(status) = process.exit_status() else {
            return false;
        };
        let said = process.said();
        assert!(
            status.signal() == Some(ABORTED) && said.contains("failpoint "),
            "nothing-ends-by-itself: {} {status} {said}",
            self.name
        );
        self.said_nothing_bad();
        self.front.to(None);
        self.front.cut();
        true
    }

    #[track_caller]
    pub(crate) fn said_nothing_bad(&self) {
        let said = self.shop().process.said();
        assert!(!said.contains("panicked at"), "nothing-panics: {said}");
    }
}

fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
