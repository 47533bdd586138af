//! `cartwright gateway-sim`: a payment provider to try a shop against, played as another company would be.
//!
//! It knows nothing of the shop: it speaks HTTP, keeps its own durable ledger, and goes wrong in every way that is
//! asked of it. Deliberately absent: real cards, settlement, currencies' own rules.

mod control;
mod door;
pub mod faults;
pub mod ledger;
mod payments;
mod routes;
mod tokens;
mod webhooks;
pub mod wire;

use anyhow::Context as _;
use cartwright_adapters::system::SystemRandom;
use cartwright_app::ports::Random;
use faults::Faults;
use ledger::Ledger;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How a gateway is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its ledger's directory, made if there is none.
    pub data_dir: PathBuf,
    /// What callers send as `Authorization: Bearer`.
    pub key: String,
    /// Where webhooks go; none are made without it.
    pub webhook_url: Option<String>,
    /// What webhooks are signed with.
    pub webhook_secret: String,
}

/// What all requests share.
#[derive(Debug)]
struct Sim {
    ledger: Ledger,
    faults: Faults,
    /// SHA-256 of the key, so that comparing tells nothing about it.
    key: [u8; 32],
}

/// A gateway that serves; stops when dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    door: Option<JoinHandle<()>>,
    courier: Option<JoinHandle<()>>,
    ledger: Option<(Ledger, std::thread::JoinHandle<()>)>,
}

/// Opens the ledger and serves from now on, within the caller's runtime.
///
/// # Errors
/// A sentence that says what to do: the directory is taken or damaged, the address is in use, the URL is none.
pub async fn start(options: Options) -> anyhow::Result<Running> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("gateway-sim cannot listen on {}", options.listen))?;
    let address = listener.local_addr()?;
    let target = options
        .webhook_url
        .as_deref()
        .map(webhooks::target)
        .transpose()?;
    let (ledger, thread) = Ledger::open(&options.data_dir, target.is_some())?;
    let mut seed = [0; 8];
    SystemRandom.fill(&mut seed);
    let sim = Arc::new(Sim {
        ledger,
        faults: Faults::new(u64::from_be_bytes(seed)),
        key: Sha256::digest(options.key.as_bytes()).into(),
    });
    let courier = target.map(|target| {
        tokio::spawn(webhooks::run(
            sim.clone(),
            target,
            options.webhook_secret.into_bytes(),
        ))
    });
    let ledger = sim.ledger.clone();
    let door = tokio::spawn(door::serve(sim, listener));
    Ok(Running {
        address,
        door: Some(door),
        courier,
        ledger: Some((ledger, thread)),
    })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops serving and closes the ledger. Calls under way get no answer; what was answered is durable.
    pub async fn stop(mut self) {
        let tasks = [self.door.take(), self.courier.take()];
        for task in tasks.into_iter().flatten() {
            task.abort();
            // A task that was aborted ends with just that error.
            let _ = task.await;
        }
        if let Some((ledger, thread)) = self.ledger.take() {
            ledger.close().await;
            // Its only result is that it has ended.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in [&self.door, &self.courier].into_iter().flatten() {
            task.abort();
        }
    }
}
