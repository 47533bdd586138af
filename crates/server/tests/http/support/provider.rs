//! A simulated payment provider as a process of its own.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::client::Request;
use super::process::{Setup, TempDir, eventually, free_address};

const KEY: &str = "test-provider-key";

/// The provider `a` of a shop. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Provider {
    child: Child,
    address: SocketAddr,
    _dir: TempDir,
}

impl Provider {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let (dir, address) = (TempDir::new("provider"), free_address());
        let said = File::create(dir.path().join("log")).expect("the log can be written");
        let child = Command::new(env!("CARGO_BIN_EXE_cartwright"))
            .args([
                "gateway-sim",
                "--listen",
                &address.to_string(),
                "--key",
                KEY,
            ])
            .arg("--data-dir")
            .arg(dir.data())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .expect("the binary can be run");
        let provider = Self {
            child,
            address,
            _dir: dir,
        };
        eventually(Duration::from_secs(60), "the provider listens", || {
            let mut stream = TcpStream::connect(address).ok()?;
            stream.flush().ok()
        });
        provider
    }

    /// A shop that asks it.
    pub(crate) fn asked_by(&self, setup: Setup) -> Setup {
        setup
            .argument("--payment")
            .argument(&format!("a=sim+http://{}", self.address))
            .with("CARTWRIGHT_PAYMENT_A_KEY", KEY)
    }

    /// The next call of this kind goes wrong so.
    #[track_caller]
    pub(crate) fn fault(&self, fault: Value) {
        let request = Request::new(self.address, "POST", "/_sim/faults");
        request.json(fault).send().is(201);
    }

    /// Every movement of money so far.
    #[track_caller]
    pub(crate) fn ledger(&self) -> Vec<Value> {
        self.rows("/_sim/ledger?limit=10000")
    }

    /// Every call that was understood so far.
    #[track_caller]
    pub(crate) fn calls(&self) -> Vec<Value> {
        self.rows("/_sim/calls?limit=10000")
    }

    #[track_caller]
    fn rows(&self, path: &str) -> Vec<Value> {
        let answer = Request::new(self.address, "GET", path).send().ok();
        answer["items"].as_array().expect("items").clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next capture is refused for good.
pub(crate) fn refused_capture() -> Value {
    json!({"op": "capture", "kind": "decline", "code": "declined", "count": 1})
}
