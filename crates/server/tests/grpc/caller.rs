//! Requests with metadata, and what refusals say.

use std::collections::BTreeMap;
use std::fmt::Debug;

use cartwright_api::grpc::status::error_info;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use crate::support::{ADMIN_KEY, Shop};

/// A connection of its own to a shop.
pub(crate) async fn channel(shop: &Shop) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", shop.address()));
    let endpoint = endpoint.expect("an address is a URL");
    endpoint.connect().await.expect("the shop takes HTTP/2")
}

/// A request with the first admin key.
pub(crate) fn admin<T>(message: T) -> Request<T> {
    with_key(message, ADMIN_KEY)
}

/// A request with an API key.
pub(crate) fn with_key<T>(message: T, key: &str) -> Request<T> {
    with(
        Request::new(message),
        "authorization",
        &format!("Bearer {key}"),
    )
}

/// A request with one more line of metadata.
pub(crate) fn with<T>(mut request: Request<T>, name: &'static str, value: &str) -> Request<T> {
    let value = MetadataValue::try_from(value).expect("plain text");
    request.metadata_mut().insert(name, value);
    request
}

/// A line of a reply's metadata.
pub(crate) fn metadata<T>(response: &Response<T>, name: &str) -> Option<String> {
    let value = response.metadata().get(name)?;
    Some(value.to_str().expect("plain text").to_owned())
}

/// The extra fields of a refusal with this code and reason.
#[track_caller]
pub(crate) fn refused<T: Debug>(
    answer: Result<Response<T>, Status>,
    code: Code,
    reason: &str,
) -> BTreeMap<String, String> {
    let status = answer.expect_err("it must be refused");
    let info = error_info(&status);
    let (found, fields) = info.unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(
        (status.code(), found.as_str()),
        (code, reason),
        "{status:?}"
    );
    fields
}
