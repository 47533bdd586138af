//! A Redis of one test alone, that may be killed, paused, wiped and damaged.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::Commands;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{TempDir, eventually};

const SOON: Duration = Duration::from_secs(20);

/// A Redis of this test alone.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    dir: TempDir,
}

impl Redis {
    pub(crate) fn start() -> Option<Self> {
        if Command::new("redis-server")
            .arg("--version")
            .output()
            .is_err()
        {
            eprintln!("SKIPPED: what needs a Redis of its own, for redis-server is not installed");
            return None;
        }
        let free = TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr();
        let (port, dir) = (free.expect("a port").port(), TempDir::new("redis"));
        let child = spawn(port, &dir);
        let redis = Self { child, port, dir };
        redis.wait();
        Some(redis)
    }

    pub(crate) fn wait(&self) {
        eventually(SOON, "redis-server starts", || self.client().map(drop));
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn client(&self) -> Option<redis::Connection> {
        redis::Client::open(self.url()).ok()?.get_connection().ok()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it is signalled");
    }

    pub(crate) fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, &self.dir);
        self.wait();
    }

    /// Takes away all that it keeps.
    pub(crate) fn wipe(&self) {
        let mut client = self.client().expect("a connection");
        let wiped: redis::RedisResult<()> = redis::cmd("FLUSHALL").query(&mut client);
        wiped.expect("wiped");
    }

    /// Damages every entry in one way or another: cut, changed, of another name, of another kind.
    pub(crate) fn mangle(&self) {
        let mut client = self.client().expect("a connection");
        let names: Vec<String> = client.keys("cartwright:*").expect("names");
        for (number, name) in names.iter().enumerate() {
            let Ok(mut value) = client.get::<_, Vec<u8>>(name) else {
                continue;
            };
            match number % 5 {
                0 => value.truncate(number % 40),
                1 => value
                    .iter_mut()
                    .skip(number % 30)
                    .step_by(7)
                    .for_each(|it| *it ^= 1),
                2 => {
                    let other = &names[(number + 1) % names.len()];
                    value = client.get(other).unwrap_or_default();
                }
                3 => {
                    let _: () = client.del(name).expect("deleted");
                    // Unless a shop was quicker with a good one.
                    let _: Result<(), _> = client.lpush(name, "a list");
                    continue;
                }
                _ => {
                    // As if it were newer than it is.
                    if let Some(it) = value.get_mut(1) {
                        *it = it.wrapping_add(100);
                    }
                }
            }
            let _: () = client.set(name, value).expect("set");
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(port: u16, dir: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(dir.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server starts")
}
