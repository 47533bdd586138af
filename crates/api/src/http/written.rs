//! Replies and problems as they go over the wire.

use super::endpoint::Reply;
use crate::problem::Problem;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::Full;

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

pub(super) fn write_reply(
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
