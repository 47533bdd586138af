//! Kafka without ZooKeeper, one node that is broker and controller, from its jars.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Native, Started, cache, free_port, install, is_filled, java, version};
use crate::process;

pub(super) fn start(native: &Native) -> anyhow::Result<Started> {
    let libs = libraries()?;
    let java = java::at_least(17)?;
    let (port, controller) = (free_port()?, free_port()?);
    let configuration = native.data().join("server.properties");
    std::fs::write(
        &configuration,
        properties(&native.data().join("logs"), port, controller),
    )?;

    let tool = |arguments: &[&str]| {
        let mut command = Command::new(&java);
        command
            .arg("-cp")
            .arg(libs.join("*"))
            .arg("kafka.tools.StorageTool")
            .args(arguments);
        command
    };
    let id = process::output(&mut tool(&["random-uuid"]))?;
    process::output(tool(&["format", "--standalone", "-t", id.trim(), "-c"]).arg(&configuration))?;

    let mut command = Command::new(&java);
    command
        .arg("-Xmx512m")
        .arg("-cp")
        .arg(libs.join("*"))
        .arg("kafka.Kafka")
        .arg(&configuration);
    let pid = process::start(command.current_dir(native.data()), &native.log())?;
    Ok(Started {
        pid,
        address: format!("127.0.0.1:{port}"),
    })
}

fn properties(logs: &Path, port: u16, controller: u16) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://localhost:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://localhost:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={}
num.partitions=3
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
",
        logs.display()
    )
}

/// The directory with the broker's jars and its command line tools, downloaded once.
///
/// # Errors
/// When Maven cannot bring them.
pub(super) fn libraries() -> anyhow::Result<PathBuf> {
    let home = cache().join(format!("kafka-{}", version("kafka")));
    let libs = home.join("libs");
    if is_filled(&libs) {
        return Ok(libs);
    }
    eprintln!("downloading Kafka {}", version("kafka"));
    std::fs::create_dir_all(&home)?;
    std::fs::write(home.join("pom.xml"), pom())?;
    let partial = home.join("partial");
    let goal = format!(
        "org.apache.maven.plugins:maven-dependency-plugin:{}:copy-dependencies",
        version("maven-dependency-plugin")
    );
    process::output(
        install::maven(&goal, &home)?.arg(format!("-DoutputDirectory={}", partial.display())),
    )?;
    std::fs::rename(partial, &libs)?;
    Ok(libs)
}

fn pom() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
        )
    };
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>cartwright</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>{}{}{}</dependencies></project>\n",
        dependency("org.apache.kafka", "kafka_2.13", version("kafka")),
        dependency("org.apache.kafka", "kafka-tools", version("kafka")),
        dependency(
            "org.apache.logging.log4j",
            "log4j-slf4j-impl",
            version("log4j")
        ),
    )
}
