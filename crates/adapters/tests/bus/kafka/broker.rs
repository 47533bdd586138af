//! A broker of a test's own, that may be killed and paused.

use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) struct Broker {
    java: String,
    libs: String,
    home: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Broker {
    /// A new one, empty; `None`, said loudly, where its jars are not named.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let said = |name| {
            std::env::var(name)
                .ok()
                .filter(|it: &String| !it.is_empty())
        };
        let Some(libs) = said("CARTWRIGHT_TEST_KAFKA_LIBS") else {
            eprintln!("SKIPPED, nothing was checked: {test} needs CARTWRIGHT_TEST_KAFKA_LIBS");
            return None;
        };
        let mut broker = Self {
            java: said("CARTWRIGHT_TEST_JAVA").unwrap_or_else(|| "java".into()),
            libs,
            home: tempfile::tempdir().expect("a directory"),
            port: free_port(),
            child: None,
        };
        let (port, controller) = (broker.port, free_port());
        let logs = broker.home.path().join("logs");
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:{controller}\nlisteners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://localhost:{controller}\nadvertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://localhost:{controller}\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\ncontroller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\nlog.dirs={}\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=3\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n",
            logs.display()
        );
        std::fs::write(broker.properties(), properties).expect("written");
        let id = "AAAAAAAAAAAAAAAAAAAAAA";
        let mut format = broker.java("kafka.tools.StorageTool");
        format.args(["format", "--standalone", "-t", id, "-c"]);
        let formatted = format.arg(broker.properties()).output().expect("java");
        assert!(formatted.status.success(), "{formatted:?}");
        broker.run();
        Some(broker)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn properties(&self) -> PathBuf {
        self.home.path().join("server.properties")
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new(&self.java);
        let jars = Path::new(&self.libs).join("*");
        command
            .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(jars)
            .arg(class);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs it on the data that it has.
    pub(crate) fn run(&mut self) {
        let properties = self.properties();
        let child = self.java("kafka.Kafka").arg(properties).spawn();
        self.child = Some(child.expect("a broker"));
    }

    /// As a power failure would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("ended");
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        let pid = Pid::from_raw(child.id() as i32).expect("a process");
        kill_process(pid, signal).expect("signalled");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
