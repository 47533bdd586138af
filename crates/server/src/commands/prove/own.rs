//! An embedded shop: processes of this binary for the shop and a simulated provider, on free ports, in a directory of their own.

use super::super::another::another;
use super::caller::{Ask, Caller};
use anyhow::{Context as _, bail, ensure};
use cartwright_adapters::store::postgres;
use cartwright_adapters::system::SystemRandom;
use cartwright_app::ports::Random as _;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to become ready, and to end after SIGTERM.
const READY_WITHIN: Duration = Duration::from_secs(60);
const ENDS_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Lines of a log that an error shows.
const SHOWN_LINES: usize = 12;

/// The provider's name in the shop's settings.
pub(super) const PROVIDER: &str = "sim";

/// Both processes; they end with it.
#[derive(Debug)]
pub(super) struct Own {
    shop: Option<Child>,
    gateway: Child,
    address: SocketAddr,
    gateway_address: SocketAddr,
    dir: Option<tempfile::TempDir>,
    secret: String,
    /// Where it keeps its state: a schema of its own, dropped in the end. Its directory without.
    database: Option<String>,
}

impl Drop for Own {
    fn drop(&mut self) {
        self.kill();
        let _ = self.gateway.kill();
        let _ = self.gateway.wait();
        if let Some(database) = self.database.take()
            && let Err(error) = postgres::erase(&database)
        {
            tracing::warn!(%error, "the schema of the embedded shop is still there");
        }
    }
}

