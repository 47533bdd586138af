//! One gRPC message in, one out: the 5-byte prefix, the trailers, and refusals of headers alone.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use hyper::body::{Body, Frame};
use tonic::Status;

use super::status::status;

/// Bytes before each gRPC message: a compression flag and the length.
pub(crate) const PREFIX: usize = 5;

/// The one message of a unary request's body.
pub(crate) fn unframe(mut body: Bytes) -> Result<Bytes, Status> {
    if body.len() < PREFIX {
        return Err(malformed("the request has no message"));
    }
    if body.get_u8() != 0 {
        return Err(Status::unimplemented(
            "the request is compressed; send it uncompressed",
        ));
    }
    if body.get_u32() as usize != body.len() {
        return Err(malformed(
            "the request is not exactly one message of the length it announces",
        ));
    }
    Ok(body)
}

/// The request cannot be read.
pub(crate) fn malformed(detail: &str) -> Status {
    status("malformed_request", 400, detail, [])
}

/// A message of `len` bytes behind its prefix, in one allocation.
///
/// # Panics
/// At 4 GiB, which no reply comes near: pages, lines and lookups are limited.
pub(crate) fn frame(len: usize, write: impl FnOnce(&mut BytesMut)) -> Bytes {
    let announced = u32::try_from(len).expect("replies are limited to far less than 4 GiB");
    let mut framed = BytesMut::with_capacity(PREFIX + len);
    framed.put_u8(0);
    framed.put_u32(announced);
    write(&mut framed);
    framed.freeze()
}

/// A reply with its framed message.
pub(crate) fn success(framed: Bytes) -> Response<ReplyBody> {
    with_content_type(Response::new(ReplyBody::Message(framed)))
}

/// A reply of headers alone, which gRPC calls trailers-only.
pub(crate) fn refusal(status: &Status) -> Response<ReplyBody> {
    let mut response = with_content_type(Response::new(ReplyBody::End));
    if status.add_header(response.headers_mut()).is_err() {
        let internal = const { HeaderValue::from_static("13") };
        response.headers_mut().insert(Status::GRPC_STATUS, internal);
    }
    response
}

/// A reply whose messages, and then trailers, follow.
pub(crate) fn streamed<B>(body: B) -> Response<B> {
    with_content_type(Response::new(body))
}

fn with_content_type<B>(mut response: Response<B>) -> Response<B> {
    let grpc = const { HeaderValue::from_static("application/grpc") };
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

/// A framed message followed by `grpc-status: 0`, or nothing.
#[derive(Debug)]
pub enum ReplyBody {
    /// The message is to be sent, then the trailers.
    Message(Bytes),
    /// The trailers are to be sent.
    Trailers,
    /// Nothing is left.
    End,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (frame, next) = match std::mem::replace(&mut *self, Self::End) {
            Self::Message(framed) => (Frame::data(framed), Self::Trailers),
            Self::Trailers => (Frame::trailers(ok()), Self::End),
            Self::End => return Poll::Ready(None),
        };
        *self = next;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::End)
    }
}

/// The trailers of a reply that is whole.
pub(crate) fn ok() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    let ok = const { HeaderValue::from_static("0") };
    trailers.insert(Status::GRPC_STATUS, ok);
    trailers
}
