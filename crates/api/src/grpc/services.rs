//! Answering gRPC: the lookup first, then the methods that are routes, then what tonic serves.

use super::frame::{self, frame, malformed, refusal, success, unframe};
use super::health::Health;
use super::lookup::{self, ProductLookup};
use super::lookup_shop::LookupShop;
use super::methods::{METHODS, Method};
use super::metrics::GrpcMetrics;
use super::status::{described, of_document, of_problem, status};
use super::{json, methods, stream};
use crate::demo;
use crate::forward::Passport;
use crate::http::{
    Call, Edge, Endpoint, Grpc, Reply, ReplyBody as Body, Role, Verb, boxed, identify, role_of,
};
use crate::problem::Problem;
use bytes::Bytes;
use cartwright_proto::FILE_DESCRIPTOR_SET;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Map, Value};
use smol_str::SmolStr;
use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use tonic::service::Routes;
use tower::Service;

const PACKAGE: &str = "cartwright.v1";
const LOOKUP: &str = "cartwright.v1.ProductLookup";
/// Services of gRPC itself, whose health is asked like that of the shop's.
const STANDARD: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// A method with its route and its messages.
pub(super) struct Bound {
    method: &'static Method,
    pub(super) endpoint: &'static Endpoint,
    input: MessageDescriptor,
    output: MessageDescriptor,
}

pub(super) struct Inner {
    pub(super) edge: Arc<Edge>,
    lookup: ProductLookup<LookupShop>,
    pub(super) methods: HashMap<String, Bound>,
    others: Routes,
}

/// All gRPC services of a shop.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "holds the whole edge")]
pub struct Services {
    inner: Arc<Inner>,
}

impl Services {
    /// Puts them together over an edge.
    ///
    /// # Errors
    /// When the committed descriptors, the methods and the routes do not agree: a mistake of the
    /// build, found by every test that starts.
    pub fn new(edge: Arc<Edge>) -> Result<Self, String> {
        let methods = bind()?;
        let mut names: BTreeSet<String> = methods::METHODS
            .iter()
            .filter_map(|method| method.name.split('/').next())
            .map(|service| format!("{PACKAGE}.{service}"))
            .collect();
        names.insert(LOOKUP.to_owned());
        if edge.options.drop_in {
            names.extend(demo::SERVICES.iter().map(|name| (*name).to_owned()));
        }
        let counts = GrpcMetrics::new(&names)?;
        // Another set of services over one edge counts with the first.
        drop(edge.metrics.grpc.set(counts));
        let mut served = names.clone();
        served.extend(STANDARD.map(str::to_owned));
        let health = Health::new(edge.clone(), served);
        let mut reflection = Vec::new();
        for _ in 0..2 {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_file_descriptor_set(described())
                .with_service_name("grpc.health.v1.Health");
            let builder = names
                .iter()
                .fold(builder, |builder, name| builder.with_service_name(name));
            reflection.push(builder);
        }
        let wrong = |error| format!("reflection: {error}");
        let mut builder = Routes::builder();
        builder.add_service(health.server());
        for (place, reflection) in reflection.into_iter().enumerate() {
            if place == 0 {
                builder.add_service(reflection.build_v1().map_err(wrong)?);
            } else {
                builder.add_service(reflection.build_v1alpha().map_err(wrong)?);
            }
        }
        if edge.options.drop_in {
            demo::add_services(&mut builder, &edge);
        }
        let inner = Inner {
            lookup: ProductLookup::new(Arc::new(LookupShop::new(
                edge.shop.clone(),
                edge.rendered.clone(),
            ))),
            methods,
            others: builder.routes().prepare(),
            edge,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

fn bind() -> Result<HashMap<String, Bound>, String> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).map_err(|error| error.to_string())?;
    let mut bound = HashMap::new();
    for method in METHODS {
        let endpoint = crate::http::routes()
            .find(|route| route.method == method.verb && route.path == method.path)
            .ok_or_else(|| format!("{} has no route {}", method.name, method.path))?;
        let (service, name) = method.name.split_once('/').unwrap_or_default();
        let described = pool
            .get_service_by_name(&format!("{PACKAGE}.{service}"))
            .and_then(|service| service.methods().find(|method| method.name() == name))
            .ok_or_else(|| format!("{} is not described", method.name))?;
        let it = Bound {
            method,
            endpoint,
            input: described.input(),
            output: described.output(),
        };
        bound.insert(format!("/{PACKAGE}.{}", method.name), it);
    }
    Ok(bound)
}

impl Grpc for Services {
    fn call(
        &self,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        let counting = self.inner.counting(request.uri().path());
        let is_lookup = request.uri().path().starts_with(lookup::PATH);
        if let Err(problem) = self.inner.serves(&request, is_lookup) {
            let refused = refusal(&of_problem(&problem)).map(Body::Framed);
            return Box::pin(std::future::ready(counting.done(refused)));
        }
        if is_lookup && !request.headers().contains_key(header::AUTHORIZATION) {
            let mut lookup = self.inner.lookup.clone();
            let answering = lookup.call(request);
            return Box::pin(async move {
                match answering.await {
                    Ok(response) => counting.done(response.map(Body::Framed)),
                    Err(never) => match never {},
                }
            });
        }
        let answering = self.inner.answering(request, is_lookup);
        Box::pin(async move { counting.done(answering.await) })
    }
}

/// A call that is counted when it is answered.
struct Counting {
    edge: Arc<Edge>,
    place: usize,
    started_ns: u64,
}

impl Counting {
    fn done(self, response: Response<Body>) -> Response<Body> {
        let now = self.edge.shop.clock().monotonic_ns();
        if let Some(metrics) = self.edge.metrics.grpc.get() {
            metrics.count(self.place, &response, now.saturating_sub(self.started_ns));
        }
        response
    }
}

impl Inner {
    fn counting(&self, path: &str) -> Counting {
        let metrics = self.edge.metrics.grpc.get();
        Counting {
            place: metrics.map_or(0, |metrics| metrics.place(path)),
            started_ns: self.edge.shop.clock().monotonic_ns(),
            edge: self.edge.clone(),
        }
    }

