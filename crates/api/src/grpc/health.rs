//! The standard health service: "" and the full name of every service served, as readiness says.

use crate::http::Edge;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health as Service, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// How often a watcher looks whether the answer has changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Answers for the services it knows.
#[allow(missing_debug_implementations, reason = "holds the whole edge")]
#[derive(Clone)]
pub struct Health {
    edge: Arc<Edge>,
    services: Arc<BTreeSet<String>>,
}

impl Health {
    /// For these services, by their full names.
    pub fn new(edge: Arc<Edge>, services: BTreeSet<String>) -> Self {
        Self {
            edge,
            services: Arc::new(services),
        }
    }

    /// To be served.
    pub fn server(self) -> HealthServer<Self> {
        HealthServer::new(self)
    }

    fn status(&self, service: &str) -> ServingStatus {
        if !service.is_empty() && !self.services.contains(service) {
            return ServingStatus::ServiceUnknown;
        }
        let ready = self.edge.ready.load(Ordering::Relaxed);
        if ready && !self.edge.shop.health().is_read_only() {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    }
}

fn reply(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

#[tonic::async_trait]
impl Service for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        match self.status(&service) {
            ServingStatus::ServiceUnknown => {
                Err(Status::not_found(format!("no service {service} is served")))
            }
            status => Ok(Response::new(reply(status))),
        }
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    /// The status at once, then each change, until the shop drains: a drain waits for nobody who
    /// only watches.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let state = (self.clone(), service, None);
        let changes = unfold(state, |(health, service, last)| async move {
            loop {
                let status = health.status(&service);
                if last != Some(status) {
                    let next = (health, service, Some(status));
                    return Some((Ok(reply(status)), next));
                }
                if !health.edge.ready.load(Ordering::Relaxed) {
                    return None;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Ok(Response::new(changes.boxed()))
    }
}