impl Own {
    /// Starts both, and waits until they are ready. Its state is kept in a new schema of this PostgreSQL, if one is named.
    ///
    /// # Errors
    /// When one does not start; the error shows the end of its log.
    pub(super) async fn start(database: Option<&str>) -> anyhow::Result<Self> {
        let database = database.map(of_its_own).transpose()?;
        let dir = tempfile::Builder::new()
            .prefix("cartwright-prove-")
            .tempdir()?;
        let secret = drawn();
        let (address, gateway_address) = (free_address()?, free_address()?);
        let gateway = another()?
            .args(["gateway-sim", "--listen", &gateway_address.to_string()])
            .arg("--data-dir")
            .arg(dir.path().join("gateway"))
            .arg("--webhook-url")
            .arg(format!("http://{address}/v1/webhooks/{PROVIDER}"))
            .env("CARTWRIGHT_GATEWAY_SIM_KEY", &secret)
            .env("CARTWRIGHT_GATEWAY_SIM_WEBHOOK_SECRET", &secret)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(dir.path().join("gateway.log"))?)
            .spawn()
            .context("the simulated provider cannot be started")?;
        let mut own = Self {
            shop: None,
            gateway,
            address,
            gateway_address,
            dir: Some(dir),
            secret,
            database,
        };
        let url = own.gateway_url();
        let control = Caller::new(&url, None)?;
        let begun = Instant::now();
        while control.once(&Ask::get("/_sim/faults")).await.is_err() {
            let ended = own.gateway.try_wait()?;
            own.waits("the simulated provider", "gateway.log", begun, ended)?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        own.restart().await?;
        Ok(own)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn gateway_url(&self) -> String {
        format!("http://{}", self.gateway_address)
    }

    /// The admin key, the provider's key and what its webhooks are signed with: random, and of this run alone.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// `kill -9` of the shop.
    pub(super) fn kill(&mut self) {
        if let Some(mut shop) = self.shop.take() {
            // Both do nothing to a process that has ended.
            let _ = shop.kill();
            let _ = shop.wait();
        }
    }

    /// Starts the shop and kills it after so long, wherever it is by then.
    ///
    /// # Errors
    /// When the process cannot be made.
    pub(super) async fn start_and_kill(&mut self, after: Duration) -> anyhow::Result<()> {
        self.shop = Some(self.spawn()?);
        tokio::time::sleep(after).await;
        self.kill();
        Ok(())
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let dir = self.directory();
        another()?
            .args([
                "serve",
                "--no-sample",
                "--listen",
                &self.address.to_string(),
            ])
            .arg("--data-dir")
            .arg(dir.join("data"))
            .args([
                "--payment",
                &format!("{PROVIDER}=sim+{}", self.gateway_url()),
            ])
            .envs(self.kept_in())
            .env("CARTWRIGHT_ADMIN_KEY", &self.secret)
            .env("CARTWRIGHT_PAYMENT_SIM_KEY", &self.secret)
            .env("CARTWRIGHT_PAYMENT_SIM_WEBHOOK_SECRET", &self.secret)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(
                File::options()
                    .create(true)
                    .append(true)
                    .open(dir.join("shop.log"))?,
            )
            .spawn()
            .context("the shop cannot be started")
    }

    /// Starts the shop on its data, and tells how long it took until it was ready.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) async fn restart(&mut self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        self.shop = Some(self.spawn()?);
        let caller = Caller::new(&self.url(), None)?;
        let readiness = Ask::get("/health/readiness");
        while !matches!(caller.once(&readiness).await, Ok(reply) if reply.status == 200) {
            let ended = match &mut self.shop {
                Some(shop) => shop.try_wait()?,
                None => None,
            };
            self.waits("the shop", "shop.log", begun, ended)?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(begun.elapsed())
    }

    /// Stops the shop in good order and rebuilds its state from its log; the report of `replay --verify --json`, and how that ended.
    ///
    /// # Errors
    /// When it does not stop, or `replay` cannot be run.
    pub(super) async fn replay(&mut self) -> anyhow::Result<(bool, String)> {
        if let Some(mut shop) = self.shop.take() {
            super::super::bench::terminate(shop.id())?;
            let begun = Instant::now();
            while shop.try_wait()?.is_none() {
                if begun.elapsed() > ENDS_WITHIN {
                    self.shop = Some(shop);
                    bail!("the shop did not end within {ENDS_WITHIN:?} of SIGTERM");
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        let output = another()?
            .args(["replay", "--verify", "--all", "--json", "--data-dir"])
            .arg(self.directory().join("data"))
            .envs(self.kept_in())
            .stdin(Stdio::null())
            .output()?;
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok((output.status.success(), said))
    }

    /// The variable that says where it keeps its state.
    fn kept_in(&self) -> Option<(&'static str, &str)> {
        let database = self.database.as_deref()?;
        Some(("CARTWRIGHT_DATABASE", database))
    }

    /// Leaves the directory, and the schema where there is one, for somebody to look at.
    pub(super) fn keep(&mut self) -> Option<PathBuf> {
        self.kill();
        self.database = None;
        self.dir.take().map(tempfile::TempDir::keep)
    }

    fn directory(&self) -> &Path {
        self.dir
            .as_ref()
            .map_or_else(|| Path::new("."), tempfile::TempDir::path)
    }

    fn waits(
        &self,
        who: &str,
        log: &str,
        begun: Instant,
        ended: Option<ExitStatus>,
    ) -> anyhow::Result<()> {
        let tail = || {
            let text = std::fs::read_to_string(self.directory().join(log)).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
        };
        if let Some(status) = ended {
            bail!("{who} ended with {status} before it was ready:\n{}", tail());
        }
        ensure!(
            begun.elapsed() < READY_WITHIN,
            "{who} was not ready after {READY_WITHIN:?}:\n{}",
            tail()
        );
        Ok(())
    }
}

/// The address of a new schema there.
fn of_its_own(database: &str) -> anyhow::Result<String> {
    ensure!(
        database.starts_with("postgres://") || database.starts_with("postgresql://"),
        "--database must be postgres://..."
    );
    ensure!(
        !database.contains("schema="),
        "--database must name no schema: a new one is made, and dropped in the end"
    );
    let sign = if database.contains('?') { '&' } else { '?' };
    let mut drawn = [0; 8];
    SystemRandom.fill(&mut drawn);
    let number = u64::from_be_bytes(drawn);
    Ok(format!("{database}{sign}schema=prove_{number:016x}"))
}

/// An address that is free now. Its port is below those that systems give to outgoing connections, so that none of them has it when
/// the shop is started again.
fn free_address() -> anyhow::Result<SocketAddr> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    let mut drawn = [0; 2];
    SystemRandom.fill(&mut drawn);
    let from = u16::from_be_bytes(drawn) % COUNT;
    let mut ports = (0..COUNT).map(|step| FIRST + (from + step) % COUNT);
    let free = ports.find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    Ok(free.context("no port is free on loopback")?.local_addr()?)
}

fn drawn() -> String {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    format!("prove-{:032x}", u128::from_be_bytes(bytes))
}
