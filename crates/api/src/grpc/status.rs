//! Refusals as gRPC statuses: the problem's code, sentence and extra fields, unchanged.
//!
//! The sentence is the status message. Code and fields travel as `google.rpc.ErrorInfo` in the
//! status details (<https://google.aip.dev/193>), encoded here with four small messages.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions,
};
use serde_json::{Map, Value};
use tonic::{Code, Status};

use crate::codes::status_of;
use crate::problem::Problem;

/// `google.rpc.ErrorInfo.domain` of every refusal.
pub const DOMAIN: &str = "cartwright";

/// Most bytes of names and values that the extra fields of one status take.
///
/// Details are a header, base64 makes them a third longer, and common clients take 8 KiB of
/// headers in all.
pub const MAX_METADATA_BYTES: usize = 4096;

const ERROR_INFO_TYPE: &str = "type.googleapis.com/google.rpc.ErrorInfo";

/// A status for the problem `code` that HTTP answers with `http_status`.
///
/// `fields` are the problem's extra fields in order, lists and objects as JSON text. Those that
/// do not fit in [`MAX_METADATA_BYTES`] any more are left out, the code and the sentence never.
pub fn status<'a>(
    code: &str,
    http_status: u16,
    detail: &str,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Status {
    with_code(grpc_code(code, http_status), code, detail, fields)
}

fn with_code<'a>(
    grpc: Code,
    code: &str,
    detail: &str,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Status {
    let info = ErrorInfo {
        reason: code.to_owned(),
        domain: DOMAIN.to_owned(),
        metadata: fitting(fields),
    };
    let details = RpcStatus {
        code: grpc as i32,
        message: detail.to_owned(),
        details: vec![Any {
            type_url: ERROR_INFO_TYPE.to_owned(),
            value: info.encode_to_vec(),
        }],
    };
    Status::with_details(grpc, detail, details.encode_to_vec().into())
}

/// The status of a problem.
pub fn of_problem(problem: &Problem) -> Status {
    of_fields(
        grpc_code(problem.code, status_of(problem.code)),
        problem.code,
        &problem.detail,
        &problem.fields,
    )
}

/// The status of a problem under another code, where clients know it by that.
pub fn of_problem_as(problem: &Problem, code: Code) -> Status {
    of_fields(code, problem.code, &problem.detail, &problem.fields)
}

/// The status of a problem that was kept as a document; `None` for what is no problem.
pub fn of_document(document: &Map<String, Value>) -> Option<Status> {
    const COMMON: [&str; 6] = ["type", "title", "status", "detail", "code", "docs"];
    let code = document.get("code")?.as_str()?;
    let detail = document.get("detail")?.as_str()?;
    let mut fields = document.clone();
    fields.retain(|name, _| !COMMON.contains(&name.as_str()));
    let grpc = grpc_code(code, status_of(code));
    Some(of_fields(grpc, code, detail, &fields))
}

fn of_fields(grpc: Code, code: &str, detail: &str, fields: &Map<String, Value>) -> Status {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let texts: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name, text(value)))
        .collect();
    let fields = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    with_code(grpc, code, detail, fields)
}

/// The gRPC code of a problem: what the retry rules of clients hang on.
///
/// `ABORTED` says read again and retry, `FAILED_PRECONDITION` says something else must change
/// first, `UNAVAILABLE` and `RESOURCE_EXHAUSTED` say later.
pub fn grpc_code(code: &str, http_status: u16) -> Code {
    match (code, http_status) {
        ("version_conflict" | "idempotency_key_reused" | "idempotency_in_flight", _) => {
            Code::Aborted
        }
        (_, 401) => Code::Unauthenticated,
        (_, 403) => Code::PermissionDenied,
        (_, 404) => Code::NotFound,
        (_, 405) => Code::Unimplemented,
        (_, 402 | 409 | 410 | 412 | 428) => Code::FailedPrecondition,
        (_, 413 | 429) => Code::ResourceExhausted,
        (_, 400..=499) => Code::InvalidArgument,
        (_, 503) => Code::Unavailable,
        (_, 504) => Code::DeadlineExceeded,
        _ => Code::Internal,
    }
}

/// The code and the extra fields of a status made by [`status`]: the other direction, for clients.
pub fn error_info(status: &Status) -> Option<(String, BTreeMap<String, String>)> {
    let details = RpcStatus::decode(status.details()).ok()?;
    let any = details
        .details
        .into_iter()
        .find(|it| it.type_url == ERROR_INFO_TYPE)?;
    let info = ErrorInfo::decode(any.value.as_slice()).ok()?;
    (info.domain == DOMAIN).then_some((info.reason, info.metadata))
}

