//! `cartwright serve`: start, say where, serve, drain (RES-3).
#![allow(
    clippy::print_stdout,
    reason = "the first minute is shown on standard output"
)]

use super::threads;
use anyhow::Context as _;
use cartwright_api::http;
use cartwright_app::{Key, Shop, carts, checkouts};
use cartwright_domain::Sku;
use cartwright_domain::cart::Rules;
use cartwright_server::config::{Config, Flags};
use cartwright_server::snapshots::{self, Policy};
use cartwright_server::{
    CannotStart, first_key, leading, load_sample, own_gateway, telemetry, wiring,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) const EXAMPLES: &str = "Examples:
  cartwright serve --sample
  cartwright serve --listen 0.0.0.0:8080 --data-dir /var/lib/cartwright --log-format json
  CARTWRIGHT_ADMIN_KEY=$(cat key) cartwright serve --config cartwright.toml

Ready is one line on standard error with the URL, and 200 from /health/readiness. SIGTERM drains and exits 0; a second
one exits at once with 1. Settings: `cartwright config reference`.";

pub(super) fn run(flags: Flags) -> anyhow::Result<()> {
    let mut config = Config::load(flags.file.as_deref(), std::env::vars(), &flags.set)
        .map_err(CannotStart::because)?;
    telemetry::start(config.text("log"), config.text("log_format") == "json").map_err(|error| {
        CannotStart(format!(
            "log is `{}` and cannot be understood: {error}",
            config.text("log")
        ))
    })?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    threads(config.size("worker_threads"))?.block_on(serve(&mut config))
}

async fn serve(config: &mut Config) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let listener = listen(config).await?;
    let address = listener.local_addr()?;
    let gateway = own_gateway::start(config).await?;
    let config = &*config;
    let url = format!("http://{address}");
    let advertised = match config.text("advertise_url") {
        "" => url.clone(),
        said => said.to_owned(),
    };
    if wiring::forwards(config) && advertised == url && address.ip().is_unspecified() {
        tracing::warn!(
            "other processes of the shop are told to reach this one at {url}, which only this machine can: set advertise_url"
        );
    }
    let core = wiring::start_shared(config, &advertised)?;
    let edge = Arc::new(wiring::edge(&core, config)?);
    let grpc = wiring::grpc(&edge)?;
    // A process that starts as a reader makes no key and loads no sample: the one with the lease did.
    let writes = !core.shop.health().is_reader();
    let key = if writes {
        first_key::ensure(&edge)
            .await
            .context("the first admin key could not be made")?
    } else {
        None
    };
    let sampled = writes && config.flag("sample") && load_sample::is_empty(&core.shop).await?;
    if sampled {
        load_sample::load(&core.shop).await?;
        core.consumers_follow().await;
    }
    tracing::debug!(position = *core.shop.head().borrow(), "the store is open");
    if let Some(key) = key {
        show_key(&key);
    }
    if config.flag("sample") {
        welcome(&url, &core.shop).await?;
    }
    let policy = Policy {
        data_dir: config.path("data_dir"),
        every: config.whole("snapshot_every_n_events") as u64,
        compact: config.flag("compact_log"),
        consumers: core.consumers.positions().map(|(name, _)| name).collect(),
    };
    let snapshots = tokio::spawn(snapshots::watch(
        policy,
        core.shop.clone(),
        core.search.clone(),
    ));
    let tidying = tokio::spawn(tidy_carts(
        core.shop.clone(),
        edge.options.cart_rules.clone(),
    ));
    let refunding = tokio::spawn(core.refunds.clone().watch());
    let driving = tokio::spawn(core.saga.clone().watch());
    let verifying = tokio::spawn(core.saga.clone().verify());
    let telling = tokio::spawn(core.webhooks.clone().watch());
    let me = leading::Me {
        node: config.text("node_name").to_owned(),
        url: advertised,
        lock_dir: config.path("lock_dir"),
    };
    let leading = tokio::spawn(leading::watch(edge.clone(), me, show_key));
    if writes {
        eprintln!("cartwright is ready on {url}");
    } else {
        let does = if wiring::forwards(config) {
            "passes writes on"
        } else {
            "serves reads"
        };
        eprintln!("cartwright is ready on {url}; another process has the lease, this one {does}");
    }

    let (stop, stopped) = tokio::sync::oneshot::channel();
    let delay = Duration::from_millis(config.whole("drain_delay_ms") as u64);
    let draining = edge.clone();
    let hands_over = wiring::forwards(config);
    tokio::spawn(async move {
        signals.first().await;
        tracing::info!("draining: no new connections, requests under way finish");
        draining.ready.store(false, Ordering::SeqCst);
        tokio::spawn(async move {
            signals.first().await;
            eprintln!("cartwright: stopped at once; what was acknowledged is durable");
            std::process::exit(1);
        });
        tokio::time::sleep(delay).await;
        if hands_over {
            hand_over(&draining.shop).await;
        }
        // Nobody listens any more when serving ended by itself.
        let _ = stop.send(());
    });
    http::serve(edge, Some(grpc), listener, async { drop(stopped.await) }).await;
    snapshots.abort();
    refunding.abort();
    driving.abort();
    verifying.abort();
    tidying.abort();
    leading.abort();
    tokio::task::spawn_blocking(move || core.close()).await?;
    if let Err(error) = telling.await {
        tracing::error!(%error, "telling webhook endpoints ended by a panic; the next start goes on");
    }
    if let Some(gateway) = gateway {
        gateway.stop().await;
    }
    tracing::info!("stopped");
    Ok(())
}

