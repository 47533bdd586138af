//! A close that lets the last reply arrive: what the client is still sending is read and dropped for a moment, since
//! closing with unread bytes resets the connection and takes the reply with it.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// Bytes read and dropped at most.
const MAX_DROPPED: usize = 32 << 20;
/// How long at most.
const WITHIN: Duration = Duration::from_secs(2);

/// A connection that lingers when it is closed before the client has ended.
#[derive(Debug)]
pub(super) struct Lingering {
    /// Taken when it is dropped.
    stream: Option<TcpStream>,
    ended: bool,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream: Some(stream),
            ended: false,
        }
    }

    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        let stream = self.get_mut().stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let (false, Some(stream), Ok(runtime)) = (
            self.ended,
            self.stream.take(),
            tokio::runtime::Handle::try_current(),
        ) else {
            return;
        };
        runtime.spawn(async move {
            // Whatever goes wrong here, the connection is closed either way.
            drop(tokio::time::timeout(WITHIN, drain(stream)).await);
        });
    }
}

/// Reads and drops what is left of a request's body, for a moment. Over HTTP/2 nothing is closed, but a body that nobody
/// wants resets its stream, and clients that still send drop the reply with it.
pub(super) fn read_rest(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    let rest = async move {
        let mut dropped = 0;
        while dropped < MAX_DROPPED
            && let Some(Ok(frame)) = body.frame().await
        {
            dropped += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    tokio::spawn(tokio::time::timeout(WITHIN, rest));
}

async fn drain(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut scratch = vec![0; 16 * 1024];
    let mut dropped = 0;
    while dropped < MAX_DROPPED {
        match stream.read(&mut scratch).await? {
            0 => break,
            read => dropped += read,
        }
    }
    Ok(())
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = self.as_mut().stream()?.poll_read(context, into);
        self.ended |= matches!(read, Poll::Ready(Ok(())) if into.filled().len() == before && into.capacity() > before);
        self.ended |= matches!(read, Poll::Ready(Err(_)));
        read
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, slices)
    }
}
