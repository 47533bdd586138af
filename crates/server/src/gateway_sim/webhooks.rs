//! Telling the shop: signed, at least once, with the same id each time, and as late, twice or out of order as asked.

use super::Sim;
use super::faults::{Fault, Kind};
use super::ledger::{DueWebhook, Sent};
use super::wire::Op;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use cartwright_adapters::http::HttpClient;
use cartwright_adapters::payment::signature;
use cartwright_adapters::system::SystemClock;
use cartwright_app::ports::Clock;
use http_body_util::Full;
use hyper::{Request, Uri};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The header that carries the signature.
pub(super) const HEADER: &str = "webhook-signature";
/// Webhooks under way at once.
const UNDER_WAY_MAX: usize = 32;
/// Webhooks read ahead.
const AHEAD: u32 = 256;
/// How long the shop may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the first failure; it doubles up to [`PAUSE_MS_MAX`].
const PAUSE_MS: i64 = 500;
const PAUSE_MS_MAX: i64 = 60_000;
/// Attempts; with these pauses about a day and a half.
const ATTEMPTS_MAX: u32 = 2_000;
/// How often the list is read when nothing happens.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Checks the address that webhooks go to.
pub(super) fn target(url: &str) -> anyhow::Result<Uri> {
    let uri: Uri = url
        .parse()
        .with_context(|| format!("the webhook URL {url} is none"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
        bail!("the webhook URL {url} must begin with http:// or https://");
    }
    Ok(uri)
}

#[derive(Debug)]
struct Courier {
    sim: Arc<Sim>,
    client: HttpClient,
    target: Uri,
    secret: Vec<u8>,
    clock: SystemClock,
    /// Told whenever one was sent, for those that wait to be second.
    overtaken: Notify,
}

/// Sends what is due until aborted.
pub(super) async fn run(sim: Arc<Sim>, target: Uri, secret: Vec<u8>) {
    let courier = Arc::new(Courier {
        sim,
        client: HttpClient::new(),
        target,
        secret,
        clock: SystemClock::new(),
        overtaken: Notify::new(),
    });
    let mut under_way = JoinSet::new();
    let mut taken = HashSet::new();
    let mut waiting: VecDeque<DueWebhook> = VecDeque::new();
    loop {
        let mut pause = LOOK_EVERY;
        if waiting.is_empty() && under_way.len() < UNDER_WAY_MAX {
            let now = courier.clock.now_ms();
            // What is under way is still due in the file; read past it.
            let limit = AHEAD + UNDER_WAY_MAX as u32;
            if let Ok((due, next)) = courier.sim.ledger.due_webhooks(now, limit).await {
                waiting.extend(
                    due.into_iter()
                        .filter(|webhook| !taken.contains(&webhook.seq)),
                );
                let until = next.map(|next| {
                    Duration::from_millis(next.saturating_sub(now).max(1).unsigned_abs())
                });
                pause = until.unwrap_or(pause).min(LOOK_EVERY);
            }
        }
        while under_way.len() < UNDER_WAY_MAX
            && let Some(webhook) = waiting.pop_front()
        {
            let courier = courier.clone();
            taken.insert(webhook.seq);
            under_way.spawn(async move { courier.deliver(webhook).await });
        }
        tokio::select! {
            () = courier.sim.ledger.webhooks_changed() => {}
            Some(ended) = under_way.join_next() => {
                if let Ok(seq) = ended {
                    taken.remove(&seq);
                }
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Courier {
    /// One attempt, recorded; the webhook's place.
    async fn deliver(&self, webhook: DueWebhook) -> i64 {
        let fault = self
            .sim
            .faults
            .strike(Op::Webhook, webhook.cart_id.as_deref());
        let sent = self.attempt(&webhook, fault.as_ref()).await;
        if self
            .sim
            .ledger
            .webhook_sent(webhook.seq, sent)
            .await
            .is_err()
        {
            tracing::debug!(
                seq = webhook.seq,
                "a webhook's delivery is not recorded; it will be sent again"
            );
        }
        webhook.seq
    }

    async fn attempt(&self, webhook: &DueWebhook, fault: Option<&Fault>) -> Sent {
        let kind = fault.map(|fault| fault.kind);
        let pause = fault.and_then(Fault::pause);
        match kind {
            Some(Kind::Drop) => return Sent::Dropped,
            Some(Kind::Reorder) => {
                let overtaken = self.overtaken.notified();
                // Being overtaken and having waited long enough are equally good.
                let _ = tokio::time::timeout(pause.unwrap_or(TIMEOUT), overtaken).await;
            }
            _ => {
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
            }
        }
        let mut secret = self.secret.clone();
        if kind == Some(Kind::BadSignature) {
            secret.extend_from_slice(b"-not");
        }
        let mut taken = self.post(&webhook.body, &secret).await;
        if kind == Some(Kind::Duplicate) {
            taken |= self.post(&webhook.body, &secret).await;
        }
        self.overtaken.notify_waiters();
        let tries = webhook.attempts + 1;
        if taken {
            Sent::Delivered
        } else if tries >= ATTEMPTS_MAX {
            Sent::GivenUp
        } else {
            let pause = PAUSE_MS
                .saturating_mul(1 << webhook.attempts.min(10))
                .min(PAUSE_MS_MAX);
            Sent::Again(self.clock.now_ms() + pause)
        }
    }

    async fn post(&self, body: &str, secret: &[u8]) -> bool {
        let seconds = self.clock.now_ms().div_euclid(1000);
        let request = Request::post(self.target.clone())
            .header("content-type", "application/json")
            .header(HEADER, signature::sign(secret, seconds, body.as_bytes()))
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        let Ok(request) = request else { return false };
        match self.client.send(request, TIMEOUT).await {
            Ok(reply) if (200..300).contains(&reply.status) => true,
            Ok(reply) => {
                tracing::debug!(status = reply.status, "the shop refused a webhook");
                false
            }
            Err(error) => {
                tracing::debug!(%error, "a webhook could not be sent");
                false
            }
        }
    }
}
