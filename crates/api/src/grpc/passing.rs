//! gRPC writes where another process of the shop writes: the same call, the same answer.

use super::frame::refusal;
use super::services::{Inner, read, retryable, timeout};
use super::status::of_problem;
use crate::demo;
use crate::forward::{Letter, Load, NOTHING_DONE, repeatable};
use crate::http::{Client, ReplyBody as Body, YES};
use crate::problem::Problem;
use bytes::Bytes;
use cartwright_app::Fault;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::Arc;
use tonic::Status;

impl Inner {
    /// Has the process answer that writes.
    pub(super) async fn passed_on(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let request_id = self.edge.request_id(&parts.headers);
        let passed = async {
            let body = read(body, self.edge.options.max_body).await?;
            self.deliver(parts, body, request_id.clone()).await
        };
        let mut response = match passed.await {
            Ok(response) => response,
            Err(status) => refusal(&status).map(Body::Framed),
        };
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("request-id", value);
        }
        response
    }

    async fn deliver(
        &self,
        parts: Parts,
        body: Bytes,
        request_id: SmolStr,
    ) -> Result<Response<Body>, Status> {
        let Some(forwarder) = &self.edge.forwarder else {
            return Err(of_problem(&Fault::NoLease.into()));
        };
        let bound = self.methods.get(parts.uri.path());
        let is_repeatable = match bound {
            Some(bound) => repeatable(bound.endpoint, &parts.headers),
            None => demo::repeatable(parts.uri.path(), &parts.headers),
        };
        let came_ns = self.edge.shop.clock().monotonic_ns();
        let deadline = parts.headers.get("grpc-timeout").and_then(timeout);
        let gives_up_ns = deadline
            .map(|long| came_ns.saturating_add(u64::try_from(long.as_nanos()).unwrap_or(u64::MAX)));
        let client = parts.extensions.get::<Client>();
        let letter = Letter {
            client: client.map_or(IpAddr::from([0, 0, 0, 0]), |it| it.0),
            parts,
            load: Load::Whole(body),
            request_id,
            is_repeatable,
            came_ns,
            gives_up_ns,
        };
        let delivered = forwarder.deliver(&self.edge.shop, &letter);
        let delivered = match deadline {
            Some(long) => tokio::time::timeout(long, delivered).await.map_err(|_| {
                Status::deadline_exceeded(
                    "the deadline passed; a write may have happened, so repeat it with its idempotency-key",
                )
            })?,
            None => delivered.await,
        };
        delivered.map_err(|problem| retryable(&problem))
    }

    /// Nothing has happened, for another process writes: that one is asked, by this one or by the one that passed the call on.
    pub(super) async fn without_lease(
        &self,
        problem: &Problem,
        again: Option<(Parts, Bytes, bool)>,
        request_id: SmolStr,
    ) -> Result<Response<Body>, Status> {
        let Some((parts, body, is_forwarded)) = again else {
            return Err(retryable(problem));
        };
        if !is_forwarded {
            return self.deliver(parts, body, request_id).await;
        }
        let mut refused = refusal(&retryable(problem)).map(Body::Framed);
        refused.headers_mut().insert(NOTHING_DONE, YES);
        Ok(refused)
    }
}