    /// Whether a call belongs to a role of this process. What another process passed on is done here in any case.
    fn serves(&self, request: &Request<Incoming>, is_lookup: bool) -> Result<(), Problem> {
        let roles = &self.edge.options.roles;
        if roles.are_all() || request.extensions().get::<Passport>().is_some() {
            return Ok(());
        }
        let path = request.uri().path();
        let bound = self.methods.get(path);
        roles.refuse(match bound {
            _ if is_lookup => Some(Role::Storefront),
            Some(bound) => role_of(bound.endpoint),
            None => demo::role(path),
        })
    }

    fn answering(
        self: &Arc<Self>,
        request: Request<Incoming>,
        is_lookup: bool,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        let inner = self.clone();
        if is_lookup {
            let lookup = inner.lookup.clone();
            return Box::pin(async move { inner.known_lookup(lookup, request).await });
        }
        let path = request.uri().path();
        let bound = inner.methods.get(path);
        let writes = bound.map_or_else(
            || demo::writes(path),
            |bound| bound.method.verb != Verb::Get,
        );
        if writes && inner.edge.forwards(request.extensions()).is_some() {
            return Box::pin(async move { inner.passed_on(request).await });
        }
        if bound.is_some() {
            return Box::pin(async move { inner.unary(request).await });
        }
        let mut others = inner.others.clone();
        Box::pin(async move {
            match others.call(request).await {
                Ok(response) => response.map(boxed),
                Err(never) => match never {},
            }
        })
    }
}

impl Inner {
    /// A lookup with credentials: they must be good, and count for the rate.
    async fn known_lookup(
        &self,
        mut lookup: ProductLookup<LookupShop>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let admitted = match identify(&self.edge, request.headers()).await {
            Ok(who) => self.edge.check_rate(&who),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = admitted {
            return refusal(&of_problem(&problem)).map(Body::Framed);
        }
        match lookup.call(request).await {
            Ok(response) => response.map(Body::Framed),
            Err(never) => match never {},
        }
    }

    async fn unary(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let started = self.edge.shop.clock().monotonic_ns();
        let (mut parts, body) = request.into_parts();
        quote_version(&mut parts.headers);
        // A route's reply is read here, and only as JSON.
        parts.headers.remove(header::ACCEPT);
        let request_id = self.edge.request_id(&parts.headers);
        let path = parts.uri.path().to_owned();
        let answer = self.answer(parts, body, request_id.clone()).await;
        let (code, mut response) = match answer {
            Ok(response) => (tonic::Code::Ok, response),
            Err(status) => (status.code(), refusal(&status).map(Body::Framed)),
        };
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("request-id", value);
        }
        let nanos = self
            .edge
            .shop
            .clock()
            .monotonic_ns()
            .saturating_sub(started);
        let micros = nanos / 1000;
        if matches!(code, tonic::Code::Internal | tonic::Code::Unavailable) {
            tracing::warn!(path, ?code, %request_id, micros, "gRPC request failed");
        } else {
            tracing::debug!(path, ?code, %request_id, micros, "gRPC request");
        }
        response
    }

