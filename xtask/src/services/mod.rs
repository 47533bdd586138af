//! `services`: the real engines that tests speak to.
//!
//! A URL given by the user always wins and starts nothing; then compose, where a Docker
//! engine runs; then a native process, installed when root on Debian. Native ones listen on
//! free loopback ports and start empty each time: their data is thrown away.

mod compose;
mod install;
mod java;
mod kafka;
mod postgres;
mod probe;
mod redis;
mod registry;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

pub(crate) use self::probe::get;

use crate::stopwatch::Deadline;
use crate::{process, workspace};

/// What the engines are, in one place: the versions that native starts and compose use.
/// PostgreSQL and Redis come from the distribution natively, so there only the compose file,
/// which names the same versions, pins them to the letter.
pub(crate) const VERSIONS: &[(&str, &str)] = &[
    ("postgres", "15"),
    ("redis", "7.0"),
    ("kafka", "4.3.0"),
    ("log4j", "2.25.1"),
    ("apicurio-registry", "3.3.3"),
    ("maven-dependency-plugin", "3.6.1"),
];

/// A service, as tests know it.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// The variable that hands its address to tests, and in which the user may give one.
    pub(crate) variable: &'static str,
    /// Installs what is missing and starts it; answers address and process id.
    start: fn(&Native) -> anyhow::Result<Started>,
    /// Asks the engine something that only a ready one answers.
    probe: fn(&str) -> anyhow::Result<()>,
    /// The signal that ends it soon and cleanly.
    signal: &'static str,
    /// Its address when compose started it (`deploy/compose/services.yaml`).
    composed: &'static str,
}

/// All services, in the order of their start.
pub(crate) const SERVICES: &[Service] = &[
    Service {
        name: "postgres",
        variable: "CARTWRIGHT_TEST_POSTGRES_URL",
        start: postgres::start,
        probe: probe::postgres,
        signal: "INT",
        composed: "postgres://cartwright:cartwright@127.0.0.1:55432/cartwright",
    },
    Service {
        name: "redis",
        variable: "CARTWRIGHT_TEST_REDIS_URL",
        start: redis::start,
        probe: probe::redis,
        signal: "TERM",
        composed: "redis://127.0.0.1:56379",
    },
    Service {
        name: "kafka",
        variable: "CARTWRIGHT_TEST_KAFKA",
        start: kafka::start,
        probe: probe::kafka,
        signal: "TERM",
        composed: "127.0.0.1:59092",
    },
    Service {
        name: "schema-registry",
        variable: "CARTWRIGHT_TEST_SCHEMA_REGISTRY_URL",
        start: registry::start,
        probe: probe::registry,
        signal: "TERM",
        composed: "http://127.0.0.1:58081/apis/ccompat/v7",
    },
];

/// A service that answers, and how it came to be there.
pub(crate) struct Ready {
    pub(crate) service: &'static Service,
    pub(crate) address: String,
    pub(crate) origin: Origin,
}

/// How a service came to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user gave its address.
    Given,
    /// It ran before, by `services up`.
    Found,
    /// This call started it by compose.
    Composed,
    /// This call started it as a process.
    Native,
}

impl Origin {
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::Given => "given by URL",
            Self::Found => "already up",
            Self::Composed => "compose",
            Self::Native => "native",
        }
    }
}

/// A directory of its own for a native service.
struct Native {
    directory: PathBuf,
}

struct Started {
    pid: u32,
    address: String,
}

/// Arguments of `services`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Start what is not up, and print the variables that tests read
    Up {
        /// Only these: `kafka`, `schema-registry`, ...; every one when none is named
        names: Vec<String>,
    },
    /// End what `up` started
    Down,
    /// Say what answers
    Status,
}

/// # Errors
/// When a service cannot be had, does not end, or (`status`) does not answer.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.verb {
        Verb::Up { names } => {
            for (variable, value) in environment(&up_some(&named(names)?)?) {
                println!("export {variable}={value}");
            }
            Ok(())
        }
        Verb::Down => down(),
        Verb::Status => status(),
    }
}