/// The description of `google.rpc.ErrorInfo`, so that tools which ask by reflection can show it.
pub(super) fn described() -> FileDescriptorSet {
    let field = |number, name: &str| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::String.into()),
        ..Default::default()
    };
    let entry = DescriptorProto {
        name: Some("MetadataEntry".to_owned()),
        field: vec![field(1, "key"), field(2, "value")],
        options: Some(MessageOptions {
            map_entry: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    let metadata = FieldDescriptorProto {
        label: Some(Label::Repeated.into()),
        r#type: Some(Type::Message.into()),
        type_name: Some(".google.rpc.ErrorInfo.MetadataEntry".to_owned()),
        ..field(3, "metadata")
    };
    let message = DescriptorProto {
        name: Some("ErrorInfo".to_owned()),
        field: vec![field(1, "reason"), field(2, "domain"), metadata],
        nested_type: vec![entry],
        ..Default::default()
    };
    let file = FileDescriptorProto {
        name: Some("google/rpc/error_details.proto".to_owned()),
        package: Some("google.rpc".to_owned()),
        message_type: vec![message],
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }
}

fn fitting<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let mut left = MAX_METADATA_BYTES;
    let mut fit = BTreeMap::new();
    for (name, value) in fields {
        let Some(rest) = left.checked_sub(name.len() + value.len()) else {
            continue;
        };
        left = rest;
        fit.insert(name.to_owned(), value.to_owned());
    }
    fit
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_grpc_code() {
        let rows = [
            ("malformed_request", 400, Code::InvalidArgument),
            ("idempotency_key_required", 400, Code::InvalidArgument),
            ("unauthenticated", 401, Code::Unauthenticated),
            ("forbidden", 403, Code::PermissionDenied),
            ("not_found", 404, Code::NotFound),
            ("method_not_allowed", 405, Code::Unimplemented),
            ("not_acceptable", 406, Code::InvalidArgument),
            ("too_large", 413, Code::ResourceExhausted),
            ("uri_too_long", 414, Code::InvalidArgument),
            ("unsupported_media_type", 415, Code::InvalidArgument),
            ("headers_too_large", 431, Code::InvalidArgument),
            ("reservation_limit", 409, Code::FailedPrecondition),
            ("insufficient_stock", 409, Code::FailedPrecondition),
            ("version_conflict", 409, Code::Aborted),
            ("idempotency_key_reused", 409, Code::Aborted),
            ("idempotency_in_flight", 409, Code::Aborted),
            ("reservation_final", 409, Code::FailedPrecondition),
            ("cart_closed", 409, Code::FailedPrecondition),
            ("already_exists", 409, Code::FailedPrecondition),
            ("invalid_state", 409, Code::FailedPrecondition),
            ("checkout_incomplete", 409, Code::FailedPrecondition),
            ("quote_stale", 409, Code::FailedPrecondition),
            ("invalid", 422, Code::InvalidArgument),
            ("quantity_limit", 422, Code::InvalidArgument),
            ("cart_limit", 422, Code::InvalidArgument),
            ("currency_mismatch", 422, Code::InvalidArgument),
            ("not_sold_here", 422, Code::InvalidArgument),
            ("version_required", 428, Code::FailedPrecondition),
            ("rate_limited", 429, Code::ResourceExhausted),
            ("overloaded", 503, Code::Unavailable),
            ("read_only", 503, Code::Unavailable),
            ("dependency_unavailable", 503, Code::Unavailable),
            ("internal", 500, Code::Internal),
        ];
        for (code, http_status, expected) in rows {
            assert_eq!(grpc_code(code, http_status), expected, "{code}");
        }
    }

    #[test]
    fn carries_code_and_fields_in_error_info() {
        let status = status(
            "insufficient_stock",
            409,
            "only 2 of A are available",
            [("sku", "A"), ("requested", "3"), ("available", "2")],
        );
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.message(), "only 2 of A are available");
        let (reason, fields) = error_info(&status).expect("details are ErrorInfo");
        assert_eq!(reason, "insufficient_stock");
        let expected = [("available", "2"), ("requested", "3"), ("sku", "A")];
        assert!(fields.iter().map(|(k, v)| (&**k, &**v)).eq(expected));
    }

    /// Bytes by the field numbers of `google/rpc/status.proto` and `error_details.proto`.
    #[test]
    fn details_are_google_rpc_status_on_the_wire() {
        let details = status("x", 404, "y", [("a", "b")]).details().to_vec();
        let info = b"\x0a\x01x\x12\x0acartwright\x1a\x06\x0a\x01a\x12\x01b";
        let mut any = vec![0x0a, ERROR_INFO_TYPE.len() as u8];
        any.extend(ERROR_INFO_TYPE.as_bytes());
        any.extend([0x12, info.len() as u8]);
        any.extend(info);
        let mut expected = b"\x08\x05\x12\x01y\x1a".to_vec();
        expected.push(any.len() as u8);
        expected.extend(any);
        assert_eq!(details, expected);
    }

    #[test]
    fn its_description_reads_what_it_writes() {
        use prost_reflect::{DescriptorPool, DynamicMessage, Value as Reflected};
        let pool = DescriptorPool::from_file_descriptor_set(described());
        let pool = pool.expect("the description is whole");
        let descriptor = pool.get_message_by_name("google.rpc.ErrorInfo");
        let info = ErrorInfo {
            reason: "r".into(),
            domain: "d".into(),
            metadata: [("a".to_owned(), "b".to_owned())].into(),
        };
        let read = DynamicMessage::decode(descriptor.expect("named"), &*info.encode_to_vec());
        let read = read.expect("fits");
        let named = |name| read.get_field_by_name(name).map(|it| it.into_owned());
        assert_eq!(named("reason"), Some(Reflected::String("r".into())));
        let metadata = named("metadata");
        let entries = metadata.as_ref().and_then(Reflected::as_map);
        assert_eq!(entries.map(|entries| entries.len()), Some(1));
    }

    #[test]
    fn leaves_out_fields_that_headers_cannot_carry() {
        let long = "x".repeat(MAX_METADATA_BYTES);
        let status = status("c", 409, "d", [("sku", "A"), ("lines", &long), ("n", "1")]);
        let (_, fields) = error_info(&status).expect("details are ErrorInfo");
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["n", "sku"]);
    }

    #[test]
    fn a_status_of_others_has_no_error_info() {
        assert_eq!(error_info(&Status::not_found("gone")), None);
    }
}
