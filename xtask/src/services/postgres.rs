//! PostgreSQL from the distribution: a fresh cluster, trust on loopback, no socket file.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::{Native, Started, free_port, install, version};
use crate::process;

const USER: &str = "cartwright";

pub(super) fn start(native: &Native) -> anyhow::Result<Started> {
    let initdb = install::program(
        "initdb",
        &format!("postgresql-{}", version("postgres")),
        binaries,
    )?;
    let postgres = initdb.with_file_name("postgres");
    let owner = Owner::of(&native.data())?;
    let port = free_port()?;

    let data = native.data().join("pg");
    let create = [
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--username",
        USER,
        "-D",
    ];
    process::output(owner.command(&initdb).args(create).arg(&data))?;
    create_database(&owner.command(&postgres), &data)?;

    let mut command = owner.command(&postgres);
    command
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
    for setting in ["unix_socket_directories=", "max_connections=200"] {
        command.args(["-c", setting]);
    }
    let pid = process::start(&mut command, &native.log())?;
    Ok(Started {
        pid,
        address: format!("postgres://{USER}@127.0.0.1:{port}/{USER}"),
    })
}

/// In single-user mode, so that the address is good from the first answer on.
fn create_database(postgres: &Command, data: &Path) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut command = Command::new(postgres.get_program());
    command
        .args(postgres.get_args())
        .args(["--single", "-D"])
        .arg(data)
        .arg("postgres")
        .current_dir("/");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .context("stdin is piped")?
        .write_all(format!("create database {USER}\n").as_bytes())?;
    let output = child.wait_with_output()?;
    anyhow::ensure!(
        output.status.success(),
        "create database: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Debian keeps them outside `PATH`, a directory per version; the newest first.
fn binaries() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|it| {
            Some((
                it.file_name().to_str()?.parse().ok()?,
                it.path().join("bin"),
            ))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|it| it.1).collect()
}

/// PostgreSQL refuses to run as root; then it runs as the user that its package made.
enum Owner {
    Ourselves,
    Postgres,
}

impl Owner {
    fn of(data: &Path) -> anyhow::Result<Self> {
        if !process::is_root() {
            return Ok(Self::Ourselves);
        }
        process::output(Command::new("chown").arg("postgres:").arg(data))?;
        process::output(Self::Postgres.command(Path::new("test")).arg("-w").arg(data)).with_context(|| {
            format!("the user postgres cannot reach {}; set CARGO_TARGET_DIR to a directory that all may enter", data.display())
        })?;
        Ok(Self::Postgres)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = match self {
            Self::Ourselves => Command::new(program),
            Self::Postgres => {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
                    .arg(program);
                command
            }
        };
        command.current_dir("/");
        command
    }
}
