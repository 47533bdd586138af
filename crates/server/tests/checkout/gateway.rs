//! `cartwright gateway-sim` as a process of its own, and what it says about itself.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::support::{Request, TempDir, free_address, text};

pub(crate) const KEY: &str = "gateway-key";

/// A provider. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    dir: TempDir,
    child: Mutex<Option<Child>>,
}

impl Gateway {
    /// One that runs, called so in the shop's settings.
    pub(crate) fn start(name: &'static str) -> Self {
        let gateway = Self::stopped(name);
        gateway.restart();
        gateway
    }

    /// One that nobody has started yet: nothing listens at its address.
    pub(crate) fn stopped(name: &'static str) -> Self {
        Self {
            name,
            address: free_address(),
            dir: TempDir::new("gateway"),
            child: Mutex::new(None),
        }
    }

    /// Starts it at its address, on its ledger. Faults are gone.
    pub(crate) fn restart(&self) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cartwright"))
            .args(["gateway-sim", "--listen", &self.address.to_string()])
            .arg("--data-dir")
            .arg(self.dir.data())
            .env("CARTWRIGHT_GATEWAY_SIM_KEY", KEY)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error")).lines();
        let ready = lines.next().expect("a line").expect("text");
        assert!(ready.contains("http://"), "not ready: {ready}");
        // Whatever it says later is taken from it, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        *self.child() = Some(child);
    }

    /// `kill -9`.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path).key(KEY)
    }

    /// Lets calls go wrong so from now on; the fault's id.
    #[track_caller]
    pub(crate) fn fault(&self, fault: Value) -> String {
        let made = self.request("POST", "/_sim/faults").json(fault).send();
        text(&made.created()["id"])
    }

    /// No more of this fault.
    #[track_caller]
    pub(crate) fn mend(&self, fault: &str) {
        let path = format!("/_sim/faults/{fault}");
        self.request("DELETE", &path).send().is(204);
    }

    /// No more faults.
    #[track_caller]
    pub(crate) fn mend_all(&self) {
        self.request("DELETE", "/_sim/faults").send().is(204);
    }

    /// Every call waits so long.
    #[track_caller]
    pub(crate) fn slow(&self, delay_ms: u64) {
        self.fault(json!({"op": "any", "kind": "delay", "delay_ms": delay_ms}));
    }

    /// All effects, in their order.
    #[track_caller]
    pub(crate) fn ledger(&self) -> Vec<Value> {
        self.pages("/_sim/ledger", 1000)
    }

    /// All calls, in their order.
    #[track_caller]
    pub(crate) fn calls(&self) -> Vec<Value> {
        self.pages("/_sim/calls", 1000)
    }

    /// All payments, in their order. Set no faults on lookups meanwhile.
    #[track_caller]
    pub(crate) fn payments(&self) -> Vec<Value> {
        self.pages("/payments", 200)
    }

    fn pages(&self, path: &str, limit: u32) -> Vec<Value> {
        let (mut rows, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("{path}?limit={limit}&after={after}");
            let mut page = self.request("GET", &path).send().ok();
            rows.append(page["items"].as_array_mut().expect("items"));
            match page["next_cursor"].as_str() {
                Some(next) => after = next.to_owned(),
                None => return rows,
            }
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}