fn show_key(key: &str) {
    println!("First admin key (shown once; send it as `Authorization: Bearer <key>`): {key}");
}

/// How long handing over the lease may take.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(2);

/// Another process shall write before this one stops taking requests; what is still to be written here goes there.
async fn hand_over(shop: &Shop) {
    shop.health().retire();
    let mut standing = shop.health().standing();
    let read = standing.wait_for(|now| now.is_reader && now.holder.is_some());
    if tokio::time::timeout(HAND_OVER_WITHIN, read).await.is_err() {
        tracing::info!("no other process has taken the lease yet");
    }
}

/// How often carts and checkouts whose time is over are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Ends stale carts and checkouts and removes old carts (CRT-1).
async fn tidy_carts(shop: Shop, rules: Rules) {
    let mut ticks = tokio::time::interval(TIDY_EVERY);
    loop {
        ticks.tick().await;
        if shop.health().is_reader() {
            continue;
        }
        match carts::tidy(&shop, &rules).await {
            Ok(tidied) => tracing::debug!(?tidied, "carts are tidy"),
            Err(fault) => {
                tracing::warn!(%fault, "carts could not be tidied; trying again in a minute")
            }
        }
        match checkouts::tidy(&shop).await {
            Ok(expired) => tracing::debug!(expired, "checkouts are tidy"),
            Err(fault) => {
                tracing::warn!(%fault, "checkouts could not be tidied; trying again in a minute")
            }
        }
    }
}

async fn listen(config: &Config) -> Result<TcpListener, CannotStart> {
    let wanted = config.text("listen");
    TcpListener::bind(wanted).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            CannotStart(format!("the address {wanted} is in use by another process: stop that one, or choose another with --listen"))
        }
        _ => CannotStart(format!("cannot listen on {wanted} ({error}): choose another address with --listen")),
    })
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The SKU that the first curl buys.
const FIRST_SKU: &str = "SKU123";

/// What to open, and a first request that works when pasted.
async fn welcome(url: &str, shop: &Shop) -> anyhow::Result<()> {
    println!("Open     {url}/docs");
    println!("         {url}/v1/products");
    println!("         {url}/v1/search?q=tent");
    println!("         {url}/health/readiness");
    let sku = Sku::new(FIRST_SKU).map_err(|_| anyhow::anyhow!("{FIRST_SKU} is no SKU"))?;
    if shop.find(&Key::Sku(sku)).await?.is_some() {
        let body = format!(
            r#"{{"currency":"USD","country":"US","lines":[{{"sku":"{FIRST_SKU}","quantity":2}}]}}"#
        );
        println!(
            "Try      curl -sS {url}/v1/carts -H 'Content-Type: application/json' -d '{body}'"
        );
        println!("Watch    cartwright demo --server {url}");
    }
    Ok(())
}
