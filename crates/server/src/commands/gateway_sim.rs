//! `cartwright gateway-sim`: the simulated payment provider as a process of its own.

use super::threads;
use anyhow::Context as _;
use cartwright_server::gateway_sim::{self, Options};
use cartwright_server::{CannotStart, telemetry};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Play a payment provider over HTTP, with its own durable ledger, and faults that are set while it runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cartwright gateway-sim --listen 127.0.0.1:8090 --key sim-key
  curl -sS 127.0.0.1:8090/payments -H 'Authorization: Bearer sim-key' -H 'Idempotency-Key: k1' \\
    -d '{\"reference\":\"r1\",\"amount\":{\"amount\":1299,\"currency\":\"USD\"},\"token\":\"tok_visa\"}'
  curl -sS 127.0.0.1:8090/_sim/faults -d '{\"op\":\"capture\",\"kind\":\"close_after\",\"count\":1}'
  curl -sS 127.0.0.1:8090/_sim/ledger

No real money is moved. Ready is one line on standard error with the URL.")]
pub(super) struct GatewaySimArgs {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8090",
        env = "CARTWRIGHT_GATEWAY_SIM_LISTEN"
    )]
    listen: SocketAddr,
    /// Directory of the ledger.
    #[arg(
        long,
        value_name = "PATH",
        default_value = "gateway-sim-data",
        env = "CARTWRIGHT_GATEWAY_SIM_DATA_DIR"
    )]
    data_dir: PathBuf,
    /// What callers send as `Authorization: Bearer`.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "sim-key",
        env = "CARTWRIGHT_GATEWAY_SIM_KEY",
        hide_env_values = true
    )]
    key: String,
    /// Where webhooks are sent; without it there are none.
    #[arg(long, value_name = "URL", env = "CARTWRIGHT_GATEWAY_SIM_WEBHOOK_URL")]
    webhook_url: Option<String>,
    /// What webhooks are signed with.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "sim-webhook-secret",
        env = "CARTWRIGHT_GATEWAY_SIM_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    webhook_secret: String,
}

pub(super) fn run(args: GatewaySimArgs) -> anyhow::Result<()> {
    telemetry::start("info", false).context("the log cannot be started")?;
    threads(0)?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let running = gateway_sim::start(Options {
            listen: args.listen,
            data_dir: args.data_dir,
            key: args.key,
            webhook_url: args.webhook_url.filter(|url| !url.is_empty()),
            webhook_secret: args.webhook_secret,
        })
        .await
        .map_err(|error| CannotStart(format!("{error:#}")))?;
        eprintln!("gateway-sim is ready on http://{}", running.address());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        running.stop().await;
        Ok(())
    })
}
