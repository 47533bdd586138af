//! Pages for people: the start page, the reference of all routes, the meaning of each error. No script or style from elsewhere.

mod errors;
mod html;

pub use html::escape;
mod reference;
mod start;

use super::endpoint::{Access, BodyKind, Call, Endpoint, Reply, Verb};
use super::openapi;
use crate::problem::Problem;

use bytes::Bytes;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| openapi::document().to_string().into());
static REFERENCE: LazyLock<Bytes> = LazyLock::new(|| reference::page(&openapi::document()).into());
static ERRORS: LazyLock<Bytes> = LazyLock::new(|| errors::index().into());

const fn page(path: &'static str, name: &'static str, summary: &'static str) -> Endpoint {
    Endpoint {
        method: Verb::Get,
        path,
        name,
        summary,
        access: Access::Public,
        query: &[],
        body: BodyKind::None,
        request: None,
        replies: &[(200, None)],
        refusals: &[],
        produces: "text/html",
        handler: |call| Box::pin(start(call)),
    }
}

/// Routes of the documentation.
pub(super) const ROUTES: &[Endpoint] = &[
    page("/", "start", "Shows where things are."),
    Endpoint {
        handler: |_| Box::pin(async { Ok(html_reply(REFERENCE.clone())) }),
        ..page("/docs", "docs", "Explains every route.")
    },
    Endpoint {
        handler: |_| Box::pin(async { Ok(html_reply(ERRORS.clone())) }),
        ..page("/docs/errors", "listErrors", "Lists every error code.")
    },
    Endpoint {
        refusals: &["not_found"],
        handler: |call| Box::pin(error(call)),
        ..page("/docs/errors/{code}", "getError", "Explains an error code.")
    },
    Endpoint {
        produces: "application/json",
        handler: |_| Box::pin(async { Ok(Reply::json(DOCUMENT.clone())) }),
        ..page(
            "/openapi.json",
            "openapi",
            "Describes every route in OpenAPI 3.1.",
        )
    },
];

fn html_reply(body: impl Into<Bytes>) -> Reply {
    Reply::json(body)
        .with("content-type", "text/html; charset=utf-8")
        .with("content-security-policy", html::POLICY.as_str())
        .with("referrer-policy", "no-referrer")
        .with("x-frame-options", "DENY")
}

async fn error(call: Call) -> Result<Reply, Problem> {
    let page = errors::page(call.param(0));
    page.map(html_reply)
        .ok_or_else(|| Problem::not_found("error", call.param(0)))
}

async fn start(call: Call) -> Result<Reply, Problem> {
    let counts = call.edge.shop.read(start::count).await?;
    let ready = call.edge.ready.load(std::sync::atomic::Ordering::Relaxed)
        && !call.edge.shop.health().is_read_only();
    let host = call.headers().get(http::header::HOST);
    let host = host.and_then(|value| value.to_str().ok());
    Ok(html_reply(start::page(
        counts,
        ready,
        host.unwrap_or("localhost:8080"),
    )))
}
