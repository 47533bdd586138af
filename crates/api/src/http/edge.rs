//! What every request passes, in the contract's order: route, method, sizes, media types, credentials, scope, rate, shape.

use super::auth::{Who, identify};
use super::endpoint::{BodyKind, Call, Endpoint, Reply};
use super::gate::Gate;
use super::media::check_media;
use super::metrics::Metrics;
use super::rate::Rates;
use super::rendered_carts::RenderedCarts;
use super::serve::ReplyBody;
use super::{linger, query, routes, watch};
use crate::problem::Problem;
use crate::quotes::QuoteSigner;
use crate::rendered::Rendered;
use crate::wire::order::Seller;
use bytes::Bytes;
use cartwright_app::Shop;
use cartwright_app::checkouts::saga::Driver;
use cartwright_app::ids::Ids;
use cartwright_app::keys::Secrets;
use cartwright_app::notify::Postbox;
use cartwright_app::orders::Refunds;
use cartwright_app::ports::Random;
use cartwright_app::ports::search::Search;
use cartwright_app::ports::webhooks::Webhooks;
use cartwright_domain::Time;
use cartwright_domain::inventory::Sourcing;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, Version, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use parking_lot::Mutex;
use smol_str::{SmolStr, format_smolstr};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the surfaces are configured with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Hash of the admin key given from outside; `None` when the first start made one.
    pub admin_key_hash: Option<[u8; 32]>,
    /// Largest body in bytes, imports aside.
    pub max_body: usize,
    /// Largest body of an import in bytes.
    pub max_import: usize,
    /// Deepest nesting of a body.
    pub max_depth: usize,
    /// Longest address in bytes.
    pub max_uri: usize,
    /// Most bytes of headers.
    pub max_headers: usize,
    /// How long a request waits for the loop, in nanoseconds.
    pub wait_ns: u64,
    /// How long replies are kept for retries, in milliseconds.
    pub keep_replies_ms: i64,
    /// Requests a second a principal may make; 0: any number.
    pub rate_rps: u32,
    /// Requests at once beyond the rate.
    pub rate_burst: u32,
    /// Requests a second one address may make; 0: any number.
    pub rate_ip_rps: u32,
    /// Requests handled at once; 0: any number.
    pub max_concurrent: usize,
    /// Requests that wait for one of these at most.
    pub max_waiting: usize,
    /// Whether a line may come from several locations.
    pub sourcing: Sourcing,
    /// Longest life of a hold in seconds.
    pub max_ttl_seconds: i64,
    /// Largest quantity in a request.
    pub max_quantity: i64,
    /// Most open reservations of a guest or customer.
    pub guest_reservations: u64,
    /// Rules of carts.
    pub cart_rules: cartwright_domain::cart::Rules,
    /// Who sells, as invoices say.
    pub seller: Seller,
    /// Rules of checkouts.
    pub checkout_rules: cartwright_domain::checkout::Rules,
    /// From the beginning of an attempt to complete one, how long until no order is made any more, in seconds.
    pub checkout_deadline_seconds: i64,
    /// Whether adding to a `/v1` cart checks stock.
    pub validate_carts: bool,
    /// Whether adding to a drop-in cart checks stock.
    pub validate_drop_in: bool,
    /// Whether the drop-in services and the storefront routes are served; they need no credentials.
    pub drop_in: bool,
    /// Whether the store inventory plan's own routes need no credentials (loopback only).
    pub legacy_open: bool,
    /// Status of a write to a process without the lease.
    pub lease_reject_status: u16,
    /// When to try that again, in milliseconds.
    pub lease_retry_after_ms: u64,
}

