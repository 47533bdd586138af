//! The inventory role in another process (VAL-2, VAL-3): one gRPC channel for all questions, a deadline that goes along, and a
//! breaker before it.

use super::breaker::{Breaker, BreakerOptions, Pass};
use cartwright_app::Fault;
use cartwright_app::ports::Clock;
use cartwright_app::ports::inventory::{Answering, Asked, Found, Inventory, Way};
use cartwright_domain::{Sku, StoreId};
use cartwright_proto::v1::inventory_service_client::InventoryServiceClient;
use cartwright_proto::v1::{AvailabilityReply, AvailabilityRequest};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// How long making a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How often a connection is asked for a sign of life, and how long that may take.
const PING_EVERY: Duration = Duration::from_secs(10);
const PONG_WITHIN: Duration = Duration::from_secs(3);
/// Of one answer, and of all together, what may be on its way unread.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Questions on their way at once; more wait for their turn, within their deadline.
const AT_ONCE: usize = 256;

/// The process that serves the inventory role.
#[derive(Debug)]
pub struct RemoteInventory {
    client: InventoryServiceClient<Channel>,
    timeout: Duration,
    breaker: Mutex<Breaker>,
    clock: Arc<dyn Clock>,
}

impl RemoteInventory {
    /// At an address like `http://10.0.0.8:8080`; an answer may take `timeout`. Connects when it is first asked, and again
    /// whenever that is needed.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the address is none.
    pub fn new(
        url: &str,
        timeout: Duration,
        breaker: BreakerOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| Fault::Unavailable(format!("{url}: {error}")))?;
        let channel = endpoint
            .connect_timeout(CONNECT_WITHIN)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PONG_WITHIN)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .concurrency_limit(AT_ONCE)
            .connect_lazy();
        Ok(Self {
            client: InventoryServiceClient::new(channel),
            timeout,
            breaker: Mutex::new(Breaker::new(breaker)),
            clock,
        })
    }

    async fn ask(&self, asked: Asked) -> Result<Vec<Found>, Fault> {
        let pass = self.breaker.lock().pass(self.clock.monotonic_ns());
        if pass == Pass::Stop {
            let why = "the inventory role failed too often and is left alone for a while";
            return Err(Fault::Unavailable(why.into()));
        }
        let mut client = self.client.clone();
        let answering =
            tokio::time::timeout(self.timeout, client.availability(self.request(asked)));
        let answer = answering.await.unwrap_or_else(|_| {
            let long = self.timeout.as_millis();
            Err(Status::deadline_exceeded(format!(
                "no answer within {long} ms"
            )))
        });
        let answer = answer.map(tonic::Response::into_inner);
        // Who refuses a question works.
        let went_well = !matches!(&answer, Err(status) if is_failure(status.code()));
        let changed = {
            let mut breaker = self.breaker.lock();
            let changed = breaker.note(pass, went_well, self.clock.monotonic_ns());
            changed.then(|| breaker.way())
        };
        if let Some(way) = changed {
            tracing::warn!(
                breaker = "inventory",
                state = way.as_str(),
                "a circuit breaker changed"
            );
        }
        let answer = answer.map_err(|status| Fault::Unavailable(format!("inventory: {status}")))?;
        read(answer)
    }

    fn request(&self, asked: Asked) -> Request<AvailabilityRequest> {
        let mut request = Request::new(AvailabilityRequest {
            skus: asked.skus.iter().map(ToString::to_string).collect(),
            country: asked.country.map(|country| country.code().to_owned()),
            store: asked.store.map(|store| store.to_string()),
        });
        request.set_timeout(self.timeout);
        let lines = [
            ("traceparent", asked.traceparent),
            ("request-id", Some(asked.request_id)),
        ];
        for (name, value) in lines {
            let value = value.and_then(|text| AsciiMetadataValue::try_from(text).ok());
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                request.metadata_mut().insert(name, value);
            }
        }
        request
    }
}

/// Whether an answer says that the other side does not work, rather than that the question was wrong.
fn is_failure(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Internal
            | Code::Unknown
            | Code::Cancelled
            | Code::ResourceExhausted
            | Code::Unimplemented
    )
}

fn read(answer: AvailabilityReply) -> Result<Vec<Found>, Fault> {
    let one = |it: cartwright_proto::v1::Availability| {
        let store = it.store.as_deref().map(StoreId::new).transpose();
        Ok(Found {
            sku: Sku::new(&it.sku).map_err(Fault::corrupt)?,
            available: it.available,
            store: store.map_err(Fault::corrupt)?,
        })
    };
    answer.items.into_iter().map(one).collect()
}

impl Inventory for RemoteInventory {
    fn available(&self, asked: Asked) -> Answering<'_> {
        Box::pin(self.ask(asked))
    }

    fn way(&self) -> Way {
        self.breaker.lock().way()
    }
}
