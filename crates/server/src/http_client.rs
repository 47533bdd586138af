//! A small HTTP client for commands that speak to a running shop: JSON in, JSON out, one request at a time.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// A connection to one shop.
#[derive(Debug)]
pub struct Client {
    authority: String,
    key: Option<String>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// A reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Idempotent-Replayed: true`.
    pub replayed: bool,
    /// The body; null for none.
    pub body: Value,
}

impl Reply {
    /// The body of a success.
    ///
    /// # Errors
    /// The server's own sentence for anything else.
    pub fn ok(self) -> anyhow::Result<Value> {
        if self.status < 300 {
            return Ok(self.body);
        }
        let text = |name: &str| self.body[name].as_str().unwrap_or_default();
        bail!(
            "the server refuses ({} {}): {}",
            self.status,
            text("code"),
            text("detail")
        )
    }
}

impl Client {
    /// A client of `http://host:port`, with an API key if there is one. Connects with the first request.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(server: &str, key: Option<String>) -> anyhow::Result<Self> {
        let uri: Uri = server
            .parse()
            .with_context(|| format!("{server} is no address; expected http://host:port"))?;
        let plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/");
        let authority = uri
            .authority()
            .filter(|_| plain)
            .with_context(|| format!("{server} is no address; expected http://host:port"))?;
        let authority = if authority.port().is_some() {
            authority.to_string()
        } else {
            format!("{authority}:80")
        };
        Ok(Self {
            authority,
            key,
            sender: None,
        })
    }

    async fn sender(&mut self) -> anyhow::Result<&mut SendRequest<Full<Bytes>>> {
        let open = matches!(&self.sender, Some(sender) if !sender.is_closed());
        if !open {
            let stream = TcpStream::connect(&self.authority).await.with_context(|| {
                format!(
                    "no shop answers on {}; start one with `cartwright serve`",
                    self.authority
                )
            })?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        self.sender.as_mut().context("a connection was just made")
    }

    /// Sends one request.
    ///
    /// # Errors
    /// When nobody answers, or not in JSON.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> anyhow::Result<Reply> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority);
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
        let sender = self.sender().await?;
        sender.ready().await?;
        let response = sender
            .send_request(request)
            .await
            .context("the connection to the shop ended")?;
        let status = response.status().as_u16();
        let replayed = response
            .headers()
            .get("idempotent-replayed")
            .is_some_and(|value| value == "true");
        let bytes = response.into_body().collect().await?.to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).context("the shop's reply is no JSON")?
        };
        Ok(Reply {
            status,
            replayed,
            body,
        })
    }

    /// `POST` of JSON.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<Reply> {
        self.send(Method::POST, path, &[], body).await
    }

    /// `GET`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Reply> {
        self.send(Method::GET, path, &[], "").await
    }
}
