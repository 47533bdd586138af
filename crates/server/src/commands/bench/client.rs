//! The lean HTTP/1.1 client of the load drivers: one keep-alive connection, one request in flight, no allocation per request.
//! It reads only replies with a `Content-Length` (or none, for 204 and 304), which is all that the measured routes send.

use std::{fmt, io, io::Write as _, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Bytes that a connection's read buffer starts with; it grows for larger replies.
const READ_BUFFER_BYTES: usize = 32 * 1024;
/// Header fields that a reply may have.
const MAX_HEADERS: usize = 48;
/// A reply larger than this is refused, so that a wrong length cannot exhaust the memory.
const MAX_REPLY_BYTES: usize = 256 * 1024 * 1024;

/// A reply, borrowed from its connection's buffer until the next call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply<'a> {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
}

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to `address` with Nagle's algorithm off.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; READ_BUFFER_BYTES],
        })
    }

    /// Sends one complete request and waits for its whole reply.
    ///
    /// # Errors
    /// When the connection ends, or the reply is not HTTP/1.1 with a length.
    pub(crate) async fn call(&mut self, request: &[u8]) -> io::Result<Reply<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            filled += self.read(filled).await?;
            match parse_head(&self.buffer[..filled])? {
                Some(head) => break head,
                None if filled == self.buffer.len() => return Err(invalid("reply head too large")),
                None => {}
            }
        };
        let end = head.length + head.body_length;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        while filled < end {
            filled += self.read(filled).await?;
        }
        if filled > end {
            return Err(invalid("more bytes than the reply's length"));
        }
        Ok(Reply {
            status: head.status,
            body: &self.buffer[head.length..end],
        })
    }

    async fn read(&mut self, filled: usize) -> io::Result<usize> {
        match self.stream.read(&mut self.buffer[filled..]).await? {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed the connection before its reply was complete",
            )),
            read => Ok(read),
        }
    }
}

struct Head {
    status: u16,
    length: usize,
    body_length: usize,
}

fn parse_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes).map_err(invalid)? else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    let declared = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body_length = match declared {
        Some(header) => std::str::from_utf8(header.value)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .filter(|length| *length <= MAX_REPLY_BYTES)
            .ok_or_else(|| invalid("unreadable content-length"))?,
        None if status == 204 || status == 304 => 0,
        None => return Err(invalid("a reply without content-length")),
    };
    Ok(Some(Head {
        status,
        length,
        body_length,
    }))
}

fn invalid(reason: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}

/// Writes requests for one server as one caller.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// `Host` and, with a key, `Authorization` lines, complete.
    fixed_headers: Arc<str>,
}

impl Caller {
    /// Requests to `address`, with `Authorization: Bearer <key>` when there is a key.
    pub(crate) fn new(address: SocketAddr, key: Option<&str>) -> Self {
        let authorization = key
            .map(|key| format!("authorization: Bearer {key}\r\n"))
            .unwrap_or_default();
        Self {
            fixed_headers: format!("host: {address}\r\n{authorization}").into(),
        }
    }

    /// Appends a GET request for `path` to `out`.
    pub(crate) fn get(&self, out: &mut Vec<u8>, path: fmt::Arguments<'_>) {
        append(
            out,
            format_args!("GET {path} HTTP/1.1\r\n{}\r\n", self.fixed_headers),
        );
    }

    /// Appends a POST request with a JSON body to `out`.
    pub(crate) fn post(
        &self,
        out: &mut Vec<u8>,
        path: fmt::Arguments<'_>,
        json: fmt::Arguments<'_>,
    ) {
        self.send(out, "POST", path, format_args!(""), json);
    }

    /// Appends a request with a JSON body and further complete header lines (each ended by CRLF) to `out`.
    pub(crate) fn send(
        &self,
        out: &mut Vec<u8>,
        method: &str,
        path: fmt::Arguments<'_>,
        headers: fmt::Arguments<'_>,
        json: fmt::Arguments<'_>,
    ) {
        append(
            out,
            format_args!(
                "{method} {path} HTTP/1.1\r\n{}{headers}content-type: application/json\r\ncontent-length: ",
                self.fixed_headers
            ),
        );
        // The length is written once the body is; zeros in front are digits like any other (RFC 9110, 8.6).
        let length_at = out.len();
        out.extend_from_slice(b"00000000\r\n\r\n");
        let body_at = out.len();
        append(out, json);
        let body_length = out.len() - body_at;
        let digits = &mut out[length_at..length_at + 8];
        let _ = write!(&mut *digits, "{body_length:08}");
    }
}

fn append(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller::new("127.0.0.1:80".parse().unwrap(), Some("k"))
    }

    #[test]
    fn a_post_declares_the_length_of_its_body() {
        let mut out = Vec::new();
        caller().post(
            &mut out,
            format_args!("/v1/carts"),
            format_args!("{{\"a\":{}}}", 12),
        );
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "POST /v1/carts HTTP/1.1\r\nhost: 127.0.0.1:80\r\nauthorization: Bearer k\r\n\
             content-type: application/json\r\ncontent-length: 00000008\r\n\r\n{\"a\":12}"
        );
    }

    #[test]
    fn a_head_without_a_length_is_refused_unless_the_status_has_no_body() {
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(
            parse_head(b"HTTP/1.1 200 OK\r\nContent-Le")
                .unwrap()
                .is_none()
        );
        let empty = parse_head(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap()
            .unwrap();
        assert_eq!((empty.status, empty.body_length), (204, 0));
        let full = parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            .unwrap()
            .unwrap();
        assert_eq!((full.length, full.body_length), (38, 5));
    }
}