/// Has every service answer; what was started stays up until [`down`].
///
/// # Errors
/// When one of them cannot be had; those that this call started are ended again.
pub(crate) fn up() -> anyhow::Result<Vec<Ready>> {
    up_some(&SERVICES.iter().collect::<Vec<_>>())
}

/// The services of these names, in the order of their start; all of them for no name.
fn named(names: &[String]) -> anyhow::Result<Vec<&'static Service>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| SERVICES.iter().all(|it| it.name != **name))
    {
        let known: Vec<_> = SERVICES.iter().map(|it| it.name).collect();
        bail!("there is no service {unknown}, only {}", known.join(", "));
    }
    let is_wanted = |it: &&Service| names.is_empty() || names.iter().any(|name| it.name == *name);
    Ok(SERVICES.iter().filter(is_wanted).collect())
}

fn up_some(services: &[&'static Service]) -> anyhow::Result<Vec<Ready>> {
    let composed = compose::is_there();
    let mut ready: Vec<Ready> = Vec::new();
    for service in services.iter().copied() {
        match have(service, composed) {
            Ok(it) => {
                eprintln!(
                    "{:<16} {:<13} {}",
                    service.name,
                    it.origin.shown(),
                    it.address
                );
                ready.push(it);
            }
            Err(error) => {
                end(&ready)?;
                return Err(error.context(format!(
                    "no {} to be had; give one by {}, or leave services out by --no-services",
                    service.name, service.variable
                )));
            }
        }
    }
    Ok(ready)
}

/// The variables that hand the services to tests: an address each, and where Kafka's command
/// line tools and a Java for them lie, where those can be had.
pub(crate) fn environment(ready: &[Ready]) -> Vec<(&'static str, String)> {
    let mut variables: Vec<_> = ready
        .iter()
        .map(|it| (it.service.variable, it.address.clone()))
        .collect();
    match (kafka::libraries(), java::at_least(17)) {
        (Ok(libs), Ok(java)) => {
            variables.push(("CARTWRIGHT_TEST_KAFKA_LIBS", libs.display().to_string()));
            variables.push(("CARTWRIGHT_TEST_JAVA", java.display().to_string()));
        }
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("Kafka's command line tools are not to be had: {error:#}")
        }
    }
    variables
}

/// Ends those of `ready` that were started for it, and leaves the others alone.
///
/// # Errors
/// When one does not end.
pub(crate) fn end(ready: &[Ready]) -> anyhow::Result<()> {
    if ready.iter().any(|it| it.origin == Origin::Composed) {
        compose::down()?;
    }
    for it in ready.iter().rev().filter(|it| it.origin == Origin::Native) {
        stop(it.service)?;
    }
    Ok(())
}

fn have(service: &'static Service, composed: bool) -> anyhow::Result<Ready> {
    if let Some(address) = std::env::var(service.variable)
        .ok()
        .filter(|it| !it.is_empty())
    {
        (service.probe)(&address).with_context(|| {
            format!(
                "{} names {address}, which does not answer",
                service.variable
            )
        })?;
        return Ok(Ready {
            service,
            address,
            origin: Origin::Given,
        });
    }
    if let Some((_, address)) = running(service) {
        wait(service, &address, || true)?;
        return Ok(Ready {
            service,
            address,
            origin: Origin::Found,
        });
    }
    if composed {
        compose::up(service.name)?;
        wait(service, service.composed, || true)?;
        return Ok(Ready {
            service,
            address: service.composed.to_owned(),
            origin: Origin::Composed,
        });
    }
    start(service)
}

