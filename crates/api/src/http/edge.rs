//! What every request passes, in the contract's order: route, method, sizes, media types, credentials, scope, rate, shape.

use super::auth::{Who, identify};
use super::elsewhere::Elsewhere;
use super::endpoint::{BodyKind, Call, Endpoint, Reply};
use super::gate::Gate;
use super::media::check_media;
use super::metrics::Metrics;
use super::passing::{Came, YES, changes, is_one_command};
use super::rate::Rates;
use super::rendered_carts::RenderedCarts;
use super::roles::{Roles, role_of};
use super::serve::ReplyBody;
use super::written::{write_problem, write_reply};
use super::{linger, query, routes, watch};
use crate::forward::{Forwarder, Load, NOTHING_DONE, Passport};
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
use http::{HeaderMap, Method, Response, Version, header};
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
    /// Which nouns are served here.
    pub roles: Roles,
    /// Status of a write to a process without the lease.
    pub lease_reject_status: u16,
    /// When to try that again, in milliseconds.
    pub lease_retry_after_ms: u64,
    /// Whether webhooks may go to private addresses.
    pub webhooks_allow_private: bool,
    /// How many webhook endpoints there may be.
    pub max_webhook_endpoints: u64,
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
    /// Says what can be had, where another process serves the inventory role.
    pub(crate) elsewhere: Option<Elsewhere>,
    /// Passes writes on where another process has the lease.
    pub(crate) forwarder: Option<Forwarder>,
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
            elsewhere: None,
            forwarder: None,
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

    /// With a way to the other processes of the shop: writes go to the one that has the lease.
    #[must_use]
    pub fn with_forwarder(mut self, forwarder: Forwarder) -> Self {
        self.forwarder = Some(forwarder);
        self
    }

    /// Where another process is asked what can be had.
    #[must_use]
    pub fn with_inventory(mut self, elsewhere: Elsewhere) -> Self {
        self.elsewhere = Some(elsewhere);
        self
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

    /// Answers one request of a client at this address.
    pub async fn handle(
        self: &Arc<Self>,
        client: IpAddr,
        parts: Parts,
        body: Incoming,
    ) -> Response<ReplyBody> {
        // Taken out by what reads it to its end elsewhere.
        let mut body = Some(body);
        let started = self.shop.clock().monotonic_ns();
        let request_id = self.request_id(&parts.headers);
        let (method, version) = (parts.method.clone(), parts.version);
        let uri = parts.uri.clone();
        let (place, response) = match self.route(&parts) {
            Ok((place, endpoint, params)) => {
                let came = Came {
                    endpoint,
                    params,
                    parts,
                    request_id: request_id.clone(),
                    client,
                    came_ns: started,
                };
                (Some(place), self.respond(came, &mut body).await)
            }
            Err(problem) => (None, self.refuse(problem, &request_id, &method)),
        };
        if let (Version::HTTP_2, Some(body)) = (version, body) {
            linger::read_rest(body);
        }
        let nanos = self.shop.clock().monotonic_ns().saturating_sub(started);
        let status = response.status().as_u16();
        self.metrics.request(place, status, nanos);
        if status >= 500 {
            tracing::warn!(%method, path = uri.path(), status, request_id = %request_id, micros = nanos / 1000, "request failed");
        } else {
            tracing::debug!(%method, path = uri.path(), status, request_id = %request_id, micros = nanos / 1000, "request");
        }
        response
    }

    /// Answers here, or has the process answer that writes.
    async fn respond(
        self: &Arc<Self>,
        came: Came,
        body: &mut Option<Incoming>,
    ) -> Response<ReplyBody> {
        let (request_id, method) = (came.request_id.clone(), came.parts.method.clone());
        // What another process passed on is done here, whatever this one serves.
        if !self.options.roles.are_all()
            && came.parts.extensions.get::<Passport>().is_none()
            && let Err(problem) = self.options.roles.refuse(role_of(came.endpoint))
        {
            return self.refuse(problem, &request_id, &method);
        }
        let writes = changes(came.endpoint);
        if let Some(forwarder) = self.forwards(&came.parts.extensions).filter(|_| writes) {
            let passed = async {
                let letter = self.letter(came, body).await?;
                forwarder.deliver(&self.shop, &letter).await
            };
            let passed = passed.await;
            return passed.unwrap_or_else(|problem| self.refuse(problem, &request_id, &method));
        }
        let if_none_match = came.parts.headers.get(header::IF_NONE_MATCH);
        let if_none_match = if_none_match.filter(|_| !came.endpoint.writes()).cloned();
        let is_forwarded = came.parts.extensions.get::<Passport>().is_some();
        let is_one = is_one_command(came.endpoint);
        // Who loses the lease before it decides has another process decide.
        let again =
            (writes && is_one && !is_forwarded && self.forwarder.is_some()).then(|| came.clone());
        let (answered, read) = self.answer(came, body).await;
        let reply = match answered {
            Ok(reply) => reply,
            Err(problem) if problem.is_for_lack_of_lease() => {
                if let (Some(forwarder), Some(came)) = (&self.forwarder, again) {
                    let letter = came.letter(Load::Whole(read));
                    let passed = forwarder.deliver(&self.shop, &letter).await;
                    return passed
                        .unwrap_or_else(|problem| self.refuse(problem, &request_id, &method));
                }
                let mut refusal = self.refuse(problem, &request_id, &method);
                if is_forwarded && is_one {
                    refusal.headers_mut().insert(NOTHING_DONE, YES);
                }
                return refusal;
            }
            Err(problem) => return self.refuse(problem, &request_id, &method),
        };
        let is_head = method == Method::HEAD;
        let watch = reply.watch.filter(|_| !is_head);
        let response = write_reply(reply, &request_id, if_none_match.as_ref(), is_head);
        match watch {
            Some(watch) => response.map(|_| watch::body(self.clone(), watch)),
            None => response.map(ReplyBody::Whole),
        }
    }

    pub(super) fn refuse(
        &self,
        problem: Problem,
        request_id: &str,
        method: &Method,
    ) -> Response<ReplyBody> {
        let problem = self.as_configured(problem);
        write_problem(&problem, request_id, method == Method::HEAD).map(ReplyBody::Whole)
    }

    pub(super) fn check(
        &self,
        came: &Came,
        body: Option<&Incoming>,
        limit: usize,
    ) -> Result<(), Problem> {
        let (parts, has_body) = (&came.parts, body.is_some_and(|it| !it.is_end_stream()));
        self.check_sizes(parts, body.map_or(0, |it| it.size_hint().lower()), limit)?;
        check_media(came.endpoint, &parts.headers, has_body)
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

    /// What the route comes to, and the body that was read for it.
    async fn answer(
        self: &Arc<Self>,
        came: Came,
        body: &mut Option<Incoming>,
    ) -> (Result<Reply, Problem>, Bytes) {
        let mut whole = Bytes::new();
        let call = self.call(came, body, &mut whole).await;
        let reply = match call {
            Ok(call) => (call.endpoint.handler)(call).await,
            Err(problem) => Err(problem),
        };
        (reply, whole)
    }

    async fn call(
        self: &Arc<Self>,
        came: Came,
        body: &mut Option<Incoming>,
        whole: &mut Bytes,
    ) -> Result<Call, Problem> {
        let endpoint = came.endpoint;
        let limit = self.body_limit(endpoint);
        self.check(&came, body.as_ref(), limit)?;
        let (params, parts) = (came.params, came.parts);
        let who = self.admit(endpoint, &parts.headers, &params).await?;
        *whole = read(body.as_mut(), limit).await?;
        let query = query::parse(endpoint, parts.uri.query())?;
        if !endpoint.writes() {
            self.has_reached(&parts.headers).await?;
        }
        Ok(Call {
            edge: self.clone(),
            endpoint,
            params,
            query,
            who,
            parts,
            payload: whole.clone(),
            body: whole.clone(),
            request_id: came.request_id,
            // Health is told however much waits.
            slot: if endpoint.path.starts_with("/health") {
                None
            } else {
                self.gate.enter().await?
            },
        })
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

    pub(super) fn body_limit(&self, endpoint: &Endpoint) -> usize {
        if endpoint.body == BodyKind::Import {
            self.options.max_import
        } else {
            self.options.max_body
        }
    }

    fn check_sizes(&self, parts: &Parts, body: u64, limit: usize) -> Result<(), Problem> {
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
        if body > limit as u64 {
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

pub(super) async fn read(body: Option<&mut Incoming>, limit: usize) -> Result<Bytes, Problem> {
    let Some(body) = body.filter(|it| !it.is_end_stream()) else {
        return Ok(Bytes::new());
    };
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
