//! Requests to other processes of the shop: HTTP/2 without TLS over a kept connection for each, so that a process that stops says
//! which requests it has not looked at, and gRPC passes as it is.

use crate::http::{HttpFailure, causes, chain};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::time::Duration;

/// How long making a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How often a connection with requests under way is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(2);
/// How long that sign may take; then the connection is given up.
const PONG_WITHIN: Duration = Duration::from_secs(3);
/// Of one request, what may be on its way unread.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Of one connection.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// The body of a request.
pub type Outgoing = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Connections to other processes, shared by all clones.
#[derive(Debug, Clone)]
pub struct PeerClient {
    client: Client<HttpConnector, Outgoing>,
}

impl Default for PeerClient {
    fn default() -> Self {
        Self::new()
    }
}

impl PeerClient {
    /// A client without connections.
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_only(true)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PONG_WITHIN)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(connector);
        Self { client }
    }

    /// Sends one request with a whole address; the body of the answer is read by the caller.
    ///
    /// # Errors
    /// [`HttpFailure`]: surely not seen by the other side, or perhaps seen. There is no deadline: a connection whose other end
    /// gives no sign of life fails by itself.
    pub async fn send(
        &self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, HttpFailure> {
        self.client.request(request).await.map_err(|error| {
            let text = chain(&error);
            if error.is_connect() || causes(&error).any(was_not_sent) {
                HttpFailure::NotSent(text)
            } else {
                HttpFailure::Unknown(text)
            }
        })
    }
}

/// Whether an error says that the request stayed here, or that the other side will not look at it: RFC 9113, 8.7.
fn was_not_sent(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return error.is_canceled();
    }
    let Some(error) = error.downcast_ref::<h2::Error>() else {
        return false;
    };
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let leaving = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
    error.is_remote() && (refused || leaving)
}
