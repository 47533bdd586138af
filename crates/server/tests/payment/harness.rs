//! Providers to test against, each on a port of its own.

use crate::stripe_shaped::StripeShaped;
use cartwright_adapters::http::{HttpClient, HttpReply};
use cartwright_adapters::payment::{self, Provider as Configured};
use cartwright_app::ports::payment::{Authorize, CardToken, PaymentGateway};
use cartwright_domain::{Currency, Money};
use cartwright_server::gateway_sim::{self, Options, Running};
use http_body_util::Full;
use hyper::{Method, Request};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const KEY: &str = "harness-key";
pub(crate) const WEBHOOK_SECRET: &str = "harness-webhook-secret";
/// Longer than any call takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

enum World {
    Sim { _running: Running, _dir: TempDir },
    Stripe(StripeShaped),
}

/// A provider and the adapter that speaks to it.
pub(crate) struct Provider {
    pub(crate) gateway: Arc<dyn PaymentGateway>,
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    world: World,
}

pub(crate) fn temp_dir() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target directory can be written")
}

/// One configured provider; `scheme` is `sim` or `stripe`.
pub(crate) fn configured(
    scheme: &str,
    address: SocketAddr,
    key: &str,
    timeout: Duration,
) -> Configured {
    let setting = format!("a={scheme}+http://{address}");
    let variable = |name: &str| match name {
        "CARTWRIGHT_PAYMENT_A_KEY" => Some(key.to_owned()),
        "CARTWRIGHT_PAYMENT_A_WEBHOOK_SECRET" => Some(WEBHOOK_SECRET.to_owned()),
        "CARTWRIGHT_PAYMENT_A_TIMEOUT_MS" => Some(timeout.as_millis().to_string()),
        _ => None,
    };
    let mut providers = payment::parse(&setting, &HttpClient::new(), variable).expect("a provider");
    providers.remove(0)
}

pub(crate) async fn start_sim(webhook_url: Option<String>) -> (Running, TempDir) {
    let dir = temp_dir();
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: dir.path().to_owned(),
        key: KEY.to_owned(),
        webhook_url,
        webhook_secret: WEBHOOK_SECRET.to_owned(),
    };
    (
        gateway_sim::start(options)
            .await
            .expect("the gateway starts"),
        dir,
    )
}

impl Provider {
    pub(crate) async fn sim() -> Self {
        let (running, dir) = start_sim(None).await;
        let address = running.address();
        Self::new(
            "sim",
            address,
            World::Sim {
                _running: running,
                _dir: dir,
            },
        )
    }

    pub(crate) async fn stripe() -> Self {
        let stripe = StripeShaped::start(KEY).await;
        let address = stripe.address();
        Self::new("stripe", address, World::Stripe(stripe))
    }

    fn new(scheme: &'static str, address: SocketAddr, world: World) -> Self {
        let gateway = configured(scheme, address, KEY, PATIENCE).gateway;
        Self {
            gateway,
            address,
            scheme,
            world,
        }
    }

    /// The same provider, asked with another key or patience.
    pub(crate) fn asked(&self, key: &str, timeout: Duration) -> Arc<dyn PaymentGateway> {
        configured(self.scheme, self.address, key, timeout).gateway
    }

    /// What a card that behaves so is called there: `visa`, `declined`, `expired`, `insufficient_funds`.
    pub(crate) fn token(&self, card: &str) -> CardToken {
        CardToken(match self.world {
            World::Sim { .. } => format!("tok_{card}"),
            World::Stripe(_) => format!("pm_card_{card}"),
        })
    }

    /// Lets the next call of this kind go wrong so. Both worlds know `error_before`, `error_after`, `close_before`,
    /// `close_after`, `hang_before` and `hang_after`.
    pub(crate) async fn fault(&self, op: &str, kind: &str) {
        match &self.world {
            World::Sim { .. } => {
                control(
                    self.address,
                    "/_sim/faults",
                    json!({"op": op, "kind": kind, "count": 1}),
                )
                .await;
            }
            World::Stripe(stripe) => stripe.fault(op, kind),
        }
    }

    pub(crate) fn is_stripe(&self) -> bool {
        matches!(self.world, World::Stripe(_))
    }
}

pub(crate) fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::new("USD").expect("a currency"))
}

pub(crate) fn order(reference: &str, minor: i64, token: CardToken) -> Authorize {
    Authorize {
        reference: reference.to_owned(),
        amount: usd(minor),
        token,
        checkout_id: format!("chk-{reference}"),
        cart_id: format!("cart-{reference}"),
    }
}

pub(crate) async fn request(method: Method, url: String, key: &str, body: &Value) -> HttpReply {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", format!("Bearer {KEY}"))
        .header("idempotency-key", key)
        .body(Full::from(body))
        .expect("a request");
    HttpClient::new()
        .send(request, PATIENCE)
        .await
        .expect("a reply")
}

/// Sets something at the simulator; its answer.
pub(crate) async fn control(address: SocketAddr, path: &str, body: Value) -> Value {
    let reply = request(Method::POST, format!("http://{address}{path}"), "-", &body).await;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(
        (200..300).contains(&reply.status),
        "{path}: {} {text}",
        reply.status
    );
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// All rows of a list of the simulator.
pub(crate) async fn rows(address: SocketAddr, path: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut after = String::new();
    loop {
        let url = format!("http://{address}{path}?after={after}");
        let reply = request(Method::GET, url, "-", &Value::Null).await;
        assert_eq!(reply.status, 200, "{path}");
        let mut page: Value = serde_json::from_slice(&reply.body).expect("a page");
        rows.append(page["items"].as_array_mut().expect("items"));
        match page["next_cursor"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return rows,
        }
    }
}

/// Asks again until `ask` has an answer.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