    async fn answer(
        self: &Arc<Self>,
        parts: Parts,
        body: Incoming,
        request_id: SmolStr,
    ) -> Result<Response<Body>, Status> {
        let Some(bound) = self.methods.get(parts.uri.path()) else {
            return Err(Status::unimplemented("there is no such method"));
        };
        let deadline = parts.headers.get("grpc-timeout").and_then(timeout);
        let body = read(body, self.edge.options.max_body).await?;
        let is_forwarded = parts.extensions.get::<Passport>().is_some();
        // Who loses the lease before it decides has another process decide.
        let again = (self.edge.forwarder.is_some() && bound.method.verb != Verb::Get)
            .then(|| (parts.clone(), body.clone(), is_forwarded));
        let message = unframe(body)?;
        let message = DynamicMessage::decode(bound.input.clone(), message)
            .map_err(|error| malformed(&format!("the request is not its message: {error}")))?;
        let reply = self.route(bound, &message, parts, request_id.clone());
        let reply = match deadline {
            Some(deadline) => tokio::time::timeout(deadline, reply).await.map_err(|_| {
                Status::deadline_exceeded(
                    "the deadline passed; a write may have happened, so repeat it with its idempotency-key",
                )
            })?,
            None => reply.await,
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(problem) if problem.is_for_lack_of_lease() => {
                return self.without_lease(&problem, again, request_id).await;
            }
            Err(problem) => return Err(retryable(&problem)),
        };
        match reply.watch {
            Some(watch) => Ok(stream::told(self.edge.clone(), watch, bound.output.clone())),
            None => Ok(written(bound, &reply)?.map(Body::Framed)),
        }
    }

    /// Calls the route as its HTTP request would.
    async fn route(
        self: &Arc<Self>,
        bound: &Bound,
        message: &DynamicMessage,
        mut parts: Parts,
        request_id: SmolStr,
    ) -> Result<Reply, Problem> {
        let shaped = json::object(message)
            .map_err(|detail| Problem::invalid("", "unknown", detail))
            .and_then(|mut object| {
                let headers = bound.method.headers.iter();
                headers.for_each(|it| it.lift(&mut object, &mut parts.headers));
                let payload = Bytes::from(Value::Object(object.clone()).to_string());
                (bound.method.ask)(&mut object)?;
                Ok((object, payload))
            });
        // Who may not call is told so before what is wrong with the request.
        let (mut object, payload, wrong) = match shaped {
            Ok((object, payload)) => (object, payload, None),
            Err(problem) => (Map::new(), Bytes::new(), Some(problem)),
        };
        let params = bound.method.params.iter();
        let params: Vec<String> = params.map(|name| text(object.remove(*name))).collect();
        let who = self
            .edge
            .admit(bound.endpoint, &parts.headers, &params)
            .await?;
        if let Some(problem) = wrong {
            return Err(problem);
        }
        if bound.method.verb == Verb::Get {
            self.edge.has_reached(&parts.headers).await?;
        }
        let (query, body) = if bound.method.verb == Verb::Get {
            (query(object), Bytes::new())
        } else {
            (Vec::new(), Value::Object(object).to_string().into())
        };
        let call = Call {
            edge: self.edge.clone(),
            endpoint: bound.endpoint,
            params,
            query,
            who,
            parts,
            body,
            payload,
            request_id,
            slot: self.edge.gate.enter().await?,
        };
        (bound.endpoint.handler)(call).await
    }
}

pub(super) async fn read(body: Incoming, limit: usize) -> Result<Bytes, Status> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let collected = Limited::new(body, limit).collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                let limit = limit.to_string();
                let detail = format!("a request may take {limit} bytes");
                status("too_large", 413, &detail, [("limit", limit.as_str())])
            } else {
                Status::cancelled("the request ended before its message")
            }
        })
}

fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// The fields of a read as query parameters. What protobuf cannot tell from absent is absent.
fn query(object: Map<String, Value>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in object {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                let items = items
                    .into_iter()
                    .map(|item| (name.clone(), text(Some(item))));
                pairs.extend(items);
            }
            value => {
                let text = text(Some(value));
                let is_default = text.is_empty() || (name == "limit" && text == "0");
                if !is_default {
                    pairs.push((name, text));
                }
            }
        }
    }
    pairs
}

/// `if-match: 3` is as good as `if-match: "3"`: metadata are not HTTP's entity tags.
fn quote_version(headers: &mut HeaderMap) {
    let Some(bare) = headers.get(header::IF_MATCH) else {
        return;
    };
    let digits = !bare.is_empty() && bare.as_bytes().iter().all(u8::is_ascii_digit);
    let quoted = bare.to_str().map(|digits| format!("\"{digits}\""));
    if let (true, Ok(Ok(quoted))) = (digits, quoted.map(HeaderValue::try_from)) {
        headers.insert(header::IF_MATCH, quoted);
    }
}

