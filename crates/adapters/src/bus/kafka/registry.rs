//! A Confluent-compatible schema registry, as far as the relay needs one: five requests.

use crate::http::{HttpClient, HttpReply};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long one request may take.
const WITHIN: Duration = Duration::from_secs(20);

/// A schema registry. Calls block; not for async threads.
#[derive(Debug)]
pub struct Registry {
    http: HttpClient,
    base: String,
    /// `Authorization`, where the URL names a user.
    authorization: Option<String>,
    runtime: Runtime,
}

/// Why a registry did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, or not for now.
    #[error("the schema registry is unavailable: {0}")]
    Unavailable(String),
    /// It refuses: the schema breaks those before it, or is none.
    #[error("the schema registry refuses {subject}: {why}")]
    Refused {
        /// Which schema's subject.
        subject: String,
        /// In the registry's words.
        why: String,
    },
}

fn unavailable(error: impl std::fmt::Display) -> RegistryError {
    RegistryError::Unavailable(error.to_string())
}

impl Registry {
    /// The registry at a base URL, which may name user and password.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] when the system gives no event loop.
    pub fn new(url: &str) -> Result<Self, RegistryError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(unavailable)?;
        let (base, authorization) = match url.split_once("://") {
            Some((scheme, rest)) => match rest.split_once('@') {
                Some((user, rest)) => (
                    format!("{scheme}://{rest}"),
                    Some(format!("Basic {}", STANDARD.encode(user))),
                ),
                None => (url.to_owned(), None),
            },
            None => (url.to_owned(), None),
        };
        Ok(Self {
            http: HttpClient::new(),
            base,
            authorization,
            runtime,
        })
    }

    /// Has a subject know a schema, perhaps as a new version, and keeps what may follow compatible; the schema's id.
    ///
    /// # Errors
    /// [`RegistryError`]; refused when it breaks what was registered before.
    pub fn register(&self, subject: &str, schema: &str, level: &str) -> Result<i32, RegistryError> {
        let level = json!({ "compatibility": level });
        self.ask(
            Method::PUT,
            &format!("/config/{subject}"),
            Some(level),
            subject,
        )?;
        let path = format!("/subjects/{subject}/versions");
        let reply = self.ask(Method::POST, &path, Some(protobuf(schema)), subject)?;
        reply
            .and_then(|it| id(&it))
            .ok_or_else(|| unavailable("it registered a schema and told no id"))
    }

    /// The id of a schema that a subject knows; `None` when it does not.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn find(&self, subject: &str, schema: &str) -> Result<Option<i32>, RegistryError> {
        let path = format!("/subjects/{subject}");
        let reply = self.ask(Method::POST, &path, Some(protobuf(schema)), subject)?;
        Ok(reply.and_then(|it| id(&it)))
    }

    /// Whether a schema may follow what a subject knows.
    ///
    /// # Errors
    /// [`RegistryError`]; refused when the subject has none.
    pub fn is_compatible(&self, subject: &str, schema: &str) -> Result<bool, RegistryError> {
        let path = format!("/compatibility/subjects/{subject}/versions/latest");
        let reply = self.ask(Method::POST, &path, Some(protobuf(schema)), subject)?;
        let is_compatible = reply.and_then(|it| it["is_compatible"].as_bool());
        is_compatible.ok_or_else(|| RegistryError::Refused {
            subject: subject.to_owned(),
            why: "it knows no schema to compare with".into(),
        })
    }

    /// The text of a schema by its id; `None` when there is none.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn schema(&self, id: i32) -> Result<Option<String>, RegistryError> {
        let reply = self.ask(Method::GET, &format!("/schemas/ids/{id}"), None, "-")?;
        Ok(reply.and_then(|it| it["schema"].as_str().map(str::to_owned)))
    }

    /// The reply's body; `None` for what is not there.
    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        subject: &str,
    ) -> Result<Option<Value>, RegistryError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(
                "accept",
                "application/vnd.schemaregistry.v1+json, application/json",
            );
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        if body.is_some() {
            request = request.header("content-type", "application/vnd.schemaregistry.v1+json");
        }
        let body = body.map(|it| it.to_string()).unwrap_or_default();
        let request = request.body(Full::from(body)).map_err(unavailable)?;
        let sent = async { self.http.send(request, WITHIN).await };
        let HttpReply { status, body, .. } = self.runtime.block_on(sent).map_err(unavailable)?;
        let text = || String::from_utf8_lossy(&body).chars().take(300).collect();
        match status {
            200..=299 => serde_json::from_slice(&body).map(Some).map_err(unavailable),
            404 => Ok(None),
            409 | 422 => Err(RegistryError::Refused {
                subject: subject.to_owned(),
                why: text(),
            }),
            status => Err(unavailable(format!("{status} {}", text()))),
        }
    }
}

fn protobuf(schema: &str) -> Value {
    json!({ "schemaType": "PROTOBUF", "schema": schema })
}

fn id(reply: &Value) -> Option<i32> {
    i32::try_from(reply["id"].as_i64()?).ok()
}