/// Everything the surfaces share.
#[allow(missing_debug_implementations, reason = "holds trait objects")]
pub struct Edge {
    /// The shop.
    pub shop: Shop,
    /// Derives cart tokens and API keys.
    pub secrets: Secrets,
    /// Signs quotes.
    pub quotes: QuoteSigner,
    /// Completes checkouts.
    pub saga: Driver,
    /// Brings money back.
    pub refunds: Refunds,
    /// The messages of payment providers.
    pub webhooks: Arc<dyn Webhooks>,
    /// Takes letters, if a mail server is configured.
    pub postbox: Option<Postbox>,
    /// Finds products by text.
    pub search: Arc<dyn Search>,
    /// Replies of the catalogue, ready to send; shared with the gRPC lookup.
    pub rendered: Arc<Rendered>,
    /// Configuration.
    pub options: Options,
    /// Counters.
    pub metrics: Metrics,
    /// Answers `/health/readiness` with 503 while false.
    pub ready: std::sync::atomic::AtomicBool,
    pub(super) rendered_carts: RenderedCarts,
    pub(crate) gate: Gate,
    ids: Mutex<Ids>,
    rates: Rates,
    router: matchit::Router<Vec<(usize, &'static Endpoint)>>,
    request_prefix: SmolStr,
    requests: AtomicU64,
}

/// What buying needs beside the shop.
#[allow(missing_debug_implementations, reason = "holds the driver")]
pub struct Buying {
    /// Signs quotes.
    pub quotes: QuoteSigner,
    /// Completes checkouts.
    pub saga: Driver,
    /// Brings money back.
    pub refunds: Refunds,
    /// The messages of payment providers.
    pub webhooks: Arc<dyn Webhooks>,
    /// Takes letters, if a mail server is configured.
    pub postbox: Option<Postbox>,
}

impl Edge {
    /// Puts the surfaces together.
    pub fn new(
        shop: Shop,
        secrets: Secrets,
        buying: Buying,
        search: Arc<dyn Search>,
        random: Arc<dyn Random>,
        options: Options,
    ) -> Self {
        let mut by_path: HashMap<&'static str, Vec<(usize, &'static Endpoint)>> = HashMap::new();
        for (place, endpoint) in routes().enumerate() {
            by_path
                .entry(endpoint.path)
                .or_default()
                .push((place, endpoint));
        }
        let mut router = matchit::Router::new();
        for (path, endpoints) in by_path {
            // Routes are compiled in: two that clash are found by the first test that starts.
            router
                .insert(path, endpoints)
                .unwrap_or_else(|error| unreachable!("route {path}: {error}"));
        }
        let started = shop.clock().now_ms() as u64;
        Self {
            rates: Rates::new(options.rate_rps, options.rate_burst),
            gate: Gate::new(
                options.max_concurrent,
                options.max_waiting,
                options.rate_ip_rps,
            ),
            metrics: Metrics::new(routes().count()),
            ready: std::sync::atomic::AtomicBool::new(true),
            request_prefix: format_smolstr!("{:x}", started & 0xFFFF_FFFF),
            requests: AtomicU64::new(0),
            rendered_carts: RenderedCarts::default(),
            ids: Mutex::new(Ids::new(random)),
            shop,
            secrets,
            quotes: buying.quotes,
            saga: buying.saga,
            refunds: buying.refunds,
            webhooks: buying.webhooks,
            postbox: buying.postbox,
            search,
            rendered: Arc::default(),
            options,
            router,
        }
    }

    /// A fresh identifier, for what a secret is derived from before the loop decides.
    pub fn fresh_id(&self) -> u128 {
        let now = Time(self.shop.clock().now_ms());
        self.ids.lock().fresh(now)
    }

