//! Calls to other companies over HTTP: kept-alive connections, one deadline a call, and an honest answer to
//! the question that money hangs on: can the other side have acted?

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;
use tower_service::Service;

/// How long making a connection may take; a call's own deadline may be shorter.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Unused connections are closed after this, before most servers do.
const IDLE: Duration = Duration::from_secs(20);
/// Unused connections kept for each host.
const IDLE_PER_HOST: usize = 128;
/// Largest reply that is read.
const REPLY_BYTES: usize = 4 << 20;

/// Connections, as [`pool`] makes them.
pub(crate) type Pool<R> = Client<HttpsConnector<HttpConnector<R>>, Full<Bytes>>;

/// A client whose connections are shared by all its clones.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Pool<GaiResolver>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct HttpReply {
    /// The status, whatever it is.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpFailure {
    /// No connection could be made: the other side has surely not seen the request.
    #[error("{0}")]
    NotSent(String),
    /// The request may have arrived and may have been acted on.
    #[error("{0}")]
    Unknown(String),
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpClient {
    /// A client for `http` and `https`. Certificates are checked against Mozilla's roots, built in.
    pub fn new() -> Self {
        Self {
            client: pool(GaiResolver::new(), CONNECT_WITHIN, IDLE_PER_HOST),
        }
    }

    /// Sends one request and reads the whole reply, all within `timeout`. Nothing is repeated.
    ///
    /// # Errors
    /// [`HttpFailure`]: not sent for sure, or unknown. A deadline that passes is unknown.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<HttpReply, HttpFailure> {
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| {
                let text = chain(&error);
                if error.is_connect() {
                    HttpFailure::NotSent(text)
                } else {
                    HttpFailure::Unknown(text)
                }
            })?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = Limited::new(response.into_body(), REPLY_BYTES)
                .collect()
                .await
                .map_err(|error| {
                    HttpFailure::Unknown(format!("the reply could not be read: {error}"))
                })?
                .to_bytes();
            Ok(HttpReply {
                status,
                headers,
                body,
            })
        };
        tokio::time::timeout(timeout, exchange)
            .await
            .unwrap_or_else(|_| {
                let waited = timeout.as_millis();
                Err(HttpFailure::Unknown(format!("no reply within {waited} ms")))
            })
    }
}

/// A pool of connections for `http` and `https`; names are looked up with `names`, and so many unused connections are kept for each host.
pub(crate) fn pool<R>(names: R, connect_within: Duration, idle_per_host: usize) -> Pool<R>
where
    R: Service<Name, Future: Send> + Clone + Send + Sync + 'static,
    R::Response: Iterator<Item = SocketAddr>,
    R::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut connector = HttpConnector::new_with_resolver(names);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(connect_within));
    let connector = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle_per_host)
        .build(connector)
}

/// An error and its causes.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error with its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<_> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}
