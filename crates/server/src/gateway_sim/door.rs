//! Connections in: HTTP/1.1 with keep-alive; a call that the books have begun ends there, whoever hangs up.

use super::{Sim, routes};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Largest request body.
const BODY_BYTES: usize = 64 << 10;

/// How a call is answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// In words.
    Reply(Reply),
    /// By closing the connection.
    Close,
    /// Never.
    Hang,
}

/// A reply.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) replayed: bool,
}

impl Reply {
    pub(super) fn new(status: u16, body: &Value) -> Self {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        Self {
            status,
            body,
            replayed: false,
        }
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// What a handler knows of a request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) peer: SocketAddr,
    pub(super) head: hyper::http::request::Parts,
    pub(super) body: Bytes,
}

/// The connection is closed without a word.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

/// Serves until aborted; then all connections close.
pub(super) async fn serve(sim: Arc<Sim>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                while connections.try_join_next().is_some() {}
                // Without it replies wait for acknowledgements; not worth refusing a connection.
                let _ = stream.set_nodelay(true);
                connections.spawn(connection(sim.clone(), stream, peer));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn connection(sim: Arc<Sim>, stream: TcpStream, peer: SocketAddr) {
    let service = service_fn(move |request| answer(sim.clone(), peer, request));
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(
    sim: Arc<Sim>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(response(Reply::new(
                413,
                &super::wire::problem("too_large", "bodies have at most 64 KiB"),
            )));
        }
        Err(_) => return Err(Closed),
    };
    let asked = Asked { peer, head, body };
    // Its own task: a caller who hangs up does not take back what was asked.
    let answer = tokio::spawn(async move { routes::answer(&sim, asked).await }).await;
    match answer {
        Ok(Answer::Reply(reply)) => Ok(response(reply)),
        Ok(Answer::Close) | Err(_) => Err(Closed),
        Ok(Answer::Hang) => std::future::pending().await,
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if reply.status != 204 {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if reply.replayed {
        response
            .headers_mut()
            .insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}
