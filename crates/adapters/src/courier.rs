//! Outgoing webhooks over HTTP: signed, one connection pool for all, no redirects, and nobody on the inside is spoken to.
//!
//! A name is looked up for each new connection, and what it leads to is looked at then, so that a name which changes its mind between
//! check and use gains nothing.

use crate::http::{Pool, causes, chain, pool};
use crate::payment::signature::sign;
use cartwright_app::ports::courier::{
    Courier, CourierError, Delivered, Message, is_public, literal,
};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

/// Unused connections kept for each host.
const IDLE_PER_HOST: usize = 2;
/// How much of a reply is read, so that its connection can be used again; nothing of it is needed.
const REPLY_BYTES: usize = 64 << 10;

/// Posts messages.
#[derive(Debug, Clone)]
pub struct HttpCourier {
    client: Pool<Resolver>,
    timeout: Duration,
    allow_private: bool,
}

impl HttpCourier {
    /// One that waits at most `timeout` for each answer, from looking up the name to the end of the reply.
    pub fn new(timeout: Duration, allow_private: bool) -> Self {
        let names = Resolver {
            names: GaiResolver::new(),
            allow_private,
        };
        Self {
            client: pool(names, timeout, IDLE_PER_HOST),
            timeout,
            allow_private,
        }
    }

    async fn post(&self, message: &Message) -> Result<u16, CourierError> {
        let failed = |error: &dyn std::fmt::Display| CourierError::Failed(error.to_string());
        let uri: Uri = message.url.parse().map_err(|error| failed(&error))?;
        let address = uri.host().and_then(literal);
        if !self.allow_private && address.is_some_and(|address| !is_public(address)) {
            return Err(CourierError::Private);
        }
        let secret = message.secret.as_bytes();
        let request = Request::post(uri)
            .header("content-type", "application/json")
            .header(
                "user-agent",
                concat!("Cartwright/", env!("CARGO_PKG_VERSION")),
            )
            .header(
                "cartwright-signature",
                sign(secret, message.now_seconds, &message.body),
            )
            .header("cartwright-event", message.name.as_str())
            .header("cartwright-event-id", message.id.as_str())
            .header("correlation-id", message.correlation.as_str())
            .body(Full::new(message.body.clone()))
            .map_err(|error| failed(&error))?;
        let response = self.client.request(request).await.map_err(why)?;
        let status = response.status().as_u16();
        // The status has said all; a connection whose rest is too long or breaks is not used again.
        drop(
            Limited::new(response.into_body(), REPLY_BYTES)
                .collect()
                .await,
        );
        Ok(status)
    }
}

impl Courier for HttpCourier {
    fn deliver<'a>(&'a self, message: &'a Message) -> Delivered<'a> {
        Box::pin(async move {
            let answered = tokio::time::timeout(self.timeout, self.post(message)).await;
            answered.unwrap_or_else(|_| {
                let waited = self.timeout.as_millis();
                Err(CourierError::Failed(format!(
                    "no answer within {waited} ms"
                )))
            })
        })
    }
}

fn why(error: hyper_util::client::legacy::Error) -> CourierError {
    if causes(&error).any(|cause| cause.is::<Inside>()) {
        return CourierError::Private;
    }
    CourierError::Failed(chain(&error))
}

/// A name leads to the inside alone.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to private addresses only")]
struct Inside;

/// Looks names up, and leaves out what is not public.
#[derive(Debug, Clone)]
struct Resolver {
    names: GaiResolver,
    allow_private: bool,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.names.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, allow_private) = (self.names.call(name), self.allow_private);
        Box::pin(async move {
            let all = found.await?;
            let open = all.filter(|address| allow_private || is_public(address.ip()));
            let open: Vec<_> = open.collect();
            if open.is_empty() {
                return Err(Inside.into());
            }
            Ok(open.into_iter())
        })
    }
}
