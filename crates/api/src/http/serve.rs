//! Accepting connections: HTTP/1.1 and h2c on one port, gRPC by content type, and a drain that loses nothing.

use super::Edge;
use super::linger::Lingering;
use crate::forward::SEEN_AT;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;

/// How long a client may take to send its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// How long a drain waits for requests under way.
const DRAIN_WITHIN: Duration = Duration::from_secs(20);

/// A reply's body: ours is one piece, gRPC's is whatever it is.
#[derive(Debug)]
pub enum ReplyBody {
    /// One piece.
    Whole(Full<Bytes>),
    /// One gRPC message, or none.
    Framed(crate::grpc::frame::ReplyBody),
    /// Anything.
    Other(UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>),
}

impl hyper::body::Body for ReplyBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|never| match never {}),
            Self::Framed(body) => Pin::new(body)
                .poll_frame(context)
                .map_err(|never| match never {}),
            Self::Other(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Framed(body) => body.is_end_stream(),
            Self::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Framed(body) => body.size_hint(),
            Self::Other(body) => body.size_hint(),
        }
    }
}

/// Boxes a body of another kind.
pub fn boxed<B>(body: B) -> ReplyBody
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    ReplyBody::Other(body.map_err(Into::into).boxed_unsync())
}

/// The address of the client that a gRPC request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(pub(crate) IpAddr);

/// What answers gRPC requests.
pub trait Grpc: Send + Sync + 'static {
    /// Answers one.
    fn call(
        &self,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>;
}

/// Serves until `stop` resolves, then takes no new connection and lets those under way finish.
pub async fn serve(
    edge: Arc<Edge>,
    grpc: Option<Arc<dyn Grpc>>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_concurrent_streams(1024)
        .keep_alive_interval(Duration::from_secs(30));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        drop(stream.set_nodelay(true));
        let (edge, grpc) = (edge.clone(), grpc.clone());
        let service =
            service_fn(move |request| dispatch(edge.clone(), grpc.clone(), peer.ip(), request));
        let connection = builder
            .serve_connection(TokioIo::new(Lingering::new(stream)), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish within the drain");
    }
}

async fn dispatch(
    edge: Arc<Edge>,
    grpc: Option<Arc<dyn Grpc>>,
    peer: IpAddr,
    mut request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let passport = edge.passport(request.headers_mut());
    let client = passport.as_ref().map_or(peer, |it| it.client);
    if edge.gate.counts_addresses()
        && let Err(refused) = edge.check_address(client, request.headers())
    {
        return Ok(refused.map(ReplyBody::Whole));
    }
    let Some(passport) = passport else {
        return Ok(answer(&edge, grpc, client, request).await);
    };
    if edge.shop.health().is_reader() {
        return Ok(edge.nothing_done(request.headers()));
    }
    tracing::debug!(by = %passport.by, %client, path = request.uri().path(), "passed on by another process");
    request.extensions_mut().insert(passport);
    let mut response = answer(&edge, grpc, client, request).await;
    let seen_at = *edge.shop.head().borrow();
    response.headers_mut().insert(SEEN_AT, seen_at.into());
    Ok(response)
}

async fn answer(
    edge: &Arc<Edge>,
    grpc: Option<Arc<dyn Grpc>>,
    client: IpAddr,
    mut request: Request<Incoming>,
) -> Response<ReplyBody> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let is_grpc =
        content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    if let (true, Some(grpc)) = (is_grpc, grpc) {
        request.extensions_mut().insert(Client(client));
        return grpc.call(request).await;
    }
    let (parts, body) = request.into_parts();
    edge.handle(client, parts, body).await
}
