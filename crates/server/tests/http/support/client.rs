//! A synchronous HTTP/1.1 client over a plain socket: it sends exactly what a test says, malformed or not,
//! and shows exactly what came back.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::process::ADMIN_KEY;

/// Longer than any answer may take, so that a test that hangs fails and says where.
const PATIENCE: Duration = Duration::from_secs(30);

/// One request, built step by step and sent on a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        Self {
            address,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With an API key.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Authorization", &format!("Bearer {key}"))
    }

    /// With the first admin key.
    pub(crate) fn admin(self) -> Self {
        self.key(ADMIN_KEY)
    }

    /// With a cart's secret.
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Cart-Token", token)
    }

    pub(crate) fn if_match(self, version: i64) -> Self {
        self.header("If-Match", &format!("\"{version}\""))
    }

    pub(crate) fn idempotency_key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    pub(crate) fn json(self, body: Value) -> Self {
        self.text("application/json", &body.to_string())
    }

    /// A body byte for byte, with the content type it claims.
    pub(crate) fn text(self, content_type: &str, body: &str) -> Self {
        self.bytes(content_type, body.as_bytes().to_vec())
    }

    pub(crate) fn bytes(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header("Content-Type", content_type)
    }

    /// Sends it on a fresh connection; a transport that fails is a failed test.
    #[track_caller]
    pub(crate) fn send(self) -> Response {
        let what = self.describe();
        match self.try_send() {
            Ok(response) => response,
            Err(error) => panic!("{what}: no answer: {error}"),
        }
    }

    /// Sends it on a fresh connection; an error means that the outcome is unknown.
    pub(crate) fn try_send(self) -> io::Result<Response> {
        let mut connection = Connection::open(self.address)?;
        connection.send(self.header("Connection", "close"))
    }

    pub(crate) fn describe(&self) -> String {
        let target: String = self.target.chars().take(120).collect();
        let body = self.body.as_deref().unwrap_or_default();
        let body = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
        format!("{} {target} {body}", self.method)
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("Host") {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body
            && !self.has("Content-Length")
        {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        out.write_all(head.as_bytes())?;
        out.write_all(self.body.as_deref().unwrap_or_default())?;
        out.flush()
    }

    fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

/// A connection that is kept open between requests.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        Self::open_within(address, PATIENCE)
    }

    /// One that waits so long for each answer.
    pub(crate) fn open_within(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Writes all requests and then reads their answers, as far as they come.
    pub(crate) fn send_all(&mut self, requests: &[&Request]) -> Vec<Response> {
        let mut wire = Vec::new();
        for request in requests {
            request.write_to(&mut wire).expect("memory takes it");
        }
        // What was taken before the other side hung up may be answered all the same.
        let _ = self.stream.get_mut().write_all(&wire);
        let answers = requests.iter().map_while(|request| {
            read_response(&mut self.stream, &request.method, request.describe()).ok()
        });
        answers.collect()
    }

    /// Writes the request and reads one answer. A server may answer and hang up before it has read a large
    /// body, so an error of writing counts only when no answer follows it.
    pub(crate) fn send(&mut self, request: Request) -> io::Result<Response> {
        let mut wire = Vec::new();
        request.write_to(&mut wire)?;
        let written = self.stream.get_mut().write_all(&wire);
        let answer = read_response(&mut self.stream, &request.method, request.describe());
        match (written, answer) {
            (_, Ok(response)) => Ok(response),
            (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(error),
        }
    }
}

/// Sends bytes as they are and reads whatever comes back: a parsed answer, or none when the server hung up.
pub(crate) fn exchange_raw(address: SocketAddr, wire: &[u8]) -> Option<Response> {
    let mut connection = Connection::open(address).expect("the server takes connections");
    // The server may refuse in the middle of the bytes; what it says then is what counts.
    let _ = connection.stream.get_mut().write_all(wire);
    let what = String::from_utf8_lossy(&wire[..wire.len().min(80)]).into_owned();
    read_response(&mut connection.stream, "GET", what).ok()
}

/// An answer as it came: names of headers in lower case, values and body untouched.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The request it answers, for messages.
    pub(crate) asked: String,
}

fn read_response(input: &mut impl BufRead, method: &str, asked: String) -> io::Result<Response> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut status;
    let mut headers;
    loop {
        let line = read_line(input)?;
        status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse::<u16>().ok())
            .ok_or_else(|| bad(&format!("not a status line: {line:?}")))?;
        headers = Vec::new();
        loop {
            let line = read_line(input)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad("not a header"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if status >= 200 {
            break;
        }
    }
    let find = |name: &str| headers.iter().find(|(known, _)| known == name);
    let mut body = Vec::new();
    if method == "HEAD" || status == 204 || status == 304 {
        // These have no body.
    } else if find("transfer-encoding").is_some() {
        read_chunks(input, &mut body)?;
    } else if let Some((_, length)) = find("content-length") {
        body = vec![0; length.parse().map_err(|_| bad("not a length"))?];
        input.read_exact(&mut body)?;
    } else {
        input.read_to_end(&mut body)?;
    }
    Ok(Response {
        status,
        headers,
        body,
        asked,
    })
}

fn read_line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "hung up"));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn read_chunks(input: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let line = read_line(input)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a chunk size"))?;
        let start = body.len();
        body.resize(start + size, 0);
        input.read_exact(&mut body[start..])?;
        read_line(input)?;
        if size == 0 {
            return Ok(());
        }
    }
}
