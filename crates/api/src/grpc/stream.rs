//! What goes on after the first answer: each event of a checkout is a message, the trailers say how it ended.

use super::frame::{frame, ok, streamed};
use super::json;
use super::status::status;
use crate::http::{Edge, ReplyBody, Told, Watch, Watching, boxed};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, unfold};
use http::{HeaderMap, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use prost::Message;
use prost_reflect::MessageDescriptor;
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use tonic::Status;

/// Tells what happens to a checkout until it has ended. A shop that drains ends it with `UNAVAILABLE`: watch again from the
/// last version.
pub(super) fn told(
    edge: Arc<Edge>,
    watch: Watch,
    output: MessageDescriptor,
) -> Response<ReplyBody> {
    let watching = Some((Watching::new(edge, watch), output));
    let frames = unfold(watching, |state| async move {
        let (mut watching, output) = state?;
        loop {
            match watching.next().await {
                Some(news) if news.is_empty() => {}
                Some(news) => match messages(&news, &output) {
                    Ok(frames) => return Some((frames, Some((watching, output)))),
                    Err(detail) => {
                        tracing::error!(detail, "an event has no message");
                        let failed = status("internal", 500, "the event could not be written", []);
                        return Some((vec![trailers(&failed)], None));
                    }
                },
                None if watching.is_over() => return Some((vec![Frame::trailers(ok())], None)),
                None => {
                    let detail = "the shop stops; watch again from the last version";
                    let stops = status("overloaded", 503, detail, []);
                    return Some((vec![trailers(&stops)], None));
                }
            }
        }
    });
    let frames =
        frames.flat_map(|frames| stream::iter(frames.into_iter().map(Ok::<_, Infallible>)));
    streamed(boxed(StreamBody::new(frames)))
}

fn messages(news: &[Told], output: &MessageDescriptor) -> Result<Vec<Frame<Bytes>>, String> {
    let one = |told: &Told| {
        let object = match serde_json::to_value(told) {
            Ok(Value::Object(object)) => object,
            _ => return Err("an event is no object".to_owned()),
        };
        let message = json::message(output, &object)?;
        let framed = frame(message.encoded_len(), |framed| message.encode_raw(framed));
        Ok(Frame::data(framed))
    };
    news.iter().map(one).collect()
}

fn trailers(status: &Status) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        let internal = const { http::HeaderValue::from_static("13") };
        trailers.insert(Status::GRPC_STATUS, internal);
    }
    Frame::trailers(trailers)
}
