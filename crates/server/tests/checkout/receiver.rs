//! Somebody on the network who is told things: keeps what comes, and answers as a test says.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// What is done with a message.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// Answered with this status.
    Status(u16),
    /// Sent elsewhere.
    Redirect(String),
    /// Never answered.
    Hang,
    /// Hung up on.
    Close,
}

/// One message as it came: names of headers in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether it was taken.
    pub(crate) taken: bool,
}

impl Came {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

#[derive(Debug)]
struct Inside {
    came: Vec<Came>,
    next: VecDeque<Way>,
    always: Way,
}

/// Listens on loopback until the test ends.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("an address");
        let inside = Arc::new(Mutex::new(Inside {
            came: Vec::new(),
            next: VecDeque::new(),
            always: Way::Status(200),
        }));
        let it = Self { address, inside };
        let receiver = it.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let receiver = receiver.clone();
                std::thread::spawn(move || receiver.serve(stream));
            }
        });
        it
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on.
    pub(crate) fn always(&self, way: Way) {
        self.lock().always = way;
    }

    /// The next messages, one after the other.
    pub(crate) fn next(&self, ways: impl IntoIterator<Item = Way>) {
        self.lock().next.extend(ways);
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.lock().came.clone()
    }

    /// The messages that were taken, in order.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let came = self.came();
        let taken = came.iter().filter(|it| it.taken);
        taken.map(Came::json).collect()
    }

    fn serve(&self, stream: TcpStream) {
        let mut input = BufReader::new(stream);
        while let Some(mut came) = read(&mut input) {
            let way = {
                let mut inside = self.lock();
                let way = inside.next.pop_front();
                let way = way.unwrap_or_else(|| inside.always.clone());
                came.taken = matches!(way, Way::Status(200..=299));
                inside.came.push(came);
                way
            };
            let answer = match way {
                Way::Status(status) => {
                    format!("HTTP/1.1 {status} Said\r\ncontent-length: 2\r\n\r\nok")
                }
                Way::Redirect(to) => {
                    format!("HTTP/1.1 307 Elsewhere\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
                }
                Way::Hang => {
                    // Until the other side has had enough.
                    let mut rest = Vec::new();
                    let _ = input.read_to_end(&mut rest);
                    return;
                }
                Way::Close => return,
            };
            if input.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn read(input: &mut BufReader<TcpStream>) -> Option<Came> {
    input
        .get_ref()
        .set_read_timeout(Some(Duration::from_secs(60)))
        .ok()?;
    let mut line = || {
        let mut line = String::new();
        let count = input.read_line(&mut line).ok()?;
        (count > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some(Came {
        path,
        headers,
        body,
        taken: false,
    })
}
