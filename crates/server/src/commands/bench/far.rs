//! A network on the way to the database: bytes arrive later than they were sent, as from another rack. Threads that sleep, since
//! tokio's timer counts in milliseconds.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// Listens on loopback and passes everything on to `to`, each way `delay` later. Lives as long as this process.
///
/// # Errors
/// When no port is to be had.
pub(crate) fn away(to: SocketAddr, delay: Duration) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            // Whoever connects while nobody is there is told so by the closed connection.
            if let Ok(far) = TcpStream::connect(to) {
                let _ = couple(near, far, delay);
            }
        }
    });
    Ok(address)
}

fn couple(near: TcpStream, far: TcpStream, delay: Duration) -> std::io::Result<()> {
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_too, far_too) = (near.try_clone()?, far.try_clone()?);
    carry(near, far, delay);
    carry(far_too, near_too, delay);
    Ok(())
}

/// One way: a thread that notes when bytes came, and one that lets them go when their time is over.
fn carry(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sent, arriving) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut chunk = vec![0; CHUNK];
        while let Ok(read @ 1..) = from.read(&mut chunk) {
            let due = Instant::now() + delay;
            if sent.send((due, chunk[..read].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in arriving {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// A database URL with host and port replaced by those of `way`, which leads there.
///
/// # Errors
/// When the URL names no `host:port`, or nobody listens there.
pub(crate) fn url_by(url: &str, delay: Duration) -> anyhow::Result<String> {
    let wrong = || format!("{url} is not a URL like postgres://user@host:5432/database");
    let (scheme, rest) = url.split_once("://").with_context(wrong)?;
    let (user, rest) = rest.split_once('@').with_context(wrong)?;
    let (host, rest) = rest.split_once('/').with_context(wrong)?;
    let to = super::shop::resolve(&format!("http://{host}"))?;
    let way = away(to, delay)?;
    Ok(format!("{scheme}://{user}@{way}/{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives_whole_and_later() {
        let echo = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = echo.local_addr().unwrap();
        thread::spawn(move || {
            let (mut one, _) = echo.accept().unwrap();
            let mut bytes = [0; 3];
            one.read_exact(&mut bytes).unwrap();
            one.write_all(&bytes).unwrap();
        });
        let delay = Duration::from_millis(20);
        let mut stream = TcpStream::connect(away(to, delay).unwrap()).unwrap();
        let begun = Instant::now();
        stream.write_all(b"abc").unwrap();
        let mut back = [0; 3];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"abc");
        assert!(begun.elapsed() >= 2 * delay);
    }

    #[test]
    fn a_url_keeps_all_but_its_host() {
        let there = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = there.local_addr().unwrap().port();
        let url = format!("postgres://anna@127.0.0.1:{port}/shop?schema=eu");
        let far = url_by(&url, Duration::ZERO).unwrap();
        assert!(far.starts_with("postgres://anna@127.0.0.1:"), "{far}");
        assert!(far.ends_with("/shop?schema=eu") && far != url, "{far}");
        assert!(url_by("postgres:///shop", Duration::ZERO).is_err());
    }
}
