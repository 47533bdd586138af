//! A shop of the demo's own: a process of this binary on a free port, in a directory that is removed.

use super::super::another::another;
use anyhow::{Context as _, ensure};
use cartwright_adapters::system::SystemRandom;
use cartwright_app::ports::Random as _;
use cartwright_server::http_client::Client;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::Duration;

/// How long it may take to start, and how often it is asked.
const READY_LOOKS: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A shop; ends with the demo.
pub(super) struct Own {
    child: Child,
    address: String,
    dir: tempfile::TempDir,
    pub(super) key: String,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Own {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let mut key = [0; 16];
        SystemRandom.fill(&mut key);
        let key = format!("demo-{:032x}", u128::from_be_bytes(key));
        let dir = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let child = serve(&address, &dir, &key)?;
        let own = Self {
            child,
            address,
            dir,
            key,
        };
        own.ready().await?;
        Ok(own)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        // Both do nothing to a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on its data.
    pub(super) async fn restart(&mut self) -> anyhow::Result<()> {
        self.child = serve(&self.address, &self.dir, &self.key)?;
        self.ready().await
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let mut client = Client::new(&self.url(), None)?;
        for _ in 0..READY_LOOKS {
            if let Ok(reply) = client.get("/health/readiness").await
                && reply.status == 200
            {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        ensure!(false, "the shop did not start: {log}");
        Ok(())
    }
}

fn serve(address: &str, dir: &tempfile::TempDir, key: &str) -> anyhow::Result<Child> {
    let log = std::fs::File::create(dir.path().join("log"))?;
    another()?
        .args(["serve", "--sample", "--listen", address, "--data-dir"])
        .arg(dir.path().join("data"))
        .env("CARTWRIGHT_ADMIN_KEY", key)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("the shop cannot be started")
}