    /// The caller's request id if it is a sane one, else a fresh one.
    pub(crate) fn request_id(&self, headers: &HeaderMap) -> SmolStr {
        let given = headers
            .get("request-id")
            .and_then(|value| value.to_str().ok());
        let sane = |id: &&str| {
            (1..=128).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        given.filter(sane).map_or_else(
            || {
                format_smolstr!(
                    "{}-{:x}",
                    self.request_prefix,
                    self.requests.fetch_add(1, Ordering::Relaxed)
                )
            },
            SmolStr::new,
        )
    }

    /// Answers one request.
    pub async fn handle(self: &Arc<Self>, parts: Parts, mut body: Incoming) -> Response<ReplyBody> {
        let started = self.shop.clock().monotonic_ns();
        let request_id = self.request_id(&parts.headers);
        let (method, version) = (parts.method.clone(), parts.version);
        let reads = matches!(method, Method::GET | Method::HEAD);
        let if_none_match = parts.headers.get(header::IF_NONE_MATCH);
        let if_none_match = if_none_match.filter(|_| reads).cloned();
        let uri = parts.uri.clone();
        let (place, result) = match self.route(&parts) {
            Ok((place, endpoint, params)) => (
                Some(place),
                self.answer(endpoint, params, parts, &mut body, request_id.clone())
                    .await,
            ),
            Err(problem) => (None, Err(problem)),
        };
        if version == Version::HTTP_2 {
            linger::read_rest(body);
        }
        let watch = result.as_ref().ok().and_then(|reply| reply.watch);
        let response = match result {
            Ok(reply) => write_reply(
                reply,
                &request_id,
                if_none_match.as_ref(),
                method == Method::HEAD,
            ),
            Err(problem) => {
                let problem = self.as_configured(problem);
                write_problem(&problem, &request_id, method == Method::HEAD)
            }
        };
        let nanos = self.shop.clock().monotonic_ns().saturating_sub(started);
        let status = response.status().as_u16();
        self.metrics.request(place, status, nanos);
        if status >= 500 {
            tracing::warn!(%method, path = uri.path(), status, request_id = %request_id, micros = nanos / 1000, "request failed");
        } else {
            tracing::debug!(%method, path = uri.path(), status, request_id = %request_id, micros = nanos / 1000, "request");
        }
        match watch.filter(|_| method != Method::HEAD) {
            Some(watch) => response.map(|_| watch::body(self.clone(), watch)),
            None => response.map(ReplyBody::Whole),
        }
    }

    /// What a process without the lease answers to writes is configured.
    fn as_configured(&self, problem: Problem) -> Problem {
        if !problem.is_for_lack_of_lease() {
            return problem;
        }
        let millis = self.options.lease_retry_after_ms;
        Problem {
            status: Some(self.options.lease_reject_status),
            retry_after: Some(u32::try_from(millis.div_ceil(1000)).unwrap_or(u32::MAX)),
            ..problem.with("retry_after_ms", millis)
        }
    }

    #[allow(
        clippy::type_complexity,
        reason = "where the route stands, the route, its parameters"
    )]
    fn route(&self, parts: &Parts) -> Result<(usize, &'static Endpoint, Vec<String>), Problem> {
        let path = parts.uri.path();
        let unknown = || Problem::not_found("route", path);
        let found = self.router.at(path).map_err(|_| unknown())?;
        let wanted = if parts.method == Method::HEAD {
            "GET"
        } else {
            parts.method.as_str()
        };
        let Some((place, endpoint)) = found
            .value
            .iter()
            .find(|(_, endpoint)| endpoint.method.as_str() == wanted)
        else {
            let methods = found.value.iter();
            let mut allow: Vec<_> = methods.map(|(_, known)| known.method.as_str()).collect();
            if allow.contains(&"GET") {
                allow.push("HEAD");
            }
            let detail = format!("{path} knows {}", allow.join(", "));
            let problem = Problem {
                allow: Some(allow.join(", ")),
                ..Problem::new("method_not_allowed", detail)
            };
            return Err(problem);
        };
        let params = found
            .params
            .iter()
            .map(|(_, value)| query::segment(value).ok_or_else(unknown));
        Ok((*place, endpoint, params.collect::<Result<_, _>>()?))
    }

    async fn answer(
        self: &Arc<Self>,
        endpoint: &'static Endpoint,
        params: Vec<String>,
        parts: Parts,
        body: &mut Incoming,
        request_id: SmolStr,
    ) -> Result<Reply, Problem> {
        let limit = self.body_limit(endpoint);
        self.check_sizes(&parts, body, limit)?;
        check_media(endpoint, &parts.headers, !body.is_end_stream())?;
        let who = self.admit(endpoint, &parts.headers, &params).await?;
        let body = if body.is_end_stream() {
            Bytes::new()
        } else {
            read(body, limit).await?
        };
        let query = query::parse(endpoint, parts.uri.query())?;
        let call = Call {
            edge: self.clone(),
            endpoint,
            params,
            query,
            who,
            parts,
            payload: body.clone(),
            body,
            request_id,
            // Health is told however much waits.
            slot: if endpoint.path.starts_with("/health") {
                None
            } else {
                self.gate.enter().await?
            },
        };
        (endpoint.handler)(call).await
    }

    /// Who calls, if they may: credentials, then scope or cart token, then rate. Every surface asks here.
    pub(crate) async fn admit(
        &self,
        endpoint: &Endpoint,
        headers: &HeaderMap,
        params: &[String],
    ) -> Result<Who, Problem> {
        let mut who = identify(self, headers).await?;
        self.authorize(endpoint, &mut who, params).await?;
        self.check_rate(&who)?;
        Ok(who)
    }

    /// Refuses a request of an address that made too many.
    pub(super) fn check_address(
        &self,
        address: IpAddr,
        headers: &HeaderMap,
    ) -> Result<(), Box<Response<Full<Bytes>>>> {
        let now = self.shop.clock().monotonic_ns();
        self.gate.check_address(address, now).map_err(|seconds| {
            Box::new(write_problem(
                &self.too_many(seconds),
                &self.request_id(headers),
                false,
            ))
        })
    }

    fn too_many(&self, seconds: u32) -> Problem {
        self.metrics.rate_limited();
        let detail = "too many requests; slow down and try again after Retry-After";
        Problem {
            retry_after: Some(seconds),
            ..Problem::new("rate_limited", detail)
        }
    }

    fn body_limit(&self, endpoint: &Endpoint) -> usize {
        if endpoint.body == BodyKind::Import {
            self.options.max_import
        } else {
            self.options.max_body
        }
    }

    fn check_sizes(&self, parts: &Parts, body: &Incoming, limit: usize) -> Result<(), Problem> {
        let headers: usize = parts
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        if headers > self.options.max_headers {
            let detail = format!("headers may take {} bytes", self.options.max_headers);
            return Err(Problem::new("headers_too_large", detail));
        }
        if parts
            .uri
            .path_and_query()
            .map_or(0, |uri| uri.as_str().len())
            > self.options.max_uri
        {
            return Err(Problem::new(
                "uri_too_long",
                format!("an address may take {} bytes", self.options.max_uri),
            ));
        }
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large(limit));
        }
        Ok(())
    }

    pub(crate) fn check_rate(&self, who: &Who) -> Result<(), Problem> {
        if who.is_root || who.principal.is_empty() {
            return Ok(());
        }
        let now = self.shop.clock().monotonic_ns();
        self.rates
            .take(&who.principal, who.limits.rate_rps, who.limits.burst, now)
            .map_err(|seconds| self.too_many(seconds))
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new("too_large", format!("a body may take {limit} bytes")).with("limit", limit)
}

