//! Redis from the distribution, with its append-only file on.

use std::process::Command;

use super::{Native, Started, free_port, install};
use crate::process;

pub(super) fn start(native: &Native) -> anyhow::Result<Started> {
    let redis = install::program("redis-server", "redis-server", install::nowhere_else)?;
    let port = free_port()?;
    // Redis rewrites its command line to program and address; a file named by it keeps our mark there.
    let configuration = native.data().join("redis.conf");
    std::fs::write(
        &configuration,
        format!(
            "bind 127.0.0.1\nport {port}\ndir {}\nappendonly yes\nsave \"\"\nset-proc-title yes\nproc-title-template \"{{title}} {{listen-addr}} {{config-file}}\"\n",
            native.data().display()
        ),
    )?;
    let pid = process::start(Command::new(redis).arg(&configuration), &native.log())?;
    Ok(Started {
        pid,
        address: format!("redis://127.0.0.1:{port}"),
    })
}
