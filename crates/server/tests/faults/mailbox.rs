//! A mail server that keeps of each letter its `Message-ID` and subject.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A letter that was taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) message_id: String,
}

/// Listens on loopback until the test ends.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    pub(crate) address: SocketAddr,
    letters: Arc<Mutex<Vec<Letter>>>,
}

impl Mailbox {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let it = Self {
            address: listener.local_addr().expect("an address"),
            letters: Arc::default(),
        };
        let mailbox = it.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mailbox = mailbox.clone();
                // Who hangs up in the middle has handed over nothing.
                std::thread::spawn(move || mailbox.serve(stream).unwrap_or_default());
            }
        });
        it
    }

    /// Everything that was taken, some of it perhaps twice.
    pub(crate) fn letters(&self) -> Vec<Letter> {
        let letters = self.letters.lock();
        letters.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut input = BufReader::new(stream);
        input.get_mut().write_all(b"220 mailbox\r\n")?;
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            let answer: &[u8] = match verb.as_str() {
                "DATA" => {
                    input.get_mut().write_all(b"354 go on\r\n")?;
                    let letter = read(&mut input)?;
                    let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
                    letters.push(letter);
                    b"250 taken\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            input.get_mut().write_all(answer)?;
        }
    }
}

fn read(input: &mut impl BufRead) -> io::Result<Letter> {
    let (mut subject, mut message_id) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if let Some(said) = line.strip_prefix("Subject: ") {
            subject = said.to_owned();
        } else if let Some(said) = line.strip_prefix("Message-ID: ") {
            message_id = said.to_owned();
        } else if line == "." {
            return Ok(Letter {
                subject,
                message_id,
            });
        }
    }
}
