//! A close that lets the last reply arrive: what the client is still sending is read and dropped for a moment, since
//! closing with unread bytes resets the connection and takes the reply with it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Bytes read and dropped at most.
const MAX_DROPPED: usize = 32 << 20;
/// How long at most.
const WITHIN: Duration = Duration::from_secs(2);

/// A connection that lingers when it closes.
#[derive(Debug)]
pub(super) struct Lingering {
    stream: TcpStream,
    closing: Option<Closing>,
}

#[derive(Debug)]
struct Closing {
    dropped: usize,
    until: Pin<Box<Sleep>>,
    said_goodbye: bool,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            closing: None,
        }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, closing } = self.get_mut();
        let closing = closing.get_or_insert_with(|| Closing {
            dropped: 0,
            until: Box::pin(tokio::time::sleep(WITHIN)),
            said_goodbye: false,
        });
        if !closing.said_goodbye {
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
            closing.said_goodbye = true;
        }
        let mut scratch = [0; 16 * 1024];
        while closing.dropped < MAX_DROPPED && closing.until.as_mut().poll(context).is_pending() {
            let mut into = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *stream).poll_read(context, &mut into) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !into.filled().is_empty() => {
                    closing.dropped += into.filled().len()
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}