async fn read(body: &mut Incoming, limit: usize) -> Result<Bytes, Problem> {
    let collected = Limited::new(body, limit).collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                too_large(limit)
            } else {
                Problem::new("malformed_request", "the body ended early; send it again")
            }
        })
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn common(headers: &mut HeaderMap, request_id: &str) {
    headers.insert("request-id", value(request_id));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
}

fn write_reply(
    reply: Reply,
    request_id: &str,
    if_none_match: Option<&HeaderValue>,
    head: bool,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() =
        http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !reply.body.is_empty() {
        headers.insert(header::CONTENT_TYPE, JSON);
    }
    for (name, text) in &reply.headers {
        headers.insert(*name, value(text));
    }
    if let Some(position) = reply.position {
        headers.insert("position", position.into());
    }
    common(headers, request_id);
    let tag = headers.get(header::ETAG);
    let unchanged = if_none_match.is_some_and(|known| tag.is_some_and(|tag| knows(known, tag)));
    if unchanged && reply.status == 200 {
        *response.status_mut() = http::StatusCode::NOT_MODIFIED;
    } else if head {
        headers.insert(header::CONTENT_LENGTH, reply.body.len().into());
    } else {
        *response.body_mut() = Full::new(reply.body);
    }
    response
}

/// Whether `If-None-Match` names this tag: one or several, weak or strong, or any.
fn knows(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let (known, tag) = (text(known), text(tag));
    let same = |one: &str| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag;
    known.split(',').map(str::trim).any(same)
}

pub(super) fn write_problem(
    problem: &Problem,
    request_id: &str,
    head: bool,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = http::StatusCode::from_u16(problem.status())
        .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PROBLEM);
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(allow) = &problem.allow {
        headers.insert(header::ALLOW, value(allow));
    }
    if problem.code == "unauthenticated" {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"cartwright\""),
        );
    }
    common(headers, request_id);
    if !head {
        *response.body_mut() = Full::new(problem.body());
    }
    response
}