/// `grpc-timeout`: at most 8 digits and a unit.
pub(super) fn timeout(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// A refusal with `retry-after` in seconds where it means something.
pub(super) fn retryable(problem: &Problem) -> Status {
    let mut status = of_problem(problem);
    if let Some(seconds) = problem.retry_after {
        status.metadata_mut().insert("retry-after", seconds.into());
    }
    status
}

/// Headers of a reply that are metadata here too.
const METADATA: [&str; 3] = ["etag", "idempotent-replayed", "retry-after"];

/// A route's reply as a message with its metadata, or as the refusal that it is.
fn written(bound: &Bound, reply: &Reply) -> Result<Response<frame::ReplyBody>, Status> {
    let failed = |detail: String| {
        tracing::error!(method = bound.method.name, detail, "a reply has no message");
        status("internal", 500, "the reply could not be written", [])
    };
    let mut object = match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(object)) => object,
        _ if reply.body.is_empty() => Map::new(),
        _ => return Err(failed("no JSON object".to_owned())),
    };
    if reply.status >= 400 {
        let mut status = of_document(&object).ok_or_else(|| failed("no problem".to_owned()))?;
        for (name, value) in metadata(reply) {
            if let (Ok(name), Ok(value)) = (
                tonic::metadata::AsciiMetadataKey::from_bytes(name.as_str().as_bytes()),
                tonic::metadata::AsciiMetadataValue::try_from(value.as_bytes()),
            ) {
                status.metadata_mut().insert(name, value);
            }
        }
        return Err(status);
    }
    (bound.method.show)(&mut object);
    let message = json::message(&bound.output, &object).map_err(failed)?;
    let framed = frame(message.encoded_len(), |framed| message.encode_raw(framed));
    let mut response = success(framed);
    response.headers_mut().extend(metadata(reply));
    Ok(response)
}

fn metadata(reply: &Reply) -> Vec<(HeaderName, HeaderValue)> {
    let own = reply.headers.iter().filter_map(|(name, value)| {
        let known = METADATA.iter().find(|known| *known == name)?;
        let value = HeaderValue::from_str(value).ok()?;
        Some((HeaderName::from_static(known), value))
    });
    let position = reply.position.map(|position| {
        let name = HeaderName::from_static("position");
        (name, HeaderValue::from(position))
    });
    own.chain(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_its_route_and_every_service_its_methods() {
        let bound = bind().expect("methods, routes and descriptors agree");
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("whole");
        let services = pool.services().filter(|it| it.package_name() == PACKAGE);
        for service in services.filter(|it| it.full_name() != LOOKUP) {
            for method in service.methods() {
                assert!(!method.is_client_streaming(), "{}", method.full_name());
                let path = format!("/{}/{}", service.full_name(), method.name());
                assert!(bound.contains_key(&path), "{path} is not served");
            }
        }
        for it in bound.values() {
            let name = it.method.name;
            let in_path = it.endpoint.path.matches('{').count();
            assert_eq!(it.method.params.len(), in_path, "{name}");
        }
    }

    #[test]
    fn reads_ask_only_what_their_route_knows() {
        for it in bind().expect("agree").values() {
            if it.method.verb != Verb::Get {
                continue;
            }
            let fields = it.input.fields().map(|field| field.name().to_owned());
            let in_header = |name: &str| it.method.headers.iter().any(|it| it.field == name);
            let left = fields
                .filter(|name| !it.method.params.contains(&name.as_str()) && !in_header(name));
            for name in left.map(|name| name.replace("skus", "sku")) {
                let known = it.endpoint.query.iter().any(|param| param.name == name);
                assert!(known, "{} asks {name}", it.method.name);
            }
        }
    }

    #[test]
    fn reads_deadlines_as_grpc_spells_them() {
        let read = |text| timeout(&HeaderValue::from_static(text));
        assert_eq!(read("2S"), Some(Duration::from_secs(2)));
        assert_eq!(read("150m"), Some(Duration::from_millis(150)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        for wrong in ["", "S", "5", "-1S", "5x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_bare_version_is_quoted_and_nothing_else_is() {
        for (given, read) in [("3", "\"3\""), ("\"3\"", "\"3\""), ("W/\"3\"", "W/\"3\"")] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_static(given));
            quote_version(&mut headers);
            assert_eq!(headers[header::IF_MATCH], read);
        }
    }
}
