//! The real binary as a process of its own: started, waited for, stopped and killed by its own handle.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::Request;

/// The first admin key of every shop in these tests.
pub(crate) const ADMIN_KEY: &str = "test-admin-key-5f1d0c6a9b7e4e3f8a2b";

/// Longer than a start or a stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until `ask` has an answer; fails when the deadline has passed.
#[track_caller]
pub(crate) fn eventually<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A directory of one test, removed with it unless the test fails.
#[derive(Debug)]
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the target directory can be written");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The data directory inside it; logs lie beside that, so that nothing else is ever in it.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// With `ON_POSTGRES` set (`cargo xtask test` runs these tests a second time with it) shops keep their state in a schema of their own of the
/// engine that it names, one for each data directory: servers and commands get it by their environment.
pub(crate) fn database_of(data: &Path) -> Option<(String, String)> {
    let engine = std::env::var("ON_POSTGRES").ok()?;
    let url = format!("{engine}?schema={}", name_of(data));
    Some(("CARTWRIGHT_DATABASE".into(), url))
}

/// With `ON_KAFKA` set (a bus without a prefix) the events of shops go through topics of their own there, with `ON_REDIS` their products lie in
/// that cache too, which keeps shops apart by itself.
fn beside_database_of(data: &Path) -> Vec<(String, String)> {
    let named = |variable| std::env::var(variable).ok();
    let bus = named("ON_KAFKA").map(|bus| {
        let bus = format!("{bus}&partitions=1&prefix={}", name_of(data));
        ("CARTWRIGHT_BUS".to_owned(), bus)
    });
    let cache = named("ON_REDIS").map(|cache| ("CARTWRIGHT_CACHE".to_owned(), cache));
    bus.into_iter().chain(cache).collect()
}

/// What a shop on engines that others use too has of its own there.
fn name_of(data: &Path) -> String {
    // FNV-1a of the path, which is one of this run of this test.
    let hash = data
        .display()
        .to_string()
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
        });
    format!("t{hash:016x}")
}

/// As [`database_of`] the directory that a command's arguments name.
pub(crate) fn database_in(arguments: &[&str]) -> Option<(String, String)> {
    let place = arguments.iter().position(|it| *it == "--data-dir")?;
    database_of(Path::new(arguments.get(place + 1)?))
}

/// Whether shops keep their state in PostgreSQL: then a test that looks into SQLite's file has nothing to look at.
pub(crate) fn on_postgres() -> bool {
    let is_so = std::env::var_os("ON_POSTGRES").is_some();
    if is_so {
        eprintln!("SKIPPED on PostgreSQL: this test looks into SQLite's file");
    }
    is_so
}

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) data: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) arguments: Vec<String>,
    pub(crate) sample: bool,
    /// Where it listens; a free port unless a test says otherwise.
    pub(crate) address: Option<SocketAddr>,
    /// Another binary than the one under test.
    pub(crate) program: Option<PathBuf>,
}

