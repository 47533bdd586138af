//! Questions that only a ready engine answers, in the engines' own protocols over TCP.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

const TIMEOUT: Duration = Duration::from_secs(3);

/// A start-up message: a server that still starts, or stops, answers with an error instead of
/// asking who we are.
pub(super) fn postgres(url: &str) -> anyhow::Result<()> {
    let url = Url::parse(url, 5432)?;
    let mut stream = connect(url.address())?;
    let user = url.user.split(':').next().unwrap_or_default();
    let database = url.path.split('?').next().unwrap_or_default();
    let parameters = format!("user\0{user}\0database\0{database}\0\0");
    let mut message = Vec::new();
    message.extend(u32::try_from(8 + parameters.len())?.to_be_bytes());
    message.extend(196_608_u32.to_be_bytes()); // protocol 3.0
    message.extend(parameters.as_bytes());
    stream.write_all(&message)?;
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    match kind[0] {
        b'R' => Ok(()),
        b'E' => bail!("PostgreSQL refuses: {}", rest(&mut stream)),
        other => bail!("byte {other} is no answer of PostgreSQL"),
    }
}

/// `PING`; a server that first wants a password is up as well.
pub(super) fn redis(url: &str) -> anyhow::Result<()> {
    let url = Url::parse(url, 6379)?;
    let mut stream = connect(url.address())?;
    stream.write_all(b"PING\r\n")?;
    let mut reply = [0; 64];
    let read = stream.read(&mut reply)?;
    let reply = String::from_utf8_lossy(&reply[..read]);
    ensure!(
        reply.starts_with("+PONG") || reply.starts_with("-NOAUTH"),
        "Redis answers {:?}",
        reply.trim()
    );
    Ok(())
}

/// A metadata request (version 1, no topics): ready once the cluster names a broker.
pub(super) fn kafka(address: &str) -> anyhow::Result<()> {
    const METADATA: i16 = 3;
    const CORRELATION: i32 = 7;
    let first = address.split(',').next().unwrap_or_default();
    let mut stream = connect(first)?;
    let client = b"xtask";
    let mut request = Vec::new();
    request.extend(METADATA.to_be_bytes());
    request.extend(1_i16.to_be_bytes());
    request.extend(CORRELATION.to_be_bytes());
    request.extend(i16::try_from(client.len())?.to_be_bytes());
    request.extend(client);
    request.extend(0_i32.to_be_bytes()); // an empty list of topics
    stream.write_all(&u32::try_from(request.len())?.to_be_bytes())?;
    stream.write_all(&request)?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let number =
        |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    ensure!(number(4) == CORRELATION, "{first} does not speak Kafka");
    ensure!(number(8) > 0, "the Kafka cluster has no broker yet");
    Ok(())
}

/// The list of subjects.
pub(super) fn registry(url: &str) -> anyhow::Result<()> {
    if url.starts_with("https://") {
        return connect(Url::parse(url, 443)?.address()).map(drop);
    }
    get(&format!("{}/subjects", url.trim_end_matches('/')))
}

/// A GET over plain HTTP that must be answered 200.
///
/// # Errors
/// When nobody listens there, or the answer is another.
pub(crate) fn get(url: &str) -> anyhow::Result<()> {
    let parsed = Url::parse(url, 80)?;
    let mut stream = connect(parsed.address())?;
    write!(
        stream,
        "GET /{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        parsed.path,
        parsed.address()
    )?;
    let reply = rest(&mut stream);
    let status = reply.lines().next().unwrap_or_default();
    ensure!(status.contains(" 200 "), "{url} answers {status:?}");
    Ok(())
}

fn connect(address: impl AsRef<str>) -> anyhow::Result<TcpStream> {
    let address = address.as_ref();
    let resolved = address
        .to_socket_addrs()
        .with_context(|| format!("{address} is no host:port"))?;
    let mut last = None;
    for candidate in resolved {
        match TcpStream::connect_timeout(&candidate, TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(|| anyhow::anyhow!("{address} has no address"), Into::into))
}

/// What the peer still says, for a message; a timeout ends it.
fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // What came before an error is the interesting part.
    let _ = stream.take(4096).read_to_end(&mut said);
    String::from_utf8_lossy(&said).replace('\0', " ")
}

/// `scheme://user@host:port/path`, as far as probes need it.
struct Url<'a> {
    user: &'a str,
    host: &'a str,
    port: Option<u16>,
    default_port: u16,
    path: &'a str,
}

impl<'a> Url<'a> {
    fn parse(url: &'a str, default_port: u16) -> anyhow::Result<Self> {
        let (_, rest) = url
            .split_once("://")
            .with_context(|| format!("{url} is no URL"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (host, port) = match host.rsplit_once(':').filter(|it| !it.1.ends_with(']')) {
            Some((host, port)) => (
                host,
                Some(port.parse().with_context(|| format!("{port} is no port"))?),
            ),
            None => (host, None),
        };
        Ok(Self {
            user,
            host,
            port,
            default_port,
            path,
        })
    }

    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port.unwrap_or(self.default_port))
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn a_url_names_user_host_port_and_path() {
        let url = Url::parse("postgres://me:secret@db.example:5433/shop?x=1", 5432).expect("a URL");
        assert_eq!((url.user, url.path), ("me:secret", "shop?x=1"));
        assert_eq!(url.address(), "db.example:5433");
        assert_eq!(
            Url::parse("redis://[::1]", 6379).expect("a URL").address(),
            "[::1]:6379"
        );
    }
}
