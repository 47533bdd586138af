//! Redis servers of these tests, each ended by the handle that started it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// The Redis that `cargo xtask test` brings up.
pub(crate) fn given() -> Option<String> {
    let url = std::env::var("CARTWRIGHT_TEST_REDIS_URL").ok();
    if url.is_none() {
        eprintln!(
            "SKIPPED: Redis, for CARTWRIGHT_TEST_REDIS_URL is not set; `cargo xtask test` sets it"
        );
    }
    url
}

fn is_installed() -> bool {
    static TOLD: Once = Once::new();
    let found = Command::new("redis-server")
        .arg("--version")
        .output()
        .is_ok();
    if !found {
        TOLD.call_once(|| {
            eprintln!("SKIPPED: a Redis of its own, for redis-server is not installed")
        });
    }
    found
}

/// One server.
pub(crate) struct Server {
    child: Child,
    port: u16,
    options: Vec<String>,
    dir: TempDir,
}

impl Server {
    /// `None` where none is installed.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        let dir = tempfile::tempdir().expect("a directory");
        // The port of a cluster's own talk is 10,000 higher.
        let free = || TcpListener::bind("127.0.0.1:0")?.local_addr();
        let port = std::iter::from_fn(|| free().ok())
            .map(|it| it.port())
            .find(|port| *port < 55_000)
            .expect("a free port");
        let options: Vec<String> = options.iter().map(|it| (*it).to_owned()).collect();
        let child = spawn(port, &options, &dir);
        let server = Self {
            child,
            port,
            options,
            dir,
        };
        server.wait();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, &self.options, &self.dir);
        self.wait();
    }

    fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not start");
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(port: u16, options: &[String], dir: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(dir.path())
        .args(options)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server starts")
}

/// Three servers that split the names between them.
pub(crate) struct Cluster(Vec<Server>);

impl Cluster {
    /// `None` where no Redis is installed.
    pub(crate) fn start() -> Option<Self> {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let servers: Option<Vec<Server>> = (0..3).map(|_| Server::start(&options)).collect();
        let servers = servers?;
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        for server in &servers {
            create.arg(format!("127.0.0.1:{}", server.port));
        }
        let made = create
            .arg("--cluster-yes")
            .output()
            .expect("redis-cli runs");
        let said = String::from_utf8_lossy(&made.stdout);
        assert!(said.contains("All 16384 slots covered"), "{said}");
        let cluster = Self(servers);
        cluster.wait();
        Some(cluster)
    }

    pub(crate) fn url(&self) -> String {
        let hosts = self.0.iter().map(|it| format!("127.0.0.1:{}", it.port));
        format!("redis://{}", hosts.collect::<Vec<_>>().join(","))
    }

    /// Until all have heard of all.
    fn wait(&self) {
        let deadline = Instant::now() + PATIENCE;
        let is_ok = |server: &Server| {
            let port = server.port.to_string();
            let told = Command::new("redis-cli")
                .args(["-p", &port, "cluster", "info"])
                .output();
            let told = told.expect("redis-cli runs").stdout;
            String::from_utf8_lossy(&told).contains("cluster_state:ok")
        };
        while !self.0.iter().all(is_ok) {
            assert!(Instant::now() < deadline, "the cluster is not formed");
        }
    }
}
