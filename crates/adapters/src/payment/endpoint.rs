//! One provider's address: building requests, sending them, and sorting what every provider tells in the same way.

use crate::http::{HttpClient, HttpFailure, HttpReply};
use bytes::Bytes;
use cartwright_app::ports::payment::{CORRELATION, GatewayError};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use std::time::Duration;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For the one who needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where a provider is, and how it is asked.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// `http(s)://host[:port][/path]`, without a slash at the end.
    pub(super) base: String,
    pub(super) key: Secret,
    pub(super) timeout: Duration,
    pub(super) client: HttpClient,
}

/// A request to a provider.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// Begins with a slash; its parts are encoded already.
    pub(super) path: String,
    /// Empty for none.
    pub(super) idempotency_key: &'a str,
    pub(super) content_type: &'static str,
    pub(super) headers: &'a [(&'static str, &'static str)],
    pub(super) body: String,
}

impl Endpoint {
    /// Sends it within `timeout`, or the configured one if that is shorter.
    pub(super) async fn send(
        &self,
        ask: Ask<'_>,
        timeout: Duration,
    ) -> Result<HttpReply, GatewayError> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(format!("{}{}", self.base, ask.path))
            .header("authorization", format!("Bearer {}", self.key.expose()))
            .header("accept", "application/json");
        if !ask.idempotency_key.is_empty() {
            request = request.header("idempotency-key", ask.idempotency_key);
        }
        if !ask.body.is_empty() {
            request = request.header("content-type", ask.content_type);
        }
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        // Request ids are visible ASCII; one that is not would only spoil the call.
        if let Ok(Ok(id)) = CORRELATION.try_with(|id| HeaderValue::from_str(id))
            && !id.is_empty()
        {
            request = request
                .header("request-id", id.clone())
                .header("correlation-id", id);
        }
        let request = request
            .body(Full::new(Bytes::from(ask.body)))
            .map_err(|error| {
                GatewayError::Misconfigured(format!("no request can be made: {error}"))
            })?;
        let sent = self.client.send(request, timeout.min(self.timeout)).await;
        sent.map_err(|failure| match failure {
            HttpFailure::NotSent(text) => GatewayError::NotSent(text),
            HttpFailure::Unknown(text) => GatewayError::Unknown(text),
        })
    }
}

/// What a status says by itself, whoever sent it; `None` for those whose body decides.
pub(super) fn by_status(reply: &HttpReply) -> Option<GatewayError> {
    match reply.status {
        401 | 403 => Some(GatewayError::Misconfigured(format!(
            "status {}: check the key and what it may do",
            reply.status
        ))),
        // Every API that we speak counts before it acts.
        429 => Some(GatewayError::NotSent(
            "status 429: too many requests".to_owned(),
        )),
        200..=299 | 400 | 402 | 404 | 405 | 409 | 411 | 413 | 414 | 415 | 422 | 431 => None,
        status => Some(GatewayError::Unknown(format!("status {status}"))),
    }
}

/// All but the unreserved characters of RFC 3986, which stay as they are: not every server decodes a path.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text as a part of a path, a query or a form.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A reply that cannot be what it should be: something happened, but nobody knows what.
pub(super) fn unreadable(what: impl fmt::Display) -> GatewayError {
    GatewayError::Unknown(format!("the reply does not fit: {what}"))
}