impl Setup {
    /// A server on the data directory of `dir`, without sample data, with limits out of the way.
    pub(crate) fn new(dir: &TempDir) -> Self {
        let unlimited = "1000000".to_owned();
        Self {
            data: dir.data(),
            log: dir.path().join("log"),
            environment: vec![
                ("CARTWRIGHT_ADMIN_KEY".into(), ADMIN_KEY.into()),
                ("CARTWRIGHT_RATE_LIMIT_RPS".into(), unlimited.clone()),
                ("CARTWRIGHT_RATE_LIMIT_BURST".into(), unlimited),
            ],
            arguments: Vec::new(),
            sample: false,
            address: None,
            program: None,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The variable that says where it keeps its state, unless that is its data directory.
    pub(crate) fn database(&self) -> Option<(String, String)> {
        let mut said = self.environment.iter();
        let said = said.find(|(name, _)| name == "CARTWRIGHT_DATABASE");
        said.cloned().or_else(|| database_of(&self.data))
    }

    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn at(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Starts it and kills it after so long, wherever it is by then.
    pub(crate) fn start_and_kill(&self, after: Duration) {
        let process = self.spawn();
        std::thread::sleep(after);
        process.kill();
    }

    /// Starts it and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Process {
        match self.launch() {
            Ok(process) => process,
            Err(refusal) => panic!(
                "the server did not start ({}):\n{}",
                refusal.status, refusal.said
            ),
        }
    }

    /// Starts it and waits until it is ready, or has ended instead.
    pub(crate) fn try_start(&self) -> Result<Process, Refusal> {
        self.launch()
    }

    /// Starts it where it must refuse to.
    #[track_caller]
    pub(crate) fn refusal(&self) -> Refusal {
        match self.launch() {
            Ok(_) => panic!("the server started on {}", self.data.display()),
            Err(refusal) => refusal,
        }
    }

    fn spawn(&self) -> Process {
        let address = self.address.unwrap_or_else(free_address);
        let said = File::create(&self.log).expect("the log can be written");
        let also = said.try_clone().expect("a second handle of the log");
        let sample = if self.sample {
            "--sample"
        } else {
            "--no-sample"
        };
        let tested = Path::new(env!("CARGO_BIN_EXE_cartwright"));
        let child = Command::new(self.program.as_deref().unwrap_or(tested))
            .arg("serve")
            .args(["--listen", &address.to_string(), "--data-dir"])
            .arg(&self.data)
            .arg(sample)
            .args(&self.arguments)
            .envs(beside_database_of(&self.data))
            .envs(self.database())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(said)
            .stderr(also)
            .spawn()
            .expect("the binary can be run");
        Process {
            child: Mutex::new(child),
            address,
            log: self.log.clone(),
        }
    }

    fn launch(&self) -> Result<Process, Refusal> {
        let process = self.spawn();
        let started = eventually(PATIENCE, "the server is ready or has ended", || {
            // Somebody else may answer at this address, so the end of the process is looked at first and last.
            let ready = process.request("GET", "/health/readiness").try_send();
            if let Some(status) = process.exit_status() {
                return Some(Err(status));
            }
            let ready = ready.is_ok_and(|response| response.status == 200);
            (ready && self.address.is_none()).then_some(Ok(()))
        });
        match started {
            Ok(()) => Ok(process),
            Err(status) => Err(Refusal {
                status,
                said: process.said(),
            }),
        }
    }
}

/// A server that ended instead of serving.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: ExitStatus,
    pub(crate) said: String,
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Mutex<Child>,
    pub(crate) address: SocketAddr,
    log: PathBuf,
}

impl Process {
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child().id()
    }

    /// What it wrote to standard output and error so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its exit status, once it has ended.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("the child can be asked")
    }

    pub(crate) fn alive(&self) -> bool {
        self.exit_status().is_none()
    }

    /// `kill -9`.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// `kill -9` while others still hold it.
    pub(crate) fn kill_now(&self) {
        let mut child = self.child();
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
    }

    /// Sends SIGTERM, to itself alone.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, to itself alone.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status()
            .expect("kill can be run");
        assert!(sent.success(), "the server is gone already");
    }

    /// As [`signal`](Self::signal), where it may have ended by itself; whether it was there.
    pub(crate) fn try_signal(&self, name: &str) -> bool {
        // While the handle is held nobody reaps it, so its number is nobody else's.
        let mut child = self.child();
        let is_there = child.try_wait().is_ok_and(|ended| ended.is_none());
        let mut kill = Command::new("kill");
        let kill = kill.args([&format!("-{name}"), &child.id().to_string()]);
        is_there && kill.status().is_ok_and(|sent| sent.success())
    }

    /// Whether it was stopped by a signal and not continued since.
    pub(crate) fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// SIGTERM, then waits for the end.
    #[track_caller]
    pub(crate) fn stop(self) -> ExitStatus {
        self.terminate();
        eventually(PATIENCE, "the server ends after SIGTERM", || {
            self.exit_status()
        })
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// An address that was free a moment ago. Its port is below those that the system gives to outgoing connections, so that none of them
/// takes it before the server does.
pub(crate) fn free_address() -> SocketAddr {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes run side by side: each begins elsewhere.
    let from = std::process::id().wrapping_mul(97);
    (0..COUNT)
        .find_map(|_| {
            let number = from.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
            let port = (FIRST + number % COUNT) as u16;
            TcpListener::bind(("127.0.0.1", port))
                .ok()?
                .local_addr()
                .ok()
        })
        .expect("a free port on loopback")
}
