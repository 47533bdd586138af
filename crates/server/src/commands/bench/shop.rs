//! The shop under load: a server process of this same binary in a directory of its own, ended when dropped, or one that
//! already runs and was named by `--server`.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener, ToSocketAddrs as _},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use super::{
    super::another::another,
    Engines,
    client::{Caller, Connection},
};

/// How long a server may take to become ready.
const READY: Duration = Duration::from_secs(60);
/// How long a server may take to end after SIGTERM.
const END: Duration = Duration::from_secs(30);
/// How often readiness is asked for.
const POLL: Duration = Duration::from_millis(1);
/// Lines of the server's log that an error shows.
const SHOWN_LINES: usize = 12;

/// Nothing is answered from memory.
pub(crate) const UNCACHED: (&str, &str) = ("CARTWRIGHT_READ_CACHE", "false");

/// Where the shops of a run come from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// A running server, and the key for it.
    pub(crate) running: Option<(SocketAddr, String)>,
    /// The directory in which data directories are made.
    pub(crate) directory: PathBuf,
    /// What started servers stand on.
    pub(crate) engines: Engines,
    /// Further environment of a started server.
    pub(crate) environment: Vec<(String, String)>,
}

impl Source {
    /// Whether the shops keep their state in PostgreSQL.
    pub(crate) fn is_on_postgres(&self) -> bool {
        self.engines.database.is_some()
    }

    /// The same, for shops that ask PostgreSQL at every read; on the embedded database as it is.
    pub(crate) fn uncached_on_postgres(&self) -> Self {
        let mut source = self.clone();
        if self.is_on_postgres() {
            source
                .environment
                .push((UNCACHED.0.into(), UNCACHED.1.into()));
        }
        source
    }

    /// The aim of a case: the one of the embedded database, or the one of PostgreSQL.
    pub(crate) fn aim(&self, embedded: f64, postgres: f64) -> f64 {
        if self.is_on_postgres() {
            postgres
        } else {
            embedded
        }
    }
}

/// A ready server.
#[derive(Debug)]
pub(crate) struct Shop {
    /// Where it listens, for HTTP and gRPC.
    pub(crate) address: SocketAddr,
    /// Writes requests with the admin key.
    pub(crate) caller: Caller,
    process: Option<Process>,
}

impl Shop {
    /// The running server of `source`, or a new one on an empty data directory.
    ///
    /// # Errors
    /// When it does not become ready; the error shows the end of its log.
    pub(crate) async fn open(source: &Source) -> anyhow::Result<Self> {
        if let Some((address, key)) = &source.running {
            ensure!(
                ready(*address).await,
                "the server at {address} does not answer 200 on /health/readiness"
            );
            return Ok(Self::at(*address, key, None));
        }
        let data = DataDirectory::new(&source.directory)?;
        Self::start(source, data).await.map(|(shop, _)| shop)
    }

    /// Starts a server on `data`; also tells how long it took from the start of the process until it was ready.
    ///
    /// # Errors
    /// As [`Shop::open`].
    pub(crate) async fn start(
        source: &Source,
        data: DataDirectory,
    ) -> anyhow::Result<(Self, Duration)> {
        let address = free_address()?;
        let log = data.path().join("serve.log");
        let begun = Instant::now();
        let child = another()?
            .args(["serve", "--no-sample", "--listen", &address.to_string()])
            .arg("--data-dir")
            .arg(data.path().join("data"))
            .env("CARTWRIGHT_ADMIN_KEY", &data.key)
            .envs(source.engines.environment(&data.name))
            .envs(source.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start a server")?;
        let key = data.key.clone();
        let mut process = Process {
            child,
            data: Some(data),
        };
        while !ready(address).await {
            if let Some(status) = process.child.try_wait()? {
                bail!(
                    "the server ended with {status} before it was ready:\n{}",
                    tail(&log)
                );
            }
            ensure!(
                begun.elapsed() < READY,
                "the server was not ready after {READY:?}:\n{}",
                tail(&log)
            );
            tokio::time::sleep(POLL).await;
        }
        let took = begun.elapsed();
        Ok((Self::at(address, &key, Some(process)), took))
    }

    /// Another process on the database of this one.
    ///
    /// # Errors
    /// As [`Shop::open`], or when this one was not started here.
    pub(crate) async fn second(&self, source: &Source) -> anyhow::Result<Self> {
        let data = self.process.as_ref().and_then(|it| it.data.as_ref());
        let data = data.context("only shops that were started here have a second process")?;
        let data = data.beside(&source.directory)?;
        Self::start(source, data).await.map(|(shop, _)| shop)
    }

    fn at(address: SocketAddr, key: &str, process: Option<Process>) -> Self {
        Self {
            address,
            caller: Caller::new(address, Some(key)),
            process,
        }
    }

    /// The pid, when this run started the server.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Ends the server with SIGTERM and waits for it; gives its data directory back when it had one of its own.
    ///
    /// # Errors
    /// When it does not end in time, or not with status 0.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Option<DataDirectory>> {
        let Some(mut process) = self.process.take() else {
            return Ok(None);
        };
        terminate(process.child.id())?;
        let deadline = Instant::now() + END;
        let status = loop {
            if let Some(status) = process.child.try_wait()? {
                break status;
            }
            ensure!(
                Instant::now() < deadline,
                "the server did not end within {END:?} of SIGTERM"
            );
            tokio::time::sleep(POLL).await;
        };
        let data = process.data.take();
        ensure!(
            status.success(),
            "the server ended with {status} after SIGTERM:\n{}",
            data.map(|data| tail(&data.path().join("serve.log")))
                .unwrap_or_default()
        );
        Ok(data)
    }

