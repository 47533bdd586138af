//! A schema registry (Apicurio) that speaks the Confluent API, in memory.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use super::{Native, Started, cache, free_port, install, java, version};
use crate::process;

pub(super) fn start(native: &Native) -> anyhow::Result<Started> {
    let jar = jar()?;
    let java = java::at_least(21)?;
    let port = free_port()?;
    let mut command = Command::new(java);
    command
        .args(["-Xmx512m", "-Dquarkus.http.host=127.0.0.1"])
        .arg(format!("-Dquarkus.http.port={port}"))
        // Where it tells of itself: any port, so that two may run.
        .arg("-Dquarkus.management.port=0");
    command
        .arg(format!("-Djava.io.tmpdir={}", native.data().display()))
        .arg("-jar")
        .arg(jar);
    let pid = process::start(command.current_dir(native.data()), &native.log())?;
    Ok(Started {
        pid,
        address: format!("http://127.0.0.1:{port}/apis/ccompat/v7"),
    })
}

fn jar() -> anyhow::Result<PathBuf> {
    let home = cache().join(format!(
        "apicurio-registry-{}",
        version("apicurio-registry")
    ));
    if let Some(jar) = find(&home) {
        return Ok(jar);
    }
    eprintln!(
        "downloading Apicurio Registry {}",
        version("apicurio-registry")
    );
    let partial = cache().join("apicurio-partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    std::fs::create_dir_all(&partial)?;
    let plugin = format!(
        "org.apache.maven.plugins:maven-dependency-plugin:{}",
        version("maven-dependency-plugin")
    );
    let artifact = format!(
        "-Dartifact=io.apicurio:apicurio-registry-app:{}:tar.gz:all",
        version("apicurio-registry")
    );
    process::output(
        install::maven(&format!("{plugin}:get"), &partial)?.args([&artifact, "-Dtransitive=false"]),
    )?;
    process::output(
        install::maven(&format!("{plugin}:copy"), &partial)?
            .args([&artifact, "-DoutputDirectory=."]),
    )?;
    let archive = crate::workspace::files(&partial, "gz")?
        .pop()
        .context("Maven brought no archive")?;
    process::output(
        Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(&partial),
    )?;
    std::fs::remove_file(archive)?;
    std::fs::rename(partial, &home)?;
    find(&home).context("the archive of Apicurio Registry has no quarkus-run.jar")
}

/// The archive may or may not have a directory on top.
fn find(home: &std::path::Path) -> Option<PathBuf> {
    let jars = crate::workspace::files(home, "jar").ok()?;
    jars.into_iter().find(|it| it.ends_with("quarkus-run.jar"))
}
