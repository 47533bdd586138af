//! Watching a checkout: server-sent events, one for each of its versions, until it has ended.

use super::Edge;
use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb};
use super::serve::{ReplyBody, boxed};
use crate::problem::Problem;
use crate::wire::Timestamp;
use bytes::Bytes;
use cartwright_app::{Key, Record};
use cartwright_domain::checkout::{Attempt, Checkout, Progress, State, Step, StepState};
use cartwright_domain::{CheckoutId, OrderId};
use futures_util::stream::unfold;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long nothing may be sent.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// The shortest time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The route.
pub(super) const ROUTES: &[Endpoint] = &[Endpoint {
    method: Verb::Get,
    path: "/v1/checkouts/{id}/events",
    name: "watchCheckout",
    summary: "Tells what happens to a checkout as server-sent events, one for each version, from the first or after `Last-Event-ID`; ends when the checkout has ended.",
    access: Access::Checkout,
    query: &[],
    body: BodyKind::None,
    request: None,
    replies: &[(200, None)],
    refusals: &["not_found"],
    produces: "text/event-stream",
    handler: |call| Box::pin(watch(call)),
}];

/// What a reply goes on telling: the versions of a checkout after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// Which checkout.
    pub checkout: CheckoutId,
    /// The last version that is known.
    pub after: u64,
}

async fn watch(mut call: Call) -> Result<Reply, Problem> {
    let after = match call.headers().get("last-event-id") {
        None => 0,
        Some(value) => {
            let version = value.to_str().ok().and_then(|text| text.parse().ok());
            version.ok_or_else(|| {
                let detail =
                    "Last-Event-ID is the id of the last event that was received, a number";
                Problem::new("malformed_request", detail)
            })?
        }
    };
    let checkout = call.load_checkout().await?;
    call.slot = None;
    let reply = Reply {
        status: 200,
        watch: Some(Watch {
            checkout: checkout.id,
            after,
        }),
        ..Reply::default()
    };
    Ok(reply
        .with("content-type", "text/event-stream")
        .with("cache-control", "no-store")
        .with("x-accel-buffering", "no"))
}

/// The body of a reply that goes on.
pub(super) fn body(edge: Arc<Edge>, watch: Watch) -> ReplyBody {
    let frames = unfold(Watching::new(edge, watch), |mut watching| async move {
        let news = watching.next().await?;
        let text = if news.is_empty() {
            ":\n\n".to_owned()
        } else {
            news.iter().map(event).collect()
        };
        let frame = Ok::<_, Infallible>(Frame::data(Bytes::from(text)));
        Some((frame, watching))
    });
    boxed(StreamBody::new(frames))
}

/// Somebody who is told what happens to a checkout.
pub(crate) struct Watching {
    edge: Arc<Edge>,
    head: tokio::sync::watch::Receiver<u64>,
    watch: Watch,
    is_over: bool,
}

impl Watching {
    /// Told from the version after the one that is known.
    pub(crate) fn new(edge: Arc<Edge>, watch: Watch) -> Self {
        Self {
            head: edge.shop.head(),
            edge,
            watch,
            is_over: false,
        }
    }

    /// Whether the checkout has ended and all of it was told.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next events, or none when nothing happens for a while; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Vec<Told>> {
        let clock = self.edge.shop.clock().clone();
        let begun_ns = clock.monotonic_ns();
        loop {
            if self.is_over || !self.edge.ready.load(Ordering::SeqCst) {
                return None;
            }
            self.head.mark_unchanged();
            let news = self.news().await;
            if !news.is_empty() {
                return Some(news);
            }
            if self.is_over {
                return None;
            }
            let silent = Duration::from_nanos(clock.monotonic_ns().saturating_sub(begun_ns));
            let left = COMMENT_EVERY.saturating_sub(silent);
            let change = tokio::time::timeout(left, self.head.changed());
            if change.await.is_err() {
                return Some(Vec::new());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn news(&mut self) -> Vec<Told> {
        let key = Key::Checkout(self.watch.checkout);
        let checkout = match self.edge.shop.find(&key).await {
            Ok(Some(Record::Checkout(checkout))) => checkout,
            Ok(_) => {
                self.is_over = true;
                return Vec::new();
            }
            // It is looked at again with the next change.
            Err(_) => return Vec::new(),
        };
        let ended =
            match checkout.state_at(cartwright_domain::Time(self.edge.shop.clock().now_ms())) {
                State::Completed | State::Cancelled | State::Expired => true,
                State::Open | State::Processing | State::RequiresAction | State::NeedsAttention => {
                    false
                }
            };
        self.is_over = ended;
        let fresh = checkout
            .progress
            .iter()
            .filter(|it| it.version > self.watch.after);
        let news = fresh.map(|it| told(&checkout, it)).collect();
        self.watch.after = self.watch.after.max(checkout.version);
        news
    }
}

/// What one event tells.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    version: u64,
    at: Timestamp,
    state: &'static str,
    attempt: Option<u32>,
    step: Option<&'static str>,
    step_state: Option<&'static str>,
    tries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
}

/// As a server-sent event.
fn event(told: &Told) -> String {
    let data = serde_json::to_string(told).unwrap_or_default();
    format!("id: {}\nevent: checkout\ndata: {data}\n\n", told.version)
}

fn told(checkout: &Checkout, progress: &Progress) -> Told {
    let attempt = checkout.attempts.iter().find(|it| it.n == progress.attempt);
    let went_wrong = matches!(
        progress.step,
        Some((
            _,
            StepState::Failed | StepState::Undoing | StepState::Undone
        ))
    );
    let failure = attempt.and_then(|it| it.failure).filter(|_| went_wrong);
    Told {
        version: progress.version,
        at: Timestamp(progress.at),
        state: progress.state.as_str(),
        attempt: attempt.map(|it| it.n),
        step: progress.step.map(|(step, _)| step.as_str()),
        step_state: progress.step.map(|(_, state)| state.as_str()),
        tries: progress.tries,
        code: failure.map(|failure| crate::wire::checkout::Failure::of(failure).code()),
        order_id: attempt.and_then(|it| order_by(checkout, it, progress)),
    }
}

/// The order of an attempt, from the moment it was made.
fn order_by(checkout: &Checkout, attempt: &Attempt, progress: &Progress) -> Option<OrderId> {
    let made = checkout
        .progress
        .iter()
        .find(|it| it.attempt == attempt.n && it.step == Some((Step::Order, StepState::Done)))?;
    attempt.order.filter(|_| made.version <= progress.version)
}