fn start(service: &'static Service) -> anyhow::Result<Ready> {
    let native = Native {
        directory: directory(service),
    };
    if native.data().exists() {
        std::fs::remove_dir_all(native.data())?;
    }
    std::fs::create_dir_all(native.data())?;
    let Started { pid, address } = (service.start)(&native)?;
    std::fs::write(
        native.directory.join("running"),
        format!("{pid} {address}\n"),
    )?;
    let mark = native.mark();
    if let Err(error) = wait(service, &address, || process::lives(pid, &mark)) {
        stop(service)?;
        return Err(error.context(format!("see {}", native.log().display())));
    }
    Ok(Ready {
        service,
        address,
        origin: Origin::Native,
    })
}

/// Asks until the service answers, for at most 60 seconds or until `alive` says no.
fn wait(service: &Service, address: &str, alive: impl Fn() -> bool) -> anyhow::Result<()> {
    let deadline = Deadline::after(Duration::from_secs(60));
    loop {
        let Err(error) = (service.probe)(address) else {
            return Ok(());
        };
        if !alive() {
            bail!("{} ended right after its start", service.name);
        }
        if deadline.passed() {
            return Err(error.context(format!(
                "{} at {address} is not ready after 60 seconds",
                service.name
            )));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn down() -> anyhow::Result<()> {
    if compose::is_there() {
        compose::down()?;
    }
    for service in SERVICES.iter().rev() {
        println!(
            "{:<16} {}",
            service.name,
            if stop(service)? {
                "ended"
            } else {
                "was not up"
            }
        );
    }
    Ok(())
}

fn status() -> anyhow::Result<()> {
    let mut silent = Vec::new();
    let composed = compose::is_there();
    for service in SERVICES {
        let given = std::env::var(service.variable)
            .ok()
            .filter(|it| !it.is_empty());
        let known = given
            .or_else(|| running(service).map(|it| it.1))
            .or_else(|| composed.then(|| service.composed.to_owned()));
        let state = known.map_or_else(
            || "not up".to_owned(),
            |address| match (service.probe)(&address) {
                Ok(()) => format!("ready at {address}"),
                Err(error) => format!("no answer from {address}: {error:#}"),
            },
        );
        if !state.starts_with("ready") {
            silent.push(service.name);
        }
        println!("{:<16} {state}", service.name);
    }
    if !silent.is_empty() {
        bail!(
            "not ready: {}; `cargo xtask services up` starts them",
            silent.join(", ")
        );
    }
    Ok(())
}

/// Ends a native service; false when it was not up.
fn stop(service: &Service) -> anyhow::Result<bool> {
    let native = Native {
        directory: directory(service),
    };
    let Some((pid, _)) = running(service) else {
        return Ok(false);
    };
    process::stop(pid, &native.mark(), service.signal)
        .with_context(|| format!("service {}", service.name))?;
    std::fs::remove_file(native.directory.join("running"))?;
    Ok(true)
}

/// Process id and address of a native service that runs.
fn running(service: &Service) -> Option<(u32, String)> {
    let native = Native {
        directory: directory(service),
    };
    let note = std::fs::read_to_string(native.directory.join("running")).ok()?;
    let (pid, address) = note.trim().split_once(' ')?;
    let pid = pid.parse().ok()?;
    process::lives(pid, &native.mark()).then(|| (pid, address.to_owned()))
}

/// The pinned version of a part.
fn version(part: &str) -> &'static str {
    VERSIONS
        .iter()
        .find(|it| it.0 == part)
        .expect("every part stands in VERSIONS")
        .1
}

/// What is downloaded once lies here, beside the services' own directories.
fn cache() -> PathBuf {
    workspace::target().join("services").join("cache")
}

fn directory(service: &Service) -> PathBuf {
    workspace::target().join("services").join(service.name)
}

impl Native {
    /// Empty at each start.
    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// What the command line of its process names, and no other's.
    fn mark(&self) -> String {
        self.data().display().to_string()
    }
}

/// A loopback port that nobody listens on right now.
///
/// # Errors
/// When the system has none left.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?
        .local_addr()?
        .port())
}

/// Whether `path` is a directory with files in it.
fn is_filled(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut it| it.next().is_some())
}
