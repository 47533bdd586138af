//! The same services by `docker compose`, where a Docker engine runs.

use std::process::Command;

use crate::{process, workspace};

/// Whether a Docker engine answers and knows compose.
pub(super) fn is_there() -> bool {
    let answers =
        |arguments: &[&str]| process::output(Command::new("docker").args(arguments)).is_ok();
    process::find("docker", &[]).is_some() && answers(&["info"]) && answers(&["compose", "version"])
}

pub(super) fn up(service: &str) -> anyhow::Result<()> {
    process::run(compose().args(["up", "--detach", "--wait", service]))
}

pub(super) fn down() -> anyhow::Result<()> {
    process::run(compose().args(["down", "--volumes"]))
}

fn compose() -> Command {
    let mut command = Command::new("docker");
    command
        .arg("compose")
        .arg("-f")
        .arg(workspace::root().join("deploy/compose/services.yaml"));
    command
}
