//! A PostgreSQL of one test alone, with its own data and `fsync`, that may be killed, paused, and lose single backends.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{eventually, free_address};

const SOON: Duration = Duration::from_secs(60);
const USER: &str = "cartwright";

/// A server. Dropping it kills it and all that it has started.
#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) address: SocketAddr,
    programs: PathBuf,
    home: tempfile::TempDir,
    /// Beyond those that every server here has.
    settings: Vec<String>,
    child: Mutex<Option<Child>>,
}

/// Debian keeps the server's programs outside `PATH`, a directory for each version; the newest.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|it| {
            let version = it.file_name().to_str()?.parse().ok()?;
            let programs = it.path().join("bin");
            programs
                .join("initdb")
                .is_file()
                .then_some((version, programs))
        })
        .collect();
    found.sort_unstable();
    found.pop().map(|it| it.1)
}

impl Postgres {
    /// A new, empty one; `None`, said loudly, where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let skipped =
                "SKIPPED, nothing was checked: a PostgreSQL of the test's own is not installed";
            writeln!(std::io::stderr(), "{skipped}").expect("standard error");
            return None;
        };
        let server = Self::at_home(programs);
        let mut made = server.program("initdb");
        made.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        made.args(["--username", USER, "-D"]).arg(server.data());
        let made = made.output().expect("initdb can be run");
        assert!(made.status.success(), "{made:?}");
        server.run();
        Some(server)
    }

    /// Not running, without data.
    fn at_home(programs: PathBuf) -> Self {
        let server = Self {
            address: free_address(),
            programs,
            home: tempfile::tempdir().expect("a directory"),
            settings: Vec::new(),
            child: Mutex::new(None),
        };
        server.own();
        server
    }

    /// All that is in its home belongs to the user that it runs as.
    fn own(&self) {
        if rustix::process::geteuid().is_root() {
            let mut owned = Command::new("chown");
            let owned = owned.args(["-R", "postgres:"]).arg(self.home.path());
            assert!(owned.status().expect("chown can be run").success());
        }
    }

    /// A standby that follows this one.
    pub(crate) fn standby(&self) -> Self {
        let standby = Self::at_home(self.programs.clone());
        let mut copied = standby.program("pg_basebackup");
        let port = self.address.port().to_string();
        copied.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            USER,
            "-R",
            "-c",
            "fast",
        ]);
        let copied = copied.arg("-D").arg(standby.data()).output();
        let copied = copied.expect("pg_basebackup can be run");
        assert!(copied.status.success(), "{copied:?}");
        standby.run();
        standby
    }

    /// Runs it again with connections that may be encrypted, by a certificate for 127.0.0.1; the one that has signed it.
    pub(crate) fn encrypt(&mut self) -> PathBuf {
        let home = self.home.path().to_owned();
        let openssl = |arguments: &str| {
            let arguments = arguments.split_whitespace();
            let mut made = Command::new("openssl");
            let made = made.args(arguments).current_dir(&home).output();
            let done = made.expect("openssl can be run");
            assert!(done.status.success(), "{done:?}");
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(&format!(
            "req -x509 {key} -days 2 -subj /CN=authority -keyout root.key -out root.crt"
        ));
        openssl(&format!(
            "req {key} -subj /CN=database -keyout server.key -out server.csr"
        ));
        std::fs::write(home.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("a file");
        openssl(
            "x509 -req -in server.csr -CA root.crt -CAkey root.key -CAcreateserial -days 2 -out server.crt -extfile names",
        );
        self.own();
        let file = |name: &str| home.join(name).display().to_string();
        self.settings = vec![
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", file("server.crt")),
            format!("ssl_key_file={}", file("server.key")),
        ];
        self.kill();
        self.run();
        home.join("root.crt")
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// One of its programs; as root it refuses to run, so it runs as the user that its package made.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
            command.arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// Runs it on the data that it has, and waits until it answers.
    pub(crate) fn run(&self) {
        let port = self.address.port().to_string();
        let log = self.home.path().join("log");
        let said = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log);
        let said = said.expect("its log can be written");
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data());
        command.args(["-h", "127.0.0.1", "-p", &port]);
        for setting in ["unix_socket_directories=", "max_connections=200"] {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let child = command.stdout(Stdio::null()).stderr(said).spawn();
        *self.child() = Some(child.expect("postgres can be run"));
        eventually(SOON, "PostgreSQL answers", || {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            let ended = self.child().as_mut().and_then(|it| it.try_wait().ok()?);
            assert!(ended.is_none(), "PostgreSQL ended: {ended:?}\n{}", said());
            self.answers().then_some(())
        });
    }

    fn answers(&self) -> bool {
        self.ask("SELECT 1").is_some()
    }

    /// The first column of the first row that it answers with.
    #[track_caller]
    pub(crate) fn asked(&self, sql: &str) -> String {
        self.ask(sql).expect("PostgreSQL answers")
    }

    fn ask(&self, sql: &str) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let url = self.url_at(self.address);
        runtime.expect("a runtime").block_on(async {
            let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
            let (client, connection) = connected.ok()?;
            let driven = tokio::spawn(connection);
            let found = client.simple_query(sql).await.ok()?;
            driven.abort();
            found.into_iter().find_map(|it| match it {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
        })
    }

    /// Its URL, when it is reached there.
    pub(crate) fn url_at(&self, address: SocketAddr) -> String {
        format!("postgres://{USER}@{address}/postgres")
    }

    /// As a power failure of its machine would: itself and all its backends at once.
    pub(crate) fn kill(&self) {
        let Some(mut child) = self.child().take() else {
            return;
        };
        // Stopped, it makes no more of them.
        signal(child.id(), Signal::STOP);
        eventually(SOON, "it stops", || {
            has_state(child.id(), "T").then_some(())
        });
        let backends = backends(child.id());
        for backend in &backends {
            signal(*backend, Signal::KILL);
        }
        // Those that still end have its memory, and it would not start.
        eventually(SOON, "all end", || {
            let has_ended = |it: &u32| has_state(*it, "Z") || title(*it).is_empty();
            backends.iter().all(has_ended).then_some(())
        });
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    /// Stops or continues itself and all its backends.
    pub(crate) fn signal_all(&self, what: Signal) {
        let child = self.child();
        let server = child.as_ref().expect("it runs").id();
        signal(server, what);
        for backend in backends(server) {
            signal(backend, what);
        }
    }

    /// Kills one of its backends that serves a client: it throws out all others and recovers by itself. False where there is none.
    pub(crate) fn kill_backend(&self, chosen: u64) -> bool {
        let child = self.child();
        let server = child.as_ref().expect("it runs").id();
        let mut serving = backends(server);
        serving.retain(|it| title(*it).contains(USER));
        let Some(count) = std::num::NonZeroU64::new(serving.len() as u64) else {
            return false;
        };
        signal(serving[(chosen % count) as usize], Signal::KILL);
        true
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One that has ended meanwhile needs none.
fn signal(process: u32, what: Signal) {
    if let Some(process) = Pid::from_raw(process.cast_signed()) {
        let _ = kill_process(process, what);
    }
}

fn title(process: u32) -> String {
    std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

/// As the system calls it: `T` stopped, `Z` ended and not yet reaped.
fn has_state(process: u32, state: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|it| it.1.starts_with(state))
}

/// The processes whose parent is this one.
fn backends(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").expect("processes are listed");
    let is_child = |process: &u32| {
        let stat = Path::new("/proc").join(process.to_string()).join("stat");
        let stat = std::fs::read_to_string(stat).unwrap_or_default();
        // `pid (name) state parent ...`
        let rest = stat.rsplit_once(") ").map(|it| it.1);
        rest.and_then(|it| it.split(' ').nth(1)) == Some(&parent.to_string())
    };
    all.flatten()
        .filter_map(|it| it.file_name().to_str()?.parse().ok())
        .filter(is_child)
        .collect()
}
