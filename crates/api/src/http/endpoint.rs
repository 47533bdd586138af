//! What a route is: one line of the registry says who may call it, what it takes and what it answers.

use super::Edge;
use super::auth::Who;
use super::gate::Slot;
use super::watch::Watch;
use crate::forward::Passport;
use crate::problem::Problem;
use bytes::Bytes;
use cartwright_domain::key::Scope;
use http::HeaderMap;
use http::request::Parts;
use schemars::{Schema, SchemaGenerator};
use smol_str::SmolStr;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody. A bad key is refused all the same.
    Public,
    /// A key with this scope (or `admin`).
    Scope(Scope),
    /// A key with any of these scopes (or `admin`).
    AnyScope(&'static [Scope]),
    /// As [`Self::Scope`]; anybody where `--legacy-open` is set.
    Legacy(Scope),
    /// The holder of the cart's token, or a key with scope `carts`. Others get 404.
    Cart,
    /// The holder of the token of the cart that the body names, or a key with scope `checkouts`: the handler asks. Others get
    /// 404.
    CartOfBody,
    /// The holder of the token of the checkout's cart, or a key with scope `checkouts`. Others get 404.
    Checkout,
    /// The holder of the token of the cart that became the order of the path (or the order of the return or document of the
    /// path), or a key with this scope. Others get 404.
    Order(Scope),
}

/// What a route takes as its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// None; one that comes is refused unless it is `{}`.
    None,
    /// `application/json`.
    Json,
    /// `application/json` or `application/merge-patch+json`.
    Patch,
    /// Anything, up to the import limit; the handler reads it.
    Import,
}

/// The methods that routes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "HTTP's own words")]
pub enum Verb {
    Get,
    Put,
    Post,
    Patch,
    Delete,
}

impl Verb {
    /// Its spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a handler comes to.
pub type Handled = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

/// Makes the schema of a body or reply.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One route. The registry of them is the product's HTTP surface, its OpenAPI document and its who-may-call table.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "holds function pointers")]
pub struct Endpoint {
    /// Which method.
    pub method: Verb,
    /// The path, with `{parameters}`.
    pub path: &'static str,
    /// Stable name in the OpenAPI document (`addLine`).
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Query parameters it knows; others are refused.
    pub query: &'static [QueryParam],
    /// What it takes.
    pub body: BodyKind,
    /// Schema of the body, for the document.
    pub request: Option<SchemaOf>,
    /// Statuses of success with the schema of the reply.
    pub replies: &'static [(u16, Option<SchemaOf>)],
    /// Codes of refusals beyond the common ones.
    pub refusals: &'static [&'static str],
    /// What the reply is written in.
    pub produces: &'static str,
    /// Does it.
    pub handler: fn(Call) -> Handled,
}

/// A query parameter: its name, the JSON schema of its value, what it means.
#[derive(Debug, Clone, Copy)]
pub struct QueryParam {
    /// Name.
    pub name: &'static str,
    /// JSON schema of the value, as text (`{"type":"integer"}`).
    pub schema: &'static str,
    /// May come several times.
    pub repeated: bool,
    /// For people.
    pub description: &'static str,
}

/// `?limit=`.
pub const LIMIT: QueryParam = QueryParam {
    name: "limit",
    schema: r#"{"type":"integer","minimum":1,"maximum":200,"default":50}"#,
    repeated: false,
    description: "Most items of the page.",
};
/// `&cursor=`.
pub const CURSOR: QueryParam = QueryParam {
    name: "cursor",
    schema: r#"{"type":"string"}"#,
    repeated: false,
    description: "`next_cursor` of the page before.",
};

impl Endpoint {
    /// Whether it changes anything, so that idempotency keys and versions mean something.
    pub fn writes(&self) -> bool {
        self.method != Verb::Get
    }
}

/// The schema of a type, for a registry line.
pub fn schema<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// An authorized request on its way to its handler.
#[allow(missing_debug_implementations, reason = "holds the whole edge")]
pub struct Call {
    /// The edge it came through: the shop and its configuration.
    pub edge: Arc<Edge>,
    /// Its route.
    pub endpoint: &'static Endpoint,
    /// Values of the path's parameters, in order, decoded.
    pub params: Vec<String>,
    /// Decoded query, known names only.
    pub query: Vec<(String, String)>,
    /// Who calls.
    pub who: Who,
    /// Method, address and headers.
    pub parts: Parts,
    /// The whole body.
    pub body: Bytes,
    /// What was asked beside the address, in full: what tells two requests under one idempotency key apart.
    pub payload: Bytes,
    /// Of this request.
    pub request_id: SmolStr,
    /// Its place among those that are handled at once; given back early by who only waits.
    pub slot: Option<Slot>,
}

impl Call {
    /// Headers of the request.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// How long it waits for the loop, in nanoseconds: no longer than the process that passed it on.
    pub fn wait_ns(&self) -> u64 {
        let here = self.edge.options.wait_ns;
        let passport = self.parts.extensions.get::<Passport>();
        passport.map_or(here, |passport| passport.wait_ns.min(here))
    }

    /// A parameter of the path by its place.
    pub fn param(&self, place: usize) -> &str {
        self.params.get(place).map_or("", String::as_str)
    }

    /// The last value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .rfind(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A reply before the edge adds what every reply has.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers of its own.
    pub headers: Vec<(&'static str, String)>,
    /// Body; JSON unless a `content-type` header says otherwise.
    pub body: Bytes,
    /// Position of the log it can be read at.
    pub position: Option<u64>,
    /// What it goes on telling after the body.
    pub watch: Option<Watch>,
}

impl Reply {
    /// 200 with a JSON body.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            ..Self::default()
        }
    }

    /// 200 with a value as JSON.
    pub fn of(value: &impl serde::Serialize) -> Self {
        Self::json(to_json(value))
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With an ETag of a version.
    #[must_use]
    pub fn version(self, version: u64) -> Self {
        self.with("etag", format!("\"{version}\""))
    }
}

/// A wire type as JSON bytes. Wire types always serialize.
pub fn to_json(value: &impl serde::Serialize) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(bytes) => bytes.into(),
        Err(error) => {
            tracing::error!(%error, "a reply could not be written as JSON");
            Bytes::from_static(b"null")
        }
    }
}
