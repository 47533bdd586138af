//! Several processes, one that writes: the others take any request too and pass writes on to it, byte for byte. The answer is handed
//! back once this process has itself seen what was written, so that a client reads its own writes here.
//!
//! Who knocks is looked at by the process that writes: credentials, scopes and the rate of a principal. The rate of an address is
//! counted where the client knocks, and once more where it is written, by what the first one says (`passport`).

mod deliver;
mod load;
mod passport;

pub(crate) use deliver::{Letter, repeatable};
pub(crate) use load::Load;
pub(crate) use passport::{NOTHING_DONE, Passport, SEEN_AT};

use cartwright_app::Shop;
use cartwright_app::keys::Secrets;
use http::{HeaderValue, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Whatever can go wrong with a body on its way.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// The body of a request that goes to another process.
pub type Outgoing = UnsyncBoxBody<bytes::Bytes, BodyError>;

/// Why another process gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It has surely not seen the request.
    #[error("{0}")]
    NotSent(String),
    /// It may have seen it, and may have acted on it.
    #[error("{0}")]
    Unknown(String),
}

/// What sending a request comes to.
pub type Sent =
    Pin<Box<dyn Future<Output = Result<Response<hyper::body::Incoming>, Unanswered>> + Send>>;

/// The way to the other processes of the shop.
pub trait Peers: Send + Sync + 'static {
    /// Sends one request, whose address is whole, over a kept connection; the body of the answer comes as it is read. Nothing is
    /// repeated that may have been seen.
    fn send(&self, request: Request<Outgoing>) -> Sent;
}

/// What was passed on, since start.
#[derive(Debug, Default)]
pub struct Counts {
    passed: AtomicU64,
    again: AtomicU64,
    failed: AtomicU64,
    late: AtomicU64,
}

impl Counts {
    /// Names, meanings and values, for metrics.
    pub fn read(&self) -> [(&'static str, &'static str, u64); 4] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            (
                "cartwright_forwarded_total",
                "Writes that the process with the lease answered for this one.",
                read(&self.passed),
            ),
            (
                "cartwright_forwarded_again_total",
                "Times a write was sent again, for there was no answer or nobody had the lease.",
                read(&self.again),
            ),
            (
                "cartwright_forward_failed_total",
                "Writes that could not be passed on in time, or whose answer was lost.",
                read(&self.failed),
            ),
            (
                "cartwright_forward_follow_late_total",
                "Answers handed back before this process had seen what was written.",
                read(&self.late),
            ),
        ]
    }
}

/// Passes writes on to the process that has the lease.
#[allow(missing_debug_implementations, reason = "holds a trait object")]
pub struct Forwarder {
    peers: Arc<dyn Peers>,
    node: String,
    pass: HeaderValue,
    wait_ns: u64,
    /// Since when nobody who writes was reached, in monotonic nanoseconds; 0: somebody was, or nobody asked.
    cut_off_since_ns: AtomicU64,
    /// What was passed on.
    pub counts: Counts,
}

/// How long a look at the process that writes may take.
const PROBE_WITHIN: Duration = Duration::from_millis(500);

/// How the process that writes is reached from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It answers.
    Ok,
    /// It does not, and has not for a moment: writes wait.
    Waiting,
    /// It has not answered for longer than a write waits.
    CutOff,
}

impl Forwarder {
    /// `node` is what this process is called; a write waits `wait_ns` for somebody who takes it.
    pub fn new(peers: Arc<dyn Peers>, secrets: &Secrets, node: &str, wait_ns: u64) -> Self {
        Self {
            peers,
            node: passport::plain(node),
            pass: passport::pass(secrets),
            wait_ns,
            cut_off_since_ns: AtomicU64::new(0),
            counts: Counts::default(),
        }
    }

    /// Looks whether the process that writes answers.
    pub(crate) async fn probe(&self, shop: &Shop) -> Reach {
        let holder = shop.health().standing().borrow().holder.clone();
        let answers = match holder.filter(|it| !it.url.is_empty()) {
            None => false,
            Some(holder) => {
                let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
                let request = Request::get(format!("{}/health/liveness", holder.url)).body(empty);
                match request {
                    Ok(request) => {
                        let sent = tokio::time::timeout(PROBE_WITHIN, self.peers.send(request));
                        matches!(sent.await, Ok(Ok(answer)) if answer.status().is_success())
                    }
                    Err(_) => false,
                }
            }
        };
        self.note(answers, shop.clock().monotonic_ns())
    }

    fn note(&self, answers: bool, now_ns: u64) -> Reach {
        if answers {
            self.cut_off_since_ns.store(0, Ordering::Relaxed);
            return Reach::Ok;
        }
        let now_ns = now_ns.max(1);
        let first =
            self.cut_off_since_ns
                .compare_exchange(0, now_ns, Ordering::Relaxed, Ordering::Relaxed);
        let since = first.err().unwrap_or(now_ns);
        if now_ns.saturating_sub(since) > self.wait_ns {
            Reach::CutOff
        } else {
            Reach::Waiting
        }
    }
}
