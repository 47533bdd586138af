//! Requests as a careful client makes them: with a key each, and again with that key when the shop is busy or a reply is lost.

use bytes::Bytes;
use cartwright_adapters::http::{HttpClient, HttpFailure};
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, RETRY_AFTER};
use hyper::{Method, Request, Uri};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long one reply is waited for: longer than the longest wait that is asked for.
const REPLY_WITHIN: Duration = Duration::from_secs(45);
/// How long a request is repeated before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause before a repetition when the shop names none, and the longest that is kept.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl Ask {
    fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body,
        }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body))
    }

    pub(super) fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PUT, path, Some(body))
    }

    pub(super) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, Some(body))
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With an `Idempotency-Key`.
    pub(super) fn key(self, key: impl Into<String>) -> Self {
        self.header("idempotency-key", key)
    }

    /// On this version of the thing.
    pub(super) fn on_version(self, version: i64) -> Self {
        self.header("if-match", format!("\"{version}\""))
    }
}

/// A reply.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// `Idempotent-Replayed: true`.
    pub(super) replayed: bool,
    pub(super) etag: Option<String>,
    retry_after: Option<Duration>,
    /// Null for none, a text for what is no JSON.
    pub(super) body: Value,
}

impl Reply {
    pub(super) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it is a refusal of this kind.
    pub(super) fn refuses(&self, status: u16, code: &str) -> bool {
        self.status == status && self.body["code"] == code
    }

    /// Status, and what the shop says about it.
    pub(super) fn story(&self) -> String {
        match (self.body["code"].as_str(), self.body["detail"].as_str()) {
            (Some(code), detail) => {
                format!("{} {code}: {}", self.status, detail.unwrap_or_default())
            }
            _ => format!("{} {}", self.status, short(&self.body)),
        }
    }

    /// The body of a success.
    ///
    /// # Errors
    /// The shop's own sentence for anything else.
    pub(super) fn ok(self) -> anyhow::Result<Value> {
        anyhow::ensure!(self.is_ok(), "the shop refuses: {}", self.story());
        Ok(self.body)
    }
}

/// A value in one line that is not too long.
pub(super) fn short(value: &Value) -> String {
    const LETTERS: usize = 600;
    let text = value.to_string();
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// A shop, and who asks it. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    http: HttpClient,
    base: Arc<str>,
    key: Option<Arc<str>>,
    sent: Arc<AtomicU64>,
}

impl Caller {
    /// Asks at `http(s)://host[:port][/path]` with an API key.
    ///
    /// # Errors
    /// When that is no address.
    pub(super) fn new(url: &str, key: Option<&str>) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/');
        let uri = base.parse::<Uri>().ok();
        let fits = uri.is_some_and(|it| {
            matches!(it.scheme_str(), Some("http" | "https")) && it.authority().is_some()
        });
        anyhow::ensure!(fits, "{url} is no address; expected http://host:port");
        Ok(Self {
            http: HttpClient::new(),
            base: base.into(),
            key: key.map(Into::into),
            sent: Arc::default(),
        })
    }

    /// The same without credentials.
    pub(super) fn without_key(&self) -> Self {
        Self {
            key: None,
            ..self.clone()
        }
    }

    /// Where it asks.
    pub(super) fn url(&self) -> &str {
        &self.base
    }

    /// Requests so far, repeated ones counted each time.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends it once.
    ///
    /// # Errors
    /// When there is no reply: whether it had its effect is unknown, unless the failure says that it was not sent.
    pub(super) async fn once(&self, ask: &Ask) -> Result<Reply, HttpFailure> {
        self.within(ask, REPLY_WITHIN).await
    }

    /// Sends it and hangs up after so long, whatever has arrived by then.
    pub(super) async fn hang_up(&self, ask: &Ask, after: Duration) {
        // A reply that came in time is thrown away all the same: the client is gone.
        let _ = self.within(ask, after).await;
    }

    async fn within(&self, ask: &Ask, limit: Duration) -> Result<Reply, HttpFailure> {
        let unsent = |error: String| HttpFailure::NotSent(error);
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(format!("{}{}", self.base, ask.path));
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if ask.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let body = match &ask.body {
            Some(Value::String(bytes)) => bytes.clone(),
            Some(body) => body.to_string(),
            None => String::new(),
        };
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| unsent(error.to_string()))?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let reply = self.http.send(request, limit).await?;
        let header = |name| {
            let value = reply.headers.get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let body = match serde_json::from_slice(&reply.body) {
            Ok(body) => body,
            Err(_) if reply.body.is_empty() => Value::Null,
            Err(_) => String::from_utf8_lossy(&reply.body).into_owned().into(),
        };
        Ok(Reply {
            status: reply.status,
            replayed: reply
                .headers
                .get("idempotent-replayed")
                .is_some_and(|value| value == "true"),
            etag: header(ETAG),
            retry_after: header(RETRY_AFTER)
                .and_then(|it| it.parse().ok())
                .map(Duration::from_secs),
            body,
        })
    }

    /// Sends it, and again while the shop is busy or the reply is lost. A write must have a key, so that it has one effect.
    ///
    /// # Errors
    /// When there is no reply for a minute.
    pub(super) async fn send(&self, ask: &Ask) -> anyhow::Result<Reply> {
        let begun = Instant::now();
        loop {
            let tried = self.once(ask).await;
            let has_time = begun.elapsed() < PATIENCE;
            let pause = match &tried {
                Ok(reply) if is_busy(reply) && has_time => reply.retry_after.unwrap_or(PAUSE),
                Err(_) if has_time => PAUSE,
                Ok(reply) => return Ok(reply.clone()),
                Err(failure) => {
                    let (method, path) = (&ask.method, &ask.path);
                    anyhow::bail!("no reply to {method} {path}: {failure}");
                }
            };
            tokio::time::sleep(pause.min(PAUSE_MAX)).await;
        }
    }

    /// The body of what a path shows.
    ///
    /// # Errors
    /// When it is refused or there is no reply.
    pub(super) async fn read(&self, path: &str) -> anyhow::Result<Value> {
        let reply = self.send(&Ask::get(path)).await?;
        let story = reply.story();
        reply
            .ok()
            .map_err(|_| anyhow::anyhow!("GET {path} was answered {story}"))
    }

    /// All that a list has; `path` may have a query.
    ///
    /// # Errors
    /// When it is refused or there is no reply.
    pub(super) async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        let mark = if path.contains('?') { '&' } else { '?' };
        loop {
            let mut page = self.read(&format!("{path}{mark}limit=200{cursor}")).await?;
            if let Some(items) = page["items"].as_array_mut() {
                all.append(items);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }
}

/// Whether the shop says to come again soon with the same request.
fn is_busy(reply: &Reply) -> bool {
    let is_soon = reply.retry_after.is_none_or(|it| it <= PAUSE_MAX);
    (reply.status == 429 && is_soon)
        || (reply.status == 503 && reply.body["code"] != "dependency_unavailable")
        || reply.refuses(409, "idempotency_in_flight")
}

#[cfg(test)]
mod tests {
    use super::Caller;

    #[test]
    fn an_address_is_http_or_https_with_a_host() {
        for good in [
            "http://127.0.0.1:8080",
            "https://shop.example/",
            "http://h/x",
        ] {
            assert!(Caller::new(good, None).is_ok(), "{good}");
        }
        for bad in ["127.0.0.1:8080", "ftp://h", "http://", ""] {
            assert!(Caller::new(bad, None).is_err(), "{bad}");
        }
    }
}
