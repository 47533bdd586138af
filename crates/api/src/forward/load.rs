//! The body of a request on its way to another process: whole where it may have to be sent again, else as it comes.

use super::{BodyError, Outgoing};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A body that can be sent, perhaps more than once.
#[derive(Debug, Clone)]
pub(crate) enum Load {
    /// All of it, in memory: at most what a body may take.
    Whole(Bytes),
    /// An import, which may be larger than memory.
    Stream(Stream),
}

impl Load {
    /// As it comes.
    pub(crate) fn stream(body: Incoming) -> Self {
        let from = From {
            body,
            is_begun: false,
        };
        Self::Stream(Stream(Arc::new(Mutex::new(from))))
    }

    /// Whether all of it can be sent once more.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Stream(stream) => !stream.0.lock().is_begun,
        }
    }

    pub(super) fn outgoing(&self) -> Outgoing {
        match self {
            Self::Whole(bytes) => Full::new(bytes.clone())
                .map_err(|never| match never {})
                .boxed_unsync(),
            Self::Stream(stream) => stream.clone().boxed_unsync(),
        }
    }
}

#[derive(Debug)]
struct From {
    body: Incoming,
    /// Whether anything was taken out of it.
    is_begun: bool,
}

/// What is left of a body; its clones take from the same one, so that a request that was never sent can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Stream(Arc<Mutex<From>>);

impl Body for Stream {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut from = self.0.lock();
        let frame = Pin::new(&mut from.body).poll_frame(context);
        from.is_begun |= frame.is_ready();
        frame.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().body.size_hint()
    }
}
