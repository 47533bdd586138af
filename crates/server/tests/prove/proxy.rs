//! A proxy before a shop that breaks one of its promises.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

/// Which promise is broken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lie {
    /// Keys are thrown away: a repeated write is done again.
    DropsKeys,
    /// Versions are thrown away: the last write wins.
    DropsVersions,
    /// Who cannot be served is told of a hold all the same.
    PromisesWhatIsGone,
    /// Every hold is made twice.
    HoldsTwice,
    /// Every third hold that is confirmed is not.
    ForgetsConfirmations,
    /// Webhooks are taken whoever signs them.
    BelievesEverybody,
    /// Every payer is told of an order of his own.
    SellsToEverybody,
    /// The provider took twice what its ledger said before.
    TakesTwice,
}

/// What was asked.
struct Asked {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Listens from now on; ends with the test's process.
pub(crate) fn before(shop: SocketAddr, lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up is none of the proxy's business.
            std::thread::spawn(move || drop(serve(stream, shop, lie)));
        }
    });
    address
}

fn serve(stream: TcpStream, shop: SocketAddr, lie: Lie) -> io::Result<()> {
    let mut asked = read(&stream)?;
    let is_write = asked.method != "GET";
    let drops = |asked: &mut Asked, name: &str| asked.headers.retain(|(it, _)| it != name);
    let holds = asked.path == "/v1/reservations" || asked.path.ends_with("/reserve");
    match lie {
        Lie::DropsKeys => drops(&mut asked, "idempotency-key"),
        Lie::DropsVersions => drops(&mut asked, "if-match"),
        Lie::HoldsTwice if is_write && holds => {
            let mut again = asked.changed("\"reference\":\"", "\"reference\":\"twice-");
            drops(&mut again, "idempotency-key");
            ask(shop, &again)?;
        }
        Lie::ForgetsConfirmations if asked.path.ends_with("/confirm") => {
            static CONFIRMED: AtomicU64 = AtomicU64::new(0);
            if CONFIRMED.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
                return answer(stream, 200, "{\"state\":\"confirmed\"}");
            }
        }
        Lie::BelievesEverybody if asked.path.starts_with("/v1/webhooks/") => {
            return answer(stream, 200, "{}");
        }
        _ => {}
    }
    let reply = ask(shop, &asked)?;
    if matches!(lie, Lie::PromisesWhatIsGone) && is_write && holds && is_refusal(&reply) {
        static PROMISED: AtomicU64 = AtomicU64::new(0);
        let id = PROMISED.fetch_add(1, Ordering::Relaxed);
        return answer(
            stream,
            201,
            &format!("{{\"id\":\"rsv_promised-{id}\",\"state\":\"pending\"}}"),
        );
    }
    match lie {
        Lie::SellsToEverybody if asked.path.ends_with("/complete") && is_write => {
            static SOLD: AtomicU64 = AtomicU64::new(0);
            let id = SOLD.fetch_add(1, Ordering::Relaxed);
            let from = "\"order_id\":\"ord_";
            let told = body(&reply).replace(from, &format!("{from}{id}"));
            answer(stream, 200, &told)
        }
        Lie::TakesTwice if asked.path.starts_with("/_sim/ledger") => {
            answer(stream, 200, &twice(&body(&reply)))
        }
        _ => (&stream).write_all(&reply),
    }
}

fn body(reply: &[u8]) -> String {
    let text = String::from_utf8_lossy(reply);
    let (_, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    body.to_owned()
}

/// A ledger in which every capture is of twice as much.
fn twice(ledger: &str) -> String {
    let mut ledger: serde_json::Value = serde_json::from_str(ledger).unwrap_or_default();
    for row in ledger["items"].as_array_mut().into_iter().flatten() {
        if row["op"] == "capture" {
            let amount = row["amount"]["amount"].as_i64().unwrap_or_default();
            row["amount"]["amount"] = (amount * 2).into();
        }
    }
    ledger.to_string()
}

fn is_refusal(reply: &[u8]) -> bool {
    reply.starts_with(b"HTTP/1.1 409")
}

fn answer(mut stream: TcpStream, status: u16, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn read(stream: &TcpStream) -> io::Result<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (method, path) = (
        words.next().ok_or_else(gone)?,
        words.next().ok_or_else(gone)?,
    );
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        match name.as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "connection" => {}
            _ => headers.push((name, value)),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Asked {
        method,
        path,
        headers,
        body,
    })
}

impl Asked {
    fn changed(&self, from: &str, to: &str) -> Self {
        let body = String::from_utf8_lossy(&self.body).replace(from, to);
        Self {
            method: self.method.clone(),
            path: self.path.clone(),
            headers: self.headers.clone(),
            body: body.into_bytes(),
        }
    }
}

fn ask(shop: SocketAddr, asked: &Asked) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(shop)?;
    let mut head = format!("{} {} HTTP/1.1\r\n", asked.method, asked.path);
    for (name, value) in &asked.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!(
        "connection: close\r\ncontent-length: {}\r\n\r\n",
        asked.body.len()
    ));
    stream.write_all(head.as_bytes())?;
    stream.write_all(&asked.body)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(reply)
}