    /// Sends one request that `write` makes and reads its JSON reply.
    ///
    /// # Errors
    /// When the status is none of `expected`, or the reply is not what `T` says.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        expected: &[u16],
        write: impl FnOnce(&Caller, &mut Vec<u8>),
    ) -> anyhow::Result<T> {
        let mut request = Vec::new();
        write(&self.caller, &mut request);
        let line = String::from_utf8_lossy(
            request
                .split(|byte| *byte == b'\r')
                .next()
                .unwrap_or_default(),
        );
        let mut connection = Connection::open(self.address).await?;
        let reply = connection
            .call(&request)
            .await
            .with_context(|| format!("request {line}"))?;
        ensure!(
            expected.contains(&reply.status),
            "request {line} was answered {}: {}",
            reply.status,
            String::from_utf8_lossy(reply.body)
        );
        serde_json::from_slice(reply.body).with_context(|| format!("unreadable reply to {line}"))
    }
}

/// A temporary directory with a server's data and log, and its admin key. It is removed when dropped.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    directory: TempDir,
    /// Lower-case letters and digits, as schemas and topics may be named.
    name: String,
    key: String,
}

impl DataDirectory {
    /// A new, empty one below `parent`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new(parent: &Path) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("cartwright-bench-")
            .tempdir_in(parent)
            .with_context(|| format!("cannot make a directory in {}", parent.display()))?;
        // The directory's name ends in random letters, which is random enough for a server that lives for minutes on loopback.
        let random = directory.path().file_name().unwrap_or_default();
        let random = random.to_string_lossy();
        let random = random.rsplit('-').next().unwrap_or_default();
        Ok(Self {
            name: random.to_lowercase(),
            key: format!("bench-key-{random}"),
            directory,
        })
    }

    /// Another directory below `parent`, with the same names elsewhere and the same key.
    fn beside(&self, parent: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            name: self.name.clone(),
            key: self.key.clone(),
            ..Self::new(parent)?
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// A started server with its data. Dropped while it runs (after an error), it is killed.
#[derive(Debug)]
struct Process {
    child: Child,
    data: Option<DataDirectory>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing to a process that was already waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM to a process that this run started.
pub(crate) fn terminate(pid: u32) -> anyhow::Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .context("no such process id")?;
    Ok(rustix::process::kill_process(
        pid,
        rustix::process::Signal::TERM,
    )?)
}

/// The address that `url` (`http://host:port`) names.
///
/// # Errors
/// When it is no such URL or the host is unknown.
pub(crate) fn resolve(url: &str) -> anyhow::Result<SocketAddr> {
    url.strip_prefix("http://")
        .and_then(|rest| rest.trim_end_matches('/').to_socket_addrs().ok())
        .and_then(|mut addresses| addresses.next())
        .with_context(|| format!("{url} is not a URL like http://127.0.0.1:8080"))
}

/// An address on loopback that nobody listens on.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

async fn ready(address: SocketAddr) -> bool {
    let mut request = Vec::new();
    Caller::new(address, None).get(&mut request, format_args!("/health/readiness"));
    let Ok(mut connection) = Connection::open(address).await else {
        return false;
    };
    matches!(connection.call(&request).await, Ok(reply) if reply.status == 200)
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_resolved_and_anything_else_refused() {
        assert_eq!(
            resolve("http://127.0.0.1:8080/").unwrap(),
            "127.0.0.1:8080".parse().unwrap()
        );
        assert!(resolve("127.0.0.1:8080").is_err());
        assert!(resolve("http://127.0.0.1").is_err());
    }

    #[test]
    fn two_data_directories_have_different_keys() {
        let parent = tempfile::tempdir().unwrap();
        let one = DataDirectory::new(parent.path()).unwrap();
        let other = DataDirectory::new(parent.path()).unwrap();
        assert_ne!(one.key, other.key);
    }
}
